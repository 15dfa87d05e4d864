package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// conjugateGradients takes Solver.Steps steps from the present row of X. A is
// never built: a product with it goes over the ratings of the row, at 4·n·K
// operations, and over the Gram matrix where there is one, at 2·K².
func conjugateGradients(h *halfStep, w *rowScratch, q *query) {
	row := h.x.row(q.row)
	s := descent{
		x: w.doubles[0], r: w.doubles[1], p: w.doubles[2], ap: w.doubles[3],
		single: w.vectors[0], sum: w.vectors[1],
	}
	s.factors, s.bias = h.regularization(q.row)

	q.add = addRightSide
	h.sum(w, q, s.sum)
	enough := 0.0
	for i, v := range s.sum {
		s.r[i] = float64(v)
		if h.allPairs != 0 && len(h.offsetGram) > 0 {
			s.r[i] -= float64(h.allPairs) * float64(h.offsetGram[i])
		}
		enough += epsilon * epsilon * s.r[i] * s.r[i]
	}
	if enough == 0 {
		clear(row)
		h.finish(q.row, 0, h.unknowns)
		return
	}

	for i, v := range row {
		s.p[i] = float64(v)
	}
	copy(s.single, row)
	h.multiply(w, q, &s)
	residual := s.begin()
	for step := 1; step <= h.solver.Steps && !(residual <= enough); step++ {
		h.multiply(w, q, &s)
		next, curvature := s.step(residual)
		if !(curvature > 0) {
			h.finish(q.row, step, h.unknowns)
			return
		}
		residual = next
	}
	for i, v := range s.x {
		row[i] = float32(v)
	}
	h.finish(q.row, 0, h.unknowns)
}

// descent is the state of conjugate gradients. It is float64, of which only the
// products with the ratings and the Gram matrix are not: where one eigenvalue stands
// out, as that of a bias does, a rounding error in its direction grows with each step
// by about the ratio of the eigenvalues, and the digits of float32 are used up after a
// few.
type descent struct {
	x, r, p, ap []float64 // solution, residual b - A·x, direction, A·p
	single      []float32 // p, overwritten by multiply
	sum         []float32 // A·p without the regularization, which is that of:
	factors     float32
	bias        float32
}

// begin starts at x = p, of which ap is the product. It returns ‖r‖².
func (s *descent) begin() float64 {
	clear(s.x)
	residual := simd.Descend(s.x, s.r, s.p, s.ap, 1)
	clear(s.p)
	simd.Turn(s.p, s.r, s.single, 0)
	return residual
}

// step goes along p to the minimum and turns p. It takes ‖r‖² and returns that after
// the step, and pᵀAp. Where that is not positive nothing is changed.
func (s *descent) step(residual float64) (next, curvature float64) {
	curvature = simd.DotFloat64(s.p, s.ap)
	if !(curvature > 0) {
		return residual, curvature
	}
	next = simd.Descend(s.x, s.r, s.p, s.ap, residual/curvature)
	simd.Turn(s.p, s.r, s.single, next/residual)
	return next, curvature
}

// multiply computes A·p for the system of a row.
func (h *halfStep) multiply(w *rowScratch, q *query, s *descent) {
	q.add, q.vector = addProduct, s.single
	h.sum(w, q, s.sum)
	if h.allPairs != 0 {
		// The rows of the symmetric matrix are its columns.
		simd.Scale(h.allPairs, s.single)
		simd.WeightedSum(s.sum, h.gram.data, h.gram.stride, w.consecutive[:h.unknowns], s.single)
	}
	simd.AddRidge(s.ap, s.sum, s.p, float64(s.factors))
	for i := h.stored; i < h.unknowns; i++ {
		s.ap[i] = float64(s.sum[i]) + float64(s.bias)*s.p[i]
	}
}
