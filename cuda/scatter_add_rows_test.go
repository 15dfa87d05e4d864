package cuda

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// TestScatterAddSorted compares to the bit with adding in the order of the ids: segments of
// one row, of some, of one more than a group adds alone, and of several chunks; ids of one
// to three digits, and ids outside of dst.
func TestScatterAddSorted(t *testing.T) {
	b := newRig(t, kernels.Options{})
	for _, c := range []struct{ rows, cols, count int }{
		{1, 1, scatterFew + 1},
		{7, 4, 3000},
		{255, 5, 4096},
		{256, 64, 5000},
		{3000, 12, 2500},
		{70_000, 33, 9000},
		{70_000, 132, 2100},
		{300, 260, 2100},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			dst, src := b.dense(c.rows, c.cols, 1), b.dense(c.count, c.cols, 1)
			ids := make([]int32, c.count)
			for i := range ids {
				switch b.rng.IntN(8) {
				case 0:
					ids[i] = int32(c.rows / 2) // a long segment
				case 1:
					ids[i] = []int32{-1, int32(c.rows), math.MaxInt32, math.MinInt32}[b.rng.IntN(4)]
				default:
					ids[i] = int32(b.rng.IntN(c.rows))
				}
			}
			for i := range 129 { // and one that ends where it is not long yet
				ids[i*c.count/129] = int32(c.rows - 1)
			}
			want := dst.Float32()
			for i, id := range ids {
				if id < 0 || int(id) >= c.rows {
					continue
				}
				for j, v := range src.Row(i) {
					want[int(id)*c.cols+j] += float32(v)
				}
			}
			got, idx := b.upload(dst), ints(b, c.count)
			require.NoError(t, kernels.Upload(b.stream, idx, ids))
			require.NoError(t, b.stream.ScatterAddRows(got, b.upload(src), idx))
			require.Equal(t, want, b.download(got))
		})
	}
}

// TestSortIDs sorts by as many digits as a limit has, and more blocks than a block of
// sort_scan takes at once. The threads of a block go on in no order, so that a barrier
// that is missing shows.
func TestSortIDs(t *testing.T) {
	b := newRig(t, kernels.Options{})
	emulator.Build(t).SetOrder(emulator.Random, 1)
	s, err := b.raw.newStream()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, c := range []struct{ limit, count int }{
		{1, 1}, {1, 2048}, {200, 2049}, {200, sortThreads*sortTile + 1}, {255, 5000}, {256, 5000},
		{65_535, 9000}, {65_536, 9000}, {1 << 24, 9000}, {math.MaxInt32, 9000},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			ids := make([]int32, c.count)
			for i := range ids {
				ids[i] = int32(b.rng.IntN(c.limit+c.limit/8+1) - c.limit/16)
			}
			wantIDs, wantPlaces := sortedOnHost(ids, c.limit)
			mem, err := s.Alloc(roundUp(4*c.count, granule) + sortBytes(c.count))
			require.NoError(t, err)
			defer func() { require.NoError(t, mem.Free()) }()
			require.NoError(t, s.Write(mem, 0, bytesOf(ids)))
			start := mem.(*memory).block.ptr
			sorted, err := s.sortIDs(start, c.count, c.limit, start.Add(roundUp(4*c.count, granule)))
			require.NoError(t, err)
			got := make([]int32, c.count)
			require.NoError(t, s.Read(bytesOf(got), mem, int(sorted.ids-start)))
			requireSame(t, wantIDs, got)
			require.NoError(t, s.Read(bytesOf(got), mem, int(sorted.places-start)))
			requireSame(t, wantPlaces, got)
		})
	}
}

// requireSame stops at the first difference; require.Equal prints them all, which takes
// minutes.
func requireSame(t *testing.T, want, got []int32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if got[i] != want[i] {
			require.Equal(t, want[i], got[i], "place %d", i)
		}
	}
}

func sortedOnHost(ids []int32, limit int) (sorted, places []int32) {
	keys := make([]int32, len(ids))
	for i, id := range ids {
		keys[i] = id
		if id < 0 || int(id) >= limit {
			keys[i] = int32(limit)
		}
		places = append(places, int32(i))
	}
	slices.SortStableFunc(places, func(a, b int32) int { return cmp.Compare(keys[a], keys[b]) })
	for _, p := range places {
		sorted = append(sorted, keys[p])
	}
	return sorted, places
}
