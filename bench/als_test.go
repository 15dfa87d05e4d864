package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/kernels"
)

// bench runs the command and returns what it printed.
func bench(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := rootCommand(&out, &errs)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

// small are the flags of a quick run.
func small(args ...string) []string {
	return append([]string{"als", "--users", "200", "--items", "120", "--ratings", "6000", "--iterations", "3"}, args...)
}

func TestALSTable(t *testing.T) {
	out, _, err := bench(t, small("--threads", "1,2")...)
	require.NoError(t, err)
	t.Log("\n" + out)
	require.Contains(t, out, "ALS: explicit, rank 10, 3 iterations, λ = 0.1·n, cholesky, seed 1")
	require.Contains(t, out, "200 users, 120 items, 6,000 ratings")
	for _, column := range []string{"load s", "prepare s", "train s", "evaluate s", "total s", "speedup", "train RMSE", "test RMSE"} {
		require.Contains(t, out, column)
	}
	require.Regexp(t, `(?m)^\s*cpu\s+1\s.*\s1\.00\s`, out, "a row with one thread, the base of the speedup")
	require.Regexp(t, `(?m)^\s*cpu\s+2\s`, out)
	if _, err := kernels.Open("cuda", kernels.Options{}); err != nil {
		require.Contains(t, out, "cuda: skipped: ", "a skipped backend is named with its reason")
	}
}

func TestALSJSON(t *testing.T) {
	out, table, err := bench(t, small("--threads", "1", "--json", "-", "--lambda", "0.07", "--seed", "5")...)
	require.NoError(t, err)
	var r alsResult
	require.NoError(t, json.Unmarshal([]byte(out), &r), "stdout is JSON and nothing else")
	require.Contains(t, table, "train RMSE")
	require.Equal(t, "als", r.Experiment)
	require.Equal(t, int64(6000), r.Data.Ratings)
	require.InDelta(t, 1200, r.Data.TestRatings, 200)
	require.Equal(t, 0.07, r.Config.Lambda)
	require.Equal(t, uint64(5), r.Config.Seed)
	require.Len(t, r.Runs, 1)
	run := r.Runs[0]
	require.Equal(t, "cpu", run.Backend)
	require.Equal(t, 1, run.Threads)
	require.Equal(t, 1.0, run.Speedup)
	require.Positive(t, run.Seconds.Train)
	require.Positive(t, run.Seconds.Evaluate)
	require.InDelta(t, run.Seconds.Load+run.Seconds.Prepare+run.Seconds.Train+run.Seconds.Evaluate, run.Seconds.Total, 1e-9)
	require.InEpsilon(t, run.TrainRMSE*run.TrainRMSE, run.TrainMSE, 1e-9)
	require.Positive(t, run.TestRMSE)

	// The keys are those that readers of the file were promised.
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(out), &keys))
	for key, inner := range map[string][]string{
		"machine": {"cpu", "cores", "gpu", "os", "go"},
		"data":    {"name", "users", "items", "ratings", "test_ratings", "dropped"},
		"config":  {"rank", "iterations", "lambda", "seed"},
	} {
		for _, name := range inner {
			require.Contains(t, string(keys[key]), `"`+name+`"`, key)
		}
	}
	for _, name := range []string{"backend", "device", "threads", "speedup", "load", "prepare", "train", "evaluate", "total", "train_mse", "train_rmse", "test_rmse", "ratings_per_second", "peak_rss_bytes"} {
		require.Contains(t, string(keys["runs"]), `"`+name+`"`)
	}
}

func TestALSWithoutHoldout(t *testing.T) {
	out, _, err := bench(t, small("--threads", "1", "--holdout", "0", "--json", "-")...)
	require.NoError(t, err)
	var r alsResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Zero(t, r.Data.TestRatings)
	require.Zero(t, r.Runs[0].TestRMSE)
}

func TestALSVariants(t *testing.T) {
	for _, args := range [][]string{
		{"--convention", "implicit", "--alpha", "2", "--solver", "cg", "--steps", "4"},
		{"--convention", "confidence", "--regularization", "plain", "--solver", "subspace", "--block", "4"},
		{"--convention", "ials", "--w0", "0.2", "--nu", "0.5", "--biases", "--bias-lambda", "0.4"},
		{"--nonnegative", "--repeat", "2"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			out, _, err := bench(t, small(append(args, "--threads", "1,2")...)...)
			require.NoError(t, err)
			t.Log("\n" + out)
		})
	}
}

func TestNonNegativeFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model")
	_, _, err := bench(t, small("--threads", "1", "--nonnegative", "--save", path)...)
	require.NoError(t, err)
	m, err := als.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, als.NonNegative, m.Config().Solver)
	for u := range m.Users() {
		for _, x := range m.UserFactors(u) {
			require.GreaterOrEqual(t, x, float32(0))
		}
	}
}

func TestALSReportAndModel(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "model.safetensors")
	_, _, err := bench(t, small("--threads", "1,2", "--report", filepath.Join(dir, "out"), "--save", model)...)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "out", "als.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), "| cpu | 2 |")
	chart, err := os.ReadFile(filepath.Join(dir, "out", "als-train.svg"))
	require.NoError(t, err)
	require.Contains(t, string(chart), "<svg")
	m, err := als.ReadFile(model)
	require.NoError(t, err)
	require.Equal(t, 200, m.Users())
}

