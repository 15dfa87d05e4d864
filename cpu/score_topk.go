package cpu

import (
	"math"
	"math/bits"
	"slices"

	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// topPanel is the number of elements of Y that are packed at a time: 1 MiB, which
	// second-level caches hold. For a few rows of X, which read what is packed once
	// or twice, it is topPanelFew, which the first-level cache holds.
	topPanel    = 1 << 18
	topPanelFew = 1 << 12

	// topColumns is the most columns that are packed at a time, as each has a bit for
	// every row of a tile.
	topColumns = 1 << 14

	// topTiles is the most tiles of rows in a task if Y is packed once for all of
	// them, and topTilesPacking if it is packed for every task: then packing costs
	// about a hundredth.
	topTiles        = 8
	topTilesPacking = 64

	// topRange is the least number of columns worth a task of their own.
	topRange = 4096
)

// topK has a task for some rows of X and a range of the columns, which are the rows
// of Y. Where there are rows for every worker the range is all columns, and what is
// chosen is collected in the row of the results itself. Otherwise each range has a
// selection of its own, and these are put together in the end. The order of
// candidates is total, so the result does not depend on the ranges.
//
// A block of columns is packed. Then tiles of rows pass over it, and scores do not
// leave the registers unless one is as high as its row wants.
type topK struct {
	rows, columns chunks
	block         int // columns that are packed at a time, whole strips
	k             int // elements of a score, at least 1
	ids           []int32
	top           matrix
	x, y          matrix
	seen          *csr // nil: nothing is left out
	allow         []uint32
	work          []topScratch
	partial       []selection // of each row and range, where there are several
}

// topScratch is what a participant works with.
type topScratch struct {
	panel  []float32   // a block of Y, packed
	packed int         // the first column of the block, or -1
	x      []float32   // a tile of rows of X, packed
	open   []uint32    // of each strip and row of the tile, the columns that may be chosen
	least  []float32   // of each row of the tile, the least score that is wanted
	chosen []selection // of each row of the task
	tile   *simd.Tile

	// For simd.KeepBest, of each row of the task and of a tile more.
	best    []float32
	bestIDs []int32
}

func (s *stream) ScoreTopK(ids kernels.Buffer[int32], top, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	op := &s.topK
	work, partial := grown(op.work, s.dev.pool.threads), op.partial
	*op = topK{
		k:   max(x.Cols, 1),
		ids: slice(ids), top: view(top),
		x: view(x), y: view(y),
		allow: slice(allow),
		work:  work,
	}
	defer func() { *op = topK{work: work, partial: partial} }()
	if seen != nil {
		op.seen = seen.(*csr)
	}

	cost := 2 * float64(x.Rows) * float64(y.Rows) * float64(x.Cols+1)
	op.cut(s.participants(maxInt, cost))
	ranges := op.columns.count()
	if ranges > 1 {
		partial = grown(partial, x.Rows*ranges)
		op.partial = partial
		if err := op.reserve(s, x.Rows*ranges); err != nil {
			return err
		}
	}
	if err := s.run(op, op.rows.count()*max(ranges, 1), cost); err != nil {
		return err
	}
	if ranges > 1 {
		op.combine(ranges)
	}
	return nil
}

// cut sets the sizes of tasks and blocks for so many participants.
func (op *topK) cut(participants int) {
	rows, columns := op.x.rows, op.y.rows
	tile, strip := simd.TileRows(maxInt), simd.TileColumns()
	panel := topPanel
	if rows <= 2*tile {
		panel = topPanelFew
	}
	op.block = max(min(panel/op.k, topColumns)/strip, 1) * strip

	most := topTiles
	if columns > op.block {
		most = topTilesPacking
	}
	tiles := (rows + tile - 1) / tile
	each := (tiles + 4*participants - 1) / (4 * participants)
	op.rows = chunks{rows, max(min(each, most), 1) * tile}
	op.columns = chunks{columns, max(columns, 1)}
	if op.rows.count() < participants {
		op.columns.step = max((columns+participants-1)/participants, topRange)
	}
	op.block = min(op.block, (op.columns.step+strip-1)/strip*strip)
}

