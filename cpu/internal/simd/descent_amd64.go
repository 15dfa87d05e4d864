//go:build amd64 && !noasm

package simd

// The first operand of the functions below is whole vectors, at least one.

func widenVector(dst []float64, single []float32) {
	if active == avx2 {
		widenAVX2(&dst[0], &single[0], len(dst))
	} else {
		widenAVX512(&dst[0], &single[0], len(dst))
	}
}

func roundVector(single []float32, x []float64) {
	if active == avx2 {
		roundAVX2(&single[0], &x[0], len(single))
	} else {
		roundAVX512(&single[0], &x[0], len(single))
	}
}

func dotFloat64Vector(x, y []float64) float64 {
	if active == avx2 {
		return dotFloat64AVX2(&x[0], &y[0], len(x))
	}
	return dotFloat64AVX512(&x[0], &y[0], len(x))
}

func descendVector(x, r, p, ap []float64, length float64) float64 {
	if active == avx2 {
		return descendAVX2(&x[0], &r[0], &p[0], &ap[0], len(x), length)
	}
	return descendAVX512(&x[0], &r[0], &p[0], &ap[0], len(x), length)
}

func turnVector(p, r []float64, single []float32, factor float64) {
	if active == avx2 {
		turnAVX2(&p[0], &r[0], &single[0], len(p), factor)
	} else {
		turnAVX512(&p[0], &r[0], &single[0], len(p), factor)
	}
}

func addRidgeVector(dst []float64, single []float32, p []float64, ridge float64) {
	if active == avx2 {
		addRidgeAVX2(&dst[0], &single[0], &p[0], len(dst), ridge)
	} else {
		addRidgeAVX512(&dst[0], &single[0], &p[0], len(dst), ridge)
	}
}
