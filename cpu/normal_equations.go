package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

func (s *stream) NormalEquations(a kernels.Batch, b kernels.Matrix, p *kernels.Problem) error {
	h := &s.halfStep
	h.problem = newProblem(p)
	h.row = writeEquations
	h.equations = equations{a: slice(a.Buf), batch: a, b: view(b)}
	h.needs = scratchNeeds{order: h.unknowns, systems: 1}
	return s.overRows(h)
}

// equations are the results of NormalEquations.
type equations struct {
	a     []float32
	batch kernels.Batch // the shape of a
	b     matrix
}

// row is row i of matrix number m of the batch.
func (e *equations) row(m, i int) []float32 {
	at := m*e.batch.Step + i*e.batch.Stride
	return e.a[at : at+e.batch.N]
}

// system computes the normal equations of a row for the unknowns lo to hi: the
// lower triangle of A and, as the row below it, the right-hand side. They are in
// w.system, or in the sums where these have a place for them.
// With a solution x the right-hand side is that of the change of x, and the query
// has the scores of x.
func (h *halfStep) system(w *rowScratch, q *query, lo, hi int, x []float32) (a []float32) {
	sums := w.sums[:h.normal.Size()]
	if w.summed.lo <= q.row && q.row < w.summed.hi {
		sums = w.sums[(q.row-w.summed.lo)*len(sums):][:len(sums)]
	} else {
		q.lo, q.hi, q.add, q.system, q.whole = lo, hi, addSystem, true, x == nil
		h.sum(w, q, sums)
	}
	ld := h.needs.ld
	if h.systemsInSums(hi - lo) {
		a = h.normal.System(sums)
	} else {
		a = w.system
		h.normal.Spread(a, ld, hi-lo, sums)
	}
	rhs := a[(hi-lo)*ld:]
	if h.allPairs != 0 && x != nil {
		// The rows of the symmetric matrix are its columns.
		scaled := w.vector
		simd.ScaleTo(scaled, -h.allPairs, x)
		simd.WeightedSum(rhs[:hi-lo], h.gram.data[lo:], h.gram.stride, w.consecutive[:h.unknowns], scaled)
	}
	if h.allPairs != 0 && h.common == nil {
		for i := lo; i < hi; i++ {
			simd.Axpy(h.allPairs, h.gram.row(i)[lo:i+1], a[(i-lo)*ld:])
			if len(h.offsetGram) > 0 {
				rhs[i-lo] -= h.allPairs * h.offsetGram[i]
			}
		}
	}
	factors, bias := h.regularization(q.row)
	diagonal := func(lo, hi int, d float32) {
		for i := lo; i < hi; i++ {
			a[i*ld+i] += d
		}
	}
	stored := min(max(h.stored, lo), hi)
	diagonal(0, stored-lo, factors)
	diagonal(stored-lo, hi-lo, bias)
	if x != nil {
		simd.Axpy(-factors, x[lo:stored], rhs)
		simd.Axpy(-bias, x[stored:hi], rhs[stored-lo:])
	}
	return a
}

// systemsInSums reports whether systems of so many unknowns stay where they are summed.
func (h *halfStep) systemsInSums(unknowns int) bool {
	return unknowns == h.needs.order && h.normal.InPlace()
}

// writeEquations writes the equations of a row to the results.
func writeEquations(h *halfStep, w *rowScratch, q *query) {
	k, ld := h.unknowns, h.needs.ld
	a := h.system(w, q, 0, k, nil)
	for i := range k {
		row := h.equations.row(q.row, i)
		copy(row[:i+1], a[i*ld:])
		for j := i + 1; j < k; j++ {
			row[j] = a[j*ld+i]
		}
	}
	copy(h.equations.b.row(q.row), a[k*ld:])
}

// writeUnit writes the unit matrix and zeros to the results of a row.
func (e *equations) writeUnit(row int) {
	for i := range e.batch.N {
		unit := e.row(row, i)
		clear(unit)
		unit[i] = 1
	}
	clear(e.b.row(row))
}
