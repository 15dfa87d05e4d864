//go:build amd64 && !noasm

package simd

// addColumnsVector takes the columns four half vectors at a time, then one.
func addColumnsVector(dst []float64, x []float32, ldx, m int) {
	half := 8
	if active == avx2 {
		half = 4
	}
	var sums [4 * 8]float64
	for col := 0; col < len(dst); {
		columns := 4 * half
		if len(dst)-col >= columns {
			if active == avx2 {
				sumRowsAVX2(&sums[0], &x[col], ldx, m)
			} else {
				sumRowsAVX512(&sums[0], &x[col], ldx, m)
			}
		} else {
			columns = min(len(dst)-col, half)
			if active == avx2 {
				sumRowsLastAVX2(&sums[0], columns, &x[col], ldx, m)
			} else {
				sumRowsLastAVX512(&sums[0], columns, &x[col], ldx, m)
			}
		}
		for j, v := range sums[:columns] {
			dst[col+j] += v
		}
		col += columns
	}
}
