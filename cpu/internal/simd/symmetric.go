package simd

import "math"

// SymmetricLength is the length of the vectors of SymmetricProduct for order n: whole
// vectors of registers.
func SymmetricLength(n int) int { return (n + vectorStride - 1) / vectorStride * vectorStride }

// SymmetricProduct computes y = A·x and magnitude = |A|·|x| for a symmetric matrix A of
// order n, whose diagonal counts as zeros. a has the lower triangle in rows ld apart.
// y, magnitude and x have SymmetricLength(n) elements, those of x beyond n zeros; the
// elements of the others beyond n are overwritten. scratch has 2·n elements.
func SymmetricProduct(y, magnitude, a []float32, ld int, x, scratch []float32, n int) {
	length := SymmetricLength(n)
	y, magnitude, x = y[:length], magnitude[:length], x[:length]
	clear(y)
	clear(magnitude)
	if n < 2 {
		return
	}
	_, scratch = a[(n-1)*ld+n-2], scratch[:2*n]
	if active == portable {
		symmetricProductGo(y[:n], magnitude, a, ld, x)
		return
	}
	step := max(piece/n, 1)
	for first := 1; first < n; first += step {
		symmetricProductVector(y, magnitude, a[first*ld:], ld, x, scratch[2*first:], first, min(step, n-first))
	}
	for i := 1; i < n; i++ {
		y[i] += scratch[2*i]
		magnitude[i] += scratch[2*i+1]
	}
}

func symmetricProductGo(y, magnitude, a []float32, ld int, x []float32) {
	for i := range y {
		row := a[i*ld:][:i]
		above, before := y[:i], x[:i]
		sizes := magnitude[:i]
		var sum, size float32
		for j, v := range row {
			sum += v * before[j]
			size += abs(v * before[j])
			term := v * x[i]
			above[j] += term
			sizes[j] += abs(term)
		}
		y[i] += sum
		magnitude[i] += size
	}
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
