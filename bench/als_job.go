package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/kernels"
)

func (j *alsJob) run(ctx context.Context) error {
	j.config.Seed = j.seed
	if err := j.check(); err != nil {
		return err
	}
	targets, skipped, err := j.targets()
	if err != nil {
		return err
	}
	resetPeakRSS()
	d, err := j.data.load(ctx, j.common, j.holdout)
	if err != nil {
		return err
	}
	peak := peakRSS()
	result := j.newResult(d, skipped)
	for _, t := range targets {
		run, err := j.measure(ctx, t, d, len(result.Runs) == 0)
		if err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
		run.PeakRSSBytes = max(run.PeakRSSBytes, peak)
		result.add(run)
	}
	if err := result.agree(); err != nil {
		return err
	}
	if j.breakdown {
		last := len(targets) - 1
		b, err := j.breakDown(ctx, targets[last], result.Runs[last], d)
		if err != nil {
			return err
		}
		result.Breakdown = &b
	}
	return j.publish(result)
}

// measure trains and evaluates on one device, --repeat times.
func (j *alsJob) measure(ctx context.Context, t target, d *dataset.Data, first bool) (r alsRun, err error) {
	dev, err := t.open()
	if err != nil {
		return r, err
	}
	defer func() {
		if e := dev.Close(); err == nil {
			err = e
		}
	}()
	resetPeakRSS()
	warmup := j.config
	warmup.Iterations = 1
	if _, err := als.Train(ctx, dev, d.Train, warmup); err != nil {
		return r, err
	}
	info := dev.Info()
	r = alsRun{Backend: info.Backend, Device: info.Model, Path: info.Path, Threads: info.Threads}
	var train, evaluate []float64
	for n := range j.repeat {
		once, err := j.once(ctx, dev, t, d, first && n == 0)
		if err != nil {
			return r, err
		}
		train = append(train, once.train.Seconds())
		evaluate = append(evaluate, once.evaluate.Seconds())
		r.TrainMSE, r.TrainRMSE = once.trainErrors.MSE, once.trainErrors.RMSE
		r.TestRMSE, r.dropped = once.testErrors.RMSE, once.testErrors.Dropped
	}
	r.Seconds = seconds{
		Load:     d.ReadTime.Seconds(),
		Prepare:  d.BuildTime.Seconds(),
		Train:    median(train),
		Evaluate: median(evaluate),
	}
	r.Seconds.Total = r.Seconds.Load + r.Seconds.Prepare + r.Seconds.Train + r.Seconds.Evaluate
	r.RatingsPerSecond = float64(d.Train.Len()) * float64(j.config.Iterations) / r.Seconds.Train
	r.PeakRSSBytes = peakRSS()
	return r, nil
}

type onceResult struct {
	train, evaluate         time.Duration
	trainErrors, testErrors als.Errors
}

func (j *alsJob) once(ctx context.Context, dev kernels.Device, t target, d *dataset.Data, save bool) (r onceResult, err error) {
	step, done := j.progressSteps(t.String(), j.config.Iterations)
	start := time.Now()
	model, err := als.Train(ctx, dev, d.Train, j.config, als.WithProgress(func(als.Progress) { step() }))
	done()
	if err != nil {
		return r, err
	}
	r.train = time.Since(start)
	start = time.Now()
	if r.trainErrors, err = als.Evaluate(ctx, dev, model, d.Train); err != nil {
		return r, err
	}
	if d.Test != nil {
		if r.testErrors, err = als.Evaluate(ctx, dev, model, d.Test); err != nil {
			return r, err
		}
	}
	r.evaluate = time.Since(start)
	if save && j.save != "" {
		return r, als.WriteFile(j.save, model)
	}
	return r, nil
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

// agreement is how far the training error of two backends may be apart: float32
// sums in another order, amplified by a few iterations.
const agreement = 1e-3

// agree checks that all runs computed the same model: to the bit on one backend
// and path, whatever the number of threads, and closely on different ones.
func (r *alsResult) agree() error {
	for i, run := range r.Runs {
		first := r.Runs[0]
		for _, other := range r.Runs[:i] {
			if other.Backend == run.Backend && other.Path == run.Path {
				first = other
				break
			}
		}
		bound := 0.0
		if first.Backend != run.Backend || first.Path != run.Path {
			bound = agreement * first.TrainMSE
		}
		if math.Abs(first.TrainMSE-run.TrainMSE) > bound {
			return fmt.Errorf("the runs disagree: training MSE %v on %s with %d threads, %v on %s with %d",
				first.TrainMSE, first.Backend, first.Threads, run.TrainMSE, run.Backend, run.Threads)
		}
	}
	return nil
}
