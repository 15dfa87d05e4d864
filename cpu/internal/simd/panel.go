package simd

const (
	// tile is the number of rows that rankUpdate computes at a time.
	tile = 4

	// vectorStride is a multiple of the lengths of vectors: rows that are so far
	// apart can be read in whole vectors.
	vectorStride = 16
)

// PanelStride returns the row length of a panel or a system with k columns in use: k
// rounded up to the tile of rankUpdate or to whole vectors. Lengths that are
// multiples of 128 bytes are avoided, as they put the rows into few sets of the
// cache.
func PanelStride(k int) int {
	step := tile
	if active != portable {
		step = vectorStride
	}
	ld := (k + step - 1) / step * step
	if ld%32 == 0 {
		ld += step
	}
	return ld
}

// gather copies the first k elements of the rows ids of the matrix y to the rows
// of the panel and sets the rest of each row to zero.
func gather(panel []float32, ldp int, y []float32, ldy, k int, ids []int32) {
	for j, id := range ids {
		copyRow(panel[j*ldp:(j+1)*ldp], y[int(id)*ldy:int(id)*ldy+k])
	}
}

// copyRow copies src to dst and sets the rest of dst to zero.
func copyRow(dst, src []float32) {
	// For a few elements the call of memmove costs more than the loop.
	if len(src) > 24 {
		copy(dst, src)
	} else {
		head := dst[:len(src)]
		for i := range head {
			head[i] = src[i]
		}
	}
	clear(dst[len(src):])
}

// scaleRows computes row j of dst as w[j] times row j of the panel src, for each
// element of w.
func scaleRows(dst, src []float32, ldp int, w []float32) {
	for j, a := range w {
		ScaleTo(dst[j*ldp:(j+1)*ldp], a, src[j*ldp:(j+1)*ldp])
	}
}

// rankUpdate computes A += UᵀV for the lower triangle of A, where U and V are
// panels of n ≥ 1 rows: A[i][j] += Σ_r u[r][i]·v[r][j] for i ≥ j. A has ldp rows and
// columns, ldp apart. Some elements above the diagonal are overwritten too.
func rankUpdate(a []float32, u, v []float32, ldp, n int) {
	for i := 0; i < ldp; i += tile {
		for j := 0; j < i+tile; j += 2 {
			rankUpdate4x2(a[i*ldp+j:], u[i:], v[j:], ldp, n)
		}
	}
}

// rankUpdate4x2 updates four rows and two columns. Eight sums are what fits the
// registers; on an Intel Xeon of 2023 tiles of 4×4 and 3×4 were a third slower.
func rankUpdate4x2(a []float32, u, v []float32, ldp, n int) {
	var s00, s01, s10, s11, s20, s21, s30, s31 float32
	for r, at := 0, 0; r < n; r, at = r+1, at+ldp {
		x, y := u[at:at+4:at+4], v[at:at+2:at+2]
		y0, y1 := y[0], y[1]
		x0 := x[0]
		s00 += x0 * y0
		s01 += x0 * y1
		x0 = x[1]
		s10 += x0 * y0
		s11 += x0 * y1
		x0 = x[2]
		s20 += x0 * y0
		s21 += x0 * y1
		x0 = x[3]
		s30 += x0 * y0
		s31 += x0 * y1
	}
	row := a[:2]
	row[0] += s00
	row[1] += s01
	row = a[ldp : ldp+2]
	row[0] += s10
	row[1] += s11
	row = a[2*ldp : 2*ldp+2]
	row[0] += s20
	row[1] += s21
	row = a[3*ldp : 3*ldp+2]
	row[0] += s30
	row[1] += s31
}
