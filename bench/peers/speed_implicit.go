package peers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	speedIterations = 15 // the default of implicit
	speedTop        = 10
)

// speedConfig is implicit's ALS with its defaults but for the rank and the solver.
func speedConfig(rank int, solver als.Solver) als.Config {
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Regularization, cfg.Lambda = als.Confidence, als.Plain, implicitLambda
	cfg.Rank, cfg.Iterations, cfg.Solver = rank, speedIterations, solver
	return cfg
}

// withImplicit starts implicit on the ratings.
func (s *Speed) withImplicit(ctx context.Context, ratings *als.Ratings, use func(implicit *peerProcess) error) (err error) {
	c := Comparison{Dir: s.Dir}
	file := c.path("ratings.csv")
	if err := writeRatings(file, ratings); err != nil {
		return err
	}
	implicit, err := start(ctx, s.Python, s.Dir, nil, "speed_implicit.py", file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, implicit.stop()) }()
	return use(implicit)
}

// raceTraining times whole trainings against implicit, by Cholesky and by three steps
// of conjugate gradients, from the same factors, and notes the losses of both in the end, as implicit
// computes them. Transfers to the device are in our time, the transposing of the
// ratings is in neither.
func (s *Speed) raceTraining(ctx context.Context, ratings *als.Ratings) error {
	return s.withImplicit(ctx, ratings, func(implicit *peerProcess) error {
		for _, rank := range []int{32, 64, 128} {
			for _, solver := range []als.Solver{als.Cholesky, als.CG} {
				for _, threads := range s.Threads {
					err := onCPU(threads, func(dev kernels.Device) error {
						return s.raceTrainingOn(ctx, dev, ratings, implicit, speedConfig(rank, solver), threads)
					})
					if err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func (s *Speed) raceTrainingOn(ctx context.Context, dev kernels.Device, ratings *als.Ratings, implicit *peerProcess, cfg als.Config, threads int) error {
	c := Comparison{Device: dev, Python: s.Python, Dir: s.Dir}
	start, startFile, err := c.implicitStart(ctx, ratings, cfg)
	if err != nil {
		return err
	}
	var model *als.Model
	ours := func() (seconds float64, err error) {
		begin := time.Now()
		model, err = als.Train(ctx, dev, ratings, cfg, als.WithStart(start))
		return time.Since(begin).Seconds(), err
	}
	var trained struct{ Seconds, Loss float64 }
	theirs := func() (float64, error) {
		err := implicit.ask(request{
			"work": "train", "start": startFile, "solver": cfg.Solver.String(), "rank": cfg.Rank, "iterations": cfg.Iterations,
			"regularization": cfg.Lambda, "threads": threads,
		}, &trained)
		return trained.Seconds, err
	}
	work := fmt.Sprintf("ALS, rank %d, %v, %d iterations", cfg.Rank, cfg.Solver, cfg.Iterations)
	race, err := s.race(ctx, work, "implicit "+implicit.version, threads, ours, theirs)
	if err != nil {
		return err
	}
	file := c.path("trained.safetensors")
	if err := als.WriteFile(file, model); err != nil {
		return err
	}
	var mine struct{ Loss float64 }
	if err := implicit.ask(request{"work": "loss", "model": file, "regularization": cfg.Lambda}, &mine); err != nil {
		return err
	}
	race.Note = fmt.Sprintf("loss %.5g, theirs %.5g (%+.2f%%)", mine.Loss, trained.Loss, 100*(mine.Loss/trained.Loss-1))
	return nil
}

// raceRecommending times the best unseen items of every user against implicit, with
// the factors of one model.
func (s *Speed) raceRecommending(ctx context.Context, ratings *als.Ratings) error {
	const rank = 64
	return s.withImplicit(ctx, ratings, func(implicit *peerProcess) error {
		for _, threads := range s.Threads {
			err := onCPU(threads, func(dev kernels.Device) error {
				return s.raceRecommendingOn(ctx, dev, ratings, implicit, speedConfig(rank, als.Cholesky), threads)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Speed) raceRecommendingOn(ctx context.Context, dev kernels.Device, ratings *als.Ratings, implicit *peerProcess, cfg als.Config, threads int) (err error) {
	model, err := als.Train(ctx, dev, ratings, cfg)
	if err != nil {
		return err
	}
	c := Comparison{Dir: s.Dir}
	file := c.path("recommends.safetensors")
	if err := als.WriteFile(file, model); err != nil {
		return err
	}
	recommender, err := als.NewRecommender(dev, model, als.WithSeen(ratings))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, recommender.Close()) }()
	ours := func() (float64, error) {
		begin := time.Now()
		_, err := recommender.RecommendAll(ctx, speedTop, func(int, []als.Scored) error { return nil })
		return time.Since(begin).Seconds(), err
	}
	if _, err := ours(); err != nil { // to warm up
		return err
	}
	race, err := s.race(ctx, fmt.Sprintf("top %d of all users, rank %d", speedTop, cfg.Rank), "implicit "+implicit.version, threads,
		ours, answered(implicit, request{"work": "recommend", "model": file, "top": speedTop, "threads": threads}))
	if err != nil {
		return err
	}
	race.Note = fmt.Sprintf("%.0f users a second", float64(ratings.Users())/race.Ours.Median)
	return nil
}
