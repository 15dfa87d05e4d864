package als_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

func setRank(c *als.Config, rank int)            { c.Rank = rank }
func setLambda(c *als.Config, lambda float64)    { c.Lambda = lambda }
func setSolver(c *als.Config, solver als.Solver) { c.Solver = solver }

func TestGrid(t *testing.T) {
	base := als.DefaultConfig()
	grid, err := als.Grid(base, als.Choice(setRank, 4, 8), als.Choice(setLambda, 0.1, 0.2, 0.3))
	require.NoError(t, err)
	require.Len(t, grid, 6)
	for i, c := range grid {
		want := base
		want.Rank, want.Lambda = []int{4, 8}[i/3], []float64{0.1, 0.2, 0.3}[i%3]
		require.Equal(t, want, c)
	}
	alone, err := als.Grid(base)
	require.NoError(t, err)
	require.Equal(t, []als.Config{base}, alone)
	_, err = als.Grid(base, als.LogUniform(setLambda, 0.1, 1))
	require.ErrorIs(t, err, als.ErrConfig)
	_, err = als.Grid(base, als.Choice[int](setRank))
	require.ErrorIs(t, err, als.ErrConfig)
}

func TestSample(t *testing.T) {
	base := als.DefaultConfig()
	axes := []als.Axis{als.Choice(setRank, 4, 8), als.LogUniform(setLambda, 0.001, 1)}
	list, err := als.Sample(base, 400, 7, axes...)
	require.NoError(t, err)
	again, err := als.Sample(base, 400, 7, axes...)
	require.NoError(t, err)
	require.Equal(t, list, again)
	ranks, low := 0, 0
	for _, c := range list {
		require.True(t, c.Lambda >= 0.001 && c.Lambda <= 1)
		if c.Rank == 4 {
			ranks++
		} else {
			require.Equal(t, 8, c.Rank)
		}
		if c.Lambda < math.Sqrt(0.001) { // the middle of the logarithms
			low++
		}
	}
	// Five standard deviations of 400 throws of a coin.
	require.InDelta(t, 200, ranks, 50)
	require.InDelta(t, 200, low, 50)
	_, err = als.Sample(base, 0, 7, axes...)
	require.ErrorIs(t, err, als.ErrConfig)
	_, err = als.Sample(base, 1, 7, als.Axis{})
	require.ErrorIs(t, err, als.ErrConfig)
}

// TestSearch compares the search with training by hand on the same folds.
func TestSearch(t *testing.T) {
	ratings := lowRank(t, 71, 60, 50, 1200)
	dev := open(t, kernels.Options{})
	configs, err := als.Grid(als.DefaultConfig(), als.Choice(setLambda, 1.0, 0.05, 0.2))
	require.NoError(t, err)
	calls := 0
	trials, err := als.Search(t.Context(), dev, ratings, configs, als.WithFolds(4, 9),
		als.WithSearchProgress(func(done, of int) {
			calls++
			require.Equal(t, calls, done)
			require.Equal(t, 12, of)
		}))
	require.NoError(t, err)
	require.Equal(t, 12, calls)
	require.Len(t, trials, 3)
	for i, trial := range trials {
		require.NoError(t, trial.Err)
		if i > 0 {
			require.LessOrEqual(t, trials[i-1].Mean, trial.Mean, "the best one first")
		}
		folds, err := ratings.Folds(4, 9)
		require.NoError(t, err)
		var want []float64
		sum, squares := 0.0, 0.0
		for train, test := range folds {
			m, err := als.Train(t.Context(), dev, train, trial.Config)
			require.NoError(t, err)
			errs, err := als.Evaluate(t.Context(), dev, m, test)
			require.NoError(t, err)
			want = append(want, errs.RMSE)
			sum += errs.RMSE
			squares += errs.RMSE * errs.RMSE
		}
		require.Equal(t, want, trial.Folds)
		require.InEpsilon(t, sum/4, trial.Mean, 1e-12)
		require.InEpsilon(t, math.Sqrt((squares-sum*sum/4)/3), trial.Deviation, 1e-6)
	}
}

func TestSearchByAnotherMetric(t *testing.T) {
	ratings := lowRank(t, 72, 60, 50, 1200)
	dev := open(t, kernels.Options{})
	configs, err := als.Grid(als.DefaultConfig(), als.Choice(setRank, 2, 8, 4))
	require.NoError(t, err)
	rank := func(_ context.Context, _ kernels.Device, m *als.Model, train, test *als.Ratings) (float64, error) {
		require.Equal(t, ratings.Len(), train.Len()+test.Len())
		return float64(m.Rank()), nil
	}
	trials, err := als.Search(t.Context(), dev, ratings, configs, als.WithMetric(rank, true))
	require.NoError(t, err)
	require.Equal(t, []float64{8, 4, 2}, []float64{trials[0].Mean, trials[1].Mean, trials[2].Mean})
}

func TestSearchGoesOnPastWhatCannotBeTrained(t *testing.T) {
	ratings := newRatings(t, 3, 3, []triple{{0, 0, 4}, {0, 1, 2}, {1, 0, 5}, {1, 1, 1}, {2, 0, 4}, {2, 1, 2}, {2, 2, 3}})
	dev := open(t, kernels.Options{})
	configs, err := als.Grid(als.DefaultConfig(), als.Choice(setLambda, 0, -1, 0.1), als.Choice(setSolver, als.Auto))
	require.NoError(t, err)
	mse := func(context.Context, kernels.Device, *als.Model, *als.Ratings, *als.Ratings) (float64, error) {
		return 1, nil
	}
	trials, err := als.Search(t.Context(), dev, ratings, configs, als.WithFolds(2, 1), als.WithMetric(mse, false))
	require.NoError(t, err)
	require.NoError(t, trials[0].Err)
	require.Equal(t, 0.1, trials[0].Config.Lambda)
	require.Equal(t, als.Cholesky, trials[0].Config.Solver, "a trial says what Auto chose")
	require.ErrorIs(t, trials[1].Err, als.ErrSingular)
	require.ErrorIs(t, trials[2].Err, als.ErrConfig)

	var table strings.Builder
	require.NoError(t, trials.WriteTable(&table))
	lines := strings.Split(table.String(), "\n")
	require.Contains(t, lines[0], "λ")
	require.Contains(t, lines[1], "1.00000")
	require.Contains(t, lines[2], "failed")
}

func TestSearchRejects(t *testing.T) {
	ratings := lowRank(t, 73, 20, 20, 100)
	dev := open(t, kernels.Options{})
	_, err := als.Search(t.Context(), dev, ratings, nil)
	require.ErrorIs(t, err, als.ErrConfig)
	_, err = als.Search(t.Context(), dev, ratings, []als.Config{als.DefaultConfig()}, als.WithFolds(1, 1))
	require.ErrorIs(t, err, als.ErrConfig)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = als.Search(ctx, dev, ratings, []als.Config{als.DefaultConfig()})
	require.ErrorIs(t, err, context.Canceled)
}
