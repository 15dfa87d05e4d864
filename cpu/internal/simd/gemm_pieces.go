package simd

const (
	// PieceRows is how many rows of A or columns of B a panel of pieces has.
	PieceRows = 16

	// PieceDepth is how many products a step has. Panels are zero up to a multiple of it.
	PieceDepth = 32

	// PieceLimit is the most products that go into a sum of pieces.
	PieceLimit = 512

	pieceStep  = 3 * PieceRows * PieceDepth / 2 // elements of a panel for a step
	pieceBytes = 4 * pieceStep
	boundWords = 3 * 16 // three vectors, what splitPieces sees of a panel
)

// Pieces reports whether SplitPieces and MultiplyPieces can be called.
func Pieces() bool { return tiled }

// PanelPieces is the length of a panel of pieces for k products.
func PanelPieces(k int) int { return (k + PieceDepth - 1) / PieceDepth * pieceStep }

// PieceBounds says of what size the first pieces of a panel are, as the bits of bfloat16
// without sign. Its content is for this package alone.
type PieceBounds struct {
	greatest uint32
	less     uint32 // 1 less than the least that is not 0
	inexact  uint32 // not 0: some elements are so small that they are no sum of three pieces
}

// Join returns the bounds of two panels.
func (b PieceBounds) Join(c PieceBounds) PieceBounds {
	return PieceBounds{max(b.greatest, c.greatest), min(b.less, c.less), b.inexact | c.inexact}
}

// Suffice reports whether sums of up to PieceLimit products of elements within these and
// other bounds are as accurate as in float32.
//
// The tile registers take numbers for zero that are not normal, which pieces of elements
// below 2^-103 may be, and make zeros of such products. With products of elements of 2^-100
// or more what is lost is below 2^-26 of each. Sums that may leave the range of float32 on
// the way are left to it, as are infinities and NaN.
func (b PieceBounds) Suffice(c PieceBounds) bool {
	const (
		bias, special = 127, 255
		sum           = 12 // 1<<sum is above 4·PieceLimit: a product is below 4 powers of two
	)
	least, greatest := b.least()+c.least(), b.exponent()+c.exponent()
	return b.inexact|c.inexact == 0 &&
		min(b.least(), c.least()) >= bias-103 && least >= 2*bias-100 &&
		max(b.exponent(), c.exponent()) < special && greatest+sum <= 3*bias
}

// exponent is that of the greatest, biased, and least that of the least. Of zeros alone it
// is above all others.
func (b PieceBounds) exponent() uint32 { return b.greatest >> 7 }
func (b PieceBounds) least() uint32    { return (b.less + 1) >> 7 }

// SplitPieces packs an operand of MultiplyPieces: n rows of A or n columns of B with k ≥ 1
// elements each, in panels of PanelPieces(k), of which the last is filled up with zeros.
// Where along is true these lie in rows of src, ld apart; where it is false src has k rows
// of n elements. left says that it is A. bounds are written for each panel. scratch has
// room for PieceScratch elements.
func SplitPieces(dst []float32, bounds []PieceBounds, left bool, src []float32, ld int, along bool, n, k int, scratch []float32) {
	if along != left {
		split(dst, bounds, src, ld, along, n, k, scratch[pieceStep:PieceScratch], scratch, 0)
	} else {
		split(dst, bounds, src, ld, along, n, k, scratch[pieceStep:PieceScratch], nil, 0)
	}
}

// SplitBoth packs B of k ≥ 1 rows of n elements, ld apart, and its transpose A.
func SplitBoth(a, b []float32, bounds []PieceBounds, src []float32, ld, n, k int, scratch []float32) {
	_ = b[(n+PieceRows-1)/PieceRows*PanelPieces(k)-1]
	split(a, bounds, src, ld, false, n, k, scratch[pieceStep:PieceScratch], b, PanelPieces(k))
}

// PieceScratch is the scratch of SplitPieces and SplitBoth: a step, and what is seen of
// panels.
const PieceScratch = pieceStep + splitPanels*boundWords

// splitPanels is how many panels are made at a time.
const splitPanels = 16

