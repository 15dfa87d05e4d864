package kernelstest

import (
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// eps32 is 2⁻²³, the distance from 1 to the next float32. The contract states its
// thresholds in it.
const eps32 = 1.0 / (1 << 23)

// HalfStep solves the problem by its Solver. It overwrites X and returns what the
// device writes to Problem.Info.
func HalfStep(p *Problem) (info []int32) {
	a, b := NormalEquations(p)
	info = make([]int32, p.X.Rows)
	for i := range p.X.Rows {
		x := p.X.Row(i)
		if p.R.Offsets[i] == p.R.Offsets[i+1] {
			clear(x)
			continue
		}
		switch p.Solver.Method {
		case kernels.Cholesky:
			copy(x, b.Row(i))
			info[i] = solve(a[i], x)
		case kernels.CG:
			info[i] = conjugateGradients(a[i], b.Row(i), x, p.Solver.Steps)
		case kernels.Subspace:
			info[i] = sweepBlocks(a[i], b.Row(i), x, p.Solver.Steps, p.Solver.Block)
		case kernels.NonNegative:
			info[i] = nonNegative(a[i], b.Row(i), x, p.Objective.Bias)
		}
		if info[i] != 0 {
			clear(x)
		}
	}
	return info
}

// SolveSPD solves A·x = b for each matrix and the row of b with its number, which
// it overwrites with the solution, or with zeros where info is not 0. Only lower
// triangles are read.
func SolveSPD(a []Dense, b Dense) (info []int32) {
	info = make([]int32, len(a))
	for i := range a {
		info[i] = solve(a[i], b.Row(i))
		if info[i] != 0 {
			clear(b.Row(i))
		}
	}
	return info
}

// solve overwrites x, the right-hand side, with the solution of A·x = b. It
// returns 0 or the pivot that the factorization failed at, with x as it was.
func solve(a Dense, x []float64) (pivot int32) {
	l, pivot := factor(a)
	if pivot == 0 {
		substitute(l, x)
	}
	return pivot
}

// factor returns the lower triangular L of the Cholesky factorization A = LLᵀ, and
// 0 or the number of the first pivot that is not above K·2⁻²³ times its diagonal
// element.
func factor(a Dense) (l Dense, pivot int32) {
	k := a.Rows
	l = NewDense(k, k)
	for j := range k {
		d := a.At(j, j) - dot(l.Row(j)[:j], l.Row(j)[:j])
		if !(d > float64(k)*eps32*a.At(j, j)) {
			return l, int32(j + 1)
		}
		l.Set(j, j, math.Sqrt(d))
		for i := j + 1; i < k; i++ {
			l.Set(i, j, (a.At(i, j)-dot(l.Row(i)[:j], l.Row(j)[:j]))/l.At(j, j))
		}
	}
	return l, 0
}

// substitute overwrites x with the solution of LLᵀ·x = b, where x holds b.
func substitute(l Dense, x []float64) {
	for i := range x {
		x[i] = (x[i] - dot(l.Row(i)[:i], x[:i])) / l.At(i, i)
	}
	for i := len(x) - 1; i >= 0; i-- {
		x[i] /= l.At(i, i)
		axpy(-x[i], l.Row(i)[:i], x[:i])
	}
}

// residual returns b - A·x.
func residual(a Dense, b, x []float64) []float64 {
	r := make([]float64, len(b))
	for i := range r {
		r[i] = b[i] - dot(a.Row(i), x)
	}
	return r
}

// conjugateGradients runs at most the given steps from x on, which it overwrites.
// It returns 0 or the step that met a direction without curvature.
func conjugateGradients(a Dense, b, x []float64, steps int) (failed int32) {
	enough := eps32 * eps32 * dot(b, b)
	if enough == 0 {
		clear(x)
		return 0
	}
	r := residual(a, b, x)
	p := append([]float64(nil), r...)
	rr := dot(r, r)
	for step := 1; step <= steps && !(rr <= enough); step++ {
		ap := make([]float64, len(p))
		for i := range ap {
			ap[i] = dot(a.Row(i), p)
		}
		curvature := dot(p, ap)
		if !(curvature > 0) {
			return int32(step)
		}
		axpy(rr/curvature, p, x)
		axpy(-rr/curvature, ap, r)
		before := rr
		rr = dot(r, r)
		for i := range p {
			p[i] = r[i] + rr/before*p[i]
		}
	}
	return 0
}

// sweepBlocks solves for block unknowns at a time with the others held, first to
// last, in each of the sweeps. It starts from x and overwrites it.
func sweepBlocks(a Dense, b, x []float64, sweeps, block int) (pivot int32) {
	k := a.Rows
	for range sweeps {
		for lo := 0; lo < k; lo += block {
			hi := min(lo+block, k)
			r := residual(a, b, x)[lo:hi]
			part := NewDense(hi-lo, hi-lo)
			for i := range part.Rows {
				copy(part.Row(i), a.Row(lo + i)[lo:hi])
			}
			if pivot := solve(part, r); pivot != 0 {
				return int32(lo) + pivot
			}
			axpy(1, r, x[lo:hi])
		}
	}
	return 0
}

// nonNegative writes to x the minimum of ½xᵀAx - bᵀx over x ≥ 0, by block
// principal pivoting with Murty's rule as the way out of a cycle (Kim and Park
// 2011, algorithm 2). With a bias the last unknown is free of sign. It returns 0,
// the failed pivot of the Cholesky factorization, or -1 if it did not settle.
func nonNegative(a Dense, b, x []float64, bias bool) (info int32) {
	const patience = 3 // full exchanges without progress, as in the paper
	k := a.Rows
	passive := make([]bool, k)
	free := func(i int) bool { return bias && i == k-1 }
	if bias {
		passive[k-1] = true
	}
	fewest, left := k+1, patience
	for range 10*k + 100 {
		if pivot := solvePassive(a, b, x, passive); pivot != 0 {
			return pivot
		}
		gradient := residual(a, b, x) // negative
		var wrong []int
		for i := range k {
			if !free(i) && (passive[i] && x[i] < 0 || !passive[i] && !(gradient[i] <= 0)) {
				wrong = append(wrong, i)
			}
		}
		switch {
		case len(wrong) == 0:
			return 0
		case len(wrong) < fewest:
			fewest, left = len(wrong), patience
		case left > 0:
			left--
		default:
			wrong = wrong[len(wrong)-1:]
		}
		for _, i := range wrong {
			passive[i] = !passive[i]
		}
	}
	return -1
}

// solvePassive writes to x the solution over the passive unknowns, with zeros for
// the others: rows and columns outside the passive set are those of the unit
// matrix.
func solvePassive(a Dense, b, x []float64, passive []bool) (pivot int32) {
	m := a.Clone()
	copy(x, b)
	for i := range passive {
		if passive[i] {
			continue
		}
		x[i] = 0
		for j := range passive {
			m.Set(i, j, 0)
			m.Set(j, i, 0)
		}
		m.Set(i, i, 1)
	}
	return solve(m, x)
}

// Condition returns ‖A‖·‖A⁻¹‖ in the 1-norm for a positive definite A, which is
// no less than its condition number in the Euclidean norm; +Inf if A is not
// positive definite.
func Condition(a Dense) float64 {
	l, pivot := factor(a)
	if pivot != 0 {
		return math.Inf(1)
	}
	norm, inverse := 0.0, 0.0
	for j := range a.Rows {
		column := make([]float64, a.Rows)
		column[j] = 1
		substitute(l, column)
		inverse = max(inverse, sumAbs(column))
		norm = max(norm, sumAbs(a.Row(j)))
	}
	return norm * inverse
}

func sumAbs(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += math.Abs(v)
	}
	return s
}
