package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/kernels"
)

// searchJob is the experiment search with its settings.
type searchJob struct {
	*common
	config  als.Config
	data    dataFlags
	holdout float64
	folds   int
	random  int
	ranks   []int
	lambdas []float64
	nus     []float64
	alphas  []float64
	w0s     []float64
}

// searchResult is the outcome of the experiment search, and its JSON.
type searchResult struct {
	Experiment string        `json:"experiment"`
	Machine    machine       `json:"machine"`
	Device     string        `json:"device"`
	Data       string        `json:"data"`
	Folds      int           `json:"folds"`
	Trials     []searchTrial `json:"trials"`

	// TestRMSE is the error of the best settings, trained on all but the held-out
	// part, over that part; 0 without one.
	TestRMSE float64 `json:"test_rmse"`
}

type searchTrial struct {
	Config    als.Config `json:"config"`
	RMSE      float64    `json:"rmse"`
	Deviation float64    `json:"deviation"`
	Seconds   float64    `json:"seconds"`
	Error     string     `json:"error,omitempty"`
}

func searchCommand(c *common) *cobra.Command {
	j := &searchJob{common: c, config: als.DefaultConfig()}
	var config configFlags
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Search for the settings of ALS by cross-validation",
		Long: `Train every combination of the given values, or --random of them drawn at
random, on each fold of the ratings, and print the mean RMSE over the held-out
folds, the best first. It runs on the first backend that opens, one training
after another. With --random the λ are drawn between the smallest and the largest
that are given, evenly by their logarithms.

With --holdout that fraction of the ratings is set apart first and has no part in
the search. The best settings are then trained on all the others, and their error
over the part that was set apart is printed too.

` + dataHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWith(cmd, &config, &j.config, &j.data, j.run)
		},
	}
	f := cmd.Flags()
	j.data.add(f)
	config.add(f, &j.config)
	f.Float64Var(&j.holdout, "holdout", 0, "fraction of the ratings set apart to test the best settings on")
	f.IntVar(&j.folds, "folds", 3, "folds of the cross-validation")
	f.IntVar(&j.random, "random", 0, "settings to draw at random (default: every combination)")
	f.IntSliceVar(&j.ranks, "ranks", nil, "ranks to try, such as 8,16,32 (default: --rank)")
	f.Float64SliceVar(&j.lambdas, "lambdas", nil, "λ to try (default: --lambda)")
	f.Float64SliceVar(&j.nus, "nus", nil, "powers of the count to try (default: --regularization or --nu)")
	f.Float64SliceVar(&j.alphas, "alphas", nil, "α to try (default: --alpha)")
	f.Float64SliceVar(&j.w0s, "w0s", nil, "w₀ to try (default: --w0)")
	return cmd
}

func (j *searchJob) run(ctx context.Context) error {
	j.config.Seed = j.seed
	configs, err := j.configs()
	if err != nil {
		return err
	}
	targets, _, err := j.targets()
	if err != nil {
		return err
	}
	if !(j.holdout >= 0 && j.holdout < 1) {
		return fmt.Errorf("--holdout: %v, want at least 0 and below 1", j.holdout)
	}
	d, err := j.data.load(ctx, j.common, j.holdout)
	if err != nil {
		return err
	}
	device := most(targets)
	dev, err := device.open()
	if err != nil {
		return err
	}
	r := searchResult{Experiment: "search", Machine: thisMachine(), Device: device.String(), Data: d.Name, Folds: j.folds}
	trials, err := j.search(ctx, dev, d, configs, &r)
	if e := dev.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	out := j.tables()
	fmt.Fprintf(out, "search: %s, %s ratings, %d folds, RMSE, on %v\n\n", d.Name, thousands(d.Train.Len()), j.folds, device)
	if err := trials.WriteTable(out); err != nil {
		return err
	}
	if d.Test != nil {
		fmt.Fprintf(out, "\nthe best over %s ratings set apart: RMSE %.5f\n", thousands(d.Test.Len()), r.TestRMSE)
	}
	return j.writeJSON(r)
}

// search runs the trials and tests the best one, and notes both in the result.
func (j *searchJob) search(ctx context.Context, dev kernels.Device, d *dataset.Data, configs []als.Config, r *searchResult) (als.Trials, error) {
	step, finish := j.progressSteps("search", j.folds*len(configs))
	trials, err := als.Search(ctx, dev, d.Train, configs, als.WithFolds(j.folds, j.seed),
		als.WithSearchProgress(func(int, int) { step() }))
	finish()
	if err != nil {
		return nil, err
	}
	for _, trial := range trials {
		s := searchTrial{
			Config: trial.Config, RMSE: trial.Mean, Deviation: trial.Deviation,
			Seconds: trial.Elapsed.Round(time.Microsecond).Seconds(),
		}
		if trial.Err != nil {
			s.Error = trial.Err.Error()
		}
		r.Trials = append(r.Trials, s)
	}
	if d.Test == nil {
		return trials, nil
	}
	if err := trials[0].Err; err != nil {
		return nil, err
	}
	model, err := als.Train(ctx, dev, d.Train, trials[0].Config)
	if err != nil {
		return nil, err
	}
	errs, err := als.Evaluate(ctx, dev, model, d.Test)
	r.TestRMSE = errs.RMSE
	return trials, err
}

// configs is what to try.
func (j *searchJob) configs() ([]als.Config, error) {
	var axes []als.Axis
	if len(j.ranks) > 0 {
		axes = append(axes, als.Choice(func(c *als.Config, v int) { c.Rank = v }, j.ranks...))
	}
	for _, a := range []struct {
		values []float64
		set    func(*als.Config, float64)
		spread bool
	}{
		{j.lambdas, func(c *als.Config, v float64) { c.Lambda = v }, true},
		{j.nus, func(c *als.Config, v float64) { c.Regularization, c.Nu = als.Power, v }, false},
		{j.alphas, func(c *als.Config, v float64) { c.Alpha = v }, false},
		{j.w0s, func(c *als.Config, v float64) { c.W0 = v }, false},
	} {
		switch {
		case len(a.values) == 0:
		case a.spread && j.random > 0 && len(a.values) > 1:
			lo, hi := a.values[0], a.values[0]
			for _, v := range a.values {
				lo, hi = min(lo, v), max(hi, v)
			}
			if !(lo > 0) {
				return nil, fmt.Errorf("--lambdas: %v, want numbers above 0 to draw between", a.values)
			}
			axes = append(axes, als.LogUniform(a.set, lo, hi))
		default:
			axes = append(axes, als.Choice(a.set, a.values...))
		}
	}
	if j.random > 0 {
		return als.Sample(j.config, j.random, j.seed, axes...)
	}
	return als.Grid(j.config, axes...)
}
