package als

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/halfstep-ml/halfstep/kernels"
)

// failedShare is the share of a side's rows that may fail on the device in one
// half-step. Fewer are solved again on the host; more say that the configuration
// is at fault, not a row.
const failedShare = 0.1

// solveFailed solves the rows that the device could not, in float64 on the host,
// and puts them in their places. Beyond failedShare, or if a row fails here too,
// it returns a *RowError.
func (t *trainer) solveFailed(s, fixed *side) error {
	var failed []int
	for row, info := range s.infoHost {
		if info != 0 {
			failed = append(failed, row)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	if float64(len(failed)) > failedShare*float64(len(s.infoHost)) {
		return t.rowError(s, failed[0], len(failed))
	}
	factors := make([]float32, fixed.factors.Buf.N)
	if err := kernels.Download(t.stream, factors, fixed.factors.Buf); err != nil {
		return err
	}
	f := t.cfg.newFixedSide(fixed.ratings.Rows, factors, t.mean)
	for _, row := range failed {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		columns, values := rowOf(s.ratings, row)
		x, ok := t.cfg.solveJittered(t.cfg.system(s.name, f, columns, values))
		if !ok {
			return t.rowError(s, row, len(failed))
		}
		if err := kernels.Upload(t.stream, s.factors.RowRange(row, row+1).Buf, x); err != nil {
			return err
		}
	}
	t.secondTries += int64(len(failed))
	return nil
}

func (t *trainer) rowError(s *side, row, failed int) error {
	ids := t.ratings.userIDs
	if s.name == Items {
		ids = t.ratings.itemIDs
	}
	return &RowError{Side: s.name, ID: nameIn(ids, row), Iteration: t.iteration, Pivot: int(s.infoHost[row]), Rows: failed}
}

// jitters are what is added to the diagonal of a failed system, as a share of its
// mean: the first is far above what float64 rounding leaves of a singular matrix
// and far below what float32 resolves.
var jitters = [...]float64{1e-9, 1e-7, 1e-5, 1e-3}

// solveJittered solves a system that is singular or nearly so. It overwrites s.
func (c Config) solveJittered(s system) (x []float32, ok bool) {
	width := len(s.b)
	mean := 0.0
	for k := range width {
		mean += s.a[k*width+k] / float64(width)
	}
	if !(mean > 0) || math.IsInf(mean, 0) {
		return nil, false
	}
	added := 0.0
	for _, jitter := range jitters {
		for k := range width {
			s.a[k*width+k] += jitter*mean - added
		}
		added = jitter * mean
		if solution, ok := c.solveHost(s); ok {
			return solution, true
		}
	}
	return nil, false
}

// solveHost solves one system as the configured solver would if it ran to its
// end. It reports false if the matrix is not positive definite or the solution
// not finite in float32.
func (c Config) solveHost(s system) (x []float32, ok bool) {
	width := len(s.b)
	factor, ok := lapack64.Potrf(blas64.Symmetric{
		Uplo: blas.Lower, N: width, Stride: width, Data: append([]float64(nil), s.a...),
	})
	if !ok {
		return nil, false
	}
	solution := append([]float64(nil), s.b...)
	lapack64.Potrs(factor, blas64.General{Rows: width, Cols: 1, Stride: 1, Data: solution})
	if c.Solver == NonNegative {
		c.descend(s, solution)
	}
	x = make([]float32, width)
	for k, v := range solution {
		x[k] = float32(v)
		if x[k]-x[k] != 0 {
			return nil, false
		}
	}
	return x, true
}

// descend overwrites x with the minimum over factors that are not negative, by
// coordinate descent from the unconstrained one. The bias is free of sign.
func (c Config) descend(s system, x []float64) {
	const sweeps, settled = 100_000, 1e-12
	width := len(x)
	for k := range min(c.Rank, width) {
		x[k] = max(x[k], 0)
	}
	for range sweeps {
		change, length := 0.0, 0.0
		for k := range width {
			gradient := -s.b[k]
			for j, v := range s.a[k*width:][:width] {
				gradient += v * x[j]
			}
			v := x[k] - gradient/s.a[k*width+k]
			if k < c.Rank {
				v = max(v, 0)
			}
			change = max(change, math.Abs(v-x[k]))
			length = max(length, math.Abs(v))
			x[k] = v
		}
		if change <= settled*length {
			return
		}
	}
}
