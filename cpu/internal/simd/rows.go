package simd

// blockRows is the number of rows that the sums over rows add up before they go to
// the result.
const blockRows = 128

// DotRows computes dst[j] = x·y_j, where y_j is row ids[j] of the matrix y. dst
// is as long as ids or longer.
func DotRows(dst, x, y []float32, ldy int, ids []int32) {
	ends := [1]int64{int64(len(ids))}
	DotEntries(dst, x, 0, len(x), y, ldy, ids, dst, ends[:], 0)
}

// DotEntries computes dst[j] = x_r·y_j for consecutive entries of a sparse matrix, the
// first of which has the number at: x_r is the row of x, of k elements, that the entry's
// row has, and y_j is row ids[j] of the matrix y. The row of the first entry is row 0
// of x. ends has the number of the entry that each row ends before. dst is as long as
// ids or longer.
//
// beside has an element of each entry too. It is not read, but what follows it is
// fetched to the cache together with the ids.
func DotEntries(dst, x []float32, ldx, k int, y []float32, ldy int, ids []int32, beside []float32, ends []int64, at int64) {
	dst, beside = dst[:len(ids)], beside[:len(ids)]
	if k == 0 {
		clear(dst)
		return
	}
	step := max(entryPiece/k, 1)
	for r := 0; len(ids) > 0; {
		n := min(step, len(ids))
		last := r
		for ends[last] < at+int64(n) {
			last++
		}
		if active == portable {
			dotEntriesGo(dst[:n], x[r*ldx:last*ldx+k], ldx, k, y, ldy, ids[:n], ends[r:], at)
		} else {
			dotEntriesVector(dst[:n], x[r*ldx:last*ldx+k], ldx, k, y, ldy, ids[:n], beside, ends[r:], at)
		}
		dst, ids, beside, at = dst[n:], ids[n:], beside[n:], at+int64(n)
		r = last // of which nothing may be left
	}
}

// entryPiece is the most elements of Y that a call of dotEntriesVector takes: some ten
// microseconds.
const entryPiece = 1 << 17

func dotEntriesGo(dst, x []float32, ldx, k int, y []float32, ldy int, ids []int32, ends []int64, at int64) {
	for r := 0; len(ids) > 0; r++ {
		n := min(int(ends[r]-at), len(ids))
		dotRowsGo(dst[:n], rowAt(x, ldx, r, k), y, ldy, ids[:n])
		dst, ids, at = dst[n:], ids[n:], at+int64(n)
	}
}

func dotRowsGo(dst, x, y []float32, ldy int, ids []int32) {
	dst = dst[:len(ids)]
	k := len(x)
	j := 0
	for ; j+4 <= len(ids); j += 4 {
		d, id := dst[j:j+4:j+4], ids[j:j+4:j+4]
		d[0], d[1], d[2], d[3] = dot4(x, row(y, ldy, id[0], k), row(y, ldy, id[1], k), row(y, ldy, id[2], k), row(y, ldy, id[3], k))
	}
	for ; j < len(ids); j++ {
		dst[j] = dot1(x, row(y, ldy, ids[j], k))
	}
}

// WeightedSum computes dst += Σ_j w[j]·y_j, where y_j is row ids[j] of the matrix
// y. w is as long as ids or longer.
func WeightedSum(dst, y []float32, ldy int, ids []int32, w []float32) {
	if active == portable || len(dst) == 0 {
		weightedSumGo(dst, y, ldy, ids, w)
		return
	}
	w = w[:len(ids)]
	for lo := 0; lo < len(ids); lo += blockRows {
		hi := min(lo+blockRows, len(ids))
		weightedSumVector(dst, y, ldy, ids[lo:hi], w[lo:hi])
	}
}

func weightedSumGo(dst, y []float32, ldy int, ids []int32, w []float32) {
	w = w[:len(ids)]
	k := len(dst)
	j := 0
	for ; j+4 <= len(ids); j += 4 {
		id, a := ids[j:j+4:j+4], w[j:j+4:j+4]
		axpy4(dst, a[0], a[1], a[2], a[3], row(y, ldy, id[0], k), row(y, ldy, id[1], k), row(y, ldy, id[2], k), row(y, ldy, id[3], k))
	}
	for ; j < len(ids); j++ {
		Axpy(w[j], row(y, ldy, ids[j], k), dst)
	}
}

// NormalProduct computes dst += Σ_j w[j]·(x·y_j)·y_j, the product of YᵀWY with x. y_j
// is row ids[j] of the matrix y. x is as long as dst, w as long as ids or longer.
func NormalProduct(dst, x, y []float32, ldy int, ids []int32, w []float32) {
	if active == portable {
		normalProductGo(dst, x, 0, y, ldy, ids, w)
		return
	}
	if len(x) == 0 || len(x) > productWidth*vectorLanes() {
		normalProductParts(dst, x, 0, y, ldy, ids, w)
		return
	}
	n := len(ids) / productRows * productRows
	for lo := 0; lo < n; lo += blockRows {
		normalProductVector(dst, x, y, ldy, ids[lo:min(lo+blockRows, n)], w[lo:])
	}
	if rest := len(ids) - n; rest > 0 {
		// The last row goes with a weight of 0 too, so that there are enough.
		var id [productRows]int32
		var weight [productRows]float32
		copy(id[:], ids[n:])
		copy(weight[:rest], w[n:])
		for j := rest; j < productRows; j++ {
			id[j] = id[rest-1]
		}
		normalProductVector(dst, x, y, ldy, id[:], weight[:])
	}
}

