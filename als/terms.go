package als

import "math"

// The terms of a half-step on the host, in float64. kernels.Problem has the
// formulas.

// terms returns the weight a and the target t of a stored rating.
func (c Config) terms(rating float32) (a, t float64) {
	r := float64(rating)
	switch c.Convention {
	case Implicit:
		a = c.Alpha * math.Abs(r)
		if r > 0 {
			t = 1 + c.Alpha*r
		}
	case Confidence:
		a = math.Abs(r) - 1
		if r > 0 {
			t = r
		}
	default:
		a, t = 1, r
	}
	return a, t
}

// allPairs is the weight g of the term over all pairs.
func (c Config) allPairs() float64 {
	switch c.Convention {
	case Implicit, Confidence:
		return 1
	case IALS:
		return c.W0
	default:
		return 0
	}
}

// weight is (n + w₀N)^ν of a row with the given ratings out of N columns, the
// factor of its λ.
func (c Config) weight(values []float32, columns int) float64 {
	n := 0.0
	for _, v := range values {
		if v > 0 || c.Convention == Explicit || c.Convention == IALS {
			n++
		}
	}
	if c.Convention == IALS {
		n += c.W0 * float64(columns)
	}
	return math.Pow(n, c.exponent())
}

// system is the normal equations of one row: A, row-major with both triangles,
// and b.
type system struct {
	a, b []float64
}

// fixedSide is the side that a half-step holds fixed, in float64: rows (y, 1) with
// biases, else y, and the offset of each row, 0 without biases.
type fixedSide struct {
	rows, width int
	y           []float64
	offset      []float64

	// gram and offsetGram are the sums over all rows, empty for Explicit.
	gram, offsetGram []float64
}

// newFixedSide takes factors of Config.width columns, the last one the bias if
// there are biases.
func (c Config) newFixedSide(rows int, factors []float32, mean float32) *fixedSide {
	width := c.width()
	f := &fixedSide{rows: rows, width: width, y: make([]float64, len(factors)), offset: make([]float64, rows)}
	for j, v := range factors {
		f.y[j] = float64(v)
	}
	if c.Biases {
		for row := range rows {
			bias := &f.y[row*width+c.Rank]
			f.offset[row] = *bias + float64(mean)
			*bias = 1
		}
	}
	if !c.Convention.AllPairs() {
		return f
	}
	f.gram, f.offsetGram = make([]float64, width*width), make([]float64, width)
	for row := range rows {
		addOuter(f.gram, 1, f.row(row))
		addScaled(f.offsetGram, f.offset[row], f.row(row))
	}
	return f
}

func (f *fixedSide) row(row int) []float64 { return f.y[row*f.width:][:f.width] }

// system builds the normal equations of the row of a side with the given ratings.
func (c Config) system(side Side, f *fixedSide, columns []int32, values []float32) system {
	s := system{a: make([]float64, f.width*f.width), b: make([]float64, f.width)}
	if g := c.allPairs(); g != 0 {
		addScaled(s.a, g, f.gram)
		addScaled(s.b, -g, f.offsetGram)
	}
	for j, column := range columns {
		a, t := c.terms(values[j])
		y := f.row(int(column))
		addOuter(s.a, a, y)
		addScaled(s.b, t-a*f.offset[column], y)
	}
	weight := c.weight(values, f.rows)
	for k := range f.width {
		lambda := c.lambda(side)
		if k == c.Rank {
			lambda = c.biasLambda(side)
		}
		s.a[k*f.width+k] += lambda * weight
	}
	return s
}

// addOuter adds w·y·yᵀ to the matrix a.
func addOuter(a []float64, w float64, y []float64) {
	for i, v := range y {
		addScaled(a[i*len(y):][:len(y)], w*v, y)
	}
}

// addScaled adds w·y to x.
func addScaled(x []float64, w float64, y []float64) {
	for k, v := range y {
		x[k] += w * v
	}
}
