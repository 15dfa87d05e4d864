package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/kernels"
)

// readings are the ways to read a file of ratings that are raced: what polars does is
// columns in memory.
var readings = []struct {
	work string
	read func(context.Context, *dataset.File) (seconds float64, err error)
}{
	{"batches of columns", readBatches},
	{"columns in memory", readColumns},
	{"ids numbered as rows", readRows},
}

// raceReading times reading a file of ratings against polars, which is not asked for the
// timestamps.
func (s *Speed) raceReading(ctx context.Context, _ *als.Ratings) error {
	info, err := os.Stat(s.File)
	if err != nil {
		return err
	}
	gigabytes := float64(info.Size()) / 1e9
	for _, threads := range s.Threads {
		err := onCPU(threads, func(kernels.Device) (err error) {
			polars, err := start(ctx, s.Python, s.Dir, []string{"POLARS_MAX_THREADS=" + strconv.Itoa(threads)}, "speed_polars.py", s.File)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, polars.stop()) }()
			for _, r := range readings {
				ours := func() (float64, error) {
					src, err := dataset.Open(s.File)
					if err != nil {
						return 0, err
					}
					return r.read(ctx, src)
				}
				race, err := s.race(ctx, fmt.Sprintf("read %.0f MB of CSV, %s", 1e3*gigabytes, r.work), "polars "+polars.version,
					threads, ours, answered(polars, request{"work": "read"}))
				if err != nil {
					return err
				}
				race.Note = fmt.Sprintf("%.2f GB/s", gigabytes/race.Ours.Median)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readBatches parses every line and keeps none.
func readBatches(ctx context.Context, f *dataset.File) (float64, error) {
	begin := time.Now()
	err := dataset.EachBatch(ctx, f, func(dataset.Batch[uint32]) error { return nil })
	return time.Since(begin).Seconds(), err
}

func readColumns(ctx context.Context, f *dataset.File) (float64, error) {
	begin := time.Now()
	_, err := dataset.ReadColumns[uint32](ctx, f)
	return time.Since(begin).Seconds(), err
}

// readRows is what loading takes before the ratings are sorted.
func readRows(ctx context.Context, f *dataset.File) (float64, error) {
	d, err := dataset.Load(ctx, f)
	if err != nil {
		return 0, err
	}
	return d.ReadTime.Seconds(), nil
}

func (s *Speed) load(ctx context.Context) (*dataset.Dataset, error) {
	src, err := dataset.Open(s.File)
	if err != nil {
		return nil, err
	}
	return dataset.Load(ctx, src)
}

// sparkMemory is what 25 million ratings need.
const sparkMemory = "12g"

// raceSpark times a whole job, from the file to the mean squared error over all
// ratings, against Spark MLlib without its start. Each side runs once.
func (s *Speed) raceSpark(ctx context.Context, _ *als.Ratings) (err error) {
	threads := s.Threads[len(s.Threads)-1]
	spark, err := start(ctx, s.Python, s.Dir, nil, "speed_spark.py", s.File, strconv.Itoa(threads), sparkMemory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spark.stop()) }()
	cfg := sparkConfig(als.Explicit, 1)
	once := Speed{Step: s.Step, Rounds: 1}
	return onCPU(threads, func(dev kernels.Device) error {
		var errs als.Errors
		ours := func() (float64, error) {
			begin := time.Now()
			d, err := s.load(ctx)
			if err != nil {
				return 0, err
			}
			model, err := als.Train(ctx, dev, d.Train, cfg)
			if err != nil {
				return 0, err
			}
			errs, err = als.Evaluate(ctx, dev, model, d.Train)
			return time.Since(begin).Seconds(), err
		}
		var job struct{ Seconds, MSE float64 }
		theirs := func() (float64, error) {
			err := spark.ask(request{
				"work": "job", "rank": cfg.Rank, "iterations": cfg.Iterations, "regularization": cfg.Lambda,
			}, &job)
			return job.Seconds, err
		}
		work := fmt.Sprintf("file to MSE, rank %d, %d iterations", cfg.Rank, cfg.Iterations)
		race, err := once.race(ctx, work, "Spark "+spark.version, threads, ours, theirs)
		if err != nil {
			return err
		}
		race.Note = fmt.Sprintf("MSE %.4f, theirs %.4f", errs.MSE, job.MSE)
		s.races = append(s.races, *race)
		return nil
	})
}
