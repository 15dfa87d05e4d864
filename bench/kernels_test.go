package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// timeKernels runs bench kernels on a little data with the flags given.
func timeKernels(t *testing.T, flags ...string) (stdout, stderr string, err error) {
	t.Helper()
	args := []string{"kernels", "--backends", "cpu", "--threads", "1,2", "--rounds", "2", "--time", "1us",
		"--users", "50", "--items", "40", "--ratings", "500", "--ranks", "4"}
	return bench(t, append(args, flags...)...)
}

func TestKernelsComparesWithThePeak(t *testing.T) {
	stdout, stderr, err := timeKernels(t, "--kernels", "half_step,loss,axpy", "--json", "-")
	require.NoError(t, err)
	var r kernelsResult
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Equal(t, "kernels", r.Experiment)
	require.Positive(t, r.Peak.CopyGBPerSecond)
	kinds := make(map[string]int)
	for _, run := range r.Runs {
		kinds[run.Kernel]++
		require.Equal(t, "cpu", run.Backend)
		require.Positive(t, run.Seconds.Min)
		require.LessOrEqual(t, run.Seconds.Min, run.Seconds.Median)
		require.LessOrEqual(t, run.Seconds.Median, run.Seconds.Max)
		if run.MemoryBound || r.Peak.GFLOPSPerCore > 0 {
			require.Positive(t, run.FractionOfPeak, run.Kernel)
		}
		if run.Kernel != "axpy" {
			require.InEpsilon(t, 500, run.RatingsPerSecond*run.Seconds.Median, 1e-9, "ratings in a round")
		}
	}
	// Two sides at rank 4 and four solvers at rank 64; ranks 10 and 64; each with one
	// and with two threads.
	require.Equal(t, map[string]int{"half_step": 12, "loss": 4, "axpy": 2}, kinds)
	require.Contains(t, stderr, "half_step")
}

func TestKernelsReport(t *testing.T) {
	dir := t.TempDir()
	stdout, _, err := timeKernels(t, "--kernels", "predict", "--report", dir)
	require.NoError(t, err)
	require.Contains(t, stdout, "predict")
	text, err := os.ReadFile(filepath.Join(dir, "kernels.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), "| predict | users of synthetic, rank 64 | cpu | 2 |")
}

func TestKernelsNamesTheWrongFlag(t *testing.T) {
	for flag, value := range map[string]string{"--rounds": "0", "--ranks": "0", "--kernels": "gemm,lost"} {
		_, _, err := timeKernels(t, flag, value)
		require.ErrorContains(t, err, flag)
	}
}