// reserve lays out so many partial selections in the shared arena.
func (op *topK) reserve(s *stream, count int) error {
	layout := func(a *arena) {
		for i := range op.partial[:count] {
			op.partial[i] = selection{ids: carve[int32](a, op.top.cols), scores: carve[float32](a, op.top.cols)}
		}
	}
	var measure arena
	layout(&measure)
	if err := s.shared.reserve(&s.dev.ledger, measure.used); err != nil {
		return err
	}
	layout(&s.shared)
	return nil
}

func (op *topK) layout(who int, a *arena) {
	w := &op.work[who]
	tile, strip := simd.TileRows(maxInt), simd.TileColumns()
	*w = topScratch{
		panel:  carve[float32](a, op.block*op.k),
		packed: -1,
		x:      carve[float32](a, tile*op.k),
		open:   carve[uint32](a, op.block/strip*tile),
		least:  carve[float32](a, tile),
		chosen: grown(w.chosen, op.rows.step),
		tile:   w.tile,
	}
	if w.tile == nil {
		w.tile = new(simd.Tile)
	}
	if simd.KeepsBest(op.top.cols) {
		lanes := (op.rows.step + tile) * simd.BestLanes
		w.best, w.bestIDs = carve[float32](a, lanes), carve[int32](a, lanes)
	}
}

func (op *topK) task(who, i int) {
	w, ranges := &op.work[who], max(op.columns.count(), 1)
	first, last := op.rows.at(i / ranges)
	lo, hi := op.columns.at(i % ranges)
	hi = min(hi, op.y.rows)

	chosen := w.chosen[:last-first]
	for r := range chosen {
		chosen[r] = op.selection(first+r, i%ranges, ranges)
	}
	w.clearBest()
	for ; lo < hi; lo += op.block {
		n := min(op.block, hi-lo)
		op.pack(w, lo, n)
		for row := first; row < last; {
			rows := min(simd.TileRows(last-row), last-row)
			if w.best != nil {
				op.keep(w, row, row-first, rows, lo, n)
			} else {
				op.scan(w, chosen[row-first:][:rows], row, lo, n)
			}
			row += rows
		}
	}
	for r := range chosen {
		if w.best != nil {
			lanes := r * simd.BestLanes
			chosen[r].take(w.bestIDs[lanes:], w.best[lanes:])
		}
		if ranges == 1 {
			chosen[r].finish()
		} else {
			op.partial[(first+r)*ranges+i%ranges] = chosen[r]
		}
	}
	clear(chosen)
}

// selection is the empty selection of a row for one of the ranges.
func (op *topK) selection(row, index, ranges int) selection {
	if ranges > 1 {
		return op.partial[row*ranges+index]
	}
	return op.result(row)
}

// result is the empty selection in the row of the results.
func (op *topK) result(row int) selection {
	k := op.top.cols
	return selection{ids: op.ids[row*k : (row+1)*k], scores: op.top.row(row)}
}

// pack packs n columns from lo on, unless that is the block which is packed.
func (op *topK) pack(w *topScratch, lo, n int) {
	if w.packed == lo {
		return
	}
	w.packed = lo
	op.packRows(w.panel, simd.TileColumns(), op.y, lo, n)
}

// packRows packs n rows of a matrix. If they have no elements, each gets a zero.
func (op *topK) packRows(dst []float32, width int, m matrix, first, n int) {
	if m.cols == 0 {
		clear(dst)
		return
	}
	simd.PackRows(dst, width, m.data[first*m.stride:], m.stride, n, m.cols)
}

