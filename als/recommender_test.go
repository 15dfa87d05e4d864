package als_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// trained returns a model of random ratings and a recommender that leaves out
// what was seen.
func trained(t *testing.T, dev kernels.Device, ratings *als.Ratings, cfg als.Config) (*als.Model, *als.Recommender) {
	t.Helper()
	model, err := als.Train(t.Context(), dev, ratings, cfg)
	require.NoError(t, err)
	rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings), als.WithStreams(2))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rec.Close()) })
	return model, rec
}

// best is what Recommend should answer: all items that keep wants, by score.
func best(t *testing.T, m *als.Model, user, n int, keep func(item int) bool) []als.Scored {
	t.Helper()
	var all []als.Scored
	for i := range m.Items() {
		if score, err := m.Score(user, i); err == nil && keep(i) {
			all = append(all, als.Scored{Item: i, Score: score})
		}
	}
	slices.SortStableFunc(all, func(a, b als.Scored) int { return cmp.Compare(b.Score, a.Score) })
	return all[:min(n, len(all))]
}

// requireScored compares answers by items; scores may differ in the last digits.
func requireScored(t *testing.T, want, got []als.Scored) {
	t.Helper()
	require.Len(t, got, len(want))
	for j := range want {
		require.Equal(t, want[j].Item, got[j].Item, "place %d: want %v, got %v", j, want, got)
		require.InDelta(t, want[j].Score, got[j].Score, 1e-5)
	}
}

func TestRecommend(t *testing.T) {
	ratings := lowRank(t, 21, 60, 50, 900)
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
			for _, user := range []int{0, 7, 58} {
				seen, _ := ratings.User(user)
				unseen := func(i int) bool { return !slices.Contains(seen, int32(i)) }
				for _, c := range []struct {
					options []als.RecommendOption
					keep    func(int) bool
				}{
					{nil, unseen},
					{[]als.RecommendOption{als.IncludeSeen()}, func(int) bool { return true }},
					{[]als.RecommendOption{als.Deny(1, 2, 3, 31, 32)}, func(i int) bool { return unseen(i) && !slices.Contains([]int{1, 2, 3, 31, 32}, i) }},
					{[]als.RecommendOption{als.Allow(4, 40, 41), als.IncludeSeen()}, func(i int) bool { return i == 4 || i == 40 || i == 41 }},
					{[]als.RecommendOption{als.Where(func(i int) bool { return i%3 == 0 })}, func(i int) bool { return unseen(i) && i%3 == 0 }},
					{[]als.RecommendOption{als.Allow(3, 6, 7, 9), als.Deny(9), als.Where(func(i int) bool { return i != 6 }), als.IncludeSeen()}, func(i int) bool { return i == 3 || i == 7 }},
					{[]als.RecommendOption{als.Allow()}, func(int) bool { return false }},
				} {
					for _, n := range []int{1, 5, 1000} {
						got, err := rec.Recommend(t.Context(), user, n, c.options...)
						require.NoError(t, err)
						requireScored(t, best(t, model, user, n, c.keep), got)
					}
				}
			}
		})
	}
}

func TestScore(t *testing.T) {
	ratings := lowRank(t, 22, 60, 50, 900)
	cfg := als.DefaultConfig()
	cfg.Biases = true
	model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
	items := []int{5, 3, 3, 48, 0}
	scores, err := rec.Score(t.Context(), 7, items...)
	require.NoError(t, err)
	for j, i := range items {
		want, err := model.Score(7, i)
		require.NoError(t, err)
		require.InDelta(t, want, scores[j], 1e-5)
	}
	scores, err = rec.Score(t.Context(), 7)
	require.NoError(t, err)
	require.Empty(t, scores)
}

