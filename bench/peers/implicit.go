package peers

import (
	"context"
	"fmt"
	"strconv"

	"github.com/halfstep-ml/halfstep/als"
)

const (
	// likedRating is the rating, out of 5, from which on a user likes an item: 4
	// stars, as the benchmarks of implicit have it.
	likedRating = 4

	// factorBar is for the length of the difference of any row by the length of the
	// row.
	factorBar = 1e-3

	implicitRank       = 32
	implicitIterations = 3
	implicitLambda     = 0.01 // the default of implicit
)

// compareImplicit holds the factors to those of implicit, whose confidences are the
// ratings of liked items.
//
// The start is random directions. implicit's own start, positive and small, is of no
// use for this: three steps of conjugate gradients from it amplify rounding so much
// that implicit in float32 is 6% from implicit in float64.
func (c *Comparison) compareImplicit(ctx context.Context, ratings *als.Ratings) error {
	liked, err := atLeast(ratings, likedRating)
	if err != nil {
		return err
	}
	train := c.path("liked.csv")
	if err := writeRatings(train, liked); err != nil {
		return err
	}
	for _, solver := range []als.Solver{als.Cholesky, als.CG} {
		if err := c.compareFactors(ctx, liked, train, solver); err != nil {
			return fmt.Errorf("implicit, %v: %w", solver, err)
		}
	}
	return nil
}

// factorDifferences is the result of implicit_als.py: how far factors are from those
// of implicit in float64.
type factorDifferences struct {
	Version string  `json:"version"`
	Ours    float64 `json:"ours"`
	Theirs  float64 `json:"theirs"` // of implicit in float32
}

func (c *Comparison) compareFactors(ctx context.Context, liked *als.Ratings, train string, solver als.Solver) error {
	c.step("implicit, %v", solver)
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Regularization, cfg.Lambda = als.Confidence, als.Plain, implicitLambda
	cfg.Rank, cfg.Iterations, cfg.Solver = implicitRank, implicitIterations, solver
	cfg.Seed = c.Seeds[0]
	start, startFile, err := c.randomStart(ctx, liked, cfg)
	if err != nil {
		return err
	}
	model, err := als.Train(ctx, c.Device, liked, cfg, als.WithStart(start))
	if err != nil {
		return err
	}
	modelFile := c.path("liked-%v.safetensors", solver)
	if err := als.WriteFile(modelFile, model); err != nil {
		return err
	}
	var d factorDifferences
	err = c.run(ctx, &d, "implicit_als.py",
		"--train", train, "--start", startFile, "--model", modelFile, "--solver", solver.String(),
		"--iterations", strconv.Itoa(cfg.Iterations), "--regularization", strconv.FormatFloat(cfg.Lambda, 'g', -1, 64))
	if err != nil {
		return err
	}
	c.add(Check{
		Peer:     "implicit " + d.Version,
		Quantity: fmt.Sprintf("%v, rank %d: factors after %d iterations, from float64", solver, cfg.Rank, cfg.Iterations),
		Ours:     &d.Ours, Theirs: &d.Theirs, Difference: d.Ours, Bar: factorBar,
	})
	return nil
}

// atLeast returns the ratings of at least a value, for the same users and items.
func atLeast(r *als.Ratings, value float32) (*als.Ratings, error) {
	var users, items []int32
	var values []float32
	for rating := range r.All() {
		if rating.Value >= value {
			users = append(users, int32(rating.User))
			items = append(items, int32(rating.Item))
			values = append(values, rating.Value)
		}
	}
	return als.NewRatings(r.Users(), r.Items(), users, items, values, als.RejectDuplicates)
}
