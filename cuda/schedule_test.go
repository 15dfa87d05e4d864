package cuda

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestScheduleCovers: every row is taken once, the longest first, and the parts of a
// giant cover its entries in order.
func TestScheduleCovers(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	offsets := []int64{123}
	lengths := []int64{0, partLength, partLength + 1, 3_000_000, 1}
	for range 500 {
		lengths = append(lengths, int64(rng.IntN(40)))
	}
	for _, n := range lengths {
		offsets = append(offsets, offsets[len(offsets)-1]+n)
	}
	s := newSchedule(offsets, cut{whole: partLength, length: partLength})
	require.Equal(t, []int32{3, 2}, s.giants)
	for i := 1; i < len(s.rows); i++ {
		require.GreaterOrEqual(t, lengths[s.rows[i-1]], lengths[s.rows[i]])
	}
	all := slices.Concat(s.rows, s.giants)
	slices.Sort(all)
	for i := range lengths {
		require.Equal(t, int32(i), all[i])
	}

	require.Len(t, s.bounds, 2*int(s.firstPart[len(s.giants)]))
	for g, row := range s.giants {
		parts := s.firstPart[g+1] - s.firstPart[g]
		require.LessOrEqual(t, parts, int64(mostParts))
		at := offsets[row] - offsets[0]
		for p := s.firstPart[g]; p < s.firstPart[g+1]; p++ {
			require.Equal(t, at, s.bounds[2*p])
			require.Greater(t, s.bounds[2*p+1], at)
			at = s.bounds[2*p+1]
		}
		require.Equal(t, offsets[row+1]-offsets[0], at)
	}
}

// TestScheduleOfAllRows: all rows are in parts, the longest first, and the ones without
// ratings have none.
func TestScheduleOfAllRows(t *testing.T) {
	s := newSchedule([]int64{10, 13, 13, 20, 21}, cut{whole: -1, length: 3})
	require.Empty(t, s.rows)
	require.Equal(t, []int32{2, 0, 3, 1}, s.giants)
	require.Equal(t, []int64{0, 3, 4, 5, 5}, s.firstPart)
	require.Equal(t, []int64{3, 5, 5, 7, 7, 10, 0, 3, 10, 11}, s.bounds)
}

// TestBatches: giants are taken together as far as their parts fit the limit.
func TestBatches(t *testing.T) {
	s := newSchedule([]int64{0, 3 * partLength, 5 * partLength, 15 * partLength, 17 * partLength}, cut{whole: partLength, length: partLength})
	for _, c := range []struct {
		partBytes int
		want      [][2]int
	}{
		{partsLimit, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}}},
		{partsLimit / 5, [][2]int{{0, 1}, {1, 3}, {3, 4}}},
		{1, [][2]int{{0, 4}}},
	} {
		var got [][2]int
		for first, end := range s.batches(c.partBytes) {
			got = append(got, [2]int{first, end})
		}
		require.Equal(t, c.want, got, "%d bytes a part", c.partBytes)
	}
}
