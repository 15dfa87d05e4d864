package cpu

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func offsetsOf(lengths []int) []int64 {
	offsets := []int64{1000}
	for _, n := range lengths {
		offsets = append(offsets, offsets[len(offsets)-1]+int64(n))
	}
	return offsets
}

func TestScheduleTakesEveryRowOnce(t *testing.T) {
	t.Log("seed 5")
	rng := rand.New(rand.NewPCG(5, 5))
	skewed := make([]int, 3000)
	for i := range skewed {
		skewed[i] = int(rng.ExpFloat64() * rng.ExpFloat64() * 400)
	}
	for name, lengths := range map[string][]int{
		"no rows":            {},
		"one empty row":      {0},
		"empty rows":         make([]int, 5000),
		"skewed":             skewed,
		"a giant":            {3, 100_000, 5},
		"giants at the ends": {50_000, 1, 1, 1, 70_000},
		"nothing but giants": {20_000, 20_001, 8193},
		"at the limit":       {partLength, partLength + 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchedule(offsetsOf(lengths))
			taken := make([]int, len(lengths))
			total := 0
			for _, n := range lengths {
				total += n + rowCost
			}
			target := max(total/scheduleGroups, groupCost)
			cost, last := func(g span) int {
				c := 0
				for i := g.lo; i < g.hi; i++ {
					c += lengths[i] + rowCost
				}
				return c
			}, span{}
			for i, g := range s.groups {
				require.Less(t, g.lo, g.hi)
				if i > 0 {
					require.LessOrEqual(t, max(cost(g), target), max(cost(last), target), "costly ones first")
					if cost(last) <= target {
						require.Less(t, last.lo, g.lo, "the others in order")
					}
				}
				last = g
				for i := g.lo; i < g.hi; i++ {
					taken[i]++
					require.LessOrEqual(t, lengths[i], s.longest)
				}
			}
			covered := make(map[int]int)
			for _, p := range s.parts {
				lo, hi := partRange(lengths[p.row], p.index)
				require.Equal(t, covered[p.row], lo, "parts follow one another")
				require.LessOrEqual(t, hi-lo, partLength)
				covered[p.row] = hi
			}
			for _, row := range s.giants {
				taken[row]++
				require.Equal(t, lengths[row], covered[row])
				require.LessOrEqual(t, lengths[row], s.longestGiant)
			}
			for i, n := range taken {
				require.Equal(t, 1, n, "row %d", i)
			}
		})
	}
}

func TestScheduleBalance(t *testing.T) {
	lengths := make([]int, 20_000)
	total := 0
	for i := range lengths {
		lengths[i] = 20 + i%400
		total += lengths[i] + rowCost
	}
	s := newSchedule(offsetsOf(lengths))
	require.GreaterOrEqual(t, len(s.groups), scheduleGroups)
	for _, g := range s.groups {
		cost := 0
		for i := g.lo; i < g.hi; i++ {
			cost += lengths[i] + rowCost
		}
		require.LessOrEqual(t, cost, total/scheduleGroups)
	}
}

func TestScheduleSplitsWhatIsGiantForItsMatrix(t *testing.T) {
	require.Equal(t, []int{1}, newSchedule(offsetsOf([]int{10, 9000, 10})).giants)
	// Among 10 million ratings 9000 are less than a group.
	lengths := make([]int, 10_000)
	for i := range lengths {
		lengths[i] = 1000
	}
	lengths[5] = 9000
	s := newSchedule(offsetsOf(lengths))
	require.Empty(t, s.giants)
	require.Equal(t, 9000, s.longest)
}
