package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// sumSolver is what a participant needs to solve rows from their sums, without the
// systems in between.
type sumSolver struct {
	rows          simd.SummedRows
	places        []int32
	scratch       []float32
	system, spare []float32 // of participant 0, to prepare
	common        []float32 // of participant 0, for all
}

func (h *halfStep) layoutSolver(who int, a *arena) sumSolver {
	size := (h.unknowns + 1) * h.needs.ld
	s := sumSolver{
		places:  carve[int32](a, h.normal.LanePlaces()),
		scratch: carve[float32](a, h.normal.LaneScratch()),
	}
	if who == 0 {
		s.system, s.spare = carve[float32](a, size), carve[float32](a, size)
		if h.allPairs != 0 {
			s.common = carve[float32](a, h.normal.Size())
		}
	}
	return s
}

// prepareSolver computes what does not depend on the row.
func (h *halfStep) prepareSolver() {
	own := &h.work[0]
	s := &own.solver
	h.normal.FindPlaces(s.places, own.sums, s.system)
	for i := range h.work[1:h.participants] {
		copy(h.work[1+i].solver.places, s.places)
	}
	h.common = s.common
	if h.common == nil {
		return
	}
	k, ld := h.unknowns, h.needs.ld
	for i := range k {
		simd.ScaleTo(s.system[i*ld:i*ld+k], h.allPairs, h.gram.row(i))
	}
	rhs := s.system[k*ld : k*ld+k]
	clear(rhs)
	if len(h.offsetGram) > 0 {
		simd.ScaleTo(rhs, -h.allPairs, h.offsetGram)
	}
	h.normal.Collect(h.common, s.system, s.spare)
}

// solveFromSums is Cholesky for one row.
func solveFromSums(h *halfStep, w *rowScratch, q *query) {
	q.hi, q.add = h.unknowns, addSystem
	h.sum(w, q, w.sums[:h.normal.Size()])
	h.solveSums(w, span{q.row, q.row + 1})
}

// solveRows solves the first of the rows, as many as are solved together, and returns
// the one after them.
func (h *halfStep) solveRows(w *rowScratch, rows span) int {
	rows.hi = min(rows.hi, rows.lo+batchRows)
	if h.batched > 0 {
		h.sumRows(w, rows)
		rows.hi = max(w.summed.hi, rows.lo+1)
	}
	size := h.normal.Size()
	for row := max(rows.lo, w.summed.hi); row < rows.hi; row++ {
		q := &w.query
		*q = query{row: row, length: h.r.length(row), hi: h.unknowns, add: addSystem}
		h.sum(w, q, w.sums[(row-rows.lo)*size:][:size])
	}
	h.solveSums(w, rows)
	return rows.hi
}

// solveSums solves rows whose sums are there.
func (h *halfStep) solveSums(w *rowScratch, rows span) {
	s, size := &w.solver, h.normal.Size()
	count := rows.hi - rows.lo
	r := &s.rows
	r.Sums, r.Stored = w.sums[:count*size], h.stored
	r.X, r.LDX = h.x.data[rows.lo*h.x.stride:], h.x.stride
	for i := range count {
		if h.r.length(rows.lo+i) == 0 {
			r.Factors[i], r.Bias[i] = 1, 1
			continue
		}
		r.Factors[i], r.Bias[i] = h.regularization(rows.lo + i)
		if h.common != nil {
			simd.Add(h.common, w.sums[i*size:][:size])
		}
	}
	// A row without ratings has the unit matrix and zeros here, which give zeros.
	info := h.info[rows.lo:rows.hi]
	h.normal.SolveRows(r, info, s.places, pivotTolerance(h.unknowns), s.scratch)
	r.X = nil
}
