//go:build amd64 && !noasm

package simd

// diagonalLanes is the order of the tiles on the diagonal, for AVX-512.
const diagonalLanes = 16

// designOf is the order of the design that a system's tiles on the diagonal use: the
// least that suffices.
func designOf(order int) int {
	switch {
	case order <= 8:
		return 8
	case order <= 10:
		return 10
	case order <= 12:
		return 12
	default:
		return 16
	}
}

// designSize is the number of sums of a design: a vector for each product and one
// for the right-hand side.
func designSize(design int) int {
	switch design {
	case 8:
		return 4 * diagonalLanes
	case 10:
		return 5 * diagonalLanes
	case 12:
		return 7 * diagonalLanes
	default:
		return 11 * diagonalLanes
	}
}

// prefetchFrom is the number of elements from which on factors do not stay in the
// first-level cache, and prefetchDistance how many ratings ahead they are fetched.
const (
	prefetchFrom     = 1 << 13
	prefetchDistance = 24

	// blockAhead is the same for orders above 16.
	blockAhead = 8
)

func first(v []float32) *float32 {
	if len(v) == 0 {
		return nil
	}
	return &v[0]
}

// addTiles adds the sums of one row for ids that are not empty.
//
// With AVX-512 the sums begin with those of the tiles on the diagonal; the tiles
// below have their places in a matrix that follows. With AVX2 all are in a matrix of padded columns, and the
// right-hand side is the row below.
func (n *Normal) addTiles(sums, before, y []float32, ldy int, ids []int32, w, t, scaled []float32) {
	if active == avx2 {
		n.begin(sums, before)
		n.addTilesAVX2(sums, y, ldy, ids, w, t, scaled)
		return
	}
	if n.padded == diagonalLanes {
		offsets := [...]int64{0, int64(len(t))}
		n.addRows(sums, before, offsets[:], y, ldy, ids, w, t)
		return
	}
	const lanes, most = diagonalLanes, 14
	id, count, weights, size := &ids[0], len(t), first(w), designSize(n.design)
	ld := n.apart
	_ = sums[n.size-1]
	old := func(at int) *float32 {
		if before == nil {
			return nil
		}
		return &before[at]
	}
	if w != nil && n.order > 2*lanes {
		scaled = scaled[:2*lanes*count]
	}
	products := first(scaled)
	// The first tiles read rows ahead of time, a few cache lines each.
	fetched, ahead := 0, min(blockAhead, len(ids)-count)
	offsets := [...]int64{0, int64(count)}
	for col := 0; col < n.padded; col += 2 * lanes {
		columns := &y[col]
		// The rows below are shared out evenly.
		row, have := col+2*lanes, false // whether products has those of these columns
		for tiles := (n.order - row + most - 1) / most; tiles > 0; tiles-- {
			height, at := (n.order-row)/tiles, n.matrix+row*ld+col
			switch {
			case fetched < n.padded:
				normalPairAheadAVX512(height, &sums[at], old(at), ld, row-col, columns, ldy, id, count, weights, products, &y[fetched], ahead)
				fetched += 4 * lanes
			case have:
				normalPairScaledAVX512(height, &sums[at], old(at), ld, row-col, columns, ldy, id, count, products)
			default:
				normalPairAVX512(height, &sums[at], old(at), ld, row-col, columns, ldy, id, count, weights, products)
			}
			row += height
			have = w != nil
		}
		diagonal, at := col/lanes*size, n.matrix+(col+lanes)*ld+col
		if col+lanes == n.padded {
			normalRows16AVX512(&sums[diagonal], old(diagonal), &offsets[0], 1, columns, ldy, id, 0, weights, &t[0])
			return
		}
		distance := 0
		if fetched < n.padded {
			distance = ahead
		}
		normalTopBelowAVX512(n.order-col-lanes, &sums[diagonal], old(diagonal), &sums[at], old(at), ld, columns, ldy, id, count, weights, &t[0], columns, distance)
		normalRows16AVX512(&sums[diagonal+size], old(diagonal+size), &offsets[0], 1, &y[col+lanes], ldy, id, 0, weights, &t[0])
	}
}

