package als_test

import (
	"bufio"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// collected is what a call of RecommendAll or its like gave, in order.
type collected[S any] struct {
	rows []int
	tops [][]S
}

func (c *collected[S]) each(row int, top []S) error {
	c.rows = append(c.rows, row)
	c.tops = append(c.tops, top)
	return nil
}

// TestRecommendAll compares with Recommend for every user, bit for bit, also where
// the blocks hold a few users only.
func TestRecommendAll(t *testing.T) {
	ratings := lowRank(t, 51, 130, 70, 1500) // the last user and item have no ratings
	even := als.Where(func(i int) bool { return i%2 == 0 })
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			_, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
			for _, n := range []int{1, 5, 1000} {
				for _, options := range [][]als.RecommendOption{nil, {als.IncludeSeen()}, {als.Deny(3, 4), even}} {
					for _, limit := range []int{1, 7, 1000} {
						rec.SetBlockRows(limit)
						var all collected[als.Scored]
						skipped, err := rec.RecommendAll(t.Context(), n, all.each, options...)
						require.NoError(t, err)
						require.Equal(t, 1, skipped)
						require.Len(t, all.rows, 129)
						for j, user := range all.rows {
							require.Equal(t, j, user)
							want, err := rec.Recommend(t.Context(), user, n, options...)
							require.NoError(t, err)
							require.Equal(t, want, all.tops[j], "user %d, blocks of %d", user, limit)
						}
					}
				}
			}
		})
	}
}

func TestRecommendUsers(t *testing.T) {
	ratings := lowRank(t, 52, 60, 50, 900)
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
			var all collected[als.ScoredUser]
			skipped, err := rec.RecommendUsersAll(t.Context(), 8, all.each)
			require.NoError(t, err)
			require.Equal(t, 1, skipped)
			require.Len(t, all.rows, 49)
			for item, got := range all.tops {
				seen, _ := ratings.Item(item)
				requireScoredUsers(t, bestUsers(model, item, 8, func(u int) bool { return !slices.Contains(seen, int32(u)) }), got)
				one, err := rec.RecommendUsers(t.Context(), item, 8)
				require.NoError(t, err)
				require.Equal(t, one, got)
			}
			got, err := rec.RecommendUsers(t.Context(), 3, 100, als.IncludeSeen(), als.Allow(0, 58, 7, 9), als.Deny(9))
			require.NoError(t, err)
			requireScoredUsers(t, bestUsers(model, 3, 100, func(u int) bool { return u == 0 || u == 7 || u == 58 }), got)
		})
	}
}

// bestUsers is what RecommendUsers should answer: all users that keep wants, by
// score.
func bestUsers(m *als.Model, item, n int, keep func(user int) bool) []als.ScoredUser {
	var all []als.ScoredUser
	for u := range m.Users() {
		if score, err := m.Score(u, item); err == nil && keep(u) {
			all = append(all, als.ScoredUser{User: u, Score: score})
		}
	}
	slices.SortStableFunc(all, func(a, b als.ScoredUser) int {
		if a.Score > b.Score {
			return -1
		}
		if a.Score < b.Score {
			return 1
		}
		return 0
	})
	return all[:min(n, len(all))]
}

func requireScoredUsers(t *testing.T, want, got []als.ScoredUser) {
	t.Helper()
	require.Len(t, got, len(want))
	for j := range want {
		require.Equal(t, want[j].User, got[j].User, "place %d: want %v, got %v", j, want, got)
		require.InDelta(t, want[j].Score, got[j].Score, 1e-5)
	}
}

