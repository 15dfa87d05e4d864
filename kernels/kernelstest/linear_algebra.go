package kernelstest

import (
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Gemm computes C = alpha·op(A)·op(B) + beta·C. With beta 0 the old content of C
// is not read.
func Gemm(tA, tB kernels.Trans, alpha float64, a, b Dense, beta float64, c Dense) {
	a, b = a.transposed(bool(tA)), b.transposed(bool(tB))
	Scale(beta, c)
	for i := range a.Rows {
		for l := range a.Cols {
			axpy(alpha*a.At(i, l), b.Row(l), c.Row(i))
		}
	}
}

// Gram returns YᵀY.
func Gram(y Dense) Dense {
	g := NewDense(y.Cols, y.Cols)
	for i := range y.Rows {
		for j, v := range y.Row(i) {
			axpy(v, y.Row(i), g.Row(j))
		}
	}
	return g
}

// SpMM computes C = alpha·A·B + beta·C for a sparse A. With beta 0 the old
// content of C is not read.
func SpMM(alpha float64, a kernels.HostCSR, b Dense, beta float64, c Dense) {
	Scale(beta, c)
	for i := range a.Rows {
		for p := a.Offsets[i]; p < a.Offsets[i+1]; p++ {
			axpy(alpha*float64(a.Values[p]), b.Row(int(a.Columns[p])), c.Row(i))
		}
	}
}

// GatherRows returns the rows of src that idx names, a row of NaN for an id
// outside src.
func GatherRows(src Dense, idx []int32) Dense {
	dst := NewDense(len(idx), src.Cols)
	for i, id := range idx {
		if id >= 0 && int(id) < src.Rows {
			copy(dst.Row(i), src.Row(int(id)))
			continue
		}
		for j := range dst.Row(i) {
			dst.Set(i, j, math.NaN())
		}
	}
	return dst
}

// ScatterAddRows adds row i of src to row idx[i] of dst. Ids outside dst are
// passed over.
func ScatterAddRows(dst, src Dense, idx []int32) {
	for i, id := range idx {
		if id >= 0 && int(id) < dst.Rows {
			axpy(1, src.Row(i), dst.Row(int(id)))
		}
	}
}

// Axpy computes Y += alpha·X.
func Axpy(alpha float64, x, y Dense) { axpy(alpha, x.Data, y.Data) }

// Scale computes X = alpha·X. With alpha 0 it writes zeros.
func Scale(alpha float64, x Dense) {
	if alpha == 0 {
		clear(x.Data)
		return
	}
	for i := range x.Data {
		x.Data[i] *= alpha
	}
}

// Mul returns the element-wise product A∘B.
func Mul(a, b Dense) Dense {
	c := a.Clone()
	for i := range c.Data {
		c.Data[i] *= b.Data[i]
	}
	return c
}

// ColumnSums returns the sum of each column.
func ColumnSums(a Dense) []float64 {
	sums := make([]float64, a.Cols)
	for i := range a.Rows {
		axpy(1, a.Row(i), sums)
	}
	return sums
}

// RowNorms returns the Euclidean norm of each row.
func RowNorms(a Dense) []float64 {
	norms := make([]float64, a.Rows)
	for i := range norms {
		norms[i] = math.Sqrt(dot(a.Row(i), a.Row(i)))
	}
	return norms
}
