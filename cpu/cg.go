package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// descents are rows that conjugate gradients solve side by side, so that the Gram
// matrix is read once for all of them and not for each. What a row gets does not depend
// on the others.
type descents struct {
	rows  [batchRows]descent
	count int

	directions []float32 // p of each row, rounded; K apart
	sums       []float32 // A·p of each without the regularization, then b; 2·K apart
}

// descent is the state of conjugate gradients. It is float64, of which only the
// products with the ratings and the Gram matrix are not: where one eigenvalue stands
// out, as that of a bias does, a rounding error in its direction grows with each step
// by about the ratio of the eigenvalues, and the digits of float32 are used up after a
// few.
type descent struct {
	query query

	x, r, p, ap []float64 // solution, residual b - A·x, direction, A·p
	single      []float32 // p, rounded
	sum         []float32 // A·p without the regularization, which is that of:
	factors     float32
	bias        float32

	residual float64 // ‖r‖²
	enough   float64 // the ‖r‖² to stop at
	done     bool
	failed   int // the step without curvature; 0 for none
}

func (h *halfStep) layoutDescents(a *arena) descents {
	k := h.unknowns
	d := descents{
		directions: carve[float32](a, batchRows*k),
		sums:       carve[float32](a, batchRows*2*k),
	}
	doubles := carve[float64](a, 4*batchRows*k)
	if doubles == nil {
		return d
	}
	for i := range d.rows {
		s := &d.rows[i]
		s.single, s.sum = d.directions[i*k:][:k], d.sums[2*i*k:][:k:2*k]
		for _, v := range []*[]float64{&s.x, &s.r, &s.p, &s.ap} {
			*v, doubles = doubles[:k], doubles[k:]
		}
	}
	return d
}

// conjugateGradients takes Solver.Steps steps from the present row of X, as soon as
// there are enough rows. A is never built: a product with it goes over the ratings of
// the row, at 4·n·K operations, and over the Gram matrix where there is one, at 2·K².
func conjugateGradients(h *halfStep, w *rowScratch, q *query) {
	d := &w.descents
	d.rows[d.count].query = *q
	d.count++
	if d.count == batchRows {
		descend(h, w)
	}
}

// descend solves the rows that are waiting.
func descend(h *halfStep, w *rowScratch) {
	d := &w.descents
	rows := d.rows[:d.count]
	for i := range rows {
		h.begin(w, &rows[i])
	}
	h.addAllPairs(w)
	for i := range rows {
		h.firstResidual(&rows[i])
	}
	for step := 1; step <= h.solver.Steps; step++ {
		for i := range rows {
			if s := &rows[i]; !s.done {
				s.query.add, s.query.vector = addProduct, s.single
				h.sum(w, &s.query, s.sum)
			}
		}
		h.addAllPairs(w)
		for i := range rows {
			if s := &rows[i]; !s.done {
				h.addRegularization(s)
				s.step(step)
			}
		}
	}
	for i := range rows {
		s := &rows[i]
		row := h.x.row(s.query.row)
		simd.Round(row, s.x)
		h.finish(s.query.row, s.failed, h.unknowns)
		s.query = query{}
	}
	d.count = 0
}

// begin computes the sums over the ratings of a row at its start, which becomes p.
func (h *halfStep) begin(w *rowScratch, s *descent) {
	q := &s.query
	row := h.x.row(q.row)
	copy(s.single, row)
	simd.Widen(s.p, row)
	s.factors, s.bias = h.regularization(q.row)
	q.add, q.vector = addProductAndRightSide, s.single
	h.sum(w, q, s.sum[:2*h.unknowns])
}

// firstResidual makes the first direction of the sums of begin. A row without a
// right-hand side is done, with zeros.
func (h *halfStep) firstResidual(s *descent) {
	simd.Widen(s.r, s.sum[h.unknowns:2*h.unknowns])
	if h.allPairs != 0 && len(h.offsetGram) > 0 {
		for i, v := range h.offsetGram {
			s.r[i] -= float64(h.allPairs) * float64(v)
		}
	}
	enough := epsilon * epsilon * simd.DotFloat64(s.r, s.r)
	clear(s.x)
	s.enough, s.failed, s.done = enough, 0, enough == 0
	if s.done {
		return
	}
	h.addRegularization(s)
	s.residual = simd.Descend(s.x, s.r, s.p, s.ap, 1)
	clear(s.p)
	simd.Turn(s.p, s.r, s.single, 0)
	s.done = s.residual <= enough
}

// step goes along p to the minimum and turns p. It is done if the residual is small
// enough, and fails if pᵀAp is not positive.
func (s *descent) step(number int) {
	curvature := simd.DotFloat64(s.p, s.ap)
	if !(curvature > 0) {
		s.done, s.failed = true, number
		return
	}
	next := simd.Descend(s.x, s.r, s.p, s.ap, s.residual/curvature)
	simd.Turn(s.p, s.r, s.single, next/s.residual)
	s.residual, s.done = next, next <= s.enough
}

// addAllPairs adds g·Gram·p to the sums of all rows. Rows that are done get it too.
func (h *halfStep) addAllPairs(w *rowScratch) {
	d, k := &w.descents, h.unknowns
	switch {
	case h.allPairs == 0:
	case simd.ProductByColumns():
		// The directions lie by rows. Each is multiplied alone then; the rows of the
		// symmetric matrix are its columns.
		scaled := w.block[:k]
		for i := range d.rows[:d.count] {
			s := &d.rows[i]
			simd.ScaleTo(scaled, h.allPairs, s.single)
			simd.WeightedSum(s.sum, h.gram.data, h.gram.stride, w.consecutive[:k], scaled)
		}
	default:
		columns := simd.ProductColumns()
		for lo := 0; lo < k; lo += columns {
			simd.Product(d.count, min(columns, k-lo), k, h.allPairs, d.directions, k, 1,
				h.gram.data[lo:], h.gram.stride, nil, 1, d.sums[lo:], 2*k)
		}
	}
}

// addRegularization computes A·p of the sums.
func (h *halfStep) addRegularization(s *descent) {
	simd.AddRidge(s.ap, s.sum, s.p, float64(s.factors))
	for i := h.stored; i < h.unknowns; i++ {
		s.ap[i] = float64(s.sum[i]) + float64(s.bias)*s.p[i]
	}
}
