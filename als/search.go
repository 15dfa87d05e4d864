package als

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Axis is one setting of a Config that a search varies: Choice or LogUniform.
type Axis struct {
	choices []func(*Config)
	draw    func(*rand.Rand) func(*Config)
}

// Choice varies a setting over values. set puts one of them into a Config:
//
//	als.Choice(func(c *als.Config, rank int) { c.Rank = rank }, 16, 32, 64)
func Choice[T any](set func(*Config, T), values ...T) Axis {
	var a Axis
	for _, v := range values {
		a.choices = append(a.choices, func(c *Config) { set(c, v) })
	}
	a.draw = func(random *rand.Rand) func(*Config) { return a.choices[random.IntN(len(a.choices))] }
	return a
}

// LogUniform varies a setting over the numbers from lo to hi, both above 0, so that
// each factor of ten is as likely as another. It is for Sample alone, as it has no
// list of values.
func LogUniform(set func(*Config, float64), lo, hi float64) Axis {
	return Axis{draw: func(random *rand.Rand) func(*Config) {
		v := math.Exp(math.Log(lo) + random.Float64()*(math.Log(hi)-math.Log(lo)))
		return func(c *Config) { set(c, v) }
	}}
}

// Grid returns the configurations of all combinations of the axes' choices, the
// last axis varying fastest. Without axes it is base alone.
func Grid(base Config, axes ...Axis) ([]Config, error) {
	grid := []Config{base}
	for i, a := range axes {
		if len(a.choices) == 0 {
			return nil, configf("axes", "have no list of values at %d", i)
		}
		var wider []Config
		for _, c := range grid {
			for _, set := range a.choices {
				varied := c
				set(&varied)
				wider = append(wider, varied)
			}
		}
		grid = wider
	}
	return grid, nil
}

