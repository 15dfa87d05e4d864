//go:build amd64 && !noasm

package simd

func weighVector(a, t, r []float32, c Weighing) {
	if active == avx2 {
		weighAVX2(&a[0], &t[0], &r[0], len(r), c.Scale, c.Shift, c.Slope, c.Base)
	} else {
		weighAVX512(&a[0], &t[0], &r[0], len(r), c.Scale, c.Shift, c.Slope, c.Base)
	}
}

func subtractOffsetsVector(t, a, offset []float32, ids []int32) {
	if active == avx2 {
		subtractOffsetsAVX2(&t[0], &a[0], &offset[0], &ids[0], len(t))
	} else {
		subtractOffsetsAVX512(&t[0], &a[0], &offset[0], &ids[0], len(t))
	}
}

// countPositiveVector counts in pieces that a lane of AVX2 can count.
func countPositiveVector(r []float32) int {
	n := 0
	for len(r) > 0 {
		part := r[:min(len(r), 1<<16)]
		if active == avx2 {
			n += countPositiveAVX2(&part[0], len(part))
		} else {
			n += countPositiveAVX512(&part[0], len(part))
		}
		r = r[len(part):]
	}
	return n
}
