package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/halfstep-ml/halfstep/bench/dataset"
)

// fileFlags say how the file of --data is read.
type fileFlags struct {
	columns   dataset.Columns
	separator string
	noHeader  bool
	skipBad   bool

	strings      bool // ids are strings
	stringsGiven bool // or else the file decides
}

// fileFlagNames are those that mean nothing without --data.
var fileFlagNames = []string{"user-column", "item-column", "rating-column", "time-column", "separator", "no-header", "string-ids", "skip-bad-lines"}

func (d *fileFlags) add(f *pflag.FlagSet) {
	f.StringVar(&d.columns.User, "user-column", "", "column of the users, by its name or its number from 1 (default: found by its name; 1 without a header)")
	f.StringVar(&d.columns.Item, "item-column", "", "column of the items (default: likewise, 2)")
	f.StringVar(&d.columns.Rating, "rating-column", "", "column of the ratings (default: likewise, 3); - makes every rating 1")
	f.StringVar(&d.columns.Time, "time-column", "", "column of the times, in seconds (default: likewise, 4 of 4); - reads none")
	f.StringVar(&d.separator, "separator", "", `what is between the fields of a line; \t is a tab (default: a tab, :: or a comma, as the first line has)`)
	f.BoolVar(&d.noHeader, "no-header", false, "the first line holds a rating and not the names of the columns")
	f.BoolVar(&d.strings, "string-ids", false, "users and items go by any text (default: if those of the first rating are not whole numbers)")
	f.BoolVar(&d.skipBad, "skip-bad-lines", false, "count malformed lines or rows instead of stopping at the first")
}

// check returns an error if there is a flag and no file.
func (d *fileFlags) check(f *pflag.FlagSet, file bool) error {
	d.stringsGiven = f.Changed("string-ids")
	for _, name := range fileFlagNames {
		if !file && f.Changed(name) {
			return fmt.Errorf("--%s is for --data, not for data that are made", name)
		}
	}
	return nil
}

func (d *fileFlags) options() []dataset.Option {
	opts := []dataset.Option{dataset.WithColumns(d.columns)}
	switch d.separator {
	case "":
	case `\t`:
		opts = append(opts, dataset.WithSeparator("\t"))
	default:
		opts = append(opts, dataset.WithSeparator(d.separator))
	}
	if d.noHeader {
		opts = append(opts, dataset.WithoutHeader())
	}
	if d.skipBad {
		opts = append(opts, dataset.SkipBadLines())
	}
	return opts
}

// load reads a file.
func (d *fileFlags) load(ctx context.Context, c *common, path string, opts []dataset.LoadOption) (*dataset.Data, error) {
	file, err := dataset.Open(path, append(d.options(), dataset.WithProgress(c.progressBytes("load")))...)
	if err != nil {
		return nil, err
	}
	if d.strings || !d.stringsGiven && file.HasStrings() {
		data, err := dataset.Load(ctx, file.Strings(), opts...)
		if err != nil {
			return nil, err
		}
		return &data.Data, nil
	}
	data, err := dataset.Load(ctx, file, opts...)
	if err != nil {
		return nil, err
	}
	return &data.Data, nil
}
