package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

const (
	// packUses is how often, on average, a row of the fixed side must occur among
	// the ratings for a packed copy of the whole side to pay.
	packUses = 2

	// packRows is the number of rows of a task that packs.
	packRows = 1024

	// batchRows and batchRatings bound the rows that are summed together: enough
	// that what a call costs does not matter, and at most some 50 µs of work.
	batchRows    = 16
	batchRatings = 1 << 13
)

// packing packs the fixed side of a half-step for simd.Normal.
type packing struct {
	chunks
	noScratch
	problem *problem
	normal  simd.Normal
	dst     []float32
}

// packFactors sets h.packed where a packed copy of the fixed side pays. Without room
// for it, blocks of ratings are packed as they come, which gives the same sums.
func (s *stream) packFactors(h *halfStep) {
	if h.needs.order != h.unknowns || h.normal.Direct(h.stored) || h.r.Entries() < packUses*int64(h.r.cols) {
		return
	}
	size := h.r.cols * h.normal.Stride()
	var measure arena
	carve[float32](&measure, size)
	if s.packed.reserve(&s.dev.ledger, measure.used) != nil {
		return
	}
	h.packed = carve[float32](&s.packed, size)
	op := &s.packing
	*op = packing{chunks: chunks{h.r.cols, packRows}, problem: &h.problem, normal: h.normal, dst: h.packed}
	s.dev.pool.run(&s.job, op, op.count(), h.participants)
	*op = packing{}
}

func (op *packing) task(_, i int) {
	lo, hi := op.at(i)
	p, stride := op.problem, op.normal.Stride()
	var y []float32
	if p.stored > 0 {
		y = p.y.data[lo*p.y.stride:]
	}
	op.normal.Pack(op.dst[lo*stride:hi*stride], y, p.y.stride, p.stored, p.unknowns, nil)
}

// factors returns the factors of the first count of ids as h.normal wants them, for
// the unknowns lo to hi: a matrix, the distance of its rows, and the ids there. Those
// may go on as ids does.
func (h *halfStep) factors(w *rowScratch, lo, hi int, ids []int32, count int) (y []float32, ld int, at []int32) {
	if h.packed != nil {
		return h.packed, h.normal.Stride(), ids
	}
	y, columns, bias := h.yColumns(lo, hi)
	if !bias && h.normal.Direct(columns) {
		return y, h.y.stride, ids
	}
	panel := w.panel[:count*h.normal.Stride()]
	h.normal.Pack(panel, y, h.y.stride, columns, hi-lo, ids[:count])
	return panel, h.normal.Stride(), w.consecutive[:count]
}

// sumRows sums the systems of as many of the rows as fit into a batch. Rows with more
// ratings than that are summed one by one. A row's sums have the same bits either way.
func (h *halfStep) sumRows(w *rowScratch, rows span, sums []float32) {
	offsets := h.r.offsets
	first, hi := offsets[rows.lo], rows.lo
	for hi < min(rows.hi, rows.lo+batchRows) && offsets[hi+1]-first <= int64(h.batched) {
		hi++
	}
	w.summed = span{rows.lo, hi}
	size := h.normal.Size()
	for row := rows.lo; row < hi; row++ {
		if h.r.length(row) == 0 {
			clear(sums[(row-rows.lo)*size:][:size]) // for solveSums
		}
	}
	sums = sums[:(hi-rows.lo)*size]
	n := offsets[hi] - first
	if n == 0 {
		return
	}
	b := ratings{ids: h.r.columns[first : first+n], values: h.r.values[first : first+n]}
	weight, residual := h.weigh(w, nil, b)
	y, ld, ids := h.factors(w, 0, h.unknowns, h.r.columns[first:], int(n))
	h.normal.AddRows(sums, h.common, offsets[rows.lo:hi+1], y, ld, ids, h.weights(weight), residual)
}