func TestRecommendSubset(t *testing.T) {
	ratings := lowRank(t, 53, 60, 50, 900)
	_, rec := trained(t, open(t, kernels.Options{}), ratings, als.DefaultConfig())
	users := []int{40, 7, 59, 7, 8, 9, 0}
	var some collected[als.Scored]
	skipped, err := rec.RecommendSubset(t.Context(), users, 4, some.each)
	require.NoError(t, err)
	require.Equal(t, 1, skipped, "user 59 has no ratings")
	require.Equal(t, []int{40, 7, 7, 8, 9, 0}, some.rows)
	for j, user := range some.rows {
		want, err := rec.Recommend(t.Context(), user, 4)
		require.NoError(t, err)
		require.Equal(t, want, some.tops[j])
	}

	var items collected[als.ScoredUser]
	skipped, err = rec.RecommendUsersSubset(t.Context(), []int{49, 2, 1}, 4, items.each)
	require.NoError(t, err)
	require.Equal(t, 1, skipped)
	require.Equal(t, []int{2, 1}, items.rows)

	for _, none := range [][]int{nil, {}} {
		skipped, err = rec.RecommendSubset(t.Context(), none, 4, func(int, []als.Scored) error { return errors.New("called") })
		require.NoError(t, err)
		require.Zero(t, skipped)
	}
}

func TestRecommendAllRejects(t *testing.T) {
	ratings := lowRank(t, 54, 60, 50, 900)
	_, rec := trained(t, open(t, kernels.Options{}), ratings, als.DefaultConfig())
	never := func(int, []als.Scored) error { return errors.New("called") }
	for _, user := range []int{-1, 60} {
		_, err := rec.RecommendSubset(t.Context(), []int{1, user}, 3, never)
		require.ErrorIs(t, err, als.ErrUnknown)
		require.ErrorContains(t, err, "user")
	}
	_, err := rec.RecommendUsersSubset(t.Context(), []int{50}, 3, func(int, []als.ScoredUser) error { return nil })
	require.ErrorIs(t, err, als.ErrUnknown)
	require.ErrorContains(t, err, "item 50 of 50")
	_, err = rec.RecommendAll(t.Context(), 0, never)
	require.ErrorIs(t, err, als.ErrConfig)
	_, err = rec.RecommendAll(t.Context(), 3, never, als.Deny(50))
	require.ErrorIs(t, err, als.ErrUnknown)
	_, err = rec.RecommendUsers(t.Context(), 3, 3, als.Deny(60))
	require.ErrorIs(t, err, als.ErrUnknown)
	require.ErrorContains(t, err, "user 60 of 60")
	for _, item := range []int{-1, 49, 50} {
		_, err = rec.RecommendUsers(t.Context(), item, 3)
		require.ErrorIs(t, err, als.ErrUnknown)
	}
}