// split writes rows of src as rows of tiles to dst or, if aside is not nil, as columns. In
// that case the rows go to aside: those of each step to the same place, or with apart > 0
// those of each panel so many elements further. seen is scratch.
func split(dst []float32, bounds []PieceBounds, src []float32, ld int, along bool, n, k int, seen, aside []float32, apart int) {
	panels, size := (n+PieceRows-1)/PieceRows, PanelPieces(k)
	_, _ = dst[panels*size-1], bounds[panels-1]
	if along {
		_ = src[(n-1)*ld+k-1]
	} else {
		_ = src[(k-1)*ld+n-1]
	}
	for first := 0; first < panels; first += splitPanels {
		count := min(splitPanels, panels-first)
		at, columns := dst[first*size:], min(splitPanels*PieceRows, n-first*PieceRows)
		if along {
			splitAlong(at, size, seen, src[first*PieceRows*ld:], ld, columns, k, aside)
		} else {
			splitAcross(at, size, seen, src[first*PieceRows:], ld, columns, k, aside[first*apart:], apart)
		}
		pieceBounds(count, &seen[0], &bounds[first].greatest)
	}
}

// splitAlong takes each panel from 16 rows of src.
func splitAlong(dst []float32, size int, seen []float32, src []float32, ld, n, k int, aside []float32) {
	whole, rest := k/PieceDepth, k%PieceDepth
	for i, p := 0, 0; i < n; i, p = i+PieceRows, p+1 {
		rows, panel, bounds := min(PieceRows, n-i), dst[p*size:], &seen[p*boundWords]
		if whole > 0 {
			splitPieces(whole, &panel[0], pieceBytes, &src[i*ld], 4*PieceDepth, ld, 16, rows, 0, 16, 16, true, bounds, 0, aside, 0)
		}
		if rest > 0 {
			splitPieces(1, &panel[whole*pieceStep], 0, &src[i*ld+whole*PieceDepth], 0, ld, 16, rows, 0, min(rest, 16), max(rest-16, 0), whole == 0, bounds, 0, aside, 0)
		}
	}
}

// splitAcross takes a step of every panel from 32 rows of src at a time, as these are then
// read as streams.
func splitAcross(dst []float32, size int, seen []float32, src []float32, ld, n, k int, aside []float32, apart int) {
	whole, rest := n/PieceRows, n%PieceRows
	for p, at := 0, 0; p < k; p, at = p+PieceDepth, at+pieceStep {
		both := min(max(k-p-16, 0), 16)
		single := min(k-p, 16) - both
		if whole > 0 {
			splitPieces(whole, &dst[at], 4*size, &src[p*ld], 4*PieceRows, ld, 16*ld, both, single, 16, 16, p == 0, &seen[0], 4*boundWords, aside, 4*apart)
		}
		if rest > 0 {
			splitPieces(1, &dst[whole*size+at], 0, &src[p*ld+whole*PieceRows], 0, ld, 16*ld, both, single, rest, rest, p == 0, &seen[whole*boundWords], 0, aside[whole*apart:], 0)
		}
		if apart > 0 {
			aside = aside[pieceStep:]
		}
	}
}

// MultiplyPieces computes C = alpha·A·B + beta·C for C of m rows and n ≤ 32 columns, ldc
// apart, and sums of k ≥ 1 products, from the panels that SplitPieces has made of A and B.
// Where beta is 0, C is not read. scratch has room for MultiplyScratch elements.
//
// The bits of an element of C depend on its operands and k only. The pieces must suffice,
// as PieceBounds says.
//
// next is fetched into the second level of the cache meanwhile. It may be nil.
func MultiplyPieces(m, n, k int, alpha float32, a, b []float32, next []float32, beta float32, c []float32, ldc int, scratch []float32) {
	if m == 0 || n == 0 {
		return
	}
	size := PanelPieces(k)
	steps, strips := size/pieceStep, (m+2*PieceRows-1)/(2*PieceRows)
	_, _, _ = a[(m+PieceRows-1)/PieceRows*size-1], b[(n+PieceRows-1)/PieceRows*size-1], c[(m-1)*ldc+n-1]
	fetched, lines := &b[0], 0
	if len(next) > 0 {
		const line = 16 // elements
		fetched, lines = &next[0], (len(next)/line+steps*strips-1)/(steps*strips)
	}
	multiplyPieces(m, n, steps, &a[0], &b[0], 4*size, fetched, lines, alpha, beta, &c[0], 4*ldc, &scratch[:MultiplyScratch][0])
}

// MultiplyScratch is the scratch of MultiplyPieces.
const MultiplyScratch = 2 * PieceRows * 2 * PieceRows
