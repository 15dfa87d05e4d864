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

// elementwise is an operation that takes the rows of its operands one by one, or all
// rows of a task as one where nothing lies between them: a call for a row of a few
// elements costs more than the row.
type elementwise struct {
	noScratch
	chunks
	row        func(alpha float32, c, a, b []float32)
	contiguous bool
	c, a, b    matrix // c is written; a and b may be empty
	alpha      float32
}

func (e *elementwise) task(_, i int) {
	lo, hi := e.at(i)
	if e.contiguous {
		e.row(e.alpha, e.c.span(lo, hi), e.a.span(lo, hi), e.b.span(lo, hi))
		return
	}
	for i := lo; i < hi; i++ {
		e.row(e.alpha, e.c.span(i, i+1), e.a.span(i, i+1), e.b.span(i, i+1))
	}
}

// span returns the elements from row lo up to row hi and what lies between the rows,
// nothing of an empty matrix.
func (m matrix) span(lo, hi int) []float32 {
	if len(m.data) == 0 {
		return nil
	}
	return m.data[lo*m.stride : (hi-1)*m.stride+m.cols]
}

// rowByRow runs the operation over the rows of a matrix of the shape of m.
func (s *stream) rowByRow(m kernels.Matrix, e elementwise) error {
	e.chunks = chunksOf(m.Rows, m.Cols)
	e.contiguous = true
	for _, x := range [...]*matrix{&e.c, &e.a, &e.b} {
		e.contiguous = e.contiguous && (len(x.data) == 0 || x.stride == x.cols)
	}
	s.elementwise = e
	err := s.run(&s.elementwise, e.count(), float64(m.Rows)*float64(m.Cols))
	s.elementwise = elementwise{}
	return err
}

func (s *stream) Axpy(alpha float32, x, y kernels.Matrix) error {
	return s.rowByRow(y, elementwise{alpha: alpha, a: view(x), c: view(y),
		row: func(alpha float32, c, a, _ []float32) { simd.Axpy(alpha, a, c) }})
}

func (s *stream) Scale(alpha float32, x kernels.Matrix) error {
	if alpha == 0 {
		return s.Fill(x, 0)
	}
	return s.rowByRow(x, elementwise{alpha: alpha, c: view(x),
		row: func(alpha float32, c, _, _ []float32) { simd.Scale(alpha, c) }})
}

func (s *stream) Mul(c, a, b kernels.Matrix) error {
	return s.rowByRow(c, elementwise{c: view(c), a: view(a), b: view(b),
		row: func(_ float32, c, a, b []float32) { simd.Mul(c, a, b) }})
}

func (s *stream) Fill(x kernels.Matrix, value float32) error {
	return s.rowByRow(x, elementwise{alpha: value, c: view(x),
		row: func(value float32, c, _, _ []float32) { simd.Fill(c, value) }})
}

func (s *stream) CopyMatrix(dst, src kernels.Matrix) error {
	return s.rowByRow(dst, elementwise{c: view(dst), a: view(src),
		row: func(_ float32, c, a, _ []float32) { copy(c, a) }})
}

// rowNorms has a task for each range of rows.
type rowNorms struct {
	noScratch
	chunks
	a    matrix
	sums []float32
}

// RowNorms sums squares in float64, which no float32 overflows.
func (s *stream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	if a.Empty() {
		clear(slice(dst))
		return nil
	}
	s.rowNorms = rowNorms{chunks: chunksOf(a.Rows, a.Cols), a: view(a), sums: slice(dst)}
	err := s.run(&s.rowNorms, s.rowNorms.count(), float64(a.Rows)*float64(a.Cols))
	s.rowNorms = rowNorms{}
	return err
}

func (n *rowNorms) task(_, i int) {
	lo, hi := n.at(i)
	for i := lo; i < hi; i++ {
		n.sums[i] = simd.Norm(n.a.row(i))
	}
}
