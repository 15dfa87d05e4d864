package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/bench/workload"
	"github.com/halfstep-ml/halfstep/kernels"
)

// breakdown is the seconds of a job beside those that its kernels take alone, on the
// same ratings.
type breakdown struct {
	Backend string  `json:"backend"`
	Threads int     `json:"threads"`
	Stages  []stage `json:"stages"`
	Total   stage   `json:"total"`
}

type stage struct {
	Name  string  `json:"name"`
	Job   float64 `json:"job"`   // seconds in the job
	Alone float64 `json:"alone"` // seconds of the kernels
}

// aloneRounds is how often a kernel is timed alone. The median counts.
const aloneRounds = 3

// breakDown times the kernels of a run alone: reading and compressing the data once
// more, all half-steps, and the sum of squared errors of each part.
func (j *alsJob) breakDown(ctx context.Context, t target, run alsRun, d *dataset.Data) (b breakdown, err error) {
	if j.config.Biases {
		return b, errors.New("--breakdown: not with --biases")
	}
	dev, err := t.open()
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	b = breakdown{Backend: run.Backend, Threads: run.Threads}
	add := func(name string, job, alone float64) {
		b.Stages = append(b.Stages, stage{name, job, alone})
		b.Total.Job += job
		b.Total.Alone += alone
	}
	again, err := j.data.load(ctx, j.common, j.holdout)
	if err != nil {
		return b, err
	}
	add("load", run.Seconds.Load, again.ReadTime.Seconds())
	add("prepare", run.Seconds.Prepare, again.BuildTime.Seconds())

	users := workload.Ratings{Name: "users", Host: d.Train.ByUser()}
	items := workload.Ratings{Name: "items", Host: d.Train.ByItem()}
	steps, err := alone(dev, j.halfStep(users), j.halfStep(items))
	if err != nil {
		return b, err
	}
	add("train", run.Seconds.Train, float64(j.config.Iterations)*steps)

	losses := []workload.Case{workload.Loss(users, j.config.Rank)}
	if d.Test != nil {
		losses = append(losses, workload.Loss(workload.Ratings{Name: "test", Host: d.Test.ByUser()}, j.config.Rank))
	}
	loss, err := alone(dev, losses...)
	if err != nil {
		return b, err
	}
	add("evaluate", run.Seconds.Evaluate, loss)
	b.Total.Name = "total"
	return b, nil
}

// halfStep is a half-step as training with the configuration has it.
func (j *alsJob) halfStep(r workload.Ratings) workload.Case {
	c := j.config.Resolved()
	objective := kernels.Objective{
		Convention: c.Convention, Alpha: float32(c.Alpha), W0: float32(c.W0), Lambda: float32(c.Lambda), Exponent: 1,
	}
	switch c.Regularization {
	case als.Plain:
		objective.Exponent = 0
	case als.Power:
		objective.Exponent = float32(c.Nu)
	}
	solver := kernels.Solver{Steps: c.Steps, Block: min(c.Block, c.Rank)}
	switch c.Solver {
	case als.CG:
		solver.Method = kernels.CG
		solver.Steps = max(solver.Steps, 3)
	case als.Subspace:
		solver.Method = kernels.Subspace
		solver.Steps = max(solver.Steps, 1)
		if solver.Block == 0 {
			solver.Block = min(32, c.Rank)
		}
	case als.NonNegative:
		solver.Method = kernels.NonNegative
	}
	return workload.HalfStep(r, c.Rank, objective, solver)
}

// alone returns the seconds of some kernels together.
func alone(dev kernels.Device, cases ...workload.Case) (seconds float64, err error) {
	for _, c := range cases {
		w, err := c.Prepare(dev)
		if err != nil {
			return 0, err
		}
		var rounds []float64
		for range 1 + aloneRounds { // the first is to warm up
			s, e := w.Time(time.Nanosecond)
			err = errors.Join(err, e)
			rounds = append(rounds, s)
		}
		if err := errors.Join(err, w.Close()); err != nil {
			return 0, err
		}
		seconds += median(rounds[1:])
	}
	return seconds, nil
}

func (b breakdown) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "\n%v: the job and its kernels alone, seconds\n\n", target{name: b.Backend, threads: b.Threads})
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "stage\tjob\tkernels\tratio\t\n")
	for _, s := range append(b.Stages, b.Total) {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.2f\t\n", s.Name, s.Job, s.Alone, s.Job/s.Alone)
	}
	return t.Flush()
}
