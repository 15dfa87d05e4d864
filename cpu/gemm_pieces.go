package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// pieceStrip is the order of the square of C that is computed at a time. Tasks and
	// blocks begin at multiples of it.
	pieceStrip = 2 * simd.PieceRows

	// pieceRows is the most rows of A that are packed at a time: with simd.PieceLimit
	// products 1 MB, which stays in the second level of the cache.
	pieceRows = 320

	// pieceColumns is the most columns of C in a task, which bounds the scratch.
	pieceColumns = 2048

	// pieceShare is how many times the operations must be that are worth another worker
	// elsewhere: they take half the time, and every worker packs. Two workers took 25 µs
	// for 128 rows, where one took 17.
	pieceShare = 8
)

// pieceGemm computes what gemm does with the tile registers of AMX: simd.MultiplyPieces
// sums in them the products of three pieces of bfloat16 that make up each float32. Both
// operands are packed, A a block at a time. For a range of products and a square of C whose
// operands the pieces do not represent, as simd.PieceBounds says, simd.Product is called in
// place of it. Squares and ranges are cut by the shape alone, so that the bits do not depend
// on the tasks.
//
// The floor is 24 multiplications of tiles, 384 cycles, for a square of C and 32 products:
// 2.7 times the multiply-adds of AVX-512 in as many cycles. With random operands such a step
// takes 160 to 190 ns where it takes 140 with zeros: what limits it then is the power of the
// processor, not its cycles. Packing takes 0.15 ns an element, 0.25 if it is transposed, and
// is bound by writing 6 bytes for each to the second level of the cache. Rows of square
// matrices, GFLOP/s of gemm and with pieces, on one thread and on two:
//
//	 256  184 253  321 403
//	 512  172 263  320 455
//	1024  165 264  331 525
//	2048  166 274  343 528
//
// Ranges of 256 products are a tenth slower, of 768 and 1024 and blocks of 160 to 224 rows of
// A no faster. Two workers who pack both operands as a whole first, none of it twice, take
// 1.2 times as long for 512 rows and as long or longer for 1024: what one packs comes from the
// caches of the other. Squares cut into rows, which pack the cheaper operand twice, take as
// long to 5 % longer than cut into columns.
//
// Errors, in units of 2^-24 of the sum of magnitudes, root mean square, of sums of 32, 512
// and 4096 products, with pieces and without: 0.23, 0.21, 0.08 and 0.47, 0.34, 0.12 for
// normal numbers, 0.8, 2.2, 1.1 and 1.4, 2.7, 1.3 for positive ones. The greatest of 10,240
// elements were 8.7 and 10.5.
type pieceGemm struct {
	product
	work []pieceScratch // of each participant
}

// pieceScratch holds a block of op(A) and columns of op(B), in panels of pieces, with the
// bounds of each panel.
type pieceScratch struct {
	a, b             []float32
	boundsA, boundsB []simd.PieceBounds
	small            []float32 // of the functions of simd
	strip            []float32 // columns of op(B) for simd.Product
}

// worthPieces reports whether a product takes less time with pieces. They halve the time of
// the multiplications, and to pack an element takes as long as some 30 of these. The bounds
// are measured on operands of 32 to 50,000 rows.
func worthPieces(m, n, k int) bool {
	const rows, columns, products = 128, 96, 64
	return simd.Pieces() && m >= rows && n >= columns && k >= products
}

// run computes a product of so many operations.
func (g *pieceGemm) run(s *stream, p *product, cost float64) error {
	g.work = grown(g.work, s.dev.pool.threads)
	g.product = *p
	defer func() { g.product = product{} }()
	cost /= pieceShare
	g.cut(s.participants(s.dev.pool.threads, cost))
	return s.run(g, g.down.count()*g.across.count(), cost)
}

// cut chooses the tiles for so many participants.
func (g *pieceGemm) cut(participants int) {
	g.tile(participants, pieceStrip, pieceStrip, pieceColumns)
	g.depth = evenly(g.inner, simd.PieceLimit, simd.PieceDepth)
	g.rows = evenly(g.down.step, pieceRows, pieceStrip)
}

