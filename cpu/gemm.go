package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// gemmDepth is the most products that go into C at a time: a panel of B, so
	// long and simd.ProductColumns wide, stays in the first level of the cache.
	gemmDepth = 256

	// gemmRows is the most rows of A that are multiplied with one panel of B
	// after the other. gemmRows×gemmDepth elements stay in the second level.
	gemmRows = 336

	// gemmColumns is the most columns of C in a task, which bounds the scratch.
	gemmColumns = 4096

	// gemmPad keeps packed rows of A from being a power of two apart, which
	// would put them into few sets of the cache.
	gemmPad = 16

	// gemmVector is how many multiply-adds cost as much as an operation on one
	// element.
	gemmVector = 16

	// gemmFew is the fewest columns of C for which A is packed, and the fewest rows for
	// which B is, unless it is transposed.
	gemmFew = 128

	// gemmStep is how many rows of B are packed at a time: as many streams as
	// the processor fetches ahead.
	gemmStep = 8
)

// gemm is what Gemm does where pieceGemm takes longer or there is no AMX.
//
// It has a task for each tile of C, which it computes as GotoBLAS does (Goto and van
// de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34, 2008):
// panels of B that stay in the first level of the cache pass by a block of A in the
// second. An operand is packed where its own layout would miss the cache more often
// than packing does; the rows of a packed A run along the inner dimension.
//
// Sums are cut into ranges of products by their length alone, so that the bits do not
// depend on the tiles.
//
// The floor is 2·M·N·K operations. One thread on AVX-512, as a share of the peak of the
// same run, for square matrices of 64, 256, 512, 1024 and 2048 rows: 0.87, 0.93, 0.86,
// 0.87, 0.87. Small ones pay for beginning each tile and 0.1 µs for the call. Of the
// large, a twentieth is packing, and the rest of what is missing is waiting for C and the
// first lines of panels: blocks that are hot in the cache run at 0.98. Fetching C a row at
// a time shortly before it is needed, in place of all rows when a tile begins, gained 0.03
// to 0.04, fetching the next panel of B evenly 0.02 to 0.06. Tried at 1024 and 2048
// without gain: blocks of C that stay in the second level for all products (0.01 to 0.05
// less), huge pages, A as it lies in memory (the same within 0.01), ranges of 192 to 512
// products, blocks of 512 and 1024 rows of A (1024: 0.05 less), the next panel of B to
// the first level, fetching the next block of A evenly (0.01 less).
type gemm struct {
	product
	panel        int // columns of a panel of B
	packA, packB bool
	work         []gemmPanels // of each participant
}

// product is C = alpha·op(A)·op(B) + beta·C and how it is cut.
type product struct {
	tA, tB       kernels.Trans
	alpha, beta  float32
	a, b, c      matrix
	inner        int // columns of op(A)
	depth        int // products of a range
	rows         int // of a block of C
	down, across chunks
}

// gemmPanels hold rows of op(A) and panels of op(B), one after the other, for a range
// of products.
type gemmPanels struct{ a, b []float32 }

func (s *stream) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	if c.Empty() {
		return nil
	}
	g := &s.gemm
	g.work = grown(g.work, s.dev.pool.threads)
	g.tA, g.tB, g.alpha, g.beta, g.inner = tA, tB, alpha, beta, a.Cols
	g.a.view(&a)
	g.b.view(&b)
	g.c.view(&c)
	defer func() { *g = gemm{work: g.work} }()
	if tA {
		g.inner = a.Rows
	}
	if alpha == 0 || g.inner == 0 {
		if beta == 1 {
			return nil
		}
		return s.Scale(beta, c)
	}
	cost := float64(c.Rows) * float64(c.Cols) * float64(g.inner) / gemmVector
	if worthPieces(c.Rows, c.Cols, g.inner) {
		return s.pieceGemm.run(s, &g.product, cost)
	}
	participants := s.participants(s.dev.pool.threads, cost)
	if participants == 1 && g.small() {
		g.panel = simd.ProductColumns()
		g.multiply(nil, 0, c.Rows, 0, g.inner, 0, c.Cols)
		return nil
	}
	g.cut(participants)
	return s.run(g, g.down.count()*g.across.count(), cost)
}

// small reports whether a product is one tile that needs no packing. To find that out by
// cut, and to run it as a task, takes 2 % of the time of 64 rows and columns.
func (g *gemm) small() bool {
	return g.c.rows < gemmFew && g.c.cols < gemmFew && g.inner <= gemmDepth && !bool(g.tB) && !simd.ProductByColumns()
}

// cut chooses the tiles and what is packed.
func (g *gemm) cut(participants int) {
	g.panel = simd.ProductColumns()
	g.tile(participants, 1, g.panel, gemmColumns)
	g.depth = evenly(g.inner, gemmDepth, gemmPad)
	g.rows = evenly(g.down.step, gemmRows, 1)

	// Measured on operands of 64 to 2048 rows.
	const near, far = 128, 384
	g.packA = g.across.step >= gemmFew && (g.a.stride >= far || bool(g.tA) && g.a.stride >= near)
	g.packB = bool(g.tB) || g.rows >= gemmFew && g.b.stride >= far
	if simd.ProductByColumns() {
		g.packA = !bool(g.tA)
	}
}

