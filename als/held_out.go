package als

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
)

// rankedList is one list to measure.
type rankedList struct {
	user   int
	weight float64 // 1 over the number of lists of the user

	// relevant is what the list should have first, ascending.
	relevant []int32

	// candidates is what is ranked, ascending: the one relevant item and those
	// sampled. It is nil where all items are ranked that the user has not seen.
	candidates []int32
}

// heldOut makes the lists to measure from held-out ratings.
type heldOut struct {
	model       *Model
	train, test *Ratings
	known       []int32 // the items with ratings in training, ascending
	relevant    func(rating float32) bool
	negatives   int // sampled for each relevant item; 0 for all
	seed        uint64
}

func knownItems(m *Model) []int32 {
	var known []int32
	for i, n := range m.items.counts {
		if n > 0 {
			known = append(known, int32(i))
		}
	}
	return known
}

// lists makes the lists in the order of the users and counts in r who has one, how
// many ratings they are for, and what was dropped.
func (h *heldOut) lists(r *Ranking) iter.Seq[rankedList] {
	return func(yield func(rankedList) bool) {
		for user := range h.test.Users() {
			relevant, dropped := h.relevantItems(user)
			r.Dropped += int64(dropped)
			if len(relevant) == 0 {
				if dropped > 0 {
					r.DroppedUsers++
				}
				continue
			}
			r.Users++
			r.Relevant += int64(len(relevant))
			if h.negatives == 0 {
				if !yield(rankedList{user: user, weight: 1, relevant: relevant}) {
					return
				}
				continue
			}
			weight := 1 / float64(len(relevant))
			rated := h.ratedPlaces(user)
			for j, item := range relevant {
				list := rankedList{user: user, weight: weight, relevant: relevant[j : j+1]}
				list.candidates = h.sample(user, item, rated)
				if !yield(list) {
					return
				}
			}
		}
	}
}

// relevantItems are the items that a user's list should have, ascending, and the
// number of those that no list can have.
func (h *heldOut) relevantItems(user int) (relevant []int32, dropped int) {
	items, values := h.test.User(user)
	seen, _ := h.train.User(user)
	for j, i := range items {
		if !h.relevant(values[j]) {
			continue
		}
		_, again := slices.BinarySearch(seen, i)
		if again || h.model.users.counts[user] == 0 || h.model.items.counts[i] == 0 {
			dropped++
			continue
		}
		relevant = append(relevant, i)
	}
	return relevant, dropped
}

// ratedPlaces are the places in known, ascending, of what a user rated in either
// part.
func (h *heldOut) ratedPlaces(user int) []int {
	var places []int
	for _, part := range []*Ratings{h.train, h.test} {
		items, _ := part.User(user)
		for _, i := range items {
			if place, known := slices.BinarySearch(h.known, i); known {
				places = append(places, place)
			}
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// sample returns an item with h.negatives others that the user has not rated, or
// all of them if there are fewer, ascending. The sample is that of Floyd (Bentley
// and Floyd 1987): each set of the size is as likely as any other.
func (h *heldOut) sample(user int, item int32, rated []int) []int32 {
	unrated := len(h.known) - len(rated)
	n := min(h.negatives, unrated)
	random := rand.New(rand.NewPCG(h.seed, pairKey(user, item)))
	taken := make(map[int]bool, n)
	candidates := make([]int32, 0, n+1)
	for last := unrated - n; last < unrated; last++ {
		j := random.IntN(last + 1)
		if taken[j] {
			j = last
		}
		taken[j] = true
		candidates = append(candidates, h.known[unratedPlace(rated, j)])
	}
	candidates = append(candidates, item)
	slices.Sort(candidates)
	return candidates
}

// unratedPlace is the place of the j-th item, from 0, that is not rated: j plus
// the number of rated places before it.
func unratedPlace(rated []int, j int) int {
	// Before the b-th rated place there are rated[b]-b that are not rated.
	lo, hi := 0, len(rated)
	for lo < hi {
		b := int(uint(lo+hi) / 2)
		if rated[b]-b <= j {
			lo = b + 1
		} else {
			hi = b
		}
	}
	return j + lo
}

// seen is the pattern of what the user of each list rated in training.
func (h *heldOut) seen(block []rankedList) kernels.HostCSR {
	m := kernels.HostCSR{Rows: len(block), Cols: h.train.Items(), Offsets: make([]int64, 1, len(block)+1)}
	for _, list := range block {
		items, _ := h.train.User(list.user)
		m.Columns = append(m.Columns, items...)
		m.Offsets = append(m.Offsets, int64(len(m.Columns)))
	}
	return m
}

// candidatesOf is the pattern of the candidates of each list.
func candidatesOf(block []rankedList, items int) kernels.HostCSR {
	m := kernels.HostCSR{Rows: len(block), Cols: items, Offsets: make([]int64, 1, len(block)+1)}
	for _, list := range block {
		m.Columns = append(m.Columns, list.candidates...)
		m.Offsets = append(m.Offsets, int64(len(m.Columns)))
	}
	return m
}

// divide takes a user's scores of all items apart into those of the relevant
// items and those of the others that the user has not seen.
func (h *heldOut) divide(list rankedList, scores []float32) (relevant, others []float32) {
	seen, _ := h.train.User(list.user)
	wanted := list.relevant
	others = make([]float32, 0, len(h.known))
	for _, i := range h.known {
		for len(seen) > 0 && seen[0] < i {
			seen = seen[1:]
		}
		switch {
		case len(seen) > 0 && seen[0] == i:
		case len(wanted) > 0 && wanted[0] == i:
			wanted = wanted[1:]
			relevant = append(relevant, scores[i])
		default:
			others = append(others, scores[i])
		}
	}
	return relevant, others
}