// Sample returns n configurations drawn at random from the axes, the same for the
// same seed.
func Sample(base Config, n int, seed uint64, axes ...Axis) ([]Config, error) {
	if n < 1 {
		return nil, configf("n", "is %d, want at least 1", n)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	list := make([]Config, n)
	for i := range list {
		list[i] = base
		for j, a := range axes {
			if a.draw == nil || a.choices != nil && len(a.choices) == 0 {
				return nil, configf("axes", "have nothing to draw from at %d", j)
			}
			a.draw(random)(&list[i])
		}
	}
	return list, nil
}

// Metric scores a model that was trained on train by the held-out ratings of test.
type Metric func(ctx context.Context, dev kernels.Device, m *Model, train, test *Ratings) (float64, error)

// Trial is what a search found out about one configuration.
type Trial struct {
	Config Config

	Folds     []float64 // the metric of each fold
	Mean      float64   // of the folds
	Deviation float64   // their standard deviation, 0 for one fold

	Elapsed time.Duration // training and scoring, all folds

	// Err is ErrSingular or ErrConfig if the configuration could not be trained.
	// Then the other results are of the folds before.
	Err error
}

// SearchOption changes how Search compares configurations.
type SearchOption func(*searchOptions)

type searchOptions struct {
	folds    int
	seed     uint64
	metric   Metric
	higher   bool
	progress func(done, of int)
}

// WithFolds sets the number of folds of the cross-validation and the seed that
// they are drawn with. The default is 3 folds and seed 1.
func WithFolds(k int, seed uint64) SearchOption {
	return func(o *searchOptions) { o.folds, o.seed = k, seed }
}

// WithMetric scores models by m, where higher values are better if higher is true.
// The default is the RMSE of Evaluate, where lower values are.
func WithMetric(m Metric, higher bool) SearchOption {
	return func(o *searchOptions) { o.metric, o.higher = m, higher }
}

// WithSearchProgress has f called after every training, from the goroutine of
// Search.
func WithSearchProgress(f func(done, of int)) SearchOption {
	return func(o *searchOptions) { o.progress = f }
}

// Search trains every configuration on every fold of the ratings, one after
// another on one device, and returns the trials, the best one first. Grid and
// Sample make lists of configurations.
//
// A configuration that cannot be trained is a trial with an Err, at the end of the
// list. Other errors end the search: ErrConfig, ctx.Err(), those of the device and
// of the metric.
func Search(ctx context.Context, dev kernels.Device, ratings *Ratings, configs []Config, opts ...SearchOption) (Trials, error) {
	o := searchOptions{folds: 3, seed: 1, metric: rmse}
	for _, opt := range opts {
		opt(&o)
	}
	if len(configs) == 0 {
		return nil, configf("configs", "are empty, want at least one")
	}
	trials := make(Trials, len(configs))
	for i, c := range configs {
		trials[i] = Trial{Config: c.Resolved(), Err: c.Validate()}
	}
	folds, err := ratings.Folds(o.folds, o.seed)
	if err != nil {
		return nil, err
	}
	done := 0
	for train, test := range folds {
		for i := range trials {
			if err := trials[i].add(ctx, dev, train, test, o); err != nil {
				return nil, fmt.Errorf("als: search: %w", err)
			}
			done++
			if o.progress != nil {
				o.progress(done, o.folds*len(trials))
			}
		}
	}
	for i := range trials {
		trials[i].summarize()
	}
	trials.sort(o.higher)
	return trials, nil
}

func rmse(ctx context.Context, dev kernels.Device, m *Model, _, test *Ratings) (float64, error) {
	errs, err := Evaluate(ctx, dev, m, test)
	return errs.RMSE, err
}

// add trains on one fold. It returns the errors that end the search.
func (t *Trial) add(ctx context.Context, dev kernels.Device, train, test *Ratings, o searchOptions) error {
	if t.Err != nil {
		return nil
	}
	start := time.Now()
	defer func() { t.Elapsed += time.Since(start) }()
	m, err := Train(ctx, dev, train, t.Config)
	if errors.Is(err, ErrSingular) {
		t.Err = err
		return nil
	}
	if err != nil {
		return err
	}
	value, err := o.metric(ctx, dev, m, train, test)
	if err != nil {
		return err
	}
	t.Folds = append(t.Folds, value)
	return nil
}

func (t *Trial) summarize() {
	n := float64(len(t.Folds))
	for _, v := range t.Folds {
		t.Mean += v / n
	}
	if n < 2 {
		return
	}
	for _, v := range t.Folds {
		t.Deviation += (v - t.Mean) * (v - t.Mean) / (n - 1)
	}
	t.Deviation = math.Sqrt(t.Deviation)
}

// Trials are the results of a search, the best one first.
type Trials []Trial

func (t Trials) sort(higher bool) {
	slices.SortStableFunc(t, func(a, b Trial) int {
		if (a.Err == nil) != (b.Err == nil) {
			if a.Err == nil {
				return -1
			}
			return 1
		}
		if higher {
			return cmp.Compare(b.Mean, a.Mean)
		}
		return cmp.Compare(a.Mean, b.Mean)
	})
}

// WriteTable writes the trials as a table of text, one a line.
func (t Trials) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "mean\tdeviation\tseconds\trank\titerations\tλ\tregularization\tα\tw₀\tbiases\tsolver\tconvention\t\n")
	for _, trial := range t {
		c := trial.Config
		mean, deviation := fmt.Sprintf("%.5f", trial.Mean), fmt.Sprintf("%.5f", trial.Deviation)
		if trial.Err != nil {
			mean, deviation = "failed", "-"
		}
		regularization := c.Regularization.String()
		if c.Regularization == Power {
			regularization = fmt.Sprintf("n^%.3g", c.Nu)
		}
		fmt.Fprintf(table, "%s\t%s\t%.2f\t%d\t%d\t%.4g\t%s\t%.4g\t%.4g\t%v\t%v\t%v\t\n", mean, deviation, trial.Elapsed.Seconds(),
			c.Rank, c.Iterations, c.Lambda, regularization, c.Alpha, c.W0, c.Biases, c.Solver, c.Convention)
	}
	return table.Flush()
}
