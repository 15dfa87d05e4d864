package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// query is a sum over the ratings of one row, and the row itself.
type query struct {
	row    int
	length int  // ratings of the row
	shared bool // the workers compute the parts together

	// add adds the sum over the ratings of a block to dst.
	add func(h *halfStep, w *rowScratch, q *query, block ratings, dst []float32)

	system bool // add is addSystem, which sets dst to the sums before the block and its own
	whole  bool // for all unknowns: the sums begin with the terms that rows share

	lo, hi int       // the range of unknowns of a system
	scores []float32 // of the row's ratings; nil before there is a solution
	vector []float32
}

// scored returns the scores of some of the row's ratings, or nil.
func (q *query) scored(b ratings) []float32 {
	if q == nil || q.scores == nil {
		return nil
	}
	return q.scores[b.first : b.first+len(b.ids)]
}

// ratings are some consecutive ratings of a row, at most a block.
type ratings struct {
	first  int // their place in the row
	ids    []int32
	values []float32
	before []float32 // the sums of a system before the block; nil for none
}

// sum writes the sum of a query over all ratings of its row to dst. It is over
// blocks within parts, and over parts in their order.
func (h *halfStep) sum(w *rowScratch, q *query, dst []float32) {
	if q.shared {
		h.giant = q
		h.stream.reduce(h, partCount(q.length), h.participants, dst)
		return
	}
	h.sumPart(w, q, 0, dst)
	for i := 1; i < partCount(q.length); i++ {
		part := w.part[:len(dst)]
		h.sumPart(w, q, i, part)
		simd.Add(part, dst)
	}
}

// summand writes the sum of a giant's query over one part.
func (h *halfStep) summand(who, i int, dst []float32) { h.sumPart(&h.work[who], h.giant, i, dst) }

func (h *halfStep) sumPart(w *rowScratch, q *query, index int, dst []float32) {
	var before []float32
	switch {
	case !q.system:
		clear(dst)
	case q.whole && index == 0:
		before = h.common
	}
	lo, hi := partRange(q.length, index)
	for ; lo < hi; lo += h.length {
		end := min(lo+h.length, hi)
		q.add(h, w, q, ratings{lo, h.r.ids(q.row, lo, end), h.r.ratings(q.row, lo, end), before}, dst)
		before = dst
	}
}

// weigh returns the weights of a block and its residuals t(r) - a(r)·s, where s is
// the score so far: the offset before there is a solution. If weights are 1 and
// there is no score, the residuals are the ratings themselves. No query stands for
// one without scores.
func (h *halfStep) weigh(w *rowScratch, q *query, b ratings) (weight, residual []float32) {
	weight = w.weight[:len(b.ids)]
	scores := q.scored(b)
	scored := scores != nil || len(h.offset) > 0
	if !h.needs.weighted && !scored {
		return weight, b.values
	}
	residual = w.residual[:len(b.ids)]
	h.problem.weigh(weight, residual, b.values)
	switch {
	case scores != nil:
		for i, s := range scores {
			residual[i] -= weight[i] * s
		}
	case len(h.offset) > 0:
		simd.SubtractOffsets(residual, weight, h.offset, b.ids)
	}
	return weight, residual
}

// yColumns is the part of Y that belongs to unknowns lo to hi, and whether the
// bias, which Y does not store, is among them.
func (h *halfStep) yColumns(lo, hi int) (y []float32, columns int, bias bool) {
	columns = min(hi, h.stored) - min(lo, h.stored)
	if columns > 0 {
		y = h.y.data[lo:]
	}
	return y, columns, hi > h.stored
}

// weights returns nil for weights that are all 1.
func (h *halfStep) weights(weight []float32) []float32 {
	if !h.needs.weighted {
		return nil
	}
	return weight
}

// addSystem adds Σ a(r)·y·yᵀ and the right-hand side Σ residual·y, for the unknowns
// lo to hi of y, to the sums of h.normal before the block.
func addSystem(h *halfStep, w *rowScratch, q *query, b ratings, dst []float32) {
	weight, residual := h.weigh(w, q, b)
	y, ld, ids := h.factors(w, q.lo, q.hi, h.r.idsFrom(q.row, b.first), len(b.ids))
	h.normal.Add(dst, b.before, y, ld, ids, h.weights(weight), residual, w.panels)
}

// addProduct adds Σ a(r)·(y·v)·y for the vector v of the query.
func addProduct(h *halfStep, w *rowScratch, q *query, b ratings, dst []float32) {
	weight, _ := h.weigh(w, q, b)
	block := w.block[:len(dst)]
	clear(block)
	h.blockProduct(block, q.vector, b.ids, weight)
	simd.Add(block, dst)
}

// addProductAndRightSide adds the same and, beyond it, the right-hand side
// Σ residual·y, while the factors of the block are in the cache.
func addProductAndRightSide(h *halfStep, w *rowScratch, q *query, b ratings, dst []float32) {
	weight, residual := h.weigh(w, q, b)
	block := w.block[:len(dst)]
	clear(block)
	h.blockProduct(block[:h.unknowns], q.vector, b.ids, weight)
	rhs := block[h.unknowns:]
	if h.stored > 0 {
		simd.WeightedSum(rhs[:h.stored], h.y.data, h.y.stride, b.ids, residual)
	}
	if h.stored < h.unknowns {
		for _, v := range residual {
			rhs[h.stored] += v
		}
	}
	simd.Add(block, dst)
}

// blockProduct adds Σ weight·(y·v)·y.
func (h *halfStep) blockProduct(dst, v []float32, ids []int32, weight []float32) {
	x := v[:h.stored]
	if h.stored < h.unknowns {
		dst[h.stored] = simd.NormalProductBias(dst[:h.stored], x, v[h.stored], h.y.data, h.y.stride, ids, weight)
	} else {
		simd.NormalProduct(dst, x, h.y.data, h.y.stride, ids, weight)
	}
}

// addScores adds y·v to the scores of the row's ratings, for the unknowns lo to hi
// of y and a vector of that length. There is nothing to sum: dst is empty.
func addScores(h *halfStep, w *rowScratch, q *query, b ratings, _ []float32) {
	block := w.block[:len(b.ids)]
	y, columns, bias := h.yColumns(q.lo, q.hi)
	if columns > 0 {
		simd.DotRows(block, q.vector[:columns], y, h.y.stride, b.ids)
	} else {
		clear(block)
	}
	scores := q.scores[b.first : b.first+len(b.ids)]
	simd.Add(block, scores)
	if bias {
		shift := q.vector[q.hi-q.lo-1]
		for i := range scores {
			scores[i] += shift
		}
	}
}

// setOffsets sets the scores of the row's ratings to the offsets of their columns.
func setOffsets(h *halfStep, _ *rowScratch, q *query, b ratings, _ []float32) {
	scores := q.scores[b.first : b.first+len(b.ids)]
	if len(h.offset) == 0 {
		clear(scores)
		return
	}
	for i, id := range b.ids {
		scores[i] = h.offset[id]
	}
}
