package peers

import (
	"context"
	"strconv"

	"github.com/halfstep-ml/halfstep/als"
)

// randomStart returns a model with random factors, rows of length 1 by the seed of
// the configuration, and its file.
func (c *Comparison) randomStart(ctx context.Context, ratings *als.Ratings, cfg als.Config) (*als.Model, string, error) {
	return c.startBy(ctx, ratings, cfg)
}

// implicitStart is randomStart with factors as implicit draws them.
func (c *Comparison) implicitStart(ctx context.Context, ratings *als.Ratings, cfg als.Config) (*als.Model, string, error) {
	return c.startBy(ctx, ratings, cfg, "--uniform", "0.01")
}

func (c *Comparison) startBy(ctx context.Context, ratings *als.Ratings, cfg als.Config, args ...string) (*als.Model, string, error) {
	// Of this model only the shape and the configuration count.
	cfg.Iterations = 1
	like, err := als.Train(ctx, c.Device, ratings, cfg)
	if err != nil {
		return nil, "", err
	}
	likeFile, startFile := c.path("like.safetensors"), c.path("start.safetensors")
	if err := als.WriteFile(likeFile, like); err != nil {
		return nil, "", err
	}
	args = append([]string{"--like", likeFile, "--seed", strconv.FormatUint(cfg.Seed, 10), "--out", startFile}, args...)
	err = c.run(ctx, nil, "random_start.py", args...)
	if err != nil {
		return nil, "", err
	}
	start, err := als.ReadFile(startFile)
	return start, startFile, err
}
