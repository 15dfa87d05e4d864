package simd

// The functions of this file are the steps of conjugate gradients on vectors of
// float64. The first operand says how long the others are, or longer.

// Widen computes dst = single.
func Widen(dst []float64, single []float32) {
	single = single[:len(dst)]
	n := wholeDoubles(len(dst))
	if n > 0 {
		widenVector(dst[:n], single)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = float64(single[i])
	}
}

// Round rounds x to single.
func Round(single []float32, x []float64) {
	x = x[:len(single)]
	n := wholeDoubles(len(single))
	if n > 0 {
		roundVector(single[:n], x)
	}
	for i := n; i < len(single); i++ {
		single[i] = float32(x[i])
	}
}

// DotFloat64 returns x·y.
func DotFloat64(x, y []float64) float64 {
	y = y[:len(x)]
	n := wholeDoubles(len(x))
	var sum float64
	if n > 0 {
		sum = dotFloat64Vector(x[:n], y)
	}
	for i := n; i < len(x); i++ {
		sum += x[i] * y[i]
	}
	return sum
}

// Descend computes x += length·p and r -= length·ap, and returns r·r.
func Descend(x, r, p, ap []float64, length float64) float64 {
	r, p, ap = r[:len(x)], p[:len(x)], ap[:len(x)]
	n := wholeDoubles(len(x))
	var sum float64
	if n > 0 {
		sum = descendVector(x[:n], r, p, ap, length)
	}
	for i := n; i < len(x); i++ {
		x[i] += length * p[i]
		r[i] -= length * ap[i]
		sum += r[i] * r[i]
	}
	return sum
}

// Turn computes p = r + factor·p and writes p rounded to single.
func Turn(p, r []float64, single []float32, factor float64) {
	r, single = r[:len(p)], single[:len(p)]
	n := wholeDoubles(len(p))
	if n > 0 {
		turnVector(p[:n], r, single, factor)
	}
	for i := n; i < len(p); i++ {
		p[i] = r[i] + factor*p[i]
		single[i] = float32(p[i])
	}
}

// AddRidge computes dst = single + ridge·p.
func AddRidge(dst []float64, single []float32, p []float64, ridge float64) {
	single, p = single[:len(dst)], p[:len(dst)]
	n := wholeDoubles(len(dst))
	if n > 0 {
		addRidgeVector(dst[:n], single, p, ridge)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = float64(single[i]) + ridge*p[i]
	}
}

// wholeDoubles is how many of n elements the assembly takes.
func wholeDoubles(n int) int {
	switch active {
	case avx512:
		return n &^ 7
	case avx2:
		return n &^ 3
	default:
		return 0
	}
}
