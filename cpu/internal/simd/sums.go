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

// ConfidenceErrors returns Σ (p - s)² and Σ (c·(p - s)² - s²) in float64, for ratings r
// with the preference p = 1 if r > 0, else 0, and the confidence c = base + alpha·|r|. s
// is as long as r or longer.
func ConfidenceErrors(r, s []float32, base, alpha float32) (plain, weighted float64) {
	if active == portable || len(r) < short {
		return confidenceErrorsGo(r, s, base, alpha)
	}
	s = s[:len(r)]
	for lo := 0; lo < len(r); lo += piece {
		p, w := confidenceErrorsVector(r[lo:min(lo+piece, len(r))], s[lo:], base, alpha)
		plain += p
		weighted += w
	}
	return plain, weighted
}

func confidenceErrorsGo(r, s []float32, base, alpha float32) (plain, weighted float64) {
	s = s[:len(r)]
	for i, v := range r {
		preference, score := 0.0, float64(s[i])
		if v > 0 {
			preference = 1
		}
		d := (preference - score) * (preference - score)
		plain += d
		weighted += (float64(base)+float64(alpha)*math.Abs(float64(v)))*d - score*score
	}
	return plain, weighted
}

// Norm returns the Euclidean norm of x. The squares are summed in float64, which
// no float32 overflows.
func Norm(x []float32) float32 {
	return float32(math.Sqrt(SumSquares(x)))
}
