package kernelstest

import (
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// halfStep makes a mutant that solves a half-step in another way.
func halfStep(name string, solve func(p *Problem) []int32) mutant {
	return instead("HalfStep", name, func(k *call) {
		h := loadProblem(k.p)
		copy(view(k.p.Info), solve(h))
		store(k.p.X, h.X)
	})
}

// byRows solves each row as a problem of its own, which it may change.
func byRows(name string, change func(row *Problem)) mutant {
	return halfStep(name, func(p *Problem) []int32 {
		var info []int32
		for i := range p.X.Rows {
			row := p.rows(i, i+1)
			change(row)
			info = append(info, HalfStep(row)...)
			copy(p.X.Row(i), row.X.Data)
		}
		return info
	})
}

// bySystems solves the normal equations of the rows with ratings in another way,
// for one method.
func bySystems(name string, method kernels.Method, solve func(p *Problem, a Dense, b, x []float64)) mutant {
	return halfStep(name, func(p *Problem) []int32 {
		start := p.X.Clone()
		info := HalfStep(p)
		if p.Solver.Method != method {
			return info
		}
		a, b := NormalEquations(p)
		for i := range a {
			if len(rowValues(p.R, i)) > 0 && info[i] == 0 {
				copy(p.X.Row(i), start.Row(i))
				solve(p, a[i], b.Row(i), p.X.Row(i))
			}
		}
		return info
	})
}

// values returns the ratings changed.
func values(h kernels.HostCSR, change func(r float32) float32) kernels.HostCSR {
	h.Values = append([]float32(nil), h.Values...)
	for i, r := range h.Values {
		h.Values[i] = change(r)
	}
	return h
}

// scaleLambda has a row count n ratings where m are meant.
func scaleLambda(p *Problem, n, m float64) {
	if n > 0 && m > 0 {
		factor := float32(math.Pow(n/m, float64(p.Objective.Exponent)))
		p.Objective.Lambda *= factor
		p.Objective.BiasLambda *= factor
	}
}

func positive(values []float32) (n float64) {
	for _, r := range values {
		if r > 0 {
			n++
		}
	}
	return n
}

var problemMutants = []mutant{
	before("HalfStep", "takes lambda for lambda times the count", func(k *call) { k.p.Objective.Exponent = 0 }),
	before("HalfStep", "takes lambda times the count for its power", func(k *call) {
		if k.p.Objective.Exponent > 0 {
			k.p.Objective.Exponent = 1
		}
	}),
	byRows("counts all ratings in implicit conventions", func(p *Problem) {
		if c := p.Objective.Convention; c == kernels.Implicit || c == kernels.Confidence {
			row := rowValues(p.R, 0)
			scaleLambda(p, float64(len(row)), positive(row))
		}
	}),
	byRows("leaves w0 out of the count", func(p *Problem) {
		if n := float64(len(rowValues(p.R, 0))); p.Objective.Convention == kernels.IALS {
			scaleLambda(p, n, n+float64(p.Objective.W0)*float64(p.R.Cols))
		}
	}),
	byRows("takes negative ratings for positive", func(p *Problem) {
		p.R = values(p.R, func(r float32) float32 { return max(r, -r) })
	}),
	byRows("takes zero for a preference", func(p *Problem) {
		p.R = values(p.R, func(r float32) float32 {
			if r == 0 {
				return 1e-30
			}
			return r
		})
	}),
	before("HalfStep", "takes Confidence for Implicit with alpha 1", func(k *call) {
		if k.p.Objective.Convention == kernels.Confidence {
			k.p.Objective.Convention, k.p.Objective.Alpha = kernels.Implicit, 1
		}
	}),
	before("HalfStep", "takes alpha for 1", func(k *call) { k.p.Objective.Alpha = 1 }),
	before("HalfStep", "takes w0 for 1", func(k *call) { k.p.Objective.W0 = 1 }),
	before("HalfStep", "regularizes the bias with lambda", func(k *call) { k.p.Objective.BiasLambda = k.p.Objective.Lambda }),
	after("HalfStep", "drops the bias", func(k *call) {
		if k.p.Objective.Bias {
			store(k.p.X.ColumnRange(k.p.X.Cols-1, k.p.X.Cols), NewDense(k.p.X.Rows, 1))
		}
	}),
	before("HalfStep", "ignores the offset", func(k *call) { k.p.Offset = kernels.Buffer[float32]{} }),
	before("HalfStep", "ignores OffsetGram", func(k *call) { k.p.OffsetGram = kernels.Buffer[float32]{} }),
	byRows("ignores Gram", func(p *Problem) { clear(p.Gram.Data) }),
	before("HalfStep", "truncates a giant row", func(k *call) {
		k.p.R = shortened(k.p.R, func(_ int, n int64) int64 { return min(n, 65536) })
	}),
	before("HalfStep", "loses an entry of a giant row", func(k *call) {
		k.p.R = shortened(k.p.R, func(_ int, n int64) int64 {
			if n > 50_000 {
				return n - 1
			}
			return n
		})
	}),
	halfStep("leaves a row without ratings as it was", func(p *Problem) []int32 {
		start := p.X.Clone()
		info := HalfStep(p)
		for i := range p.X.Rows {
			if len(rowValues(p.R, i)) == 0 {
				copy(p.X.Row(i), start.Row(i))
			}
		}
		return info
	}),
	instead("HalfStep", "does not write info", func(k *call) {
		h := loadProblem(k.p)
		HalfStep(h)
		store(k.p.X, h.X)
	}),
	after("HalfStep", "counts pivots from 0", func(k *call) { fromZero(view(k.p.Info)) }),
	halfStep("leaves a failed row as it was", func(p *Problem) []int32 {
		start := p.X.Clone()
		info := HalfStep(p)
		for i := range info {
			if info[i] != 0 {
				copy(p.X.Row(i), start.Row(i))
			}
		}
		return info
	}),
	before("HalfStep", "starts CG cold", func(k *call) {
		if k.p.Solver.Method == kernels.CG {
			store(k.p.X, NewDense(k.p.X.Rows, k.p.X.Cols))
		}
	}),
	before("HalfStep", "starts Subspace cold", func(k *call) {
		if k.p.Solver.Method == kernels.Subspace {
			store(k.p.X, NewDense(k.p.X.Rows, k.p.X.Cols))
		}
	}),
	before("HalfStep", "runs a step of CG less", func(k *call) {
		if k.p.Solver.Method == kernels.CG {
			k.p.Solver.Steps = max(k.p.Solver.Steps-1, 1)
		}
	}),
	bySystems("divides 0 by 0 where CG is done", kernels.CG, func(p *Problem, a Dense, b, x []float64) {
		r := residual(a, b, x)
		if dot(r, r) == 0 {
			x[0] = math.NaN()
			return
		}
		conjugateGradients(a, b, x, p.Solver.Steps)
	}),
	bySystems("runs Subspace as Jacobi", kernels.Subspace, func(p *Problem, a Dense, b, x []float64) {
		for range p.Solver.Steps {
			old := append([]float64(nil), x...)
			for lo := 0; lo < len(x); lo += p.Solver.Block {
				hi := min(lo+p.Solver.Block, len(x))
				part := append([]float64(nil), old...)
				sweepBlock(a, b, part, lo, hi)
				copy(x[lo:hi], part[lo:hi])
			}
		}
	}),
	bySystems("leaves out the last block where it is shorter", kernels.Subspace, func(p *Problem, a Dense, b, x []float64) {
		for range p.Solver.Steps {
			for lo := 0; lo+p.Solver.Block <= len(x); lo += p.Solver.Block {
				sweepBlock(a, b, x, lo, lo+p.Solver.Block)
			}
		}
	}),
	bySystems("clips Cholesky for NonNegative", kernels.NonNegative, func(p *Problem, a Dense, b, x []float64) {
		copy(x, b)
		solve(a, x)
		for i := range x {
			if !p.Objective.Bias || i < len(x)-1 {
				x[i] = max(x[i], 0)
			}
		}
	}),
	bySystems("holds the bias to NonNegative", kernels.NonNegative, func(_ *Problem, a Dense, b, x []float64) {
		nonNegative(a, b, x, false)
	}),
	byRows("merges equal ids", func(p *Problem) {
		h := kernels.HostCSR{Rows: 1, Cols: p.R.Cols, Values: []float32{}}
		for e, c := range rowColumns(p.R, 0) {
			if n := len(h.Columns); n == 0 || h.Columns[n-1] != c {
				h.Columns, h.Values = append(h.Columns, c), append(h.Values, rowValues(p.R, 0)[e])
			}
		}
		h.Offsets = []int64{0, int64(len(h.Columns))}
		p.R = h
	}).in("HalfStep", "equal_ids"),
	after("HalfStep", "changes Y", func(k *call) {
		if !k.p.Y.Empty() {
			nudge(k.p.Y)
		}
	}),
	after("HalfStep", "writes a row too far", func(k *call) { beyond(k.p.X)[(k.p.X.Rows-1)*k.p.X.Stride+k.p.X.Cols] = 0 }),

	after("NormalEquations", "fills one triangle", func(k *call) {
		if n := k.batch.N; n > 1 {
			view(k.batch.Buf)[n-1] = 0
		}
	}),
	after("NormalEquations", "gives a row without ratings zeros", func(k *call) {
		for i := range k.p.X.Rows {
			if len(rowValues(hostOf(k.p.R), i)) == 0 {
				store(k.batch.At(i), NewDense(k.batch.N, k.batch.N))
			}
		}
	}),
	before("NormalEquations", "ignores the offset", func(k *call) { k.p.Offset = kernels.Buffer[float32]{} }),
	before("NormalEquations", "loses an entry of a giant row", func(k *call) {
		k.p.R = shortened(k.p.R, func(_ int, n int64) int64 {
			if n > 50_000 {
				return n - 1
			}
			return n
		})
	}),
	after("NormalEquations", "touches X", func(k *call) { store(k.p.X, NewDense(k.p.X.Rows, k.p.X.Cols)) }),

	solveSPD("reads the upper triangle", func(a []Dense, b Dense) []int32 {
		for i := range a {
			a[i] = a[i].transposed(true)
		}
		return SolveSPD(a, b)
	}),
	solveSPD("adds a jitter to a matrix that fails", func(a []Dense, b Dense) []int32 {
		info := SolveSPD(a, b.Clone())
		for i := range a {
			for j := range b.Cols {
				if info[i] != 0 {
					a[i].Set(j, j, a[i].At(j, j)+1e-4)
				}
			}
		}
		return SolveSPD(a, b)
	}),
	solveSPD("leaves a failed row as it was", func(a []Dense, b Dense) []int32 {
		old := b.Clone()
		info := SolveSPD(a, b)
		for i := range info {
			if info[i] != 0 {
				copy(b.Row(i), old.Row(i))
			}
		}
		return info
	}),
	solveSPD("stops at the first failed matrix", func(a []Dense, b Dense) []int32 {
		info := make([]int32, len(a))
		for i := range a {
			row := Dense{Rows: 1, Cols: b.Cols, Data: b.Row(i)}
			if info[i] = SolveSPD(a[i:i+1], row)[0]; info[i] != 0 {
				break
			}
		}
		return info
	}),
	after("SolveSPD", "counts pivots from 0", func(k *call) { fromZero(view(k.ids)) }),
	before("SolveSPD", "ignores the step of the batch", func(k *call) { k.batch.Step = k.batch.N * k.batch.Stride }),
}

// sweepBlock solves for the unknowns lo to hi with the others held.
func sweepBlock(a Dense, b, x []float64, lo, hi int) {
	r := residual(a, b, x)[lo:hi]
	part := NewDense(hi-lo, hi-lo)
	for i := range part.Rows {
		copy(part.Row(i), a.Row(lo + i)[lo:hi])
	}
	solve(part, r)
	axpy(1, r, x[lo:hi])
}

func fromZero(info []int32) {
	for i := range info {
		info[i] = max(info[i]-1, 0)
	}
}

// solveSPD makes a mutant that solves in another way.
func solveSPD(name string, solve func(a []Dense, b Dense) []int32) mutant {
	return instead("SolveSPD", name, func(k *call) {
		var a []Dense
		for i := range k.batch.Count {
			a = append(a, load(k.batch.At(i)))
		}
		b := load(k.c)
		copy(view(k.ids), solve(a, b))
		store(k.c, b)
	})
}
