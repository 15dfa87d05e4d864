package als_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// childEnv holds the JSON of a childTraining where this program is one.
const childEnv = "HALFSTEP_ALS_CHILD"

// TestMain runs the tests, or the training of a child process, which TestSoakResume
// kills.
func TestMain(m *testing.M) {
	text := os.Getenv(childEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var c childTraining
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		err = c.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// childTraining is a training that writes a checkpoint after every iteration, goes
// on from the one that it finds, and writes the model in the end.
type childTraining struct {
	Config            als.Config
	Checkpoint, Model string
}

func (c childTraining) run(ctx context.Context) (err error) {
	train, validation, err := childRatings()
	if err != nil {
		return err
	}
	dev, err := cpu.Open(kernels.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	options := []als.TrainOption{als.WithLoss(), als.WithValidation(validation, 1000), als.WithCheckpoint(c.Checkpoint, 1)}
	checkpoint, err := als.ReadFile(c.Checkpoint)
	switch {
	case err == nil:
		options = append(options, als.WithResume(checkpoint))
	case !errors.Is(err, fs.ErrNotExist):
		return err // a checkpoint that is not whole
	}
	model, err := als.Train(ctx, dev, train, c.Config, options...)
	if err != nil {
		return err
	}
	return als.WriteFile(c.Model, model)
}

// childRatings are the same in every process.
func childRatings() (train, validation *als.Ratings, err error) {
	const users, items, n = 500, 300, 20_000
	random := rand.New(rand.NewPCG(1, 0))
	list := randomTriples(random, users, items, n)
	u, i, v := columnsOf(list)
	whole, err := als.NewRatings(users, items, u, i, v, als.RejectDuplicates)
	if err != nil {
		return nil, nil, err
	}
	return whole.Split(0.2, 1)
}

// TestSoakResume kills training at random times, starts it again each time until it
// ends, and compares the model with that of training that was never killed.
func TestSoakResume(t *testing.T) {
	kills := 0
	switch form := os.Getenv("HALFSTEP_SOAK"); form {
	case "":
		t.Skip("HALFSTEP_SOAK is not set; short or long soaks")
	case "short":
		kills = 8
	case "long":
		kills = 50
	default:
		t.Fatalf("HALFSTEP_SOAK is %q, want short or long", form)
	}
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Iterations, cfg.Biases, cfg.Solver = 24, 20, true, als.CG

	dir := t.TempDir()
	never := childTraining{cfg, filepath.Join(dir, "never.checkpoint"), filepath.Join(dir, "never")}
	start := time.Now()
	require.NoError(t, never.process(t, t.Context()))
	whole := time.Since(start)
	want, err := os.ReadFile(never.Model)
	require.NoError(t, err)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d; training that is not killed takes %v", seed, whole)
	random := rand.New(rand.NewPCG(seed, 0))
	killed, resumed, trainings := 0, 0, 0
	for deadline := time.Now().Add(10 * time.Minute); killed < kills; trainings++ {
		c := childTraining{cfg, filepath.Join(dir, fmt.Sprint("checkpoint", trainings)), filepath.Join(dir, fmt.Sprint("model", trainings))}
		for {
			require.True(t, time.Now().Before(deadline), "%d of %d kills in 10 minutes", killed, kills)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.Int64N(int64(whole))))
			err := c.process(t, ctx)
			ended := ctx.Err() == nil
			cancel()
			if ended {
				require.NoError(t, err)
				break
			}
			killed++
			if _, err := os.Stat(c.Checkpoint); err == nil {
				resumed++
			}
		}
		got, err := os.ReadFile(c.Model)
		require.NoError(t, err)
		require.Equal(t, want, got, "the bits of training that was never killed")
	}
	t.Logf("%d kills in %d trainings, %d of them with a checkpoint to go on from", killed, trainings, resumed)
	require.Positive(t, resumed)
}

// process runs the training in a process of its own, which is killed when ctx ends.
func (c childTraining) process(t *testing.T, ctx context.Context) error {
	t.Helper()
	text, err := json.Marshal(c)
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	return cmd.Run()
}
