package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// subspace takes Solver.Steps sweeps of block coordinate descent from the present
// row of X. For each block of d unknowns it solves the d×d system of their change.
// The scores of the row's ratings are kept up to date, so a sweep costs about
// n·K·(d+4) + K²·(d+1) operations, against n·K² for the whole of A.
func subspace(h *halfStep, w *rowScratch, q *query) {
	k, block := h.unknowns, h.solver.Block
	x := h.x.row(q.row)
	q.scores = w.scores[:q.length]
	q.add = setOffsets
	h.sum(w, q, nil)
	h.moveScores(w, q, 0, k, x)

	tolerance := pivotTolerance(k)
	for sweep := range h.solver.Steps {
		for lo := 0; lo < k; lo += block {
			hi := min(lo+block, k)
			a := h.system(w, q, lo, hi, x)
			change := w.vector[:hi-lo]
			if pivot := simd.Solve(change, a, h.needs.ld, tolerance); pivot != 0 {
				h.finish(q.row, lo+pivot, k)
				return
			}
			simd.Add(change, x[lo:hi])
			if sweep+1 < h.solver.Steps || hi < k {
				h.moveScores(w, q, lo, hi, change)
			}
		}
	}
	h.finish(q.row, 0, k)
}

// moveScores adds to the scores what the unknowns lo to hi contribute.
func (h *halfStep) moveScores(w *rowScratch, q *query, lo, hi int, v []float32) {
	q.lo, q.hi, q.add, q.system, q.vector = lo, hi, addScores, false, v
	h.sum(w, q, nil)
}
