package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/als"
)

// alsJob is the experiment als with its settings.
type alsJob struct {
	*common
	config  als.Config
	data    dataFlags
	holdout float64
	repeat  int
	save    string

	breakdown bool
}

// defaultALSJob is the main job.
func defaultALSJob(c *common) *alsJob {
	return &alsJob{common: c, config: als.DefaultConfig(), holdout: 0.2, repeat: 1}
}

func alsCommand(c *common) *cobra.Command {
	j := defaultALSJob(c)
	var config configFlags
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
counted. --breakdown compares the last run with what its kernels take alone on the
same ratings: reading and compressing them once more, the half-steps, the losses.

` + dataHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWith(cmd, &config, &j.config, &j.data, j.run)
		},
	}
	f := cmd.Flags()
	j.data.add(f)
	config.add(f, &j.config)
	f.Float64Var(&j.holdout, "holdout", j.holdout, "fraction of the ratings held out for the test error; 0 trains on all")
	f.IntVar(&j.repeat, "repeat", j.repeat, "times to train and evaluate on each device; the median is reported")
	f.BoolVar(&j.breakdown, "breakdown", false, "compare the last run with the times of its kernels alone")
	f.StringVar(&j.save, "save", "", "write the model of the first run to this file")
	return cmd
}

// check returns an error that names the flag that makes no sense.
func (j *alsJob) check() error {
	if j.repeat < 1 {
		return fmt.Errorf("--repeat: %d, want at least 1", j.repeat)
	}
	if !(j.holdout >= 0 && j.holdout < 1) {
		return fmt.Errorf("--holdout: %v, want at least 0 and below 1", j.holdout)
	}
	return j.config.Validate()
}
