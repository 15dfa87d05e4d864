//go:build amd64 && !noasm

package simd

// productTiles computes tiles ≥ 1 times height rows of C.
func productTiles(height, tiles, columns int, a []float32, rowA, stepA int, b []float32, stepB int, next *float32, advance int, c []float32, ldc, k int, alpha, beta float32) {
	if active == avx2 {
		gemmTilesAVX2(height, tiles, columns, &a[0], rowA, stepA, &b[0], stepB, next, advance, &c[0], ldc, k, alpha, beta)
	} else {
		gemmTilesAVX512(height, tiles, columns, &a[0], rowA, stepA, &b[0], stepB, next, advance, &c[0], ldc, k, alpha, beta)
	}
}

// packTransposed takes a vector's length of rows and groups ≥ 1 of 4 columns.
func packTransposed(dst []float32, ldd int, src []float32, lds, groups int) {
	if active == avx2 {
		packTransposedAVX2(&dst[0], ldd, &src[0], lds, groups)
	} else {
		packTransposedAVX512(&dst[0], ldd, &src[0], lds, groups)
	}
}

// copyPanel copies rows ≥ 1 times columns.
func copyPanel(dst []float32, ldd int, src []float32, lds, columns, rows int) {
	if active == avx2 {
		copyPanelAVX2(&dst[0], ldd, &src[0], lds, columns, rows)
	} else {
		copyPanelAVX512(&dst[0], ldd, &src[0], lds, columns, rows)
	}
}

func splitPieces(tiles int, dst *float32, dstStep int, src *float32, srcStep, row, pair, both, single, lower, upper int, begin bool, seen *float32, seenStep int, aside []float32, asideStep int) {
	splitPiecesAMX(tiles, dst, dstStep, src, srcStep, row, pair, both, single, lower, upper, begin, seen, seenStep, first(aside), asideStep)
}

func pieceBounds(panels int, seen *float32, bounds *uint32) { pieceBoundsAMX(panels, seen, bounds) }

// multiplyPieces takes distances in bytes.
func multiplyPieces(rows, columns, steps int, a, b *float32, panel int, next *float32, lines int, alpha, beta float32, c *float32, ldc int, sums *float32) {
	multiplyPiecesAMX(rows, columns, steps, a, b, panel, next, lines, alpha, beta, c, ldc, sums)
}
