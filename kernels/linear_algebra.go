package kernels

// Trans says whether a matrix operand is used as it is or transposed.
type Trans bool

const (
	NoTrans   Trans = false
	Transpose Trans = true
)

func (t Trans) String() string {
	if t {
		return "T"
	}
	return "N"
}

// LinearAlgebra holds the dense and sparse operations that models are made of.
//
// Destinations may not overlap sources except where a method says so. A matrix
// with no rows or no columns is allowed everywhere and makes the call do nothing
// or, for a sum over nothing, write zeros. Where beta is 0 the old content of a
// destination is not read, so a NaN there does not survive.
type LinearAlgebra interface {
	// Gemm computes C = alpha·op(A)·op(B) + beta·C, where op(A) is M×K, op(B) is
	// K×N and C is M×N.
	Gemm(tA, tB Trans, alpha float32, a, b Matrix, beta float32, c Matrix) error

	// Gram computes G = YᵀY, both triangles, for Y of N×K and G of K×K.
	Gram(g, y Matrix) error

	// SpMM computes C = alpha·A·B + beta·C for the sparse A of M×K, B of K×N and
	// C of M×N.
	SpMM(alpha float32, a CSR, b Matrix, beta float32, c Matrix) error

	// GatherRows copies row idx[i] of src to row i of dst. An id outside src
	// gives a row of NaN, since ids on the device cannot be checked beforehand.
	GatherRows(dst, src Matrix, idx Buffer[int32]) error

	// ScatterAddRows adds row i of src to row idx[i] of dst, in the order of i.
	// Ids outside dst are passed over.
	ScatterAddRows(dst, src Matrix, idx Buffer[int32]) error

	// Axpy computes Y += alpha·X. X and Y may be the same view.
	Axpy(alpha float32, x, y Matrix) error

	// Scale computes X = alpha·X. With alpha 0 it writes zeros.
	Scale(alpha float32, x Matrix) error

	// Mul computes the element-wise product C = A∘B. C may be the same view as A
	// or B.
	Mul(c, a, b Matrix) error

	// Fill sets every element of X.
	Fill(x Matrix, value float32) error

	// CopyMatrix copies src to dst of the same shape.
	CopyMatrix(dst, src Matrix) error

	// ColumnSums writes the sum of each column of A to dst.
	ColumnSums(dst Buffer[float32], a Matrix) error

	// RowNorms writes the Euclidean norm of each row of A to dst.
	RowNorms(dst Buffer[float32], a Matrix) error
}
