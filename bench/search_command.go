package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/als"
)

// searchJob is the experiment search with its settings.
type searchJob struct {
	*common
	config  als.Config
	data    dataFlags
	folds   int
	random  int
	ranks   []int
	lambdas []float64
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

` + dataHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := config.apply(cmd.Flags(), &j.config); err != nil {
				return err
			}
			if err := j.data.check(cmd.Flags()); err != nil {
				return err
			}
			return j.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	j.data.add(f)
	config.add(f, &j.config)
	f.IntVar(&j.folds, "folds", 3, "folds of the cross-validation")
	f.IntVar(&j.random, "random", 0, "settings to draw at random (default: every combination)")
	f.IntSliceVar(&j.ranks, "ranks", nil, "ranks to try, such as 8,16,32 (default: --rank)")
	f.Float64SliceVar(&j.lambdas, "lambdas", nil, "λ to try (default: --lambda)")
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
	d, err := j.data.load(ctx, j.common, 0)
	if err != nil {
		return err
	}
	last := targets[0]
	for _, t := range targets { // the most threads of the first backend
		if t.name == last.name {
			last = t
		}
	}
	dev, err := last.open()
	if err != nil {
		return err
	}
	step, finish := j.progressSteps("search", j.folds*len(configs))
	trials, err := als.Search(ctx, dev, d.Train, configs, als.WithFolds(j.folds, j.seed),
		als.WithSearchProgress(func(int, int) { step() }))
	finish()
	if e := dev.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	out := j.stdout
	if j.json == "-" {
		out = j.stderr
	}
	fmt.Fprintf(out, "search: %s, %s ratings, %d folds, RMSE, on %v\n\n", d.Name, thousands(d.Train.Len()), j.folds, last)
	if err := trials.WriteTable(out); err != nil {
		return err
	}
	return j.writeJSON(j.result(d.Name, last, trials))
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

func (j *searchJob) result(data string, t target, trials als.Trials) searchResult {
	r := searchResult{Experiment: "search", Machine: thisMachine(), Device: t.String(), Data: data, Folds: j.folds}
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
	return r
}
