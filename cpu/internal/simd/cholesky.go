package simd

import "math"

// Solve writes the solution of A·x = b to x by a Cholesky factorization. A is of the
// order of x; its lower triangle is in the first rows of a, and b is the row below
// it. The rows are lda = PanelStride(len(x)+1) or more apart. A pivot must exceed
// tolerance times the diagonal element that it comes from; the first that does not,
// counted from 1, is returned. 0 means success. a is overwritten.
func Solve(x, a []float32, lda int, tolerance float32) int {
	n := len(x)
	if active != portable && lda%vectorStride == 0 && n > 0 {
		return solveVector(x, a[:(n+1)*lda], lda, tolerance)
	}
	if pivot := cholesky(a, lda, n, n+1, tolerance); pivot != 0 {
		return pivot
	}
	copy(x, a[n*lda:])
	solveTransposed(a, lda, x)
	return 0
}

// cholesky factorizes the leading n×n block of A as L·Lᵀ and carries the rows
// from n up to rows along: row i ≥ n becomes the solution z of L·z = a_i. With a
// right-hand side as row n the forward substitution is thereby done.
//
// Only the lower triangle is read and overwritten. A pivot must exceed tolerance
// times the diagonal element that it comes from; the first that does not, counted
// from 1, is returned, and A is then of no use. 0 means success.
func cholesky(a []float32, lda, n, rows int, tolerance float32) int {
	for j := 0; j < n; j += 2 {
		// Columns j and j+1, from the left: what the columns before them
		// contribute is subtracted, then the two are finished.
		first := a[j*lda : j*lda+j+1]
		pivot := first[j] - Dot(first[:j], first[:j])
		if !(pivot > tolerance*first[j]) {
			return j + 1
		}
		root0 := float32(math.Sqrt(float64(pivot)))
		first[j] = root0
		inv0 := 1 / root0
		if j+1 == n {
			for i := n; i < rows; i++ {
				ai := a[i*lda : i*lda+j+1]
				ai[j] = (ai[j] - Dot(ai[:j], first[:j])) * inv0
			}
			return 0
		}

		second := a[(j+1)*lda : (j+1)*lda+j+2]
		below := (second[j] - Dot(second[:j], first[:j])) * inv0
		second[j] = below
		pivot = second[j+1] - Dot(second[:j+1], second[:j+1])
		if !(pivot > tolerance*second[j+1]) {
			return j + 2
		}
		root1 := float32(math.Sqrt(float64(pivot)))
		second[j+1] = root1
		inv1 := 1 / root1

		i := j + 2
		for ; i+4 <= rows; i += 4 {
			r0, r1, r2, r3 := rowAt(a, lda, i, j+2), rowAt(a, lda, i+1, j+2), rowAt(a, lda, i+2, j+2), rowAt(a, lda, i+3, j+2)
			s00, s01, s10, s11, s20, s21, s30, s31 := dot4x2(r0[:j], r1[:j], r2[:j], r3[:j], first[:j], second[:j])
			r0[j], r0[j+1] = finish(r0[j]-s00, r0[j+1]-s01, below, inv0, inv1)
			r1[j], r1[j+1] = finish(r1[j]-s10, r1[j+1]-s11, below, inv0, inv1)
			r2[j], r2[j+1] = finish(r2[j]-s20, r2[j+1]-s21, below, inv0, inv1)
			r3[j], r3[j+1] = finish(r3[j]-s30, r3[j+1]-s31, below, inv0, inv1)
		}
		for ; i < rows; i++ {
			ai := rowAt(a, lda, i, j+2)
			ai[j], ai[j+1] = finish(ai[j]-Dot(ai[:j], first[:j]), ai[j+1]-Dot(ai[:j], second[:j]), below, inv0, inv1)
		}
	}
	return 0
}

// finish solves for the two elements of a row against the 2×2 block on the
// diagonal, whose element below it is below.
func finish(a0, a1, below, inv0, inv1 float32) (float32, float32) {
	a0 *= inv0
	return a0, (a1 - a0*below) * inv1
}

// solveTransposed overwrites x with the solution of Lᵀ·z = x for the lower
// triangle L of order len(x).
func solveTransposed(l []float32, ldl int, x []float32) {
	for i := len(x) - 1; i >= 0; i-- {
		li := l[i*ldl : i*ldl+i+1]
		x[i] /= li[i]
		Axpy(-x[i], li[:i], x[:i])
	}
}
