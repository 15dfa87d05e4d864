package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

const (
	// gramPieceRows is how many rows of Y are packed at a time. Longer blocks are read from
	// the second level of the cache more often: 256 and 512 rows take a tenth longer.
	gramPieceRows = 128

	// gramPieceColumns is the least number of columns for which pieces take less time, in
	// gramPieceRows rows or more. To pack an element, in two operands, takes as long as
	// 60 multiply-adds.
	gramPieceColumns = 256
)

// gramPieces holds a block of rows of Y and of Yᵀ in panels of pieces, with the bounds of
// each panel.
type gramPieces struct {
	left, right, small []float32
	bounds             []simd.PieceBounds
}

func (w *gramPieces) layout(a *arena, columns, depth int) {
	panels := (columns + simd.PieceRows - 1) / simd.PieceRows
	size := panels * simd.PanelPieces(depth)
	*w = gramPieces{
		left:   carve[float32](a, size),
		right:  carve[float32](a, size),
		small:  carve[float32](a, max(simd.PieceScratch, simd.MultiplyScratch)),
		bounds: grown(w.bounds, panels),
	}
}

// addPieces adds the Gram matrix of the rows lo to hi with the tile registers of AMX, as
// pieceGemm does. Where pieces do not represent the products, it reports false and adds
// nothing.
func (g *gram) addPieces(w *gramPieces, dst []float32, lo, hi int) bool {
	columns, rows := g.y.cols, hi-lo
	simd.SplitBoth(w.left, w.right, w.bounds, g.y.data[lo*g.y.stride:], g.y.stride, columns, rows, w.small)
	all := joined(w.bounds, columns)
	if !all.Suffice(all) {
		return false
	}
	next, panel := g.next(lo, hi), simd.PanelPieces(rows)
	size, strips := len(next), (columns+pieceStrip-1)/pieceStrip
	for left := strips; left > 0; left-- {
		col := (strips - left) * pieceStrip
		fetched := next[:min(len(next), size*left/(strips*(strips+1)/2))]
		next = next[len(fetched):]
		at := col / simd.PieceRows * panel
		simd.MultiplyPieces(columns-col, min(pieceStrip, columns-col), rows, 1, w.left[at:], w.right[at:], fetched, 1, dst[col*g.ld+col:], g.ld, w.small)
	}
	return true
}

// next is the block after the rows lo to hi, which is fetched in proportion to the work.
func (g *gram) next(lo, hi int) []float32 {
	next := g.y.data[min(hi*g.y.stride, len(g.y.data)):]
	return next[:min(len(next), (hi-lo)*g.y.stride)]
}