func TestUnknownUsersAndItems(t *testing.T) {
	ratings := lowRank(t, 23, 60, 50, 900) // user 59 and item 49 have no ratings
	model, rec := trained(t, open(t, kernels.Options{}), ratings, als.DefaultConfig())
	for _, user := range []int{-1, 59, 60} {
		_, err := rec.Recommend(t.Context(), user, 3)
		require.ErrorIs(t, err, als.ErrUnknown, "user %d", user)
		_, err = rec.Score(t.Context(), user, 1)
		require.ErrorIs(t, err, als.ErrUnknown, "user %d", user)
		_, err = model.Score(user, 1)
		require.ErrorIs(t, err, als.ErrUnknown, "user %d", user)
	}
	for _, item := range []int{-1, 49, 50} {
		_, err := rec.Score(t.Context(), 1, 0, item)
		require.ErrorIs(t, err, als.ErrUnknown, "item %d", item)
		_, err = model.Score(1, item)
		require.ErrorIs(t, err, als.ErrUnknown, "item %d", item)
	}
	for _, item := range []int{-1, 50} {
		_, err := rec.Recommend(t.Context(), 1, 3, als.Allow(item))
		require.ErrorIs(t, err, als.ErrUnknown, "item %d", item)
		_, err = rec.Recommend(t.Context(), 1, 3, als.Deny(item))
		require.ErrorIs(t, err, als.ErrUnknown, "item %d", item)
	}
	_, err := rec.Recommend(t.Context(), 1, 0)
	require.ErrorIs(t, err, als.ErrConfig)
}

func TestRecommenderOptions(t *testing.T) {
	ratings := lowRank(t, 24, 20, 20, 100)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, ratings, als.DefaultConfig())
	require.NoError(t, err)
	_, err = als.NewRecommender(dev, model, als.WithSeen(lowRank(t, 25, 21, 20, 100)))
	require.ErrorIs(t, err, als.ErrConfig)
	require.ErrorContains(t, err, "21 users")
	_, err = als.NewRecommender(dev, model, als.WithStreams(0))
	require.ErrorIs(t, err, als.ErrConfig)
}

func TestClosedRecommender(t *testing.T) {
	ratings := lowRank(t, 26, 20, 20, 100)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, ratings, als.DefaultConfig())
	require.NoError(t, err)
	rec, err := als.NewRecommender(dev, model)
	require.NoError(t, err)
	require.Same(t, model, rec.Model())
	require.NoError(t, rec.Close())
	_, err = rec.Recommend(t.Context(), 0, 1)
	require.ErrorIs(t, err, als.ErrClosed)
	require.ErrorIs(t, rec.Close(), als.ErrClosed)
}

func TestRecommendWaitsForAStream(t *testing.T) {
	ratings := lowRank(t, 27, 20, 20, 100)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, ratings, als.DefaultConfig())
	require.NoError(t, err)
	rec, err := als.NewRecommender(dev, model, als.WithStreams(1))
	require.NoError(t, err)
	defer func() { require.NoError(t, rec.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	// The only stream is taken by a call whose filter cancels the second call.
	_, err = rec.Recommend(t.Context(), 0, 1, als.Where(func(item int) bool {
		cancel()
		_, err := rec.Recommend(ctx, 0, 1)
		require.ErrorIs(t, err, context.Canceled)
		return true
	}))
	require.NoError(t, err)
}

// TestSwapModelsWhileRecommending is what a service does: it answers from one
// model while the next is trained, then swaps them. It is for the race detector.
func TestSwapModelsWhileRecommending(t *testing.T) {
	ratings := lowRank(t, 28, 100, 80, 2000)
	dev := open(t, kernels.Options{Threads: 2})
	cfg := als.DefaultConfig()
	cfg.Iterations = 2
	fresh := func(seed uint64) *als.Recommender {
		cfg.Seed = seed
		model, err := als.Train(t.Context(), dev, ratings, cfg)
		require.NoError(t, err)
		rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings), als.WithStreams(3))
		require.NoError(t, err)
		return rec
	}
	var current atomic.Pointer[als.Recommender]
	current.Store(fresh(0))

	const clients, swaps = 8, 5
	var stop atomic.Bool
	var answers atomic.Int64
	var wg sync.WaitGroup
	failures := make(chan error, clients)
	for c := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 1))
			for !stop.Load() {
				top, err := current.Load().Recommend(t.Context(), random.IntN(99), 5)
				if errors.Is(err, als.ErrClosed) {
					continue // swapped between Load and Recommend
				}
				if err == nil && len(top) != 5 {
					err = errors.New("too few recommendations")
				}
				if err != nil {
					failures <- err
					return
				}
				answers.Add(1)
			}
		})
	}
	for seed := range uint64(swaps) {
		old := current.Swap(fresh(seed + 1))
		require.NoError(t, old.Close())
		// Every model answers something before the next takes its place.
		for before := answers.Load(); answers.Load() < before+50 && len(failures) == 0; {
			runtime.Gosched()
		}
	}
	stop.Store(true)
	wg.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	require.Positive(t, answers.Load())
	require.NoError(t, current.Load().Close())
}
