//go:build amd64 && !noasm

package simd

// symmetricProductVector takes rows ≥ 1 from first on, where row begins, and writes what
// they add to their own elements to own, sums and magnitudes in turn.
func symmetricProductVector(y, magnitude, row []float32, ld int, x, own []float32, first, rows int) {
	if active == avx2 {
		symmetricProductAVX2(&y[0], &magnitude[0], &row[0], ld, &x[0], &own[0], first, rows)
	} else {
		symmetricProductAVX512(&y[0], &magnitude[0], &row[0], ld, &x[0], &own[0], first, rows)
	}
}