// TestRecommendAllStops: the error of the caller's function ends the call, and so
// does a context that ends in between.
func TestRecommendAllStops(t *testing.T) {
	ratings := lowRank(t, 55, 60, 50, 900)
	_, rec := trained(t, open(t, kernels.Options{}), ratings, als.DefaultConfig())
	enough := errors.New("enough")
	calls := 0
	_, err := rec.RecommendAll(t.Context(), 3, func(user int, top []als.Scored) error {
		if calls++; calls == 20 {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	require.Equal(t, 20, calls)

	ctx, cancel := context.WithCancel(t.Context())
	calls = 0
	_, err = rec.RecommendAll(ctx, 3, func(int, []als.Scored) error {
		if calls++; calls == 20 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 20, calls)
	_, err = rec.RecommendAll(ctx, 3, func(int, []als.Scored) error { return errors.New("called") })
	require.ErrorIs(t, err, context.Canceled)
}

// TestRecommendAllLeavesTheStreamToOthers: the function that is called may ask the
// Recommender, even if that has one stream, and even while it is being closed.
func TestRecommendAllLeavesTheStreamToOthers(t *testing.T) {
	ratings := lowRank(t, 56, 60, 50, 900)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, ratings, als.DefaultConfig())
	require.NoError(t, err)
	rec, err := als.NewRecommender(dev, model, als.WithStreams(1))
	require.NoError(t, err)
	closed := make(chan error, 1)
	refused := 0
	_, err = rec.RecommendAll(t.Context(), 3, func(user int, top []als.Scored) error {
		if user == 30 {
			go func() { closed <- rec.Close() }()
			time.Sleep(20 * time.Millisecond)
		}
		same, err := rec.Recommend(t.Context(), user, 3)
		if user > 30 && errors.Is(err, als.ErrClosed) {
			refused++
			return nil
		}
		if err == nil && !slices.Equal(same, top) {
			err = errors.New("another answer")
		}
		if user == 30 {
			return nil
		}
		return err
	})
	require.NoError(t, err, "Close waits for the call under way")
	require.Equal(t, 28, refused)
	require.NoError(t, <-closed)
}

func TestRecommendVector(t *testing.T) {
	ratings := lowRank(t, 57, 60, 50, 900)
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
			user := als.Vector{Factors: model.UserFactors(7), Bias: model.UserBias(7)}
			want, err := rec.Recommend(t.Context(), 7, 6, als.IncludeSeen(), als.Deny(2))
			require.NoError(t, err)
			got, err := rec.RecommendVector(t.Context(), user, 6, als.Deny(2))
			require.NoError(t, err)
			require.Equal(t, want, got)

			item := als.Vector{Factors: model.ItemFactors(7), Bias: model.ItemBias(7)}
			wantUsers, err := rec.RecommendUsers(t.Context(), 7, 6, als.IncludeSeen())
			require.NoError(t, err)
			gotUsers, err := rec.RecommendUsersVector(t.Context(), item, 6)
			require.NoError(t, err)
			require.Equal(t, wantUsers, gotUsers)
		})
	}
	_, rec := trained(t, open(t, kernels.Options{}), ratings, als.DefaultConfig())
	nan := float32(0)
	nan /= nan
	for _, v := range []als.Vector{{}, {Factors: make([]float32, 9)}, {Factors: slices.Repeat([]float32{nan}, 10)}, {Factors: make([]float32, 10), Bias: nan}} {
		_, err := rec.RecommendVector(t.Context(), v, 3)
		require.ErrorIs(t, err, als.ErrConfig)
		_, err = rec.SimilarItemsVector(t.Context(), v, 3)
		require.ErrorIs(t, err, als.ErrConfig)
	}
}

// TestRecommendAllWithLittleMemory: a block that does not fit the device is asked
// in smaller ones.
func TestRecommendAllWithLittleMemory(t *testing.T) {
	ratings := lowRank(t, 58, 2000, 50, 9000)
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, als.DefaultConfig())
	require.NoError(t, err)
	answers := func(limit int64) collected[als.Scored] {
		dev := open(t, kernels.Options{MemoryLimit: limit, Threads: 1})
		rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings), als.WithStreams(1))
		require.NoError(t, err)
		defer func() { require.NoError(t, rec.Close()) }()
		var all collected[als.Scored]
		_, err = rec.RecommendAll(t.Context(), 10, all.each)
		require.NoError(t, err)
		return all
	}
	require.Equal(t, answers(0), answers(60_000))
}

