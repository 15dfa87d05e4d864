package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
)

func synthCommand(c *common) *cobra.Command {
	var s dataset.Synthetic
	var out string
	cmd := &cobra.Command{
		Use:   "synth",
		Short: "Write synthetic ratings in the CSV format of MovieLens 20M and later",
		Long: `Write synthetic ratings in the CSV format of MovieLens 20M and later.

Activity of users and popularity of items are distributed as in MovieLens. A
rating is a mean, a bias of the user, one of the item, the product of low-rank
factors, and noise, rounded to whole stars. The same seed gives the same file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.Seed = c.seed
			file := csvFile{cmd.Context(), s}
			if out == "-" {
				_, err := file.WriteTo(c.stdout)
				return err
			}
			return als.WriteFile(out, file)
		},
	}
	f := cmd.Flags()
	f.IntVar(&s.Users, "users", 0, "users (default 6040)")
	f.IntVar(&s.Items, "items", 0, "items (default 3706)")
	f.Int64Var(&s.Ratings, "ratings", 0, "ratings (default 1000000)")
	f.StringVarP(&out, "out", "o", "-", "file to write; - is stdout")
	return cmd
}

// csvFile is the file as als.WriteFile takes it, so that an interrupted run
// leaves no half of it.
type csvFile struct {
	ctx  context.Context
	data dataset.Synthetic
}

func (f csvFile) WriteTo(w io.Writer) (int64, error) {
	return 0, dataset.WriteCSV(f.ctx, w, f.data)
}