// scan offers the scores of a tile of rows, from row on, and n columns from lo on to
// the selections of the rows.
func (op *topK) scan(w *topScratch, chosen []selection, row, lo, n int) {
	height, strip := simd.TileRows(len(chosen)), simd.TileColumns()
	op.packRows(w.x, height, op.x, row, len(chosen))
	strips := (n + strip - 1) / strip
	open := w.open[:strips*height]
	op.mark(open, height, row, len(chosen), lo, n)
	least := w.least[:height]
	for r := range least {
		least[r] = float32(math.NaN())
		if r < len(chosen) {
			least[r] = chosen[r].least()
		}
	}
	for s := 0; s < strips; s++ {
		s += simd.ScoreStrips(w.tile, w.x, height, w.panel[s*strip*op.k:], op.k, strips-s, least, open[s*height:])
		if s == strips {
			return
		}
		for r := range chosen {
			hits := w.tile.Hits[r]
			if hits == 0 {
				continue
			}
			selected := &chosen[r]
			wanted := least[r]
			for ; hits != 0; hits &= hits - 1 {
				j := bits.TrailingZeros32(hits)
				// Hits of the same strip may have raised what is wanted.
				if score := w.tile.Score(r, j); score >= wanted {
					selected.append(int32(lo+s*strip+j), score)
					wanted = selected.least()
				}
			}
			least[r] = wanted
		}
	}
}

// clearBest says that there are no candidates yet.
func (w *topScratch) clearBest() {
	simd.Fill(w.best, float32(math.NaN()))
	for i := range w.bestIDs {
		w.bestIDs[i] = -1
	}
}

// keep is scan for the selections that simd.KeepBest makes, from place on in the task.
func (op *topK) keep(w *topScratch, row, place, rows, lo, n int) {
	height, strip := simd.TileRows(rows), simd.TileColumns()
	op.packRows(w.x, height, op.x, row, rows)
	strips := (n + strip - 1) / strip
	open := w.open[:strips*height]
	op.mark(open, height, row, rows, lo, n)
	lanes := place * simd.BestLanes
	simd.KeepBest(w.tile, w.x, height, w.panel, op.k, strips, open, lo, op.top.cols, w.best[lanes:], w.bestIDs[lanes:])
}

// mark sets a bit of the open words for each of n columns from lo on that rows from
// row on may choose. A strip has a word for every row of a tile of the given height.
func (op *topK) mark(open []uint32, height, row, rows, lo, n int) {
	strip := simd.TileColumns()
	for s := 0; s*strip < n; s++ {
		first := lo + s*strip
		word := uint32(1)<<min(strip, n-s*strip) - 1
		if len(op.allow) > 0 {
			word &= bitsFrom(op.allow, first)
		}
		words := open[s*height : (s+1)*height]
		for r := range words[:rows] {
			words[r] = word
		}
		clear(words[rows:])
	}
	if op.seen == nil {
		return
	}
	shift, mask := bits.TrailingZeros(uint(strip)), strip-1
	for r := range rows {
		ids := op.seen.ids(row+r, 0, op.seen.length(row+r))
		if lo > 0 {
			at, _ := slices.BinarySearch(ids, int32(lo))
			ids = ids[at:]
		}
		for _, id := range ids {
			j := int(id) - lo
			if j >= n {
				break
			}
			open[j>>shift*height+r] &^= 1 << (j & mask)
		}
	}
}

// bitsFrom returns 32 bits of a bitmap from a place on, zeros beyond its end.
func bitsFrom(words []uint32, at int) uint32 {
	w := uint64(words[at/32])
	if at/32+1 < len(words) {
		w |= uint64(words[at/32+1]) << 32
	}
	return uint32(w >> (at % 32))
}

// combine puts the selections of the ranges together.
func (op *topK) combine(ranges int) {
	for row := range op.rows.rows {
		all := op.result(row)
		for _, s := range op.partial[row*ranges : (row+1)*ranges] {
			for i, id := range s.ids[:s.count] {
				if score := s.scores[i]; all.wants(score) || all.ties(score) {
					all.add(id, score)
				}
			}
		}
		all.finish()
	}
}
