package als_test

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

func TestEvaluate(t *testing.T) {
	whole := lowRank(t, 31, 60, 50, 900)
	train, test, err := whole.Split(0.4, 1)
	require.NoError(t, err)
	dev := open(t, kernels.Options{})
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			model, err := als.Train(t.Context(), dev, train, cfg)
			require.NoError(t, err)
			var squared, absolute float64
			n, dropped := int64(0), int64(0)
			for r := range test.All() {
				score, err := model.Score(r.User, r.Item)
				if err != nil {
					require.ErrorIs(t, err, als.ErrUnknown)
					dropped++
					continue
				}
				want := float64(r.Value)
				if cfg.Convention == als.Implicit || cfg.Convention == als.Confidence {
					want = 1 // all ratings are positive
				}
				squared += (want - float64(score)) * (want - float64(score))
				absolute += math.Abs(want - float64(score))
				n++
			}
			errs, err := als.Evaluate(t.Context(), dev, model, test)
			require.NoError(t, err)
			require.Equal(t, n, errs.Ratings)
			require.Equal(t, dropped, errs.Dropped)
			require.InEpsilon(t, squared/float64(n), errs.MSE, 1e-5)
			require.InEpsilon(t, absolute/float64(n), errs.MAE, 1e-5)
			require.InEpsilon(t, math.Sqrt(errs.MSE), errs.RMSE, 1e-12)
		})
	}
}

// TestEvaluateOnAnyCores evaluates more ratings than are added up at a time.
func TestEvaluateOnAnyCores(t *testing.T) {
	train := lowRank(t, 32, 300, 400, 60_000)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
	require.NoError(t, err)
	var squared, absolute float64
	for r := range train.All() {
		score, err := model.Score(r.User, r.Item)
		require.NoError(t, err)
		difference := float64(r.Value) - float64(score)
		squared += difference * difference
		absolute += math.Abs(difference)
	}
	want := als.Errors{}
	for _, goroutines := range []int{1, 3} {
		before := runtime.GOMAXPROCS(goroutines)
		got, err := als.Evaluate(t.Context(), dev, model, train)
		runtime.GOMAXPROCS(before)
		require.NoError(t, err)
		require.Equal(t, train.Len(), got.Ratings)
		require.InEpsilon(t, squared/float64(train.Len()), got.MSE, 1e-5)
		require.InEpsilon(t, absolute/float64(train.Len()), got.MAE, 1e-5)
		if goroutines > 1 {
			require.Equal(t, want, got, "the same bits")
		}
		want = got
	}
}

func TestEvaluateDropsWhatIsUnknown(t *testing.T) {
	train := newRatings(t, 3, 3, []triple{{0, 0, 4}, {0, 1, 2}, {1, 0, 5}})
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
	require.NoError(t, err)

	errs, err := als.Evaluate(t.Context(), dev, model, newRatings(t, 3, 3, []triple{{0, 2, 4}, {1, 1, 3}, {2, 0, 5}, {2, 1, 1}}))
	require.NoError(t, err)
	require.Equal(t, int64(1), errs.Ratings)
	require.Equal(t, int64(3), errs.Dropped)

	_, err = als.Evaluate(t.Context(), dev, model, newRatings(t, 3, 3, []triple{{2, 2, 4}}))
	require.ErrorIs(t, err, als.ErrConfig)
	_, err = als.Evaluate(t.Context(), dev, model, newRatings(t, 4, 3, []triple{{0, 0, 4}}))
	require.ErrorIs(t, err, als.ErrConfig)
	require.ErrorContains(t, err, "4 users")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = als.Evaluate(ctx, dev, model, train)
	require.ErrorIs(t, err, context.Canceled)
}
