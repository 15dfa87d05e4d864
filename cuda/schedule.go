package cuda

import (
	"iter"
	"slices"
)

const (
	// partLength is the number of ratings that one block sums at a time. A longer
	// row, a giant, is cut into parts, whose sums are added in order: so its bits
	// depend on its ratings alone, and several blocks work on it.
	partLength = 8192

	// mostParts bounds the parts of a row, and with it the memory for their sums.
	mostParts = 128
)

// schedule says in which order blocks take the rows of a sparse matrix. A GPU starts
// the blocks of a grid in order, each as soon as there is room, so that taking the
// longest rows first leaves only short ones for the end.
type schedule struct {
	rows   []int32 // all but the giants, longest first
	giants []int32 // in order

	// firstPart has for each giant the number of its first part, and last the number
	// of all parts; bounds has for each part the range of its entries, counted from
	// the first of the matrix.
	firstPart []int64
	bounds    []int64
}

// newSchedule makes the schedule of the rows with the given offsets.
func newSchedule(offsets []int64) schedule {
	s := schedule{firstPart: []int64{0}}
	for i := range len(offsets) - 1 {
		n := offsets[i+1] - offsets[i]
		if n <= partLength {
			s.rows = append(s.rows, int32(i))
			continue
		}
		s.giants = append(s.giants, int32(i))
		step := max(partLength, (n+mostParts-1)/mostParts)
		for lo := int64(0); lo < n; lo += step {
			first := offsets[i] - offsets[0]
			s.bounds = append(s.bounds, first+lo, first+min(lo+step, n))
		}
		s.firstPart = append(s.firstPart, int64(len(s.bounds)/2))
	}
	slices.SortStableFunc(s.rows, func(a, b int32) int {
		return int((offsets[b+1] - offsets[b]) - (offsets[a+1] - offsets[a]))
	})
	return s
}

// partsLimit bounds the sums over the parts of giants that are held at the same time,
// in bytes.
const partsLimit = 64 << 20

// batches yields runs of giants, first up to end, whose parts together take at most
// partsLimit at so many bytes each, or one giant alone that takes more.
func (s *schedule) batches(partBytes int) iter.Seq2[int, int] {
	return func(yield func(first, end int) bool) {
		for first := 0; first < len(s.giants); {
			end := first + 1
			for end < len(s.giants) && (s.firstPart[end+1]-s.firstPart[first])*int64(partBytes) <= partsLimit {
				end++
			}
			if !yield(first, end) {
				return
			}
			first = end
		}
	}
}