// TestRecommendAllNeverRecommendsTheSeen runs on MovieLens 1M.
func TestRecommendAllNeverRecommendsTheSeen(t *testing.T) {
	ratings := movieLens(t)
	dev := open(t, kernels.Options{})
	cfg := als.DefaultConfig()
	cfg.Iterations, cfg.Rank = 2, 16
	_, rec := trained(t, dev, ratings, cfg)
	users := 0
	skipped, err := rec.RecommendAll(t.Context(), 20, func(user int, top []als.Scored) error {
		users++
		require.Len(t, top, 20)
		seen, _ := ratings.User(user)
		for _, s := range top {
			_, found := slices.BinarySearch(seen, int32(s.Item))
			require.False(t, found, "user %d has seen item %d", user, s.Item)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, ratings.Users(), users+skipped)
	t.Logf("%d users, %d items, %d skipped", users, ratings.Items(), skipped)

	_, err = rec.RecommendUsersAll(t.Context(), 20, func(item int, top []als.ScoredUser) error {
		seen, _ := ratings.Item(item)
		for _, s := range top {
			_, found := slices.BinarySearch(seen, int32(s.User))
			require.False(t, found, "user %d has seen item %d", s.User, item)
		}
		return nil
	})
	require.NoError(t, err)
}

// largeUsers and largeItems are those of a large service.
const largeUsers, largeItems = 160_000, 60_000

// largeModel is random factors of 64 and some 20 ratings a user.
func largeModel(tb testing.TB) (*als.Model, *als.Ratings) {
	tb.Helper()
	const seed, ratingsPerUser = 59, 20
	tb.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	n := largeUsers * ratingsPerUser
	users, items, values := make([]int32, n), make([]int32, n), make([]float32, n)
	for j := range n {
		users[j], items[j], values[j] = int32(j/ratingsPerUser), int32(random.IntN(largeItems)), 1
	}
	ratings, err := als.NewRatings(largeUsers, largeItems, users, items, values, als.KeepLast)
	require.NoError(tb, err)
	cfg := als.DefaultConfig()
	cfg.Rank = 64
	return als.RandomModel(cfg, ratings, seed), ratings
}

// peak runs f and returns by how many bytes the heap was larger meanwhile, at
// most, than before. The memory of the device cpu is of the heap.
func peak(f func()) uint64 {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	before, most := heap(), uint64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, heap())
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return max(most, before) - before
}

// TestRecommendAllMemory recommends to some of 160,000 users out of 60,000 items
// with less than 200 MB beside the model. BenchmarkRecommendAll does it for all.
func TestRecommendAllMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a model of 160,000 × 60,000")
	}
	model, ratings := largeModel(t)
	dev := open(t, kernels.Options{})
	users := make([]int, 0, 200)
	for u := range cap(users) {
		users = append(users, u*800)
	}
	for _, n := range []int{10, 5000} {
		most := peak(func() {
			rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings))
			require.NoError(t, err)
			defer func() { require.NoError(t, rec.Close()) }()
			count := 0
			_, err = rec.RecommendSubset(t.Context(), users[:min(len(users), 200_000/n)], n, func(user int, top []als.Scored) error {
				count++
				require.Len(t, top, n)
				return nil
			})
			require.NoError(t, err)
		})
		t.Logf("n %d: at most %.1f MB beside the model", n, float64(most)/1e6)
		require.Less(t, most, uint64(200e6))
	}
}

// BenchmarkRecommendAll recommends to all users of a large service.
func BenchmarkRecommendAll(b *testing.B) {
	model, ratings := largeModel(b)
	dev, err := cpu.Open(kernels.Options{})
	require.NoError(b, err)
	defer dev.Close()
	for b.Loop() {
		most := peak(func() {
			rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings))
			require.NoError(b, err)
			defer rec.Close()
			_, err = rec.RecommendAll(b.Context(), 10, func(user int, top []als.Scored) error {
				if len(top) != 10 {
					return errors.New("too few")
				}
				return nil
			})
			require.NoError(b, err)
		})
		b.ReportMetric(float64(most)/1e6, "peak-MB")
	}
	b.ReportMetric(float64(b.N)*largeUsers/b.Elapsed().Seconds(), "users/s")
}

// movieLens is the ratings of MovieLens 1M below HALFSTEP_DATA.
func movieLens(t *testing.T) *als.Ratings {
	t.Helper()
	dir := os.Getenv("HALFSTEP_DATA")
	if dir == "" {
		t.Skip("HALFSTEP_DATA is not set")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "ml-1m", "ratings*.dat"))
	require.NoError(t, err)
	require.NotEmpty(t, paths, "no ml-1m/ratings*.dat in %s", dir)
	file, err := os.Open(paths[0])
	require.NoError(t, err)
	defer file.Close()
	b := als.NewBuilder[int32, int32]()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "::")
		require.GreaterOrEqual(t, len(fields), 3)
		var numbers [3]int
		for j := range numbers {
			numbers[j], err = strconv.Atoi(fields[j])
			require.NoError(t, err)
		}
		require.NoError(t, b.Add(int32(numbers[0]), int32(numbers[1]), float32(numbers[2])))
	}
	require.NoError(t, lines.Err())
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	return ratings
}
