package simd

// Normal is how the normal equations of an order are summed on the path in use: the
// form that the factors must have, and where the sums stand. For the ratings of a
// row, with weights w, targets t and rows y_j of the fixed side, they are
//
//	A = Σ_j w[j]·y_j·y_jᵀ, of which the lower triangle is wanted, and b = Σ_j t[j]·y_j.
type Normal struct {
	order  int
	padded int // the order in whole vectors, or in tiles of rankUpdate
	stride int
	size   int

	// AVX-512: the order of the tiles on the diagonal, and the matrix that has those below
	// it. matrix is where its first row begins in the sums, or would begin if the rows of the
	// first tile, where nothing is below, were there; its rows are apart elements apart.
	design        int
	matrix, apart int
}

// inPlaceFrom is the order from which on the sums of AVX-512 have a place for the system.
// Half-steps solve lower orders 16 at a time, whose sums then lie closer in the cache: where
// 96 and 112 had it too explicit half-steps took 0.99 to 1.01 of the time and implicit ones,
// which solve more systems, 1.04 to 1.08. With systems copied rank 128 takes 2 to 4 % longer;
// 16 at a time 128 and 144 take 0.99 to 1.07 of the time.
const inPlaceFrom = 113

// NewNormal returns what sums of an order ≥ 1 need.
func NewNormal(order int) Normal {
	n := Normal{order: order}
	switch active {
	case avx512:
		n.padded = roundUp(order, diagonalLanes)
		n.design = designOf(order)
		n.stride = n.padded
		diagonal, below := n.padded/diagonalLanes*designSize(n.design), n.padded-diagonalLanes
		n.matrix, n.apart, n.size = diagonal-diagonalLanes*below, below, diagonal+below*below
		if order >= inPlaceFrom {
			n.matrix, n.apart = diagonal, PanelStride(order+1)
			n.size = diagonal + max(n.padded, order+1)*n.apart
		}
	case avx2:
		n.padded = roundUp(order, 8)
		n.stride = n.padded
		n.size = (order + 1) * n.padded
	default:
		n.padded = PanelStride(order + 1)
		n.stride = order
		n.size = n.padded * n.padded
	}
	return n
}

func roundUp(n, step int) int { return (n + step - 1) / step * step }

// Stride is the row length of packed factors.
func (n *Normal) Stride() int { return n.stride }

// Size is the number of elements of the sums.
func (n *Normal) Size() int { return n.size }

// Direct reports whether rows of so many elements serve without being packed.
func (n *Normal) Direct(stored int) bool {
	return stored == n.order && (active == portable || stored == n.padded)
}

// Pack writes rows ids of the matrix y, or its first len(dst)/Stride rows if ids is
// nil, to dst in the form that the sums are made from. The first stored elements are
// in y, which may be empty where that is 0; those from there to columns ≤ order are
// 1, and what is beyond is 0.
func (n *Normal) Pack(dst, y []float32, ldy, stored, columns int, ids []int32) {
	rows := len(dst) / n.stride
	if ids != nil {
		rows = len(ids)
	}
	if rows == 0 {
		return
	}
	if n.Batched() {
		dst = dst[:rows*n.stride]
		if stored == 0 {
			y = dst // of which nothing is read
		} else if ids == nil {
			_ = y[(rows-1)*ldy+stored-1]
		}
		packVector(n.design, dst, y, ldy, stored, columns, ids)
		return
	}
	for j := range rows {
		at := j
		if ids != nil {
			at = int(ids[j])
		}
		row := dst[j*n.stride : (j+1)*n.stride]
		if stored > 0 {
			copyRow(row, y[at*ldy:at*ldy+stored])
		} else {
			clear(row)
		}
		for i := stored; i < columns; i++ {
			row[i] = 1
		}
	}
}

// Add sets sums to those before, which are the sums themselves or others, and what the
// ratings of a block contribute, if there is one. Nothing was before if that is nil. Then
// elements of the sums that Add never adds to are unspecified. y has factors that
// are packed or serve as they are, ldy apart; ids are theirs. There
// are as many ratings as elements of t. w is nil where all weights are 1, else at least
// as long. ids may go on: then factors are fetched ahead. panels has Scratch elements.
func (n *Normal) Add(sums, before, y []float32, ldy int, ids []int32, w, t, panels []float32) {
	if len(t) == 0 {
		return
	}
	sums = sums[:n.size]
	if before != nil {
		before = before[:n.size]
	}
	_ = ids[len(t)-1]
	if w != nil {
		w = w[:len(t)]
	}
	if active == portable {
		n.begin(sums, before)
		n.addPanels(sums, y, ldy, ids[:len(t)], w, t, panels)
		return
	}
	n.addTiles(sums, before, y, ldy, ids, w, t, panels)
}

