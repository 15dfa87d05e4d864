package cpu

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// gemmBlock is the block of gonum's Sgemm: a call on one block of C starts
	// no goroutines.
	gemmBlock = 64

	// gemmRows is the number of rows of C in a task: several blocks, which
	// share a packed block of B.
	gemmRows = 4 * gemmBlock

	// gemmDepth is the number of products that go into C at a time. A packed
	// block is 64 KiB.
	gemmDepth = 256
)

// gemm has a task for each gemmRows×gemmBlock tile of C. Both operands are packed
// into blocks whose rows run along the inner dimension: of gonum's four
// combinations that one, a dot product for each element, is the fastest by two, and
// it sums in an order that depends on alignment, which packing fixes.
type gemm struct {
	tA, tB      kernels.Trans
	alpha, beta float32
	a, b, c     matrix
	inner       int // columns of op(A)
	down        chunks
	across      chunks
	work        []gemmBlocks // of each participant
}

type gemmBlocks struct{ a, b []float32 }

func (s *stream) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	g := &s.gemm
	work := grown(g.work, s.dev.pool.threads)
	*g = gemm{
		tA: tA, tB: tB, alpha: alpha, beta: beta,
		a: view(a), b: view(b), c: view(c),
		inner:  a.Cols,
		down:   chunks{c.Rows, gemmRows},
		across: chunks{c.Cols, gemmBlock},
		work:   work,
	}
	if tA {
		g.inner = a.Rows
	}
	if alpha == 0 {
		g.inner = 0
	}
	cost := 2 * float64(c.Rows) * float64(c.Cols) * float64(max(g.inner, 1))
	err := s.run(g, g.down.count()*g.across.count(), cost)
	*g = gemm{work: work}
	return err
}

func (g *gemm) layout(who int, a *arena) {
	g.work[who] = gemmBlocks{
		a: carve[float32](a, gemmBlock*gemmDepth),
		b: carve[float32](a, gemmBlock*gemmDepth),
	}
}

func (g *gemm) task(who, i int) {
	firstRow, lastRow := g.down.at(i / g.across.count())
	lo, hi := g.across.at(i % g.across.count())
	g.scale(firstRow, lastRow, lo, hi)
	w := &g.work[who]
	for p := 0; p < g.inner; p += gemmDepth {
		depth := min(gemmDepth, g.inner-p)
		pack(w.b, g.b, !bool(g.tB), lo, hi, p, depth)
		for row := firstRow; row < lastRow; row += gemmBlock {
			rows := min(gemmBlock, lastRow-row)
			pack(w.a, g.a, bool(g.tA), row, row+rows, p, depth)
			gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, rows, hi-lo, depth,
				g.alpha, w.a, gemmDepth, w.b, gemmDepth,
				1, g.c.data[row*g.c.stride+lo:], max(g.c.stride, g.c.cols))
		}
	}
}

// scale multiplies a tile of C by beta. With beta 0 it writes zeros.
func (g *gemm) scale(firstRow, lastRow, lo, hi int) {
	if g.beta == 1 {
		return
	}
	for i := firstRow; i < lastRow; i++ {
		if row := g.c.row(i)[lo:hi]; g.beta == 0 {
			clear(row)
		} else {
			simd.Scale(g.beta, row)
		}
	}
}

// pack copies elements p to p+depth of the rows lo to hi of m, or of its columns
// lo to hi if across, to the rows of dst, which are gemmDepth apart.
func pack(dst []float32, m matrix, across bool, lo, hi, p, depth int) {
	if !across {
		for i := lo; i < hi; i++ {
			copy(dst[(i-lo)*gemmDepth:], m.row(i)[p:p+depth])
		}
		return
	}
	for q := range depth {
		for i, v := range m.row(p + q)[lo:hi] {
			dst[i*gemmDepth+q] = v
		}
	}
}