const (
	productWidth = 8 // vectors that a row may have in the assembly
	productRows  = 4 // rows that the assembly takes at a time
)

// vectorLanes is the number of elements of a vector of the path in use.
func vectorLanes() int {
	if active == avx512 {
		return 16
	}
	return 8
}

// NormalProductBias computes dst += Σ_j s_j·y_j with s_j = w[j]·(x·y_j + shift), and
// returns Σ_j s_j. It is NormalProduct with the vector (x, shift), where every row of Y
// has a 1 appended: the result's last element is what is returned.
func NormalProductBias(dst, x []float32, shift float32, y []float32, ldy int, ids []int32, w []float32) float32 {
	if active == portable {
		return normalProductGo(dst, x, shift, y, ldy, ids, w)
	}
	return normalProductParts(dst, x, shift, y, ldy, ids, w)
}

// normalProductParts computes the scores of some rows, then their weighted sum.
func normalProductParts(dst, x []float32, shift float32, y []float32, ldy int, ids []int32, w []float32) float32 {
	w = w[:len(ids)]
	var total float32
	var block [blockRows]float32
	for lo := 0; lo < len(ids); lo += blockRows {
		hi := min(lo+blockRows, len(ids))
		scores := block[:hi-lo]
		DotRows(scores, x, y, ldy, ids[lo:hi])
		var sum float32
		for j, a := range w[lo:hi] {
			scores[j] = a * (scores[j] + shift)
			sum += scores[j]
		}
		WeightedSum(dst[:len(x)], y, ldy, ids[lo:hi], scores)
		total += sum
	}
	return total
}

func normalProductGo(dst, x []float32, shift float32, y []float32, ldy int, ids []int32, w []float32) float32 {
	w = w[:len(ids)]
	k := len(x)
	dst = dst[:k]
	var sum float32
	j := 0
	for ; j+4 <= len(ids); j += 4 {
		id, a := ids[j:j+4:j+4], w[j:j+4:j+4]
		y0, y1, y2, y3 := row(y, ldy, id[0], k), row(y, ldy, id[1], k), row(y, ldy, id[2], k), row(y, ldy, id[3], k)
		s0, s1, s2, s3 := dot4(x, y0, y1, y2, y3)
		s0 = a[0] * (s0 + shift)
		s1 = a[1] * (s1 + shift)
		s2 = a[2] * (s2 + shift)
		s3 = a[3] * (s3 + shift)
		sum += (s0 + s1) + (s2 + s3)
		axpy4(dst, s0, s1, s2, s3, y0, y1, y2, y3)
	}
	for ; j < len(ids); j++ {
		yj := row(y, ldy, ids[j], k)
		s := w[j] * (dot1(x, yj) + shift)
		sum += s
		Axpy(s, yj, dst)
	}
	return sum
}

func row(y []float32, ldy int, id int32, k int) []float32 { return rowAt(y, ldy, int(id), k) }

func rowAt(y []float32, ldy, i, k int) []float32 { return y[i*ldy : i*ldy+k] }

// dot1 and the functions below add in the order of the elements, so that their sums
// have the same bits.
func dot1(x, y []float32) float32 {
	y = y[:len(x)]
	var s float32
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func dot4(x, y0, y1, y2, y3 []float32) (s0, s1, s2, s3 float32) {
	n := len(x)
	y0, y1, y2, y3 = y0[:n], y1[:n], y2[:n], y3[:n]
	for i, v := range x {
		s0 += v * y0[i]
		s1 += v * y1[i]
		s2 += v * y2[i]
		s3 += v * y3[i]
	}
	return s0, s1, s2, s3
}

// dot4x2 returns the products of four rows x with two rows y, row by row of x.
func dot4x2(x0, x1, x2, x3, y0, y1 []float32) (s00, s01, s10, s11, s20, s21, s30, s31 float32) {
	n := len(x0)
	x1, x2, x3, y0, y1 = x1[:n], x2[:n], x3[:n], y0[:n], y1[:n]
	for i, v := range x0 {
		a, b := y0[i], y1[i]
		s00 += v * a
		s01 += v * b
		v = x1[i]
		s10 += v * a
		s11 += v * b
		v = x2[i]
		s20 += v * a
		s21 += v * b
		v = x3[i]
		s30 += v * a
		s31 += v * b
	}
	return s00, s01, s10, s11, s20, s21, s30, s31
}

// axpy4 computes dst += a0·y0 + a1·y1 + a2·y2 + a3·y3.
func axpy4(dst []float32, a0, a1, a2, a3 float32, y0, y1, y2, y3 []float32) {
	n := len(dst)
	y0, y1, y2, y3 = y0[:n], y1[:n], y2[:n], y3[:n]
	for i := range dst {
		dst[i] += (a0*y0[i] + a1*y1[i]) + (a2*y2[i] + a3*y3[i])
	}
}
