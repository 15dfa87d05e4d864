package cpu

import (
	"math"

	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
)

// sortedMost is the longest selection that is kept sorted: inserting moves half of it,
// but guesses less of the way than a heap.
const sortedMost = 32

// selection holds the best candidates so far, as many as its slices are long. Up to
// sortedMost they are sorted, the best one first; more are a heap with the worst one
// first.
type selection struct {
	ids    []int32
	scores []float32
	count  int
}

func (s *selection) sorted() bool { return len(s.ids) <= sortedMost }

func (s *selection) full() bool { return s.count == len(s.ids) }

// worst is the score that a candidate must pass. The selection is full and not empty.
func (s *selection) worst() float32 {
	if s.sorted() {
		return s.scores[len(s.scores)-1]
	}
	return s.scores[0]
}

// wants reports whether a candidate whose id is above all those chosen would be
// chosen. It never wants NaN.
func (s *selection) wants(score float32) bool {
	switch {
	case !s.full():
		return score == score
	case s.count == 0:
		return false
	default:
		return score > s.worst()
	}
}

// least is the least score that the selection wants, or NaN if it wants none.
func (s *selection) least() float32 {
	switch {
	case !s.full():
		return float32(math.Inf(-1))
	case s.count == 0:
		return float32(math.NaN())
	default:
		return simd.Above(s.worst())
	}
}

// ties reports whether a score is that of the worst candidate.
func (s *selection) ties(score float32) bool { return s.full() && s.count > 0 && score == s.worst() }

// add takes a candidate in. If there is no room the worst of all goes.
func (s *selection) add(id int32, score float32) {
	switch {
	case s.sorted():
		s.insert(id, score)
	case !s.full():
		s.ids[s.count], s.scores[s.count] = id, score
		s.count++
		s.up(s.count - 1)
	case worse(s.scores[0], s.ids[0], score, id):
		s.ids[0], s.scores[0] = id, score
		s.down(0, s.count)
	}
}

// append is add for a wanted candidate whose id is above all those chosen: of equal
// scores it comes last.
func (s *selection) append(id int32, score float32) {
	if !s.sorted() {
		s.add(id, score)
		return
	}
	at := s.count
	if s.full() {
		at--
	} else {
		s.count++
	}
	ids, scores := s.ids[:at+1], s.scores[:at+1]
	for ; at > 0 && scores[at-1] < score; at-- {
		ids[at], scores[at] = ids[at-1], scores[at-1]
	}
	ids[at], scores[at] = id, score
}

// insert is add for candidates that are sorted.
func (s *selection) insert(id int32, score float32) {
	at := s.count
	if s.full() {
		at--
		if !worse(s.scores[at], s.ids[at], score, id) {
			return
		}
	} else {
		s.count++
	}
	ids, scores := s.ids[:at+1], s.scores[:at+1]
	for ; at > 0 && worse(scores[at-1], ids[at-1], score, id); at-- {
		ids[at], scores[at] = ids[at-1], scores[at-1]
	}
	ids[at], scores[at] = id, score
}

// take sets the candidates of a selection that is sorted to the ones with the ids up to
// the first that is negative, or as many as there is room for.
func (s *selection) take(ids []int32, scores []float32) {
	for s.count = 0; s.count < len(s.ids) && ids[s.count] >= 0; s.count++ {
		s.ids[s.count], s.scores[s.count] = ids[s.count], scores[s.count]
	}
}

// finish sorts the candidates, the best one first, and fills up with id -1 and score
// -Inf.
func (s *selection) finish() {
	if !s.sorted() {
		for n := s.count - 1; n > 0; n-- {
			s.swap(0, n)
			s.down(0, n)
		}
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
