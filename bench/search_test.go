package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

func TestSearchGrid(t *testing.T) {
	out, table, err := bench(t, "search", "--users", "150", "--items", "100", "--ratings", "4000", "--iterations", "3",
		"--ranks", "2,6", "--lambdas", "0.05,0.2,1", "--folds", "2", "--holdout", "0.25", "--json", "-")
	require.NoError(t, err)
	t.Log("\n" + table)
	var r searchResult
	require.NoError(t, json.Unmarshal([]byte(out), &r), "stdout is JSON and nothing else")
	require.Len(t, r.Trials, 6)
	for i, trial := range r.Trials {
		require.Positive(t, trial.RMSE)
		if i > 0 {
			require.LessOrEqual(t, r.Trials[i-1].RMSE, trial.RMSE, "the best first")
		}
	}
	require.Regexp(t, `search: synthetic, [23],\d{3} ratings, 2 folds`, table)
	require.Contains(t, table, "set apart: RMSE")
	require.InEpsilon(t, r.Trials[0].RMSE, r.TestRMSE, 0.2, "about what the folds say")
}

func TestSearchRandom(t *testing.T) {
	out, _, err := bench(t, "search", "--users", "150", "--items", "100", "--ratings", "4000", "--iterations", "2",
		"--random", "5", "--lambdas", "0.01,1", "--nus", "0.5", "--folds", "2", "--json", "-")
	require.NoError(t, err)
	var r searchResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Trials, 5)
	for _, trial := range r.Trials {
		require.True(t, trial.Config.Lambda > 0.01 && trial.Config.Lambda < 1, "%v is drawn between", trial.Config.Lambda)
		require.Equal(t, 0.5, trial.Config.Nu)
		require.Equal(t, als.Power, trial.Config.Regularization)
	}
	_, _, err = bench(t, "search", "--random", "5", "--lambdas", "0,1")
	require.ErrorContains(t, err, "--lambdas")
	_, _, err = bench(t, "search", "--folds", "1", "--ratings", "100", "--users", "20", "--items", "20")
	require.ErrorContains(t, err, "folds")
}
