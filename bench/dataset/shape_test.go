package dataset

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// counts are the ratings of each user and of each item, in order.
func counts(t testing.TB, src Source) (users, items []int) {
	byUser, byItem := make(map[int64]int), make(map[int64]int)
	for _, r := range collect(t, src) {
		byUser[r.User]++
		byItem[r.Item]++
	}
	sorted := func(m map[int64]int) []int {
		var s []int
		for _, n := range m {
			s = append(s, n)
		}
		slices.Sort(s)
		return s
	}
	return sorted(byUser), sorted(byItem)
}

// gini is the Gini coefficient of sorted numbers: 0 if all are the same, near 1 if
// one has all.
func gini(sorted []int) float64 {
	var sum, weighted float64
	for i, v := range sorted {
		sum += float64(v)
		weighted += float64(2*(i+1)-len(sorted)-1) * float64(v)
	}
	return weighted / (sum * float64(len(sorted)))
}

func quantile(sorted []int, p float64) int {
	return sorted[int(math.Round(p*float64(len(sorted)-1)))]
}

func TestSyntheticShape(t *testing.T) {
	for seed := range uint64(3) {
		t.Logf("seed %d", seed)
		users, items := counts(t, Synthetic{Seed: seed})
		t.Logf("users: gini %.4f; items: gini %.4f", gini(users), gini(items))
		require.InDelta(t, 0.528, gini(users), 0.002)
		require.InDelta(t, 0.635, gini(items), 0.005)
		require.Equal(t, leastActivity, users[0])
		for _, q := range []struct {
			p           float64
			users, item int
		}{{0.1, 26, 7}, {0.5, 96, 123}, {0.9, 391, 706}, {0.99, 944, 1925}, {1, 2385, 3300}} {
			require.InEpsilon(t, q.users, quantile(users, q.p), 0.01, "user quantile %v", q.p)
			require.InEpsilon(t, q.item, quantile(items, q.p), 0.15, "item quantile %v", q.p)
		}
	}
}

// The most active user and the most popular item of larger data sets stay
// within it, and the least active keep their minimum.
func TestUserActivity(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, s := range []Synthetic{
		{Users: 162_000, Items: 62_000, Ratings: 25_000_000},
		{Users: 1000, Items: 100, Ratings: 99_000},
		{Users: 1000, Items: 100, Ratings: 40_000},
		{Users: 1000, Items: 100, Ratings: 39_999},
		{Users: 1000, Items: 100, Ratings: 1000},
		{Users: 1000, Items: 100, Ratings: 999},
		{Users: 1, Items: 1, Ratings: 1},
	} {
		activity := userActivity(s, random)
		require.Len(t, activity, s.Users)
		var sum int64
		for _, n := range activity {
			sum += int64(n)
		}
		require.Equal(t, s.Ratings, sum, "%+v", s)
		require.LessOrEqual(t, int(slices.Max(activity)), s.Items, "%+v", s)
		least := slices.Min(activity)
		switch mean := s.Ratings / int64(s.Users); {
		case mean >= 40:
			require.EqualValues(t, 20, least, "%+v", s)
		case mean >= 1:
			require.EqualValues(t, (mean+1)/2, least, "%+v", s)
		}
	}
}

// The slots of the table give every item the share of its weight.
func TestAliasTable(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, weights := range [][]uint32{
		{1}, {1, 1}, {1, 1 << 31}, {5, 1, 1, 1, 8}, {7, 7, 7},
		itemPopularity(3706, random), itemPopularity(62_000, random),
	} {
		table := newAliasTable(weights)
		var total float64
		for _, w := range weights {
			total += float64(w)
		}
		share := make([]float64, len(weights))
		for i, s := range table.slots {
			keep := float64(s.keep) / (1 << 32)
			share[i] += keep / float64(len(weights))
			share[s.other] += (1 - keep) / float64(len(weights))
		}
		for i, w := range weights {
			// keep is rounded down to a multiple of 2⁻³², in this slot and in those
			// that lend to this item.
			if math.Abs(share[i]-float64(w)/total) > 1.0/(1<<32) {
				t.Fatalf("item %d of %d: share %v, want %v", i, len(weights), share[i], float64(w)/total)
			}
		}
	}
	table := newAliasTable([]uint32{1, 3})
	var first int
	for slot := range uint64(1 << 8) {
		for keep := range uint64(1 << 8) {
			if table.draw(slot<<56|keep<<24) == 0 {
				first++
			}
		}
	}
	require.Equal(t, 1<<14, first, "a quarter")
}

// Both ways of drawing without replacement follow the law of single draws, one
// after the other.
func TestDrawWithoutReplacement(t *testing.T) {
	weights := []uint32{800, 400, 200, 100}
	const total = 1500.0
	want := make(map[[2]int32]float64)
	for a, wa := range weights {
		for b, wb := range weights {
			if a != b {
				want[[2]int32{int32(a), int32(b)}] = float64(wa) / total * float64(wb) / (total - float64(wa))
			}
		}
	}
	g := &generator{
		Synthetic: Synthetic{Items: len(weights), Ratings: 2},
		items:     newAliasTable(weights),
		taken:     make([]int32, len(weights)),
		activity:  make([]int32, 100_000),
		first:     make([]int64, 100_000),
	}
	g.random = rand.New(&g.pcg)
	const seed = 11
	g.Seed = seed
	t.Logf("seed %d", seed)
	byRejection, byKeys := make(map[[2]int32]float64), make(map[[2]int32]float64)
	n := len(g.activity)
	for u := range n {
		g.activity[u] = 2
		g.choose(u)
		byRejection[[2]int32(g.chosen)] += 1 / float64(n)
		g.mark++
		k := g.draw(2)
		byKeys[[2]int32{k[0].item, k[1].item}] += 1 / float64(n)
	}
	for pair, p := range want {
		bound := 5 * math.Sqrt(p*(1-p)/float64(n))
		require.InDelta(t, p, byRejection[pair], bound, "rejection, %v", pair)
		require.InDelta(t, p, byKeys[pair], bound, "keys, %v", pair)
	}
}

func TestGeneratorStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Synthetic{}.NoiseFloor(ctx)
	require.Equal(t, context.Canceled, err)
}
