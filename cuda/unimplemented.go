package cuda

import (
	"errors"

	"github.com/halfstep-ml/halfstep/kernels"
)

// unimplemented answers for the operations whose files are not there yet. Delete it
// with the last of them.
type unimplemented struct{}

var errUnimplemented = errors.New("cuda: not implemented")

func (unimplemented) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	return errUnimplemented
}
func (unimplemented) Gram(g, y kernels.Matrix) error { return errUnimplemented }
func (unimplemented) SpMM(alpha float32, a kernels.CSR, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	return errUnimplemented
}
func (unimplemented) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	return errUnimplemented
}
func (unimplemented) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	return errUnimplemented
}
func (unimplemented) Axpy(alpha float32, x, y kernels.Matrix) error { return errUnimplemented }
func (unimplemented) Scale(alpha float32, x kernels.Matrix) error   { return errUnimplemented }
func (unimplemented) Mul(c, a, b kernels.Matrix) error              { return errUnimplemented }
func (unimplemented) Fill(x kernels.Matrix, value float32) error    { return errUnimplemented }
func (unimplemented) CopyMatrix(dst, src kernels.Matrix) error      { return errUnimplemented }
func (unimplemented) ColumnSums(dst kernels.Buffer[float32], a kernels.Matrix) error {
	return errUnimplemented
}
func (unimplemented) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	return errUnimplemented
}
func (unimplemented) HalfStep(p *kernels.Problem) error { return errUnimplemented }
func (unimplemented) NormalEquations(a kernels.Batch, b kernels.Matrix, p *kernels.Problem) error {
	return errUnimplemented
}
func (unimplemented) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	return errUnimplemented
}
func (unimplemented) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	return errUnimplemented
}
func (unimplemented) Predict(out kernels.Buffer[float32], r kernels.CSR, x, y kernels.Matrix) error {
	return errUnimplemented
}
func (unimplemented) ScoreTopK(ids kernels.Buffer[int32], top, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	return errUnimplemented
}
