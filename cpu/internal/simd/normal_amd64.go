//go:build amd64 && !noasm

package simd

// normalTiles adds the lower triangle of order k and the right-hand side for ids
// that are not empty. w is nil where all weights are 1.
//
// The columns are taken two vectors at a time: the tile on the diagonal, one vector
// wide, then those below it, two wide.
func normalTiles(a []float32, lda int, b, y []float32, ldy, k int, ids []int32, w, t *float32) {
	lanes, most := 16, 14
	if active == avx2 {
		lanes, most = 8, 6
	}
	n, id := len(ids), &ids[0]
	_, _ = a[(k-1)*lda+k-1], b[k-1]
	for col := 0; col < k; col += 2 * lanes {
		diagonal, right, columns := &a[col*lda+col], &b[col], &y[col]
		if height := k - col; height <= lanes {
			if active == avx2 {
				normalTopAVX2(height, diagonal, lda, right, columns, ldy, id, n, w, t)
			} else {
				normalTopAVX512(height, diagonal, lda, right, columns, ldy, id, n, w, t)
			}
			return
		}
		last := min(k-col-lanes, lanes)
		if active == avx2 {
			normalTopPairAVX2(last, diagonal, lda, right, columns, ldy, id, n, w, t)
		} else {
			normalTopPairAVX512(last, diagonal, lda, right, columns, ldy, id, n, w, t)
		}
		// The rows below are shared out evenly.
		row := col + lanes
		for tiles := (k - row + most - 1) / most; tiles > 0; tiles-- {
			height := (k - row) / tiles
			tile := &a[row*lda+col]
			if active == avx2 {
				normalPairAVX2(height, last, tile, lda, row-col, columns, ldy, id, n, w)
			} else {
				normalPairAVX512(height, last, tile, lda, row-col, columns, ldy, id, n, w)
			}
			row += height
		}
	}
}