// begin makes sums those before, or zeros.
func (n *Normal) begin(sums, before []float32) {
	switch {
	case before == nil:
		clear(sums)
	case &before[0] != &sums[0]:
		copy(sums, before)
	}
}

// Batched reports whether AddRows is there: for low orders on AVX-512, where the sums
// of a row take about as long as a call.
func (n *Normal) Batched() bool { return n.design > 0 && n.padded == diagonalLanes }

// AddRows sets the sums of len(offsets)-1 rows, which follow one another, to those before,
// the same for all rows, and what their ratings contribute: as many as the offsets are
// apart, the first at ids[0], t[0] and w[0], unless w is nil. Each row gets what Add does
// with blocks of 256 ratings; the sums of rows without ratings stay as they are. ids may go
// on beyond the last row: then factors are fetched ahead.
func (n *Normal) AddRows(sums, before []float32, offsets []int64, y []float32, ldy int, ids []int32, w, t []float32) {
	rows := len(offsets) - 1
	total := int(offsets[rows] - offsets[0])
	if total == 0 {
		return
	}
	_ = ids[total-1]
	if w != nil {
		w = w[:total]
	}
	if before != nil {
		before = before[:n.size]
	}
	n.addRows(sums[:rows*n.size], before, offsets, y, ldy, ids, w, t[:total])
}

// Spread writes sums as a system of k ≤ order unknowns: the lower triangle of A to
// the first k rows of a and the right-hand side to the row below them. The rows are
// lda ≥ PanelStride(k+1) apart; what is above the diagonal is overwritten.
func (n *Normal) Spread(a []float32, lda, k int, sums []float32) {
	a = a[:(k+1)*lda]
	if active == avx512 {
		n.spreadTiles(a, lda, k, sums[:n.size])
		return
	}
	for i := range k {
		copy(a[i*lda:(i+1)*lda], sums[i*n.padded:(i+1)*n.padded])
	}
	copy(a[k*lda:], sums[n.order*n.padded:(n.order+1)*n.padded])
}

// InPlace reports whether System is there.
func (n *Normal) InPlace() bool { return n.design > 0 && n.order >= inPlaceFrom }

// System is Spread of all unknowns to a matrix that is part of the sums, whose rows are
// PanelStride(order+1) apart.
func (n *Normal) System(sums []float32) []float32 {
	a := sums[n.matrix:n.size]
	n.spreadDiagonal(a, n.apart, n.order, sums)
	return a
}

// Collect writes the sums that Spread turns into the system a, whose rows are
// PanelStride(order+1) apart.
func (n *Normal) Collect(sums, a []float32) {
	lda := PanelStride(n.order + 1)
	sums = sums[:n.size]
	clear(sums)
	if active == avx512 {
		n.collectTiles(sums, a, lda)
		return
	}
	for i := range n.order + 1 {
		copy(sums[i*n.padded:], a[i*lda:i*lda+min(i+1, n.order)])
	}
}

// Scratch is the number of elements of scratch memory that Add needs for blocks of
// at most so many ratings.
func (n *Normal) Scratch(ratings int, weighted bool) int {
	switch {
	// Two vectors of a row times its weight.
	case active == avx512 && weighted && n.order > 2*diagonalLanes:
		return 2 * diagonalLanes * ratings
	case active == avx2 && weighted && n.order > 8:
		return 2 * 8 * ratings
	case active != portable:
		return 0
	case weighted:
		return 2 * ratings * n.padded
	default:
		return ratings * n.padded
	}
}

// addPanels is Add as one rank update of panels: those of y, with t after the last
// unknown on the left side.
func (n *Normal) addPanels(sums, y []float32, ldy int, ids []int32, w, t, panels []float32) {
	count, ld := len(ids), n.padded
	plain := panels[:count*ld]
	gather(plain, ld, y, ldy, n.order, ids)
	left := plain
	if w != nil {
		left = panels[count*ld : 2*count*ld]
		scaleRows(left, plain, ld, w)
	}
	for j, v := range t {
		left[j*ld+n.order] = v
	}
	rankUpdate(sums, left, plain, ld, count)
}
