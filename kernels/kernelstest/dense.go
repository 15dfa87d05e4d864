package kernelstest

// Dense is a row-major matrix of float64 in host memory, without padding. It is
// what the references of this package compute with.
type Dense struct {
	Rows, Cols int
	Data       []float64
}

// NewDense returns a matrix of zeros.
func NewDense(rows, cols int) Dense {
	return Dense{Rows: rows, Cols: cols, Data: make([]float64, rows*cols)}
}

// DenseOf returns a matrix with the given elements, row by row.
//
//go:norace
func DenseOf(rows, cols int, values []float32) Dense {
	d := NewDense(rows, cols)
	for i := range d.Data {
		d.Data[i] = float64(values[i])
	}
	return d
}

// At returns element (i, j).
func (d Dense) At(i, j int) float64 { return d.Data[i*d.Cols+j] }

// Set changes element (i, j).
func (d Dense) Set(i, j int, v float64) { d.Data[i*d.Cols+j] = v }

// Row returns row i, which shares its elements with the matrix.
func (d Dense) Row(i int) []float64 { return d.Data[i*d.Cols : (i+1)*d.Cols] }

// Clone returns a copy.
func (d Dense) Clone() Dense {
	return Dense{Rows: d.Rows, Cols: d.Cols, Data: append([]float64(nil), d.Data...)}
}

// Float32 returns the elements, rounded.
//
//go:norace
func (d Dense) Float32() []float32 {
	values := make([]float32, len(d.Data))
	for i, v := range d.Data {
		values[i] = float32(v)
	}
	return values
}

// transposed returns the transposed matrix, or the matrix itself.
//
//go:norace
func (d Dense) transposed(yes bool) Dense {
	if !yes {
		return d
	}
	t := NewDense(d.Cols, d.Rows)
	for i := range d.Rows {
		for j := range d.Cols {
			t.Set(j, i, d.At(i, j))
		}
	}
	return t
}

// withOnes returns the matrix with a last column of ones, as Problem counts the
// fixed side of an Objective with Bias.
func (d Dense) withOnes() Dense {
	w := NewDense(d.Rows, d.Cols+1)
	for i := range d.Rows {
		copy(w.Row(i), d.Row(i))
		w.Set(i, d.Cols, 1)
	}
	return w
}

// dot, axpy and the conversions are what the references spend their time in. The
// race detector, which would make them ten times slower, has nothing to find in
// them: a reference works on memory of its own.
//
//go:norace
func dot(x, y []float64) float64 {
	s := 0.0
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

// axpy computes y += alpha·x.
//
//go:norace
func axpy(alpha float64, x, y []float64) {
	for i := range x {
		y[i] += alpha * x[i]
	}
}
