package cpu

import (
	"math"
	"slices"

	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// topRows is the number of rows of X in a task: they share the rows of Y
	// that are in the cache.
	topRows = 16

	// topColumns is the number of scores of a row that are held at a time.
	topColumns = 256

	// topRange is the least number of columns worth a task of their own.
	topRange = 4096
)

// topK has a task for some rows of X and a range of the columns, which are the rows
// of Y. Where there are rows for every worker the range is all columns, and what is
// chosen is collected in the row of the results itself. Otherwise each range has a
// selection of its own, and these are put together in the end. The order of
// candidates is total, so the result does not depend on the ranges.
type topK struct {
	rows, columns chunks
	ids           []int32
	top           matrix
	x, y          matrix
	seen          *csr // nil: nothing is left out
	allow         []uint32
	tiles         [][]float32 // of each participant
	partial       []selection // of each row and range, where there are several
}

func (s *stream) ScoreTopK(ids kernels.Buffer[int32], top, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	op := &s.topK
	tiles, partial := grown(op.tiles, s.dev.pool.threads), op.partial
	*op = topK{
		rows:    chunks{x.Rows, topRows},
		columns: chunks{y.Rows, max(y.Rows, 1)},
		ids:     slice(ids), top: view(top),
		x: view(x), y: view(y),
		allow: slice(allow),
		tiles: tiles,
	}
	defer func() { *op = topK{tiles: tiles, partial: partial} }()
	if seen != nil {
		op.seen = seen.(*csr)
	}

	cost := 2 * float64(x.Rows) * float64(y.Rows) * float64(x.Cols+1)
	if threads := s.participants(maxInt, cost); op.rows.count() < threads {
		op.columns.step = max((y.Rows+threads-1)/threads, topRange)
	}
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

func (op *topK) layout(who int, a *arena) { op.tiles[who] = carve[float32](a, topRows*topColumns) }

func (op *topK) task(who, i int) {
	ranges := max(op.columns.count(), 1)
	first, last := op.rows.at(i / ranges)
	lo, hi := op.columns.at(i % ranges)
	hi = min(hi, op.y.rows)

	var chosen [topRows]selection
	var seen [topRows][]int32
	for r := range last - first {
		chosen[r] = op.selection(first+r, i%ranges, ranges)
		seen[r] = op.seenFrom(first+r, lo)
	}
	tile := op.tiles[who]
	for ; lo < hi; lo += topColumns {
		n := min(topColumns, hi-lo)
		op.score(tile, first, last, lo, n)
		for r := range last - first {
			seen[r] = op.offer(&chosen[r], tile[r*topColumns:r*topColumns+n], lo, seen[r])
		}
	}
	for r := range last - first {
		if ranges == 1 {
			chosen[r].finish()
		} else {
			op.partial[(first+r)*ranges+i%ranges] = chosen[r]
		}
	}
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

// seenFrom are the columns from lo on that are left out for a row.
func (op *topK) seenFrom(row, lo int) []int32 {
	if op.seen == nil {
		return nil
	}
	ids := op.seen.ids(row, 0, op.seen.length(row))
	at, _ := slices.BinarySearch(ids, int32(lo))
	return ids[at:]
}

// score computes the scores of rows first to last and n columns from lo on.
func (op *topK) score(tile []float32, first, last, lo, n int) {
	if op.x.cols == 0 {
		clear(tile)
		return
	}
	simd.Scores(tile, topColumns,
		op.x.data[first*op.x.stride:], op.x.stride, last-first,
		op.y.data[lo*op.y.stride:], op.y.stride, n, op.x.cols)
}

// offer gives the scores of the columns from lo on to a selection, except those
// that are not allowed or seen. It returns what is seen of the columns after them.
func (op *topK) offer(s *selection, scores []float32, lo int, seen []int32) []int32 {
	for j := 0; j < len(scores); j++ {
		// Few scores pass, so the other conditions come after this one.
		if s.full() {
			j += simd.FirstAbove(scores[j:], s.scores[0])
			if j == len(scores) {
				break
			}
		}
		score := scores[j]
		if !s.wants(score) {
			continue
		}
		id := int32(lo + j)
		for len(seen) > 0 && seen[0] < id {
			seen = seen[1:]
		}
		if len(seen) > 0 && seen[0] == id {
			continue
		}
		if len(op.allow) > 0 && op.allow[id/32]>>(id%32)&1 == 0 {
			continue
		}
		s.add(id, score)
	}
	return seen
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

// selection holds the best candidates so far, as many as its slices are long. They
// are a heap with the worst one first. A candidate is worse than another if its
// score is lower or, with the same score, its id is higher.
type selection struct {
	ids    []int32
	scores []float32
	count  int
}

// wants reports whether a candidate whose id is above all those chosen would be
// chosen. It never wants NaN.
func (s *selection) wants(score float32) bool {
	if s.count < len(s.ids) {
		return score == score
	}
	return score > s.scores[0]
}

// full reports whether only better candidates than the worst one are wanted.
func (s *selection) full() bool { return s.count == len(s.ids) }

// ties reports whether a score is that of the worst candidate.
func (s *selection) ties(score float32) bool { return score == s.scores[0] }

// add takes a candidate in. If there is no room the worst of all goes.
func (s *selection) add(id int32, score float32) {
	if s.count < len(s.ids) {
		s.ids[s.count], s.scores[s.count] = id, score
		s.count++
		s.up(s.count - 1)
		return
	}
	if worse(s.scores[0], s.ids[0], score, id) {
		s.ids[0], s.scores[0] = id, score
		s.down(0, s.count)
	}
}

// finish sorts the candidates, the best one first, and fills up with id -1 and score
// -Inf.
func (s *selection) finish() {
	for n := s.count - 1; n > 0; n-- {
		s.swap(0, n)
		s.down(0, n)
	}
	for i := s.count; i < len(s.ids); i++ {
		s.ids[i], s.scores[i] = -1, float32(math.Inf(-1))
	}
}

func worse(score float32, id int32, thanScore float32, thanID int32) bool {
	return score < thanScore || score == thanScore && id > thanID
}

func (s *selection) worse(i, j int) bool {
	return worse(s.scores[i], s.ids[i], s.scores[j], s.ids[j])
}

func (s *selection) swap(i, j int) {
	s.ids[i], s.ids[j] = s.ids[j], s.ids[i]
	s.scores[i], s.scores[j] = s.scores[j], s.scores[i]
}

// up restores the heap after its element i has become worse.
func (s *selection) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !s.worse(i, parent) {
			return
		}
		s.swap(i, parent)
		i = parent
	}
}

// down restores the heap of n elements after its element i has become better.
func (s *selection) down(i, n int) {
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && s.worse(child+1, child) {
			child++
		}
		if !s.worse(child, i) {
			return
		}
		s.swap(i, child)
		i = child
	}
}
