package cuda

import (
	"cmp"
	"iter"
	"slices"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
)

const (
	// partLength is the number of ratings that one block sums at a time, where the
	// kernel has no other. A longer row, a giant, is cut into parts, whose sums are
	// added in order: so its bits depend on its ratings alone, and several blocks
	// work on it.
	partLength = 8192

	// mostParts bounds the parts of a row, and with it the memory for their sums.
	mostParts = 128
)

// schedule says in which order blocks take the rows of a sparse matrix. A GPU starts
// the blocks of a grid in order, each as soon as there is room, so that taking the
// longest rows first leaves only short ones for the end.
type schedule struct {
	rows   []int32 // all but the giants, longest first
	giants []int32 // longest first

	// firstPart has for each giant the number of its first part, and last the number
	// of all parts; bounds has for each part the range of its entries, counted from
	// the first of the matrix.
	firstPart []int64
	bounds    []int64

	limit int // partsLimit
}

// cut says which rows are giants, which are cut into parts: those of more ratings than
// whole, all rows where that is -1. A part has at most length ratings. limit bounds the
// memory of parts, if not partsLimit.
type cut struct{ whole, length, limit int }

// newSchedule makes the schedule of the rows with the given offsets.
func newSchedule(offsets []int64, c cut) schedule {
	s := schedule{firstPart: []int64{0}, limit: cmp.Or(c.limit, partsLimit)}
	length := func(row int32) int64 { return offsets[row+1] - offsets[row] }
	for i := range int32(len(offsets) - 1) {
		if length(i) > int64(c.whole) {
			s.giants = append(s.giants, i)
		} else {
			s.rows = append(s.rows, i)
		}
	}
	longestFirst := func(a, b int32) int { return cmp.Compare(length(b), length(a)) }
	slices.SortStableFunc(s.rows, longestFirst)
	slices.SortStableFunc(s.giants, longestFirst)
	for _, row := range s.giants {
		s.addParts(offsets[row]-offsets[0], length(row), int64(c.length))
	}
	return s
}

// addParts cuts n entries from first on into parts of nearly the same length, none if
// there are none.
func (s *schedule) addParts(first, n, length int64) {
	parts := min((n+length-1)/length, mostParts)
	for part := range parts {
		s.bounds = append(s.bounds, first+part*n/parts, first+(part+1)*n/parts)
	}
	s.firstPart = append(s.firstPart, int64(len(s.bounds)/2))
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
			for end < len(s.giants) && (s.firstPart[end+1]-s.firstPart[first])*int64(partBytes) <= int64(s.limit) {
				end++
			}
			if !yield(first, end) {
				return
			}
			first = end
		}
	}
}

// plan is a schedule with its lists on the device.
type plan struct {
	schedule schedule
	memory   *block // nil where it is not the plan's own

	rowList                   driver.Ptr // int32: schedule.rows
	giants, firstPart, bounds driver.Ptr // of the schedule
}

// newPlan makes a plan of rows that are cut in some way and has its lists uploaded.
func (d *device) newPlan(u *upload, offsets []int64, c cut) *plan {
	p := &plan{schedule: newSchedule(offsets, c)}
	if d.partsLimit > 0 {
		p.schedule.limit = d.partsLimit
	}
	u.add(&p.rowList, bytesOf(p.schedule.rows))
	u.add(&p.giants, bytesOf(p.schedule.giants))
	u.add(&p.firstPart, bytesOf(p.schedule.firstPart))
	u.add(&p.bounds, bytesOf(p.schedule.bounds))
	return p
}

// giantRows are neighbours in the list of giants, on the device.
type giantRows struct {
	count     int
	parts     int        // of all of them
	skipped   int        // parts of the giants before
	rows      driver.Ptr // int32: their numbers
	firstPart driver.Ptr // int64, count+1 of them: counted over all giants
	bounds    driver.Ptr // int64: the range of entries of each part
}

// giantsOf returns the giants from number first up to end.
func (p *plan) giantsOf(first, end int) giantRows {
	skipped := int(p.schedule.firstPart[first])
	return giantRows{
		count: end - first, parts: int(p.schedule.firstPart[end]) - skipped, skipped: skipped,
		rows:      p.giants.Add(4 * first),
		firstPart: p.firstPart.Add(8 * first),
		bounds:    p.bounds.Add(16 * skipped),
	}
}

// mostPartsAtOnce is the number of parts of the batch with the most.
func (s *schedule) mostPartsAtOnce(partBytes int) int {
	most := int64(0)
	for first, end := range s.batches(partBytes) {
		most = max(most, s.firstPart[end]-s.firstPart[first])
	}
	return int(most)
}
