package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
)

// dataFlags say which ratings an experiment is about.
type dataFlags struct {
	path       string // empty for synthetic data
	synthetic  dataset.Synthetic
	duplicates string
	skipBad    bool
}

// dataHelp is what the help of a command says of its data.
const dataHelp = `The data are MovieLens 100K, 1M, 10M, 20M, 25M, 32M or latest-small, plain or
gzipped, given as a file or as the folder that holds it. Without --data they are
made from the seed.`

func (d *dataFlags) add(f *pflag.FlagSet) {
	f.StringVar(&d.path, "data", "", "ratings: a file or folder, its format is detected (default: made in memory)")
	f.IntVar(&d.synthetic.Users, "users", 0, "users of the data that are made (default 6040)")
	f.IntVar(&d.synthetic.Items, "items", 0, "items of the data that are made (default 3706)")
	f.Int64Var(&d.synthetic.Ratings, "ratings", 0, "ratings of the data that are made (default 1000000)")
	f.StringVar(&d.duplicates, "duplicates", "reject", "a pair that is rated twice: reject, last or sum")
	f.BoolVar(&d.skipBad, "skip-bad-lines", false, "count malformed lines instead of stopping at the first")
}

// check returns an error if the flags contradict one another.
func (d *dataFlags) check(f *pflag.FlagSet) error {
	if d.path != "" {
		for _, name := range []string{"users", "items", "ratings"} {
			if f.Changed(name) {
				return fmt.Errorf("--%s is for data that are made, not for --data", name)
			}
		}
	}
	_, err := d.duplicatesRule()
	return err
}

func (d *dataFlags) duplicatesRule() (als.Duplicates, error) {
	switch d.duplicates {
	case "", "reject":
		return als.RejectDuplicates, nil
	case "last":
		return als.KeepLast, nil
	case "sum":
		return als.SumDuplicates, nil
	}
	return 0, fmt.Errorf("--duplicates: %q, want reject, last or sum", d.duplicates)
}

// source is the file of --data, or the data that are made from the seed.
func (d *dataFlags) source(c *common) (dataset.Source, error) {
	if d.path == "" {
		s := d.synthetic
		s.Seed = c.seed
		return s, s.Validate()
	}
	opts := []dataset.Option{dataset.WithProgress(c.progressBytes("load"))}
	if d.skipBad {
		opts = append(opts, dataset.SkipBadLines())
	}
	return dataset.Open(d.path, opts...)
}

// load reads or makes the ratings. With a holdout above 0 that fraction of them is
// the test part.
func (d *dataFlags) load(ctx context.Context, c *common, holdout float64) (*dataset.Dataset, error) {
	src, err := d.source(c)
	if err != nil {
		return nil, err
	}
	duplicates, err := d.duplicatesRule()
	if err != nil {
		return nil, err
	}
	opts := []dataset.LoadOption{dataset.WithDuplicates(duplicates)}
	if holdout > 0 {
		opts = append(opts, dataset.WithHoldout(holdout, c.seed))
	}
	return dataset.Load(ctx, src, opts...)
}
