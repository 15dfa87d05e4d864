package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// sumSolver is what a participant needs to solve rows from their sums, without the
// systems in between.
type sumSolver struct {
	waiting [batchRows]int // rows whose sums are there
	count   int
	apart   bool // they do not follow one another

	rows    simd.SummedRows
	info    [batchRows]int32
	x       []float32 // solutions of rows that are apart
	places  []int32
	scratch []float32
}

func (h *halfStep) layoutSolver(a *arena) sumSolver {
	return sumSolver{
		x:       carve[float32](a, batchRows*h.unknowns),
		places:  carve[int32](a, h.normal.LanePlaces()),
		scratch: carve[float32](a, h.normal.LaneScratch()),
	}
}

// prepareSolver finds the places, which are the same for all rows.
func (h *halfStep) prepareSolver() {
	own := &h.work[0]
	h.normal.FindPlaces(own.solver.places, own.sums, own.shared.system)
	for i := range h.work[1:h.participants] {
		copy(h.work[1+i].solver.places, own.solver.places)
	}
}

// solveFromSums is Cholesky for a row, as soon as there are the sums of enough rows.
func solveFromSums(h *halfStep, w *rowScratch, q *query) {
	size := h.normal.Size()
	q.hi, q.add, q.system, q.whole = h.unknowns, addSystem, true, true
	h.sum(w, q, w.sums[w.solver.count*size:][:size])
	h.await(w, span{q.row, q.row + 1})
}

// solveRows is the same for the first of the rows, as many as are summed together, and
// returns the one after them.
func (h *halfStep) solveRows(w *rowScratch, rows span) int {
	s := &w.solver
	rows.hi = min(rows.hi, rows.lo+batchRows-s.count)
	h.sumRows(w, rows, w.sums[s.count*h.normal.Size():])
	rows.hi, w.summed = w.summed.hi, span{}
	if rows.hi == rows.lo {
		w.query = query{row: rows.lo, length: h.r.length(rows.lo)}
		solveFromSums(h, w, &w.query)
		return rows.lo + 1
	}
	h.await(w, rows)
	return rows.hi
}

// await adds rows to those whose sums are there.
func (h *halfStep) await(w *rowScratch, rows span) {
	s := &w.solver
	s.apart = s.count > 0 && (s.apart || s.waiting[s.count-1]+1 != rows.lo)
	for row := rows.lo; row < rows.hi; row++ {
		s.waiting[s.count] = row
		s.count++
	}
	if s.count == batchRows {
		solveSums(h, w)
	}
}

// solveSums solves the rows that are waiting, if any.
func solveSums(h *halfStep, w *rowScratch) {
	s, size := &w.solver, h.normal.Size()
	rows := s.waiting[:s.count]
	if len(rows) == 0 {
		return
	}
	r, info := &s.rows, s.info[:s.count]
	r.Sums, r.Stored = w.sums[:s.count*size], h.stored
	if s.apart {
		r.X, r.LDX = s.x, h.unknowns
	} else {
		r.X, r.LDX = h.x.data[rows[0]*h.x.stride:], h.x.stride
	}
	for i, row := range rows {
		if h.r.length(row) == 0 {
			// The unit matrix and zeros give zeros.
			r.Factors[i], r.Bias[i] = 1, 1
			continue
		}
		r.Factors[i], r.Bias[i] = h.regularization(row)
	}
	h.normal.SolveRows(r, info, s.places, pivotTolerance(h.unknowns), s.scratch)
	for i, row := range rows {
		h.info[row] = info[i]
		if s.apart {
			copy(h.x.row(row), s.x[i*h.unknowns:])
		}
	}
	r.X, s.count = nil, 0
}
