package peers

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

func TestCheckPasses(t *testing.T) {
	for name, c := range map[string]struct {
		difference float64
		passed     bool
	}{
		"equal":     {0, true},
		"the bar":   {0.5, true},
		"better":    {-3, true},
		"above":     {0.5000001, false},
		"no number": {math.NaN(), false},
		"infinite":  {math.Inf(1), false},
	} {
		require.Equal(t, c.passed, Check{Difference: c.difference, Bar: 0.5}.Passed(), name)
	}
}

func TestFilesForTheScripts(t *testing.T) {
	ratings, err := als.NewRatings(3, 4, []int32{2, 0, 0}, []int32{1, 3, 0}, []float32{4.5, 1, 0.1}, als.RejectDuplicates)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "file.csv")

	require.NoError(t, writeRatings(file, ratings))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "user,item,rating\n0,0,0.1\n0,3,1\n2,1,4.5\n", string(text))

	require.NoError(t, writeLists(file, map[int][]als.Scored{1: {{Item: 3, Score: 0.5}, {Item: 0, Score: -1e-9}}, 0: {{Item: 2, Score: 1}}}))
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "user,item,score\n0,2,1\n1,3,0.5\n1,0,-1e-09\n", string(text))

	require.ErrorIs(t, writeRatings(filepath.Join(file, "below"), ratings), syscall.ENOTDIR)
}

// shell is a comparison whose scripts are for a shell.
func shell(t *testing.T, script string) *Comparison {
	c := &Comparison{Python: "/bin/sh", Dir: t.TempDir()}
	require.NoError(t, os.WriteFile(c.path("script"), []byte(script), 0o644))
	return c
}

func TestRunScript(t *testing.T) {
	var result struct{ Value float64 }
	require.NoError(t, shell(t, `echo noise >&2; echo "{\"value\": $1}"`).run(t.Context(), &result, "script", "2.5"))
	require.Equal(t, 2.5, result.Value)

	err := shell(t, "echo the cause >&2; exit 3").run(t.Context(), &result, "script")
	require.ErrorContains(t, err, "script: exit status 3\nthe cause")

	err = shell(t, "echo no JSON").run(t.Context(), &result, "script")
	require.ErrorContains(t, err, "no JSON")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	require.ErrorIs(t, shell(t, "exec sleep 60").run(ctx, nil, "script"), context.DeadlineExceeded)
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestRunNeedsPythonAndSeeds(t *testing.T) {
	_, err := (&Comparison{Python: "/bin/sh", Dir: t.TempDir()}).Run(t.Context(), nil)
	require.EqualError(t, err, "peers: no seeds")
	_, err = (&Comparison{Python: "no-such-python", Dir: t.TempDir(), Seeds: []uint64{1}}).Run(t.Context(), nil)
	require.ErrorIs(t, err, exec.ErrNotFound)

	// The scripts run in the folder, so relative paths must not stay so.
	t.Chdir(t.TempDir())
	c := &Comparison{Python: "/bin/sh", Dir: "files"}
	require.NoError(t, c.prepare())
	require.True(t, filepath.IsAbs(c.Dir))
	require.FileExists(t, "files/spark_als.py")
}

func TestExchanged(t *testing.T) {
	ratings := synthetic(t)
	other, err := exchanged(ratings)
	require.NoError(t, err)
	require.Equal(t, ratings.ByUser(), other.ByItem())
	require.Equal(t, ratings.ByItem(), other.ByUser())
}

// synthetic is ratings from 1 to 5.
func synthetic(t *testing.T) *als.Ratings {
	d, err := dataset.Load(t.Context(), dataset.Synthetic{Users: 400, Items: 250, Ratings: 20000, Seed: 3})
	require.NoError(t, err)
	return d.Train
}

// withPeers is a comparison with the real systems, where HALFSTEP_PEERS names a
// Python that has them.
func withPeers(t *testing.T) *Comparison {
	python := os.Getenv("HALFSTEP_PEERS")
	if python == "" {
		t.Skip("HALFSTEP_PEERS does not name a Python with the packages of requirements.txt")
	}
	dev, err := cpu.Open(kernels.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dev.Close()) })
	c := &Comparison{Device: dev, Python: python, Dir: t.TempDir(), Seeds: []uint64{1}}
	require.NoError(t, c.prepare())
	return c
}

func TestImplicit(t *testing.T) {
	c := withPeers(t)
	require.NoError(t, c.compareImplicit(t.Context(), synthetic(t)))
	require.Len(t, c.checks, 2)
	for _, check := range c.checks {
		t.Logf("%s: ours %.2g, implicit in float32 %.2g", check.Quantity, *check.Ours, *check.Theirs)
		require.True(t, check.Passed(), check)
	}

	// The files that are left compare otherwise with another λ.
	var d factorDifferences
	require.NoError(t, c.run(t.Context(), &d, "implicit_als.py", "--train", c.path("liked.csv"),
		"--start", c.path("start.safetensors"), "--model", c.path("liked-cg.safetensors"),
		"--solver", "cg", "--iterations", "3", "--regularization", "0.5"))
	require.Greater(t, d.Ours, factorBar)
}

func TestRanx(t *testing.T) {
	c := withPeers(t)
	h, err := c.split(synthetic(t), 1)
	require.NoError(t, err)
	r, difference, err := c.rankOurs(t.Context(), h, 1)
	require.NoError(t, err)
	require.LessOrEqual(t, difference, metricBar)
	require.Positive(t, r.Metrics[ndcg])
}
