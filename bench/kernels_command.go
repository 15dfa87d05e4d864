package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/bench/workload"
	"github.com/halfstep-ml/halfstep/kernels"
)

// kernelsJob is the experiment kernels with its settings.
type kernelsJob struct {
	*common
	data   dataFlags
	only   []string
	ranks  []int
	rounds int
	time   time.Duration
}

func kernelsCommand(c *common) *cobra.Command {
	j := &kernelsJob{common: c}
	cmd := &cobra.Command{
		Use:   "kernels",
		Short: "Time each kernel and compare it with the peak of the machine",
		Long: `Time each kernel on every device and print its rate and which part of the peak of
the machine that is.

  GFLOP/s   floating-point operations that no implementation can do without, by the
            median of the times
  GB/s      the same of bytes: every operand once, a gathered row whenever it is
            gathered
  ratings/s of kernels that go through ratings
  range     the slowest and the fastest measurement, of the rate that is compared
  of peak   of multiply-adds in registers on as many cores or, where memory is the
            limit (marked m), of copying a large matrix; both are measured right
            before each kernel, since the clock of a machine changes. The part can be
            above 1: copying also reads what it overwrites, which is not counted, and
            large matrices are multiplied with AMX where there is one, which the loop
            of multiply-adds does not use

The results of each kernel are compared with a float64 reference before it is timed.
Devices take turns, --rounds times, and the median counts. The peak of multiply-adds
is measured by a loop of assembly on the CPU, and not known where there is none; on a
GPU by a kernel.

Sparse kernels work on the ratings of --data, by user and by item. ` + dataHelp,
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
	f.StringSliceVar(&j.only, "kernels", nil, "kernels to time, such as gemm,half_step (default: all)")
	f.IntSliceVar(&j.ranks, "ranks", []int{10, 16, 32, 64, 128}, "ranks of half_step")
	f.IntVar(&j.rounds, "rounds", 5, "measurements of each kernel on each device")
	f.DurationVar(&j.time, "time", 100*time.Millisecond, "the least that a measurement takes")
	return cmd
}

// check returns an error that names the flag that makes no sense.
func (j *kernelsJob) check() error {
	if j.rounds < 1 {
		return fmt.Errorf("--rounds: %d, want at least 1", j.rounds)
	}
	for _, k := range j.ranks {
		if k < 1 {
			return fmt.Errorf("--ranks: %d, want at least 1", k)
		}
	}
	return nil
}

func (j *kernelsJob) run(ctx context.Context) error {
	if err := j.check(); err != nil {
		return err
	}
	targets, skipped, err := j.targets()
	if err != nil {
		return err
	}
	cases, err := j.cases(ctx)
	if err != nil {
		return err
	}
	result := &kernelsResult{Experiment: "kernels", Machine: thisMachine(), Skipped: append([]skip{}, skipped...)}
	step, done := j.progressSteps("kernels", len(cases))
	defer done()
	for _, c := range cases {
		if err := j.measure(ctx, c, targets, result); err != nil {
			return err
		}
		step()
	}
	result.summarizePeaks()
	return j.publish(result)
}

// cases lists what is timed: the kernels that were named, or all.
func (j *kernelsJob) cases(ctx context.Context) ([]workload.Case, error) {
	d, err := j.data.load(ctx, j.common, 0)
	if err != nil {
		return nil, err
	}
	users := workload.Ratings{Name: "users of " + d.Name, Host: d.Train.ByUser()}
	items := workload.Ratings{Name: "items of " + d.Name, Host: d.Train.ByItem()}
	all := workload.Standard(users, items, j.ranks)
	if len(j.only) == 0 {
		return all, nil
	}
	var names []string
	for _, c := range all {
		if !slices.Contains(names, c.Kernel) {
			names = append(names, c.Kernel)
		}
	}
	for _, name := range j.only {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("--kernels: %q, want some of %s", name, strings.Join(names, ","))
		}
	}
	return slices.DeleteFunc(all, func(c workload.Case) bool { return !slices.Contains(j.only, c.Kernel) }), nil
}

// contender is a target with a case on it.
type contender struct {
	target
	dev  kernels.Device
	work *workload.Work
	peak peaks

	seconds   []float64
	fractions []float64
}

func (c *contender) close() error {
	var err error
	if c.work != nil {
		err = c.work.Close()
	}
	return errors.Join(err, c.peak.close(), c.dev.Close())
}

// measure times a case on all targets, which take turns.
func (j *kernelsJob) measure(ctx context.Context, c workload.Case, targets []target, result *kernelsResult) (err error) {
	var contenders []*contender
	defer func() {
		for _, t := range contenders {
			err = errors.Join(err, t.close())
		}
	}()
	for _, t := range targets {
		dev, err := t.open()
		if err != nil {
			return err
		}
		with := &contender{target: t, dev: dev}
		contenders = append(contenders, with)
		if with.peak, err = newPeaks(t, dev, c.MemoryBound); err != nil {
			return err
		}
		if with.work, err = c.Prepare(dev); err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
		if err := with.work.Verify(); err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
	}
	for range j.rounds {
		for _, t := range contenders {
			if err := ctx.Err(); err != nil {
				return err
			}
			peak, err := t.peak.measure()
			if err != nil {
				return err
			}
			s, err := t.work.Time(j.time)
			if err != nil {
				return fmt.Errorf("%v: %v: %w", t.target, c, err)
			}
			t.seconds = append(t.seconds, s)
			if peak > 0 {
				t.fractions = append(t.fractions, t.amount()/s/peak)
			}
			result.addPeak(t.peak, peak)
		}
	}
	for _, t := range contenders {
		result.Runs = append(result.Runs, t.outcome())
	}
	return nil
}

// amount is what a round does, in the unit of its peak: operations or bytes.
func (c *contender) amount() float64 {
	if c.work.MemoryBound {
		return c.work.Bytes
	}
	return c.work.Operations
}

func (c *contender) outcome() kernelRun {
	s := median(c.seconds)
	run := kernelRun{
		Kernel: c.work.Kernel, Shape: c.work.Shape, Backend: c.name, Threads: c.threads,
		Seconds: spread{Median: s, Min: slices.Min(c.seconds), Max: slices.Max(c.seconds)},
		GFLOPS:  c.work.Operations / s / giga, GBPerSecond: c.work.Bytes / s / giga,
		RatingsPerSecond: c.work.Ratings / s,
		MemoryBound:      c.work.MemoryBound,
	}
	if len(c.fractions) > 0 {
		run.FractionOfPeak = median(c.fractions)
	}
	return run
}
