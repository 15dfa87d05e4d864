package simd

const (
	// short is the number of elements below which plain Go is faster than a call.
	short = 8

	// piece is the most elements that a call takes: some ten microseconds.
	piece = 1 << 15
)

// Dot returns x·y, in four interleaved sums. y is as long as x or longer.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a, b := x[i:i+4:i+4], y[i:i+4:i+4]
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// DotDouble returns x·y summed in float64. y is as long as x or longer.
func DotDouble(x, y []float32) float64 {
	if active == portable || len(x) < short {
		return dotDoubleGo(x, y)
	}
	y = y[:len(x)]
	sum := 0.0
	for lo := 0; lo < len(x); lo += piece {
		sum += dotDoubleVector(x[lo:min(lo+piece, len(x))], y[lo:])
	}
	return sum
}

func dotDoubleGo(x, y []float32) float64 {
	y = y[:len(x)]
	var s0, s1 float64
	i := 0
	for ; i+2 <= len(x); i += 2 {
		s0 += float64(x[i]) * float64(y[i])
		s1 += float64(x[i+1]) * float64(y[i+1])
	}
	if i < len(x) {
		s0 += float64(x[i]) * float64(y[i])
	}
	return s0 + s1
}

// Axpy computes y += alpha·x. y is as long as x or longer and may be x itself.
func Axpy(alpha float32, x, y []float32) {
	if active == portable || len(x) < short {
		axpyGo(alpha, x, y)
		return
	}
	y = y[:len(x)]
	for lo := 0; lo < len(x); lo += piece {
		axpyVector(alpha, x[lo:min(lo+piece, len(x))], y[lo:])
	}
}

func axpyGo(alpha float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += alpha * v
	}
}

// Scale computes x = alpha·x.
func Scale(alpha float32, x []float32) { ScaleTo(x, alpha, x) }

// ScaleTo computes dst = alpha·x. dst is as long as x or longer and may be x itself.
func ScaleTo(dst []float32, alpha float32, x []float32) {
	if active == portable || len(x) < short {
		scaleToGo(dst, alpha, x)
		return
	}
	dst = dst[:len(x)]
	for lo := 0; lo < len(x); lo += piece {
		scaleToVector(dst[lo:], alpha, x[lo:min(lo+piece, len(x))])
	}
}

func scaleToGo(dst []float32, alpha float32, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = alpha * v
	}
}

// Add computes y += x. y is as long as x or longer.
func Add(x, y []float32) {
	if active == portable || len(x) < short {
		addGo(x, y)
		return
	}
	y = y[:len(x)]
	for lo := 0; lo < len(x); lo += piece {
		addVector(x[lo:min(lo+piece, len(x))], y[lo:])
	}
}

func addGo(x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += v
	}
}

// AddScalar adds a value to every element of x.
func AddScalar(value float32, x []float32) {
	for i := range x {
		x[i] += value
	}
}

// Mul computes dst = x∘y. dst may be x or y; both are as long as dst or longer.
func Mul(dst, x, y []float32) {
	if active == portable || len(dst) < short {
		mulGo(dst, x, y)
		return
	}
	x = x[:len(dst)]
	y = y[:len(dst)]
	for lo := 0; lo < len(dst); lo += piece {
		mulVector(dst[lo:min(lo+piece, len(dst))], x[lo:], y[lo:])
	}
}

func mulGo(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

// Fill sets every element of x.
func Fill(x []float32, value float32) {
	for i := range x {
		x[i] = value
	}
}

// Finite reports whether no element is NaN or infinite.
func Finite(x []float32) bool {
	// No sum of squares of finite elements leaves float64. s-s is 0 for a finite s and
	// NaN for the others.
	s := DotDouble(x, x)
	return s-s == 0
}