// tile chooses the tiles of C: multiples of so many rows and columns, with at most so many
// columns in all.
//
// Every task packs its rows of A and its columns of B, so what is packed more than once
// grows with the cuts: of all grids with a tile for each participant the one with the least
// is taken.
func (p *product) tile(participants, rows, columns, mostColumns int) {
	best, least := 1, 0
	for down := 1; down <= participants; down++ {
		across := (participants + down - 1) / down
		if packed := down*p.c.cols + across*p.c.rows; least == 0 || packed < least {
			best, least = down, packed
		}
	}
	across := (participants + best - 1) / best
	p.down = chunks{p.c.rows, parts(p.c.rows, best, rows)}
	p.across = chunks{p.c.cols, min(parts(p.c.cols, across, columns), mostColumns)}
}

// parts is the size of the parts of n elements cut into so many, a multiple of step.
func parts(n, count, step int) int {
	return ((n+count-1)/count + step - 1) / step * step
}

// evenly is the size of the parts of n elements cut into as few as have at most so
// many elements, a multiple of step.
func evenly(n, most, step int) int { return parts(n, (n+most-1)/most, step) }

func (g *gemm) layout(who int, a *arena) {
	w := gemmPanels{}
	if g.packA {
		w.a = carve[float32](a, (g.rows+gemmPad)*(g.depth+gemmPad))
	}
	if g.packB {
		w.b = carve[float32](a, parts(g.across.step, 1, g.panel)*g.depth)
	}
	g.work[who] = w
}

func (g *gemm) task(who, i int) {
	lo, hi := g.across.at(i % g.across.count())
	first, last := g.down.at(i / g.across.count())
	w := &g.work[who]
	for p := 0; p < g.inner; p += g.depth {
		depth := min(g.depth, g.inner-p)
		if g.packB {
			g.fillB(w.b, p, depth, lo, hi)
		}
		for row := first; row < last; row += g.rows {
			g.multiply(w, row, min(row+g.rows, last), p, depth, lo, hi)
		}
	}
}

// multiply adds the products p to p+depth to rows first to last of columns lo to hi
// of C.
func (g *gemm) multiply(w *gemmPanels, first, last, p, depth, lo, hi int) {
	beta := g.beta
	if p > 0 {
		beta = 1 // the first range has applied it
	}
	rows := last - first
	at, rowA, stepA := first*g.a.stride+p, g.a.stride, 1
	if g.tA {
		at, rowA, stepA = p*g.a.stride+first, 1, g.a.stride
	}
	a := g.a.data[at:]
	if g.packA {
		a, rowA, stepA = g.fillA(w.a, a, rows, depth)
	}
	for col := lo; col < hi; col += g.panel {
		b, ldb := g.b.data, g.b.stride
		var next []float32
		if g.packB {
			at, size := (col-lo)*g.depth, g.panel*g.depth
			b, ldb, next = w.b[at:], g.panel, w.b[at+size:]
			if len(next) == 0 {
				next = w.b
			}
			next = next[:size]
		} else {
			b = b[p*ldb+col:]
		}
		simd.Product(rows, min(g.panel, hi-col), depth, g.alpha, a, rowA, stepA, b, ldb, next, beta, g.c.data[first*g.c.stride+col:], g.c.stride)
	}
}

// fillA packs a block of op(A) that begins at a and returns it with the distances of
// its rows and columns.
func (g *gemm) fillA(dst, a []float32, rows, depth int) (packed []float32, row, step int) {
	distance := g.depth + gemmPad
	switch {
	case bool(g.tA):
		simd.PackTransposed(dst, distance, a, g.a.stride, depth, rows)
	case simd.ProductByColumns():
		distance = g.rows + gemmPad
		simd.PackTransposed(dst, distance, a, g.a.stride, rows, depth)
		return dst, 1, distance
	default:
		for i := range rows {
			copy(dst[i*distance:][:depth], a[i*g.a.stride:])
		}
	}
	return dst, distance, 1
}

// fillB packs the products p to p+depth of columns lo to hi of op(B).
func (g *gemm) fillB(dst []float32, p, depth, lo, hi int) {
	b, stride := g.b.data, g.b.stride
	if g.tB {
		for col := lo; col < hi; col += g.panel {
			simd.PackTransposed(dst[(col-lo)*g.depth:], g.panel, b[col*stride+p:], stride, min(g.panel, hi-col), depth)
		}
		return
	}
	for q := 0; q < depth; q += gemmStep {
		for col := lo; col < hi; col += g.panel {
			simd.CopyPanel(dst[(col-lo)*g.depth+q*g.panel:], g.panel, b[(p+q)*stride+col:], stride,
				min(gemmStep, depth-q), min(g.panel, hi-col))
		}
	}
}
