package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/bench/peers"
)

// speedJob is the experiment peers speed with its settings.
type speedJob struct {
	*common
	data   dataFlags
	speed  peers.Speed
	groups []string
}

// speedResult is the outcome of the experiment peers speed, and its JSON.
type speedResult struct {
	Experiment string       `json:"experiment"`
	Machine    machine      `json:"machine"`
	Data       dataInfo     `json:"data"`
	Races      []peers.Race `json:"races"`
}

// largeFile is the shape of the file that is made if none is given: that of
// MovieLens 25M.
var largeFile = dataset.Synthetic{Users: 162_000, Items: 62_000, Ratings: 25_000_000}

func speedCommand(c *common) *cobra.Command {
	j := &speedJob{common: c}
	cmd := &cobra.Command{
		Use:   "speed",
		Short: "Compare the time taken with OpenBLAS, implicit, polars and Spark MLlib",
		Long: `Do the same work with this library and with another, on the CPU with the same number
of threads, in turns, and compare the medians of the times.

  blas       products, Gram matrices and systems of equations, with OpenBLAS; for
             systems a C loop over its sposv, with one thread
  train      whole trainings of ALS, ranks 32, 64 and 128, by Cholesky and by
             conjugate gradients, with implicit; the losses of both are shown
  recommend  the 10 best unseen items of all users, rank 64, with implicit
  csv        reading --file, with polars, which returns columns in memory: ours as
             batches of columns, as columns in memory, and as rows of numbered ids
  spark      --file to the mean squared error over all its ratings after 10 iterations
             at rank 10, with Spark MLlib once it has started, each once

ratio is their time by ours. train and recommend take the ratings of --data. It needs
a C compiler, Java 17 for spark, and a Python that has what
bench/peers/scripts/requirements.txt lists: "make peers" sets one up. ` + dataHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := j.data.check(cmd.Flags()); err != nil {
				return err
			}
			return j.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	j.data.add(f)
	f.StringVar(&j.speed.Python, "python", "python3", "the Python to run the scripts with")
	f.StringVar(&j.speed.Compile, "compiler", "cc", "the C compiler for the loops over OpenBLAS")
	f.StringVar(&j.speed.File, "file", "", "ratings in the CSV format of MovieLens 20M and later (default: 25 million are made)")
	f.StringVar(&j.speed.Dir, "out", "", "keep the files that the systems exchange in this folder")
	f.IntVar(&j.speed.Rounds, "rounds", 5, "measurements of each side")
	f.DurationVar(&j.speed.Least, "time", 200*time.Millisecond, "the least that a measurement of a dense kernel takes")
	f.StringSliceVar(&j.groups, "only", []string{"blas", "train", "recommend", "csv"}, "what to compare")
	return cmd
}

func (j *speedJob) run(ctx context.Context) (err error) {
	if j.speed.Rounds < 1 {
		return fmt.Errorf("--rounds: %d, want at least 1", j.speed.Rounds)
	}
	if j.speed.Threads, err = j.threadCounts(); err != nil {
		return err
	}
	if j.speed.Dir == "" {
		if j.speed.Dir, err = os.MkdirTemp("", "halfstep-peers-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(j.speed.Dir)) }()
	}
	d, err := j.data.load(ctx, j.common, 0)
	if err != nil {
		return err
	}
	if err := j.makeFile(ctx); err != nil {
		return err
	}
	j.speed.Step = func(what string) { fmt.Fprintln(j.stderr, what) }
	races, err := j.speed.Run(ctx, d.Train, j.groups)
	if err != nil {
		return err
	}
	result := &speedResult{
		Experiment: "speed", Machine: thisMachine(), Races: races,
		Data: dataInfo{Name: d.Name, Users: d.Train.Users(), Items: d.Train.Items(), Ratings: d.Train.Len()},
	}
	return j.show(result)
}

// makeFile makes the large file where one is needed and none is given.
func (j *speedJob) makeFile(ctx context.Context) error {
	needed := slices.Contains(j.groups, "csv") || slices.Contains(j.groups, "spark")
	if !needed || j.speed.File != "" {
		return nil
	}
	s := largeFile
	s.Seed = j.seed
	j.speed.File = filepath.Join(j.speed.Dir, "ratings.csv")
	return als.WriteFile(j.speed.File, csvFile{ctx, s})
}

// writeTable prints the result for a person.
func (r *speedResult) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "data: %s: %s users, %s items, %s ratings\nmachine: %s\n\n", r.Data.Name,
		thousands(int64(r.Data.Users)), thousands(int64(r.Data.Items)), thousands(r.Data.Ratings), r.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "work\tpeer\tthreads\tours ms\trange\ttheirs ms\trange\tratio\t")
	milli := func(s peers.Seconds) string {
		return fmt.Sprintf("%.4g\t%.4g-%.4g", 1e3*s.Median, 1e3*s.Min, 1e3*s.Max)
	}
	for _, race := range r.Races {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%.2f\t%s\n",
			race.Work, race.Peer, race.Threads, milli(race.Ours), milli(race.Theirs), race.Ratio, race.Note)
	}
	return t.Flush()
}