func TestALSRejects(t *testing.T) {
	for _, c := range []struct {
		args    []string
		message string
	}{
		{small("--rank", "0"), "Rank is 0"},
		{small("--lambda", "-1"), "Lambda is -1"},
		{small("--convention", "guess"), `there is no convention "guess"`},
		{small("--solver", "guess"), `there is no solver "guess"`},
		{small("--regularization", "guess"), `there is no regularization "guess"`},
		{small("--regularization", "plain", "--nu", "1"), "exclude each other"},
		{small("--regularization", "power"), "wants --nu"},
		{small("--nonnegative", "--solver", "cg"), "exclude each other"},
		{small("--holdout", "1"), "--holdout: 1"},
		{small("--repeat", "0"), "--repeat: 0"},
		{small("--threads", "0"), "--threads: 0"},
		{small("--duplicates", "some"), "--duplicates"},
		{small("--backends", "abacus"), `none of the backends ["abacus"] opens`},
		{small("--data", "x"), "--users is for data that are made"},
		{[]string{"als", "--data", "/no/such/file"}, "/no/such/file"},
		{[]string{"als", "extra"}, "extra"},
		{[]string{"nonsense"}, "nonsense"},
		{small("--ratings", "100000000"), "Ratings"},
	} {
		_, _, err := bench(t, c.args...)
		require.ErrorContains(t, err, c.message, strings.Join(c.args, " "))
	}
}

func TestSynthIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ratings.csv")
	_, _, err := bench(t, "synth", "--users", "100", "--items", "80", "--ratings", "3000", "--out", path, "--seed", "9")
	require.NoError(t, err)
	out, _, err := bench(t, "als", "--data", path, "--threads", "1", "--iterations", "1", "--json", "-")
	require.NoError(t, err)
	var r alsResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, int64(3000), r.Data.Ratings)
	require.Equal(t, 100, r.Data.Users)

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	again, _, err := bench(t, "synth", "--users", "100", "--items", "80", "--ratings", "3000", "--seed", "9")
	require.NoError(t, err)
	require.Equal(t, string(text), again)
}

func TestRunsMustAgree(t *testing.T) {
	r := &alsResult{Runs: []alsRun{
		{Backend: "cpu", Path: "go", Threads: 1, TrainMSE: 1},
		{Backend: "cuda", Path: "sm", TrainMSE: 1.0001},
		{Backend: "cpu", Path: "go", Threads: 2, TrainMSE: 1},
	}}
	require.NoError(t, r.agree())
	r.Runs[2].TrainMSE = 1.0000001
	require.ErrorContains(t, r.agree(), "the runs disagree")
	r.Runs[2].TrainMSE = 1
	r.Runs[1].TrainMSE = 1.01
	require.ErrorContains(t, r.agree(), "on cuda")
}

func TestDescribeConfig(t *testing.T) {
	c := als.DefaultConfig()
	require.Contains(t, describeConfig(c), "λ = 0.1·n, ")
	c.Convention = als.IALS
	require.Contains(t, describeConfig(c), "λ = 0.1·(n + w₀·N), w₀ = 0.1")
	c.Regularization, c.Nu = als.Power, 0.5
	require.Contains(t, describeConfig(c), "λ = 0.1·(n + w₀·N)^0.5")
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1000209: "1,000,209", -1234: "-1,234", -123: "-123"} {
		require.Equal(t, want, thousands(n))
	}
}

// TestML1M holds the models to the error that a float64 reference reaches on real
// ratings, with a small margin for the luck of a split.
func TestML1M(t *testing.T) {
	data := os.Getenv("HALFSTEP_DATA")
	if data == "" {
		t.Skip("HALFSTEP_DATA is not set: no real ratings to train on")
	}
	if testing.Short() {
		t.Skip("-short: training on a million ratings takes seconds")
	}
	src, err := dataset.Open(filepath.Join(data, "ml-1m"))
	require.NoError(t, err)
	d, err := dataset.Load(t.Context(), src, dataset.WithHoldout(0.2, 1))
	require.NoError(t, err)
	cfg := als.DefaultConfig()
	cfg.Lambda = 0.05
	dev, err := kernels.Open("cpu", kernels.Options{})
	require.NoError(t, err)
	model, err := als.Train(t.Context(), dev, d.Train, cfg)
	require.NoError(t, err)
	errs, err := als.Evaluate(t.Context(), dev, model, d.Test)
	require.NoError(t, err)
	t.Logf("rank 10, λ = 0.05·n, 10 iterations: test RMSE %.4f, MAE %.4f over %d ratings, %d dropped", errs.RMSE, errs.MAE, errs.Ratings, errs.Dropped)
	require.LessOrEqual(t, errs.RMSE, 0.858)
	require.NoError(t, dev.Close())
}

func TestALSBreakdown(t *testing.T) {
	stdout, stderr, err := bench(t, small("--threads", "2", "--breakdown", "--json", "-", "--solver", "cg", "--convention", "implicit")...)
	require.NoError(t, err)
	var r alsResult
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	b := r.Breakdown
	require.NotNil(t, b)
	require.Equal(t, 2, b.Threads)
	var names []string
	sum := stage{Name: "total"}
	for _, s := range b.Stages {
		names = append(names, s.Name)
		require.Positive(t, s.Alone, s.Name)
		sum.Job += s.Job
		sum.Alone += s.Alone
	}
	require.Equal(t, []string{"load", "prepare", "train", "evaluate"}, names)
	require.Equal(t, sum, b.Total)
	require.InDelta(t, r.Runs[0].Seconds.Total, b.Total.Job, 1e-9)
	require.Contains(t, stderr, "the job and its kernels alone")

	_, _, err = bench(t, small("--breakdown", "--biases")...)
	require.ErrorContains(t, err, "--breakdown")
}
