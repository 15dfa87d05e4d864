package simd

import "math"

// SumSquares returns Σ x² in float64.
func SumSquares(x []float32) float64 {
	return DotDouble(x, x)
}

// SquaredErrors returns Σ (v - s)² in float64. s is as long as v or longer.
func SquaredErrors(v, s []float32) float64 {
	if active == portable || len(v) < short {
		return squaredErrorsGo(v, s)
	}
	s = s[:len(v)]
	sum := 0.0
	for lo := 0; lo < len(v); lo += piece {
		sum += squaredErrorsVector(v[lo:min(lo+piece, len(v))], s[lo:])
	}
	return sum
}

func squaredErrorsGo(v, s []float32) float64 {
	s = s[:len(v)]
	var s0, s1 float64
	i := 0
	for ; i+2 <= len(v); i += 2 {
		d0 := float64(v[i]) - float64(s[i])
		d1 := float64(v[i+1]) - float64(s[i+1])
		s0 += d0 * d0
		s1 += d1 * d1
	}
	if i < len(v) {
		d := float64(v[i]) - float64(s[i])
		s0 += d * d
	}
	return s0 + s1
}

// WeightedErrors returns Σ (w·(v - s)² - s²) in float64. w and s are as long as
// v or longer.
func WeightedErrors(w, v, s []float32) float64 {
	if active == portable || len(v) < short {
		return weightedErrorsGo(w, v, s)
	}
	w, s = w[:len(v)], s[:len(v)]
	sum := 0.0
	for lo := 0; lo < len(v); lo += piece {
		sum += weightedErrorsVector(w[lo:], v[lo:min(lo+piece, len(v))], s[lo:])
	}
	return sum
}

func weightedErrorsGo(w, v, s []float32) float64 {
	w, s = w[:len(v)], s[:len(v)]
	var sum float64
	for i := range v {
		score := float64(s[i])
		d := float64(v[i]) - score
		sum += float64(w[i])*(d*d) - score*score
	}
	return sum
}

// Norm returns the Euclidean norm of x. The squares are summed in float64, which
// no float32 overflows.
func Norm(x []float32) float32 {
	return float32(math.Sqrt(SumSquares(x)))
}