// addTilesAVX2 takes the columns two vectors at a time: the tile on the diagonal, one
// vector wide, then those below it, two wide.
func (n *Normal) addTilesAVX2(sums, y []float32, ldy int, ids []int32, weights, targets, scaled []float32) {
	const lanes, most = 8, 6
	k, ld := n.order, n.padded
	count, id, b, w := len(targets), &ids[0], sums[k*ld:], first(weights)
	if w != nil && k > lanes {
		scaled = scaled[:2*lanes*count]
	}
	products := first(scaled)
	t := &targets[0]
	for col := 0; col < k; col += 2 * lanes {
		diagonal, right, columns := &sums[col*ld+col], &b[col], &y[col]
		if height := k - col; height <= lanes {
			normalTopAVX2(height, diagonal, ld, right, columns, ldy, id, count, w, t)
			return
		}
		normalTopPairAVX2(diagonal, ld, right, columns, ldy, id, count, w, t)
		row := col + lanes
		for tiles := (k - row + most - 1) / most; tiles > 0; tiles-- {
			height := (k - row) / tiles
			if w != nil && row > col+lanes {
				normalPairScaledAVX2(height, &sums[row*ld+col], ld, row-col, columns, ldy, id, count, products)
			} else {
				normalPairAVX2(height, &sums[row*ld+col], ld, row-col, columns, ldy, id, count, w, products)
			}
			row += height
		}
	}
}

func (n *Normal) addRows(sums, before []float32, offsets []int64, y []float32, ldy int, ids []int32, w, t []float32) {
	ahead := 0
	if len(y) > prefetchFrom && len(t)+prefetchDistance < len(ids) {
		ahead = prefetchDistance
	}
	rows, to, from := len(offsets)-1, &offsets[0], &y[0]
	switch n.design {
	case 8:
		normalRows8AVX512(&sums[0], first(before), to, rows, from, ldy, &ids[0], ahead, first(w), &t[0])
	case 10:
		normalRows10AVX512(&sums[0], first(before), to, rows, from, ldy, &ids[0], ahead, first(w), &t[0])
	case 12:
		normalRows12AVX512(&sums[0], first(before), to, rows, from, ldy, &ids[0], ahead, first(w), &t[0])
	default:
		normalRows16AVX512(&sums[0], first(before), to, rows, from, ldy, &ids[0], ahead, first(w), &t[0])
	}
}

func (n *Normal) spreadTiles(a []float32, lda, k int, sums []float32) {
	const lanes = diagonalLanes
	n.spreadDiagonal(a, lda, k, sums)
	for row := lanes; row < k; row += lanes {
		for col := 0; col < row; col += 2 * lanes {
			from := sums[n.matrix+row*n.apart+col:]
			CopyPanel(a[row*lda+col:], lda, from, n.apart, min(k-row, lanes), min(row-col, 2*lanes))
		}
	}
}

// spreadDiagonal is Spread of the tiles on the diagonal and of the right-hand side.
func (n *Normal) spreadDiagonal(a []float32, lda, k int, sums []float32) {
	const lanes = diagonalLanes
	size, b := designSize(n.design), a[k*lda:]
	for col := 0; col < k; col += lanes {
		to, from, rows := &a[col*lda+col], &sums[col/lanes*size], min(k-col, lanes)
		switch n.design {
		case 8:
			normalSpread8AVX512(to, lda, rows, &b[col], from)
		case 10:
			normalSpread10AVX512(to, lda, rows, &b[col], from)
		case 12:
			normalSpread12AVX512(to, lda, rows, &b[col], from)
		default:
			normalSpread16AVX512(to, lda, rows, &b[col], from)
		}
	}
}

func packVector(design int, dst, y []float32, ldy, stored, columns int, ids []int32) {
	n := len(dst) / diagonalLanes
	var id *int32
	if ids != nil {
		id = &ids[0]
	}
	switch design {
	case 8:
		normalPack8AVX512(&dst[0], &y[0], ldy, stored, columns, id, n)
	case 10:
		normalPack10AVX512(&dst[0], &y[0], ldy, stored, columns, id, n)
	case 12:
		normalPack12AVX512(&dst[0], &y[0], ldy, stored, columns, id, n)
	default:
		normalPack16AVX512(&dst[0], &y[0], ldy, stored, columns, id, n)
	}
}
