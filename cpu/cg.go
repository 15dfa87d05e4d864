package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// conjugateGradients takes Solver.Steps steps from the present row of X. A is
// never built: a product with it goes over the ratings of the row, at 4·n·K
// operations, and over the Gram matrix where there is one, at 2·K². Vectors are
// float32, their products float64.
func conjugateGradients(h *halfStep, w *rowScratch, q *query) {
	k := h.unknowns
	x := h.x.row(q.row)
	r, p, ap := w.vectors[0], w.vectors[1], w.vectors[2]
	factors, bias := h.regularization(q.row)
	multiply := func(dst, v []float32) {
		q.add, q.vector = addProduct, v
		h.sum(w, q, dst)
		for i := range dst {
			d := factors
			if i >= h.stored {
				d = bias
			}
			dst[i] += d * v[i]
			if h.allPairs != 0 {
				dst[i] += h.allPairs * simd.Dot(h.gram.row(i), v)
			}
		}
	}

	q.add = addRightSide
	h.sum(w, q, r)
	if h.allPairs != 0 && len(h.offsetGram) > 0 {
		simd.Axpy(-h.allPairs, h.offsetGram, r)
	}
	enough := epsilon * epsilon * simd.SumSquares(r)
	multiply(ap, x)
	simd.Axpy(-1, ap, r)
	copy(p, r)
	residual := simd.SumSquares(r)
	for step := 1; step <= h.solver.Steps && residual != 0 && !(residual <= enough); step++ {
		multiply(ap, p)
		curvature := simd.DotDouble(p, ap)
		if !(curvature > 0) {
			h.finish(q.row, step, k)
			return
		}
		length := float32(residual / curvature)
		simd.Axpy(length, p, x)
		simd.Axpy(-length, ap, r)
		before := residual
		residual = simd.SumSquares(r)
		simd.Scale(float32(residual/before), p)
		simd.Add(r, p)
	}
	h.finish(q.row, 0, k)
}
