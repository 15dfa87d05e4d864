package workload

import (
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// Ratings are what the sparse kernels work on: a matrix of ratings and the name its
// shape goes by, such as "users of ml-1m".
type Ratings struct {
	Name string
	Host kernels.HostCSR
}

func (r Ratings) entries() float64 { return float64(r.Host.Entries()) }

// ids and values are streamed, 8 bytes a rating.
func (r Ratings) streamed() float64 { return 8 * r.entries() }

// gathered is the bytes of the rows of k factors, one for each rating.
func (r Ratings) gathered(k int) float64 { return float32Bytes * r.entries() * float64(k) }

// part is the rows lo to hi alone.
func (r Ratings) part(lo, hi int) kernels.HostCSR {
	h := r.Host
	h.Rows, h.Offsets = hi-lo, h.Offsets[lo:hi+1]
	return h
}

// explicit is the objective of the default configuration of ALS.
var explicit = kernels.Objective{Lambda: 0.1, Exponent: 1}

// HalfStep solves all rows by a method. Operations are those of Cholesky, of every
// method; the time of another shows what it saves.
func HalfStep(r Ratings, k int, objective kernels.Objective, solver kernels.Solver) Case {
	n, d := float64(r.Host.Rows), float64(k)
	c := Case{
		Kernel: "half_step", Shape: fmt.Sprintf("%s, rank %d, %v %v", r.Name, k, objective.Convention, solver.Method),
		Operations: r.entries()*d*(d+1) + n*(d*d*d/3+2*d*d),
		Bytes:      r.streamed() + r.gathered(k) + float32Bytes*n*d,
		Ratings:    r.entries(),
	}
	c.prepare = func(w *Work) error {
		p, hostY, err := w.problem(r, k, objective)
		if err != nil {
			return err
		}
		p.Solver = solver
		_, hostX, err := w.matrix(r.Host.Rows, k, unit(k))
		if err != nil {
			return err
		}
		// CG and Subspace go on from where X is.
		w.reset = func() error { return kernels.Upload(w.stream, p.X.Buf, hostX) }
		w.run = func() error { return w.stream.HalfStep(p) }
		w.verify = func() error {
			lo, hi := sample(r.Host.Rows, 4)
			few := &kernelstest.Problem{
				X: rowsOf(hostX, k, lo, hi), Y: rowsOf(hostY, k, 0, r.Host.Cols),
				R: r.part(lo, hi), Objective: objective, Solver: solver,
			}
			few.SetTerms()
			kernelstest.HalfStep(few)
			return w.compareRows(p.X, lo, few.X)
		}
		return nil
	}
	return c
}

// problem places ratings and factors, and the Gram matrix where it is wanted. Rows
// of factors have length about 1.
func (w *Work) problem(r Ratings, k int, objective kernels.Objective) (*kernels.Problem, []float32, error) {
	p := &kernels.Problem{Objective: objective}
	var err error
	if p.R, err = w.csr(r.Host); err != nil {
		return nil, nil, err
	}
	if p.X, _, err = w.matrix(r.Host.Rows, k, unit(k)); err != nil {
		return nil, nil, err
	}
	y, host, err := w.matrix(r.Host.Cols, k, unit(k))
	if err != nil {
		return nil, nil, err
	}
	p.Y = y
	if objective.Convention.AllPairs() {
		if p.Gram, err = w.zeros(k, k); err != nil {
			return nil, nil, err
		}
		if err := w.stream.Gram(p.Gram, y); err != nil {
			return nil, nil, err
		}
	}
	p.Info, err = buffer[int32](w, r.Host.Rows)
	return p, host, err
}

// Loss is the sum of squared errors over all ratings.
func Loss(r Ratings, k int) Case {
	c := pairs("loss", r, k)
	c.Operations = r.entries() * float64(2*k+2)
	c.prepare = func(w *Work) error {
		p, hostX, hostY, err := w.factors(r, k)
		if err != nil {
			return err
		}
		out, err := buffer[float64](w, 2)
		if err != nil {
			return err
		}
		w.run = func() error { return w.stream.Loss(out, p) }
		w.verify = func() error {
			got := make([]float64, 2)
			if err := kernels.Download(w.stream, got, out); err != nil {
				return err
			}
			want := kernelstest.Loss(&kernelstest.Problem{
				X: rowsOf(hostX, k, 0, r.Host.Rows), Y: rowsOf(hostY, k, 0, r.Host.Cols), R: r.Host, Objective: explicit,
			})
			if off := math.Abs(got[0]/want[0] - 1); !(off <= lossTolerance) {
				return fmt.Errorf("the sum is off by %.2g of it, more than %g", off, lossTolerance)
			}
			return nil
		}
		return nil
	}
	return c
}

// lossTolerance is for a sum in float64 of squares of float32 errors.
const lossTolerance = 1e-6

// Predict is the scores of all ratings.
func Predict(r Ratings, k int) Case {
	c := pairs("predict", r, k)
	c.Operations = r.entries() * float64(2*k)
	c.prepare = func(w *Work) error {
		p, hostX, hostY, err := w.factors(r, k)
		if err != nil {
			return err
		}
		out, err := buffer[float32](w, int(r.Host.Entries()))
		if err != nil {
			return err
		}
		w.run = func() error { return w.stream.Predict(out, p.R, p.X, p.Y) }
		w.verify = func() error {
			lo, hi := sample(r.Host.Rows, 4)
			few := r.part(lo, hi)
			first := few.Offsets[0] - r.Host.Offsets[0]
			got := make([]float32, few.Entries())
			if err := kernels.Download(w.stream, got, out.Slice(int(first), int(first)+len(got))); err != nil {
				return err
			}
			return compare(got, kernelstest.Predict(few, rowsOf(hostX, k, lo, hi), rowsOf(hostY, k, 0, r.Host.Cols)))
		}
		return nil
	}
	return c
}

func pairs(kernel string, r Ratings, k int) Case {
	return Case{
		Kernel: kernel, Shape: fmt.Sprintf("%s, rank %d", r.Name, k),
		Bytes:   r.streamed() + r.gathered(k) + float32Bytes*float64(r.Host.Rows)*float64(k),
		Ratings: r.entries(),
	}
}

func (w *Work) factors(r Ratings, k int) (p *kernels.Problem, x, y []float32, err error) {
	if p, y, err = w.problem(r, k, explicit); err != nil {
		return nil, nil, nil, err
	}
	x = make([]float32, r.Host.Rows*k)
	return p, x, y, kernels.Download(w.stream, x, p.X.Buf)
}

// ScoreTopK finds the n best columns of each row, those with ratings left out.
func ScoreTopK(r Ratings, k, n int) Case {
	pairs := float64(r.Host.Rows) * float64(r.Host.Cols)
	c := Case{
		Kernel: "score_top_k", Shape: fmt.Sprintf("%s, rank %d, top %d", r.Name, k, n),
		Operations: 2 * pairs * float64(k),
		Bytes:      float32Bytes*float64(k)*float64(r.Host.Rows+r.Host.Cols) + r.streamed()/2,
	}
	c.prepare = func(w *Work) error {
		p, hostX, hostY, err := w.factors(r, k)
		if err != nil {
			return err
		}
		ids, err := buffer[int32](w, r.Host.Rows*n)
		if err != nil {
			return err
		}
		top, err := w.zeros(r.Host.Rows, n)
		if err != nil {
			return err
		}
		w.run = func() error { return w.stream.ScoreTopK(ids, top, p.X, p.Y, p.R, kernels.Buffer[uint32]{}) }
		w.verify = func() error {
			lo, hi := sample(r.Host.Rows, 4)
			few := r.part(lo, hi)
			_, want := kernelstest.ScoreTopK(n, rowsOf(hostX, k, lo, hi), rowsOf(hostY, k, 0, r.Host.Cols), &few, nil)
			return w.compareRows(top, lo, want)
		}
		return nil
	}
	return c
}

// SpMM is C = A·B for ratings A and B of k columns.
func SpMM(r Ratings, k int) Case {
	c := pairs("spmm", r, k)
	c.Shape = fmt.Sprintf("%s, %d columns", r.Name, k)
	c.Operations = 2 * r.entries() * float64(k)
	c.prepare = func(w *Work) error {
		p, _, hostY, err := w.factors(r, k)
		if err != nil {
			return err
		}
		w.run = func() error { return w.stream.SpMM(1, p.R, p.Y, 0, p.X) }
		w.verify = func() error {
			lo, hi := sample(r.Host.Rows, 4)
			want := kernelstest.NewDense(hi-lo, k)
			kernelstest.SpMM(1, r.part(lo, hi), rowsOf(hostY, k, 0, r.Host.Cols), 0, want)
			return w.compareRows(p.X, lo, want)
		}
		return nil
	}
	return c
}
