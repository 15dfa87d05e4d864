package cuda

import (
	"math/bits"

	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// blockThreads is the number of threads of a block where a kernel does not
	// need a certain one.
	blockThreads = 256

	// The kernels go round where a grid does not cover their work: mostBlocks
	// fill every GPU, and a grid's second dimension cannot have more either.
	mostBlocks = 1<<16 - 1
)

// elements is a range of elements that an element-wise kernel goes over.
type elements struct {
	rows, cols int
	quads      bool // all rows can be read and written 16 bytes at a time
}

// elementsOf are the elements of matrices of one shape: one long row if none has
// padding.
func elementsOf(matrices ...kernels.Matrix) elements {
	e := elements{1, matrices[0].Rows * matrices[0].Cols, true}
	for _, m := range matrices {
		if m.Stride != m.Cols {
			e = elements{matrices[0].Rows, matrices[0].Cols, true}
		}
	}
	for _, m := range matrices {
		e.quads = e.quads && address(m.Buf)%16 == 0 && (e.rows == 1 || m.Stride%4 == 0)
	}
	return e
}

// shape gives blocks as wide as the rows, up to blockThreads.
func (e elements) shape() (grid, block dim) {
	across := e.cols // threads of a row
	if e.quads {
		across = ceil(e.cols, 4)
	}
	width := min(1<<bits.Len(uint(across-1)), blockThreads)
	block = dim{uint32(width), uint32(blockThreads / width), 1}
	rows := blockThreads / width
	return dim{uint32(min(ceil(across, width), mostBlocks)), uint32(min(ceil(e.rows, rows), mostBlocks)), 1}, block
}

// ceil is n/each, rounded up: the blocks that n things take of which a block has each.
func ceil(n, each int) int { return (n + each - 1) / each }

func (s *stream) Axpy(alpha float32, x, y kernels.Matrix) error {
	e := elementsOf(x, y)
	grid, block := e.shape()
	return s.launch("axpy", grid, block, 0, alpha, address(x.Buf), x.Stride, address(y.Buf), y.Stride, e.rows, e.cols, flag(e.quads))
}

func (s *stream) Scale(alpha float32, x kernels.Matrix) error {
	if alpha == 0 {
		return s.Fill(x, 0)
	}
	e := elementsOf(x)
	grid, block := e.shape()
	return s.launch("scale", grid, block, 0, alpha, address(x.Buf), x.Stride, e.rows, e.cols, flag(e.quads))
}

func (s *stream) Mul(c, a, b kernels.Matrix) error {
	e := elementsOf(c, a, b)
	grid, block := e.shape()
	return s.launch("multiply_elements", grid, block, 0,
		address(c.Buf), c.Stride, address(a.Buf), a.Stride, address(b.Buf), b.Stride, e.rows, e.cols, flag(e.quads))
}

func (s *stream) Fill(x kernels.Matrix, value float32) error {
	e := elementsOf(x)
	grid, block := e.shape()
	return s.launch("fill", grid, block, 0, address(x.Buf), x.Stride, value, e.rows, e.cols, flag(e.quads))
}

func (s *stream) CopyMatrix(dst, src kernels.Matrix) error {
	e := elementsOf(dst, src)
	grid, block := e.shape()
	return s.launch("copy_matrix", grid, block, 0, address(dst.Buf), dst.Stride, address(src.Buf), src.Stride, e.rows, e.cols, flag(e.quads))
}

func (s *stream) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	e := elements{dst.Rows, dst.Cols, quads(dst) && quads(src)}
	grid, block := e.shape()
	return s.launch("gather_rows", grid, block, 0,
		address(dst.Buf), dst.Stride, address(src.Buf), src.Stride, src.Rows, address(idx), e.rows, e.cols, flag(e.quads))
}
