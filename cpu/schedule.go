package cpu

import (
	"cmp"
	"slices"
)

const (
	// partLength is the number of ratings that are summed in one go. The sums
	// of the parts of a longer row are added in order, so that a row's bits
	// depend on its ratings alone and workers may compute the parts at the same
	// time.
	partLength = 8192

	// blockElements is the number of elements of Y that are taken at a time, in
	// blockShortest to blockLongest ratings: higher ranks read a block several
	// times, and 16 KiB fit every first-level cache. A sum over a part has two
	// levels, within and between blocks, and the square root of the part's length
	// would give the smallest rounding error.
	blockElements = 1 << 12
	blockShortest = 64
	blockLongest  = 256

	// rowCost is what a row costs beside its ratings, in ratings.
	rowCost = 16

	// scheduleGroups is how many groups a large matrix is cut into: enough for
	// a balance within one percent on some dozen workers.
	scheduleGroups = 512

	// groupCost is the least that makes a group worth a task, in ratings.
	groupCost = 1024
)

// schedule says in which tasks the rows of a sparse matrix are taken.
type schedule struct {
	groups []span // of neighbouring rows, those above the common cost first
	giants []int  // rows that the workers share, in order
	parts  []part // of the giants, in order

	longest      int // ratings of the longest row in a group
	longestGiant int // ratings of the longest giant
}

// span is the range of rows from lo up to, not including, hi.
type span struct{ lo, hi int }

// part is one of the parts of a row.
type part struct{ row, index int }

// partCount is the number of parts of a row with n ratings.
func partCount(n int) int { return (n + partLength - 1) / partLength }

// partRange is the range of ratings of one part of a row with n ratings.
func partRange(n, index int) (lo, hi int) {
	lo = index * partLength
	return lo, min(lo+partLength, n)
}

// blockLength is the number of ratings of a block for a rank.
func blockLength(rank int) int {
	return min(max(blockElements/max(rank, 1), blockShortest), blockLongest)
}

// newSchedule makes the schedule of the rows with the given offsets. It costs a
// pass over them.
func newSchedule(offsets []int64) schedule {
	var s schedule
	rows := len(offsets) - 1
	total := offsets[rows] - offsets[0] + int64(rows)*rowCost
	target := max(total/scheduleGroups, groupCost)
	giant := max(target, partLength)

	lo, cost := 0, int64(0)
	flush := func(hi int) {
		if lo < hi {
			s.groups = append(s.groups, span{lo, hi})
		}
		lo, cost = hi, 0
	}
	for i := range rows {
		n := offsets[i+1] - offsets[i]
		if n > giant {
			flush(i)
			lo = i + 1
			s.giants = append(s.giants, i)
			s.longestGiant = max(s.longestGiant, int(n))
			for index := range partCount(int(n)) {
				s.parts = append(s.parts, part{i, index})
			}
			continue
		}
		if cost > 0 && cost+n+rowCost > target {
			flush(i)
		}
		cost += n + rowCost
		s.longest = max(s.longest, int(n))
	}
	flush(rows)

	costOf := func(g span) int64 {
		return offsets[g.hi] - offsets[g.lo] + int64(g.hi-g.lo)*rowCost
	}
	// Those within the target keep their order: then the ratings are read as one stream,
	// while each of groups in disorder begins with a wait for memory.
	slices.SortFunc(s.groups, func(a, b span) int {
		return cmp.Or(cmp.Compare(max(costOf(b), target), max(costOf(a), target)), cmp.Compare(a.lo, b.lo))
	})
	return s
}

// count is the number of tasks where the parts of giants need not be summed in
// order: the parts, then the groups.
func (s *schedule) count() int { return len(s.parts) + len(s.groups) }