func (g *pieceGemm) layout(who int, a *arena) {
	w := &g.work[who]
	panel := simd.PanelPieces(g.depth)
	panelsA, panelsB := g.rows/simd.PieceRows, g.across.step/simd.PieceRows
	*w = pieceScratch{
		a:       carve[float32](a, panelsA*panel),
		b:       carve[float32](a, panelsB*panel),
		boundsA: grown(w.boundsA, panelsA),
		boundsB: grown(w.boundsB, panelsB),
		small:   carve[float32](a, max(simd.PieceScratch, simd.MultiplyScratch)),
	}
	if g.tB {
		w.strip = carve[float32](a, pieceStrip*g.depth)
	}
}

func (g *pieceGemm) task(who, i int) {
	w := &g.work[who]
	lo, hi := g.across.at(i % g.across.count())
	first, last := g.down.at(i / g.across.count())
	for p := 0; p < g.inner; p += g.depth {
		depth := min(g.depth, g.inner-p)
		at, stride := elementAt(&g.b, g.tB, p, lo), g.b.stride
		simd.SplitPieces(w.b, w.boundsB, false, g.b.data[at:], stride, bool(g.tB), hi-lo, depth, w.small)
		for row := first; row < last; row += g.rows {
			rows := min(g.rows, last-row)
			at, stride := elementAt(&g.a, !g.tA, p, row), g.a.stride
			simd.SplitPieces(w.a, w.boundsA, true, g.a.data[at:], stride, !bool(g.tA), rows, depth, w.small)
			g.multiply(w, row, row+rows, p, depth, lo, hi)
		}
	}
}

// elementAt is where element p of the inner dimension and element i of the other lies; along
// says that the inner dimension lies along the rows.
func elementAt(m *matrix, along kernels.Trans, p, i int) int {
	if along {
		return i*m.stride + p
	}
	return p*m.stride + i
}

// multiply adds the products p to p+depth to rows first to last of columns lo to hi
// of C.
func (g *pieceGemm) multiply(w *pieceScratch, first, last, p, depth, lo, hi int) {
	beta := g.beta
	if p > 0 {
		beta = 1 // the first range has applied it
	}
	panel := simd.PanelPieces(depth)
	all := joined(w.boundsA, last-first)
	for col := lo; col < hi; col += pieceStrip {
		columns, number := min(pieceStrip, hi-col), (col-lo)/simd.PieceRows
		b, c := w.b[number*panel:], g.c.data[first*g.c.stride+col:]
		bounds := joined(w.boundsB[number:], columns)
		if all.Suffice(bounds) {
			// The next columns, or the first for the next rows.
			next := b[(columns+simd.PieceRows-1)/simd.PieceRows*panel:]
			if col+columns == hi {
				next = w.b
			}
			next = next[:min(len(next), 2*panel)]
			simd.MultiplyPieces(last-first, columns, depth, g.alpha, w.a, b, next, beta, c, g.c.stride, w.small)
			continue
		}
		g.multiplyStrip(w, b, bounds, first, last, p, depth, col, columns, beta)
	}
}

// joined are the bounds of n rows or columns.
func joined(b []simd.PieceBounds, n int) simd.PieceBounds {
	all := b[0]
	for _, c := range b[1 : (n+simd.PieceRows-1)/simd.PieceRows] {
		all = all.Join(c)
	}
	return all
}

// multiplyStrip is multiply for columns of which some squares may need simd.Product.
func (g *pieceGemm) multiplyStrip(w *pieceScratch, packed []float32, bounds simd.PieceBounds, first, last, p, depth, col, columns int, beta float32) {
	panel := simd.PanelPieces(depth)
	b, ldb := g.b.data[elementAt(&g.b, g.tB, p, col):], g.b.stride
	if g.tB {
		simd.PackTransposed(w.strip, pieceStrip, b, ldb, columns, depth)
		b, ldb = w.strip, pieceStrip
	}
	rowA, stepA := g.a.stride, 1
	if g.tA {
		rowA, stepA = 1, g.a.stride
	}
	for row := first; row < last; row += pieceStrip {
		rows, number := min(pieceStrip, last-row), (row-first)/simd.PieceRows
		c := g.c.data[row*g.c.stride+col:]
		if joined(w.boundsA[number:], rows).Suffice(bounds) {
			simd.MultiplyPieces(rows, columns, depth, g.alpha, w.a[number*panel:], packed, nil, beta, c, g.c.stride, w.small)
		} else {
			simd.Product(rows, columns, depth, g.alpha, g.a.data[elementAt(&g.a, !g.tA, p, row):], rowA, stepA, b, ldb, nil, beta, c, g.c.stride)
		}
	}
}
