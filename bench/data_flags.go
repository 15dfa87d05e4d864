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
	file       fileFlags
}

// dataHelp is what the help of a command says of its data.
const dataHelp = `The data are MovieLens 100K, 1M, 10M, 20M, 25M, 32M or latest-small, given as a
file or as the folder that holds it, or any CSV, TSV or Parquet file; plain or
compressed with gzip or zstd. The columns of a file are found by their names, as
userId, itemId, rating and timestamp, or given with --user-column and the like.
Without --data the data are made from the seed.`

func (d *dataFlags) add(f *pflag.FlagSet) {
	f.StringVar(&d.path, "data", "", "ratings: a file or folder, its format is detected (default: made in memory)")
	f.IntVar(&d.synthetic.Users, "users", 0, "users of the data that are made (default 6040)")
	f.IntVar(&d.synthetic.Items, "items", 0, "items of the data that are made (default 3706)")
	f.Int64Var(&d.synthetic.Ratings, "ratings", 0, "ratings of the data that are made (default 1000000)")
	f.StringVar(&d.duplicates, "duplicates", "reject", "a pair that is rated twice: reject, last or sum")
	d.file.add(f)
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
	if err := d.file.check(f, d.path != ""); err != nil {
		return err
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

// load reads or makes the ratings. With a holdout above 0 that fraction of them is
// the test part.
func (d *dataFlags) load(ctx context.Context, c *common, holdout float64) (*dataset.Data, error) {
	duplicates, err := d.duplicatesRule()
	if err != nil {
		return nil, err
	}
	opts := []dataset.LoadOption{dataset.WithDuplicates(duplicates)}
	if holdout > 0 {
		opts = append(opts, dataset.WithHoldout(holdout, c.seed))
	}
	if d.path != "" {
		return d.file.load(ctx, c, d.path, opts)
	}
	s := d.synthetic
	s.Seed = c.seed
	made, err := dataset.Load(ctx, s, opts...)
	if err != nil {
		return nil, err
	}
	return &made.Data, nil
}
