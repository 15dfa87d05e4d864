package cpu

import (
	"math"

	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// dual is the rows of a half-step that have fewer ratings than unknowns and are solved
// from a system of as many unknowns as they have ratings. For n targets t, the n rows Y
// of the fixed side that they belong to, and the row's regularization λ,
//
//	x = (YᵀY + λI)⁻¹·Yᵀt = Yᵀ·(Y·Yᵀ + λI)⁻¹·t.
//
// If there is a bias, with regularization β, the column of ones of Y counts λ/β times.
//
// That takes kn(n+1) + n³/3 + 2n² + 2nk operations where the normal equations take
// nk(k+1) + k³/3 + 2k².
//
// The rows are sorted by the orders of their systems, so that those of one order fill
// the lanes of vectors. What a row gets depends on its own ratings alone.
type dual struct {
	most    int     // ratings of such a row; 0 where there is none
	bias    float32 // √(λ/β), or 0 without a bias
	orders  []dualOrder
	rows    []int32 // by order, and in order
	batches int
}

// dualOrder is the rows whose systems have one order.
type dualOrder struct {
	normal  simd.Normal
	order   int
	solving solving
	places  []int32 // for normal.SolveRows
	count   int     // rows
	first   int     // the place of the first in dual.rows
	batch   int     // the number of the first batch
}

// dualScratch is what a participant needs to solve a batch.
type dualScratch struct {
	sums    []float32 // of the rows
	factors []float32 // for SumProducts
	lanes   []float32 // for SolveRows or SolveLanes
	systems []float32 // of the rows where they are not solved from the sums
	z       []float32
	rows    simd.SummedRows
	sure    [maxLanes]bool
	info    [maxLanes]int32
}

// The dual form is for ranks from dualLeast on and for orders that are dualBelow below
// them. That is where it pays: the time of a row by its normal equations was so many
// times that by the dual form, for rows of random columns on a Xeon of 2023,
//
//	ratings         k/8   k/4   3k/8  k/2   5k/8  3k/4  7k/8  k-1
//	k = 32         1.13  1.21  1.29  1.35  0.70  0.74  0.67  0.70
//	k = 64         3.29  3.55  1.87  1.83  1.28  1.26  0.85  0.79
//	k = 128        14.3  6.79  3.67  2.58  1.92  1.40  1.09  0.88
//	k = 256        15.2  6.22  3.62  2.59  1.98  1.53  1.24  0.93
//	k = 64, AVX2   5.96  3.83  2.81  2.12  1.57  1.25  1.04  0.89
//	k = 128, AVX2  13.3  6.13  3.77  2.63  1.95  1.46  1.19  0.99
//	k = 64, in Go  6.70  3.82  2.74  2.18  1.62  1.31  1.12  0.91
//
// On ml-1m it made little difference whether orders were 8, 16 or 24 below.
const (
	dualLeast = 32
	dualBelow = 16
)

// setDual says which rows are solved by the dual form. It is there for objectives that
// regularize every unknown and have no term over all pairs: to take the inverse of g·Gram
// in the place of λ, a call would transform all of Y, however few its rows.
func (h *halfStep) setDual() {
	d, o := &h.dual, &h.objective
	if o.Convention != kernels.Explicit || !(o.Lambda > 0) || o.Bias && !(o.BiasLambda > 0) || h.unknowns < dualLeast {
		return
	}
	d.most = min((h.unknowns-dualBelow)/simd.DualStep*simd.DualStep, partLength)
	if o.Bias {
		d.bias = float32(math.Sqrt(float64(o.Lambda) / float64(o.BiasLambda)))
	}
}

// planDual counts the rows of each order.
func (h *halfStep) planDual() {
	d := &h.dual
	d.orders = d.orders[:0]
	if d.most == 0 {
		return
	}
	for order := simd.DualStep; order <= simd.DualOrder(d.most); order += simd.DualStep {
		d.orders = append(d.orders, dualOrder{normal: simd.NewNormal(order), order: order, solving: solvingOf(order)})
	}
	for row := range h.r.Rows() {
		if n := h.r.length(row); d.has(n) {
			d.of(n).count++
		}
	}
	rows := 0
	for i := range d.orders {
		o := &d.orders[i]
		o.first, o.batch = rows, d.batches
		rows += o.count
		d.batches += (o.count + o.lanes() - 1) / o.lanes()
	}
}

// has reports whether rows of n ratings are solved by the dual form.
func (d *dual) has(n int) bool { return 0 < n && n <= d.most }

// of is the order of rows of n ratings.
func (d *dual) of(n int) *dualOrder { return &d.orders[simd.DualOrder(n)/simd.DualStep-1] }

// lanes is the number of rows of a batch.
func (o *dualOrder) lanes() int {
	if o.solving == alone {
		return 1
	}
	return simd.Lanes(o.order)
}

// layoutDual carves what is needed for the orders that occur.
func (h *halfStep) layoutDual(who int, a *arena) (s dualScratch) {
	d := &h.dual
	var sums, factors, lanes, systems, z, rows int
	for i := range d.orders {
		o := &d.orders[i]
		if o.count == 0 {
			continue
		}
		sums = max(sums, o.lanes()*o.normal.Size())
		factors = max(factors, o.normal.DualScratch())
		z = max(z, o.lanes()*o.order)
		rows += o.count
		switch o.solving {
		case fromSums:
			lanes = max(lanes, o.normal.LaneScratch())
			if who == 0 {
				o.places = carve[int32](a, o.normal.LanePlaces())
				systems = max(systems, dualSystem(o.order))
			}
			continue
		case together:
			lanes = max(lanes, simd.LanesScratch(o.order))
		}
		if !o.normal.InPlace() {
			systems = max(systems, o.lanes()*dualSystem(o.order))
		}
	}
	if who == 0 {
		d.rows = carve[int32](a, rows)
	}
	s.sums = carve[float32](a, sums)
	s.factors = carve[float32](a, factors)
	s.lanes = carve[float32](a, lanes)
	s.systems = carve[float32](a, systems)
	s.z = carve[float32](a, z)
	return s
}

// dualSystem is the size of a system of an order with its right-hand side.
func dualSystem(order int) int { return (order + 1) * simd.PanelStride(order+1) }

// prepareDual sorts the rows.
func (h *halfStep) prepareDual() {
	d := &h.dual
	if d.batches == 0 {
		return
	}
	own := &h.work[0].dual
	for i := range d.orders {
		if o := &d.orders[i]; o.count > 0 && o.solving == fromSums {
			o.normal.FindPlaces(o.places, own.sums, own.systems)
		}
	}
	for row := range h.r.Rows() {
		if n := h.r.length(row); d.has(n) {
			o := d.of(n)
			d.rows[o.first] = int32(row)
			o.first++
		}
	}
	for i := range d.orders {
		d.orders[i].first -= d.orders[i].count
	}
}

// at returns a batch: its order and its rows.
func (d *dual) at(batch int) (*dualOrder, []int32) {
	i := 0
	for i+1 < len(d.orders) && d.orders[i+1].batch <= batch {
		i++
	}
	o := &d.orders[i]
	lo := (batch - o.batch) * o.lanes()
	return o, d.rows[o.first+lo : o.first+min(lo+o.lanes(), o.count)]
}

// solveDual solves the rows of a batch. One that the normal equations may have no
// solution for, as they are rounded, or whose solution is not finite, goes to them, which
// say what there is to say.
func (h *halfStep) solveDual(w *rowScratch, batch int) {
	o, rows := h.dual.at(batch)
	s, size := &w.dual, o.normal.Size()
	for i, row := range rows {
		h.sumDual(w, o, i, int(row), s.sums[i*size:][:size])
	}
	h.solveProducts(s, o, len(rows))
	for i, row := range rows {
		x := h.x.row(int(row))
		n := h.r.length(int(row))
		z := s.z[i*o.order:][:n]
		clear(x)
		simd.WeightedSum(x[:h.stored], h.y.data, h.y.stride, h.r.ids(int(row), 0, n), z)
		if h.dual.bias != 0 {
			var sum float32
			for _, v := range z {
				sum += v
			}
			x[h.stored] = h.dual.bias * h.dual.bias * sum
		}
		h.info[row] = 0
		if !s.sure[i] || s.info[i] != 0 || !simd.Finite(x) {
			w.query = query{row: int(row), length: n}
			h.row(h, w, &w.query)
		}
	}
}

// sumDual computes the sums of row number i of a batch.
func (h *halfStep) sumDual(w *rowScratch, o *dualOrder, i, row int, sums []float32) {
	s, n := &w.dual, h.r.length(row)
	b := ratings{ids: h.r.ids(row, 0, n), values: h.r.ratings(row, 0, n)}
	_, right := h.weigh(w, nil, b)
	o.normal.SumProducts(sums, h.y.data, h.y.stride, h.stored, h.dual.bias, b.ids, w.consecutive, s.factors)
	o.normal.SetRightSide(sums, right)
	factors, _ := h.regularization(row)
	s.rows.Factors[i] = factors
	// No pivot of the normal equations is less than λ, and no element of their diagonal
	// above the trace and λ, where those of a bias count λ/β times. Rounding takes a share
	// from a pivot that is at most its tolerance.
	s.sure[i] = factors > 2*pivotTolerance(h.unknowns)*(o.normal.Trace(sums)+factors)
}

// solveProducts solves the systems of so many rows.
func (h *halfStep) solveProducts(s *dualScratch, o *dualOrder, count int) {
	n, tolerance, info, size := o.order, pivotTolerance(o.order), s.info[:count], o.normal.Size()
	if o.solving == fromSums {
		r := &s.rows
		r.Sums, r.Stored = s.sums[:count*size], n
		r.X, r.LDX = s.z, n
		o.normal.SolveRows(r, info, o.places, tolerance, s.lanes)
		return
	}
	ld, step := simd.PanelStride(n+1), dualSystem(n)
	for i := range count {
		var system []float32
		if sums := s.sums[i*size:][:size]; o.normal.InPlace() {
			system = o.normal.System(sums)
		} else {
			system = s.systems[i*step:][:step]
			o.normal.Spread(system, ld, n, sums)
		}
		for j := range n {
			system[j*ld+j] += s.rows.Factors[i]
		}
		if o.solving == alone {
			info[i] = int32(simd.Solve(s.z[:n], system, ld, tolerance))
			return
		}
	}
	rhs := s.systems[n*ld:]
	simd.SolveLanes(simd.Systems{
		Order: n,
		A:     s.systems, LDA: ld, StepA: step,
		B: rhs, StepB: step,
	}, info, tolerance, s.lanes)
	for i := range count {
		copy(s.z[i*n:][:n], rhs[i*step:])
	}
}
