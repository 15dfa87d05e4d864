package cuda

import (
	"math"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// gemmTile is a tile of C of a block of our own kernels, square.
type gemmTile struct {
	kernel        string
	side, threads int
}

var (
	smallTile = gemmTile{"gemm_64", 64, 128}
	largeTile = gemmTile{"gemm_128", 128, 256}
)

// tileOf prefers the large tile where it leaves no multiprocessor without one.
func tileOf(p *product, multiprocessors int) gemmTile {
	large := largeTile
	if min(p.c.rows, p.c.cols) > smallTile.side &&
		ceil(p.c.rows, large.side)*ceil(p.c.cols, large.side)*p.count >= multiprocessors {
		return large
	}
	return smallTile
}

// dense is a matrix of a product, somewhere in device memory.
type dense struct {
	at                 driver.Ptr
	rows, cols, stride int
}

func denseOf(m kernels.Matrix) dense { return dense{address(m.Buf), m.Rows, m.Cols, m.Stride} }

// product is C = alpha·op(A)·op(B) + beta·C, or a batch of count such products, whose
// matrices lie the steps apart.
type product struct {
	tA, tB              kernels.Trans
	alpha, beta         float32
	a, b, c             dense
	aStep, bStep, cStep int
	count               int

	// lower says that elements of C above the diagonal are not needed; they may be
	// written all the same.
	lower bool
}

func (s *stream) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	return s.multiply(&product{tA: tA, tB: tB, alpha: alpha, a: denseOf(a), b: denseOf(b), beta: beta, c: denseOf(c), count: 1})
}

// multiply computes a product with cuBLAS if there is one that can. It is the same
// for all products of one shape on one machine, so that their bits are.
func (s *stream) multiply(p *product) error {
	inner := p.a.cols
	if p.tA {
		inner = p.a.rows
	}
	if s.blas == nil || inner == 0 || !fitsInt32(p.c.rows, p.c.cols, inner, p.a.stride, p.b.stride, p.c.stride) {
		tile := tileOf(p, s.dev.context.Multiprocessors())
		grid := dim{uint32(ceil(p.c.rows, tile.side) * ceil(p.c.cols, tile.side)), 1, uint32(p.count)}
		return s.launch(tile.kernel, grid, line(tile.threads), 0, flag(bool(p.tA)), flag(bool(p.tB)),
			p.alpha, p.a.at, p.a.stride, p.aStep, p.b.at, p.b.stride, p.bStep,
			p.beta, p.c.at, p.c.stride, p.cStep, p.c.rows, p.c.cols, inner, flag(p.lower))
	}
	// A row-major matrix is the transposed one in column-major order, so that
	// cuBLAS computes Cᵀ = op(B)ᵀ·op(A)ᵀ.
	return s.gemm(&driver.Gemm{
		TransA: bool(p.tB), TransB: bool(p.tA),
		M: p.c.cols, N: p.c.rows, K: inner,
		Alpha: p.alpha, Beta: p.beta,
		A: p.b.at, LDA: p.b.stride, StrideA: p.bStep,
		B: p.a.at, LDB: p.a.stride, StrideB: p.aStep,
		C: p.c.at, LDC: p.c.stride, StrideC: p.cStep,
		Batch: p.count,
	})
}

func fitsInt32(values ...int) bool {
	for _, v := range values {
		if v > math.MaxInt32 {
			return false
		}
	}
	return true
}

// flag is a bool as a kernel takes it.
func flag(v bool) int32 {
	if v {
		return 1
	}
	return 0
}
