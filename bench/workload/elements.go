package workload

import (
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// Copy is the copy of a matrix, the rate that memory-bound kernels are held to.
func Copy(rows, cols int) Case {
	return elementwise("copy_matrix", rows, cols, 2, 0, func(w *Work, x, y kernels.Matrix) error {
		return w.stream.CopyMatrix(y, x)
	}, func(x, _ float64) float64 { return x })
}

// Axpy is Y += alpha·X.
func Axpy(rows, cols int) Case {
	return elementwise("axpy", rows, cols, 3, 2, func(w *Work, x, y kernels.Matrix) error {
		return w.stream.Axpy(0.5, x, y)
	}, func(x, y float64) float64 { return y + 0.5*x })
}

// Mul is the element-wise product of two matrices in the place of one.
func Mul(rows, cols int) Case {
	return elementwise("mul", rows, cols, 3, 1, func(w *Work, x, y kernels.Matrix) error {
		return w.stream.Mul(y, x, y)
	}, func(x, y float64) float64 { return x * y })
}

// elementwise is an operation on matrices x and y that overwrites y and passes over
// memory so many times. The operands are of a size of about 1, and rounds on results
// of rounds keep them finite: y is put back before each, out of the time.
func elementwise(kernel string, rows, cols, passes, operations int,
	run func(w *Work, x, y kernels.Matrix) error, want func(x, y float64) float64) Case {
	n := float64(rows) * float64(cols)
	c := Case{
		Kernel: kernel, Shape: fmt.Sprintf("%dx%d", rows, cols),
		Operations: n * float64(operations), Bytes: float32Bytes * n * float64(passes), MemoryBound: true,
	}
	c.prepare = func(w *Work) error {
		x, hostX, err := w.matrix(rows, cols, 1)
		if err != nil {
			return err
		}
		kept, hostY, err := w.matrix(rows, cols, 1)
		if err != nil {
			return err
		}
		y, err := w.zeros(rows, cols)
		if err != nil {
			return err
		}
		w.reset = func() error { return w.stream.CopyMatrix(y, kept) }
		w.run = func() error { return run(w, x, y) }
		w.verify = func() error {
			lo, hi := sample(rows, 4)
			result := rowsOf(hostY, cols, lo, hi)
			for i, v := range rowsOf(hostX, cols, lo, hi).Data {
				result.Data[i] = want(v, result.Data[i])
			}
			return w.compareRows(y, lo, result)
		}
		return nil
	}
	return c
}

// ColumnSums is the sums of the columns of a matrix.
func ColumnSums(rows, cols int) Case {
	return reduction("column_sums", rows, cols, cols, 1, func(w *Work, out kernels.Buffer[float32], a kernels.Matrix) error {
		return w.stream.ColumnSums(out, a)
	}, kernelstest.ColumnSums)
}

// RowNorms is the lengths of the rows of a matrix.
func RowNorms(rows, cols int) Case {
	return reduction("row_norms", rows, cols, rows, 2, func(w *Work, out kernels.Buffer[float32], a kernels.Matrix) error {
		return w.stream.RowNorms(out, a)
	}, kernelstest.RowNorms)
}

func reduction(kernel string, rows, cols, results, operations int,
	run func(w *Work, out kernels.Buffer[float32], a kernels.Matrix) error, want func(kernelstest.Dense) []float64) Case {
	n := float64(rows) * float64(cols)
	c := Case{
		Kernel: kernel, Shape: fmt.Sprintf("%dx%d", rows, cols),
		Operations: n * float64(operations), Bytes: float32Bytes * (n + float64(results)), MemoryBound: true,
	}
	c.prepare = func(w *Work) error {
		a, host, err := w.matrix(rows, cols, 1)
		if err != nil {
			return err
		}
		out, err := buffer[float32](w, results)
		if err != nil {
			return err
		}
		w.run = func() error { return run(w, out, a) }
		w.verify = func() error {
			got := make([]float32, results)
			if err := kernels.Download(w.stream, got, out); err != nil {
				return err
			}
			return compare(got, want(rowsOf(host, cols, 0, rows)))
		}
		return nil
	}
	return c
}

// Gather copies rows of a matrix in random order.
func Gather(rows, cols int) Case {
	n := float64(rows) * float64(cols)
	c := Case{
		Kernel: "gather_rows", Shape: fmt.Sprintf("%dx%d", rows, cols),
		Bytes: float32Bytes * (2*n + float64(rows)), MemoryBound: true,
	}
	c.prepare = func(w *Work) error {
		src, host, err := w.matrix(rows, cols, 1)
		if err != nil {
			return err
		}
		dst, err := w.zeros(rows, cols)
		if err != nil {
			return err
		}
		order, err := buffer[int32](w, rows)
		if err != nil {
			return err
		}
		ids := w.permutation(rows)
		w.run = func() error { return w.stream.GatherRows(dst, src, order) }
		w.verify = func() error {
			lo, hi := sample(rows, 4)
			return w.compareRows(dst, lo, kernelstest.GatherRows(rowsOf(host, cols, 0, rows), ids[lo:hi]))
		}
		return kernels.Upload(w.stream, order, ids)
	}
	return c
}

// ScatterAdd adds the rows of a matrix to those of another, in random order, each
// four times.
func ScatterAdd(rows, cols int) Case {
	const sources = 4 // of a destination
	n := float64(rows) * float64(cols)
	c := Case{
		Kernel: "scatter_add_rows", Shape: fmt.Sprintf("%dx%d", rows, cols),
		Operations: n, Bytes: float32Bytes * (3*n + float64(rows)), MemoryBound: true,
	}
	c.prepare = func(w *Work) error {
		src, host, err := w.matrix(rows, cols, 1)
		if err != nil {
			return err
		}
		places := (rows + sources - 1) / sources
		dst, err := w.zeros(places, cols)
		if err != nil {
			return err
		}
		order, err := buffer[int32](w, rows)
		if err != nil {
			return err
		}
		ids := w.permutation(rows)
		for i := range ids {
			ids[i] /= sources
		}
		w.reset = func() error { return w.stream.Fill(dst, 0) }
		w.run = func() error { return w.stream.ScatterAddRows(dst, src, order) }
		w.verify = func() error {
			want := kernelstest.NewDense(places, cols)
			kernelstest.ScatterAddRows(want, rowsOf(host, cols, 0, rows), ids)
			return w.compareRows(dst, 0, want)
		}
		return kernels.Upload(w.stream, order, ids)
	}
	return c
}

func (w *Work) permutation(n int) []int32 {
	ids := make([]int32, n)
	for i, v := range w.rng.Perm(n) {
		ids[i] = int32(v)
	}
	return ids
}

// unit is the size of elements for which rows of k have length about 1.
func unit(k int) float64 { return 1 / math.Sqrt(float64(k)) }
