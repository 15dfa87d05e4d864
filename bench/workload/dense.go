package workload

import (
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

const float32Bytes = 4

// Gemm is C = A·B for A of m×k and B of k×n.
func Gemm(m, n, k int) Case {
	c := Case{
		Kernel: "gemm", Shape: fmt.Sprintf("%dx%dx%d", m, n, k),
		Operations: 2 * float64(m) * float64(n) * float64(k),
		Bytes:      float32Bytes * (float64(m)*float64(k) + float64(k)*float64(n) + float64(m)*float64(n)),
	}
	c.prepare = func(w *Work) error {
		a, hostA, err := w.matrix(m, k, 1)
		if err != nil {
			return err
		}
		b, hostB, err := w.matrix(k, n, 1)
		if err != nil {
			return err
		}
		product, err := w.zeros(m, n)
		if err != nil {
			return err
		}
		w.run = func() error { return w.stream.Gemm(kernels.NoTrans, kernels.NoTrans, 1, a, b, 0, product) }
		w.verify = func() error {
			lo, hi := sample(m, 2)
			want := kernelstest.NewDense(hi-lo, n)
			kernelstest.Gemm(kernels.NoTrans, kernels.NoTrans, 1, rowsOf(hostA, k, lo, hi), rowsOf(hostB, n, 0, k), 0, want)
			return w.compareRows(product, lo, want)
		}
		return nil
	}
	return c
}

// Gram is G = YᵀY for Y of rows×k.
func Gram(rows, k int) Case {
	n, d := float64(rows), float64(k)
	c := Case{
		Kernel: "gram", Shape: fmt.Sprintf("%dx%d", rows, k),
		Operations: n * d * (d + 1), Bytes: float32Bytes * n * d,
	}
	c.prepare = func(w *Work) error {
		y, host, err := w.matrix(rows, k, 1)
		if err != nil {
			return err
		}
		g, err := w.zeros(k, k)
		if err != nil {
			return err
		}
		w.run = func() error { return w.stream.Gram(g, y) }
		w.verify = func() error { return w.compareRows(g, 0, kernelstest.Gram(rowsOf(host, k, 0, rows))) }
		return nil
	}
	return c
}

// SolveSPD is count systems of order n. Putting the systems back that a round
// overwrites is not timed.
func SolveSPD(count, n int) Case {
	d := float64(n)
	c := Case{
		Kernel: "solve_spd", Shape: fmt.Sprintf("%dx%d", count, n),
		Operations: float64(count) * (d*d*d/3 + 2*d*d),
		Bytes:      float32Bytes * float64(count) * (d*(d+1)/2 + 2*d),
	}
	c.prepare = func(w *Work) error {
		systems, err := w.positiveDefinite(n)
		if err != nil {
			return err
		}
		batch, err := kernels.AllocBatch(w.stream, count, n)
		if err != nil {
			return err
		}
		w.frees = append(w.frees, batch.Free)
		kept, err := kernels.AllocBatch(w.stream, len(systems), n)
		if err != nil {
			return err
		}
		w.frees = append(w.frees, kept.Free)
		for i, s := range systems {
			if err := kernels.Upload(w.stream, kept.At(i).Buf, s.Float32()); err != nil {
				return err
			}
		}
		b, hostB, err := w.matrix(count, n, 1)
		if err != nil {
			return err
		}
		rhs, err := w.zeros(count, n)
		if err != nil {
			return err
		}
		if err := w.stream.CopyMatrix(rhs, b); err != nil {
			return err
		}
		info, err := buffer[int32](w, count)
		if err != nil {
			return err
		}
		w.reset = func() error {
			size := float32Bytes * n * n
			for i := 0; i < count; i += len(systems) {
				bytes := size * min(len(systems), count-i)
				if err := w.stream.Copy(batch.Buf.Mem, i*size, kept.Buf.Mem, 0, bytes); err != nil {
					return err
				}
			}
			return w.stream.CopyMatrix(b, rhs)
		}
		w.run = func() error { return w.stream.SolveSPD(batch, b, info) }
		w.verify = func() error {
			want := kernelstest.DenseOf(len(systems), n, hostB[:len(systems)*n])
			kernelstest.SolveSPD(systems, want)
			return w.compareRows(b, 0, want)
		}
		return nil
	}
	return c
}

// solveSystems is how many different systems SolveSPD has. A batch repeats them,
// since drawing them takes longer than solving.
const solveSystems = 8

// positiveDefinite draws systems of the kind of ALS: the Gram matrix of some more
// rows than unknowns, and a tenth of their number on the diagonal.
func (w *Work) positiveDefinite(n int) ([]kernelstest.Dense, error) {
	systems := make([]kernelstest.Dense, solveSystems)
	for i := range systems {
		y := make([]float32, (n+n/2)*n)
		for j := range y {
			y[j] = float32(w.rng.NormFloat64() / math.Sqrt(float64(n)))
		}
		systems[i] = kernelstest.Gram(kernelstest.DenseOf(n+n/2, n, y))
		for j := range n {
			systems[i].Set(j, j, systems[i].At(j, j)+0.1*float64(n))
		}
		// The reference gets what the device gets.
		systems[i] = kernelstest.DenseOf(n, n, systems[i].Float32())
	}
	return systems, nil
}
