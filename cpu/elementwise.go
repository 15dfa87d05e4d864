package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// chunkElements is about how many elements of a matrix a task goes through in an
// operation that does a few things to each.
const chunkElements = 1 << 15

// chunks cuts the rows of a matrix into ranges of about chunkElements elements.
type chunks struct{ rows, step int }

func chunksOf(rows, cols int) chunks {
	return chunks{rows, max(chunkElements/max(cols, 1), 1)}
}

func (c chunks) count() int { return (c.rows + c.step - 1) / c.step }

func (c chunks) at(i int) (lo, hi int) { return i * c.step, min((i+1)*c.step, c.rows) }

// elementwise is an operation that takes the rows of its operands one by one.
type elementwise struct {
	noScratch
	chunks
	row     func(e *elementwise, i int)
	c, a, b matrix // c is written
	alpha   float32
	sums    []float32 // of rows
}

func (e *elementwise) task(_, i int) {
	lo, hi := e.at(i)
	for i := lo; i < hi; i++ {
		e.row(e, i)
	}
}

// rowByRow runs the operation over the rows of a matrix of the shape of m.
func (s *stream) rowByRow(m kernels.Matrix, e elementwise) error {
	e.chunks = chunksOf(m.Rows, m.Cols)
	s.elementwise = e
	err := s.run(&s.elementwise, e.count(), float64(m.Rows)*float64(m.Cols))
	s.elementwise = elementwise{}
	return err
}

func (s *stream) Axpy(alpha float32, x, y kernels.Matrix) error {
	return s.rowByRow(y, elementwise{alpha: alpha, a: view(x), c: view(y),
		row: func(e *elementwise, i int) { simd.Axpy(e.alpha, e.a.row(i), e.c.row(i)) }})
}

func (s *stream) Scale(alpha float32, x kernels.Matrix) error {
	if alpha == 0 {
		return s.Fill(x, 0)
	}
	return s.rowByRow(x, elementwise{alpha: alpha, c: view(x),
		row: func(e *elementwise, i int) { simd.Scale(e.alpha, e.c.row(i)) }})
}

func (s *stream) Mul(c, a, b kernels.Matrix) error {
	return s.rowByRow(c, elementwise{c: view(c), a: view(a), b: view(b),
		row: func(e *elementwise, i int) { simd.Mul(e.c.row(i), e.a.row(i), e.b.row(i)) }})
}

func (s *stream) Fill(x kernels.Matrix, value float32) error {
	return s.rowByRow(x, elementwise{alpha: value, c: view(x),
		row: func(e *elementwise, i int) { simd.Fill(e.c.row(i), e.alpha) }})
}

func (s *stream) CopyMatrix(dst, src kernels.Matrix) error {
	return s.rowByRow(dst, elementwise{c: view(dst), a: view(src),
		row: func(e *elementwise, i int) { copy(e.c.row(i), e.a.row(i)) }})
}

// RowNorms sums squares in float64, which no float32 overflows.
func (s *stream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	if a.Empty() {
		clear(slice(dst))
		return nil
	}
	return s.rowByRow(a, elementwise{sums: slice(dst), a: view(a),
		row: func(e *elementwise, i int) { e.sums[i] = simd.Norm(e.a.row(i)) }})
}
