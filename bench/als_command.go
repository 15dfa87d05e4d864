package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
)

// alsJob is the experiment als with its settings.
type alsJob struct {
	*common
	config     als.Config
	data       string // a path; empty for synthetic data
	synthetic  dataset.Synthetic
	holdout    float64
	duplicates als.Duplicates
	skipBad    bool
	repeat     int
	save       string
}

// defaultALSJob is the main job.
func defaultALSJob(c *common) *alsJob {
	return &alsJob{common: c, config: als.DefaultConfig(), holdout: 0.2, repeat: 1}
}

// alsFlags are the flags whose meaning depends on one another.
type alsFlags struct {
	regularization string
	duplicates     string
	nonNegative    bool
}

func alsCommand(c *common) *cobra.Command {
	j := defaultALSJob(c)
	var flags alsFlags
	cmd := &cobra.Command{
		Use:   "als",
		Short: "Train ALS on ratings and compare the devices",
		Long: `Train ALS on ratings on every device and print, for each, the seconds spent and
the errors reached.

  load      reading the file, or making the data, into memory
  prepare   splitting it and compressing it by user and by item
  train     all iterations, transfers to the device included
  evaluate  predicting all ratings and averaging the errors, of the training and
            the held-out part
  speedup   train, against the CPU with one thread in this run
  ratings/s training ratings times iterations, by train; every iteration passes
            each rating twice
  peak      the largest resident memory of loading, preparing and that run

load and prepare are done once and count in the total of every run. Each device
is warmed up by one iteration before it is timed. The models of all runs are
compared: threads may not change a bit, backends not more than the last digits.
Held-out ratings whose user or item is not in the training part are dropped and
counted.

The data are MovieLens 100K, 1M, 10M, 20M, 25M, 32M or latest-small, plain or
gzipped, given as a file or as the folder that holds it. Without --data they are
made from the seed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.apply(j, cmd); err != nil {
				return err
			}
			return j.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&j.data, "data", "", "ratings: a file or folder, its format is detected (default: made in memory)")
	f.IntVar(&j.synthetic.Users, "users", 0, "users of the data that are made (default 6040)")
	f.IntVar(&j.synthetic.Items, "items", 0, "items of the data that are made (default 3706)")
	f.Int64Var(&j.synthetic.Ratings, "ratings", 0, "ratings of the data that are made (default 1000000)")
	f.Float64Var(&j.holdout, "holdout", j.holdout, "fraction of the ratings held out for the test error; 0 trains on all")
	f.StringVar(&flags.duplicates, "duplicates", "reject", "a pair that is rated twice: reject, last or sum")
	f.BoolVar(&j.skipBad, "skip-bad-lines", false, "count malformed lines instead of stopping at the first")
	f.TextVar(&j.config.Convention, "convention", j.config.Convention, "explicit, implicit, confidence or ials")
	f.StringVar(&flags.regularization, "regularization", "count", "count for λ·n of a row, plain for λ; --nu gives the power")
	f.IntVar(&j.config.Rank, "rank", j.config.Rank, "factors of a user or item")
	f.IntVar(&j.config.Iterations, "iterations", j.config.Iterations, "iterations of both half-steps")
	f.Float64Var(&j.config.Lambda, "lambda", j.config.Lambda, "λ, the regularization")
	f.Float64Var(&j.config.ItemLambda, "item-lambda", 0, "λ of the items (default: --lambda)")
	f.Float64Var(&j.config.Alpha, "alpha", j.config.Alpha, "α of the convention implicit")
	f.Float64Var(&j.config.Nu, "nu", j.config.Nu, "power of the count in the regularization, λ·nᵛ")
	f.Float64Var(&j.config.W0, "w0", j.config.W0, "w₀ of the convention ials, the weight of all pairs")
	f.TextVar(&j.config.Solver, "solver", j.config.Solver, "cholesky, cg, subspace, nonnegative, or auto for one by rank")
	f.IntVar(&j.config.Steps, "steps", 0, "steps of cg (default 3), sweeps of subspace (default 1)")
	f.IntVar(&j.config.Block, "block", 0, "unknowns that subspace solves at a time (default 32)")
	f.BoolVar(&flags.nonNegative, "nonnegative", false, "only factors that are not negative; --solver nonnegative")
	f.BoolVar(&j.config.Biases, "biases", false, "add the mean and a bias for each user and item")
	f.Float64Var(&j.config.BiasLambda, "bias-lambda", 0, "λ of the biases (default: --lambda)")
	f.IntVar(&j.repeat, "repeat", j.repeat, "times to train and evaluate on each device; the median is reported")
	f.StringVar(&j.save, "save", "", "write the model of the first run to this file")
	return cmd
}

// apply turns the flags into the job's settings.
func (a alsFlags) apply(j *alsJob, cmd *cobra.Command) error {
	if err := a.regularize(j, cmd); err != nil {
		return err
	}
	if a.nonNegative {
		if cmd.Flags().Changed("solver") && j.config.Solver != als.NonNegative {
			return fmt.Errorf("--nonnegative and --solver %v exclude each other", j.config.Solver)
		}
		j.config.Solver = als.NonNegative
	}
	switch a.duplicates {
	case "reject":
		j.duplicates = als.RejectDuplicates
	case "last":
		j.duplicates = als.KeepLast
	case "sum":
		j.duplicates = als.SumDuplicates
	default:
		return fmt.Errorf("--duplicates: %q, want reject, last or sum", a.duplicates)
	}
	if j.data != "" {
		for _, name := range []string{"users", "items", "ratings"} {
			if cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s is for data that are made, not for --data", name)
			}
		}
	}
	if j.repeat < 1 {
		return fmt.Errorf("--repeat: %d, want at least 1", j.repeat)
	}
	if !(j.holdout >= 0 && j.holdout < 1) {
		return fmt.Errorf("--holdout: %v, want at least 0 and below 1", j.holdout)
	}
	return nil
}

func (a alsFlags) regularize(j *alsJob, cmd *cobra.Command) error {
	if err := j.config.Regularization.UnmarshalText([]byte(a.regularization)); err != nil {
		return fmt.Errorf("--regularization: %w", err)
	}
	if !cmd.Flags().Changed("nu") {
		if j.config.Regularization == als.Power {
			return errors.New("--regularization power wants --nu")
		}
		return nil
	}
	if cmd.Flags().Changed("regularization") && j.config.Regularization != als.Power {
		return fmt.Errorf("--nu and --regularization %s exclude each other", a.regularization)
	}
	j.config.Regularization = als.Power
	return nil
}
