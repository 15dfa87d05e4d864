package peers

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/halfstep-ml/halfstep/als"
)

const (
	rmseBar = 0.003
	ndcgBar = 0.005

	holdout = 0.2
)

// sparkConfig is what Spark's ALS computes with its defaults: rank 10, 10
// iterations, λ = 0.1 and α = 1.
func sparkConfig(convention als.Convention, seed uint64) als.Config {
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Regularization, cfg.Solver = convention, als.Count, als.Cholesky
	cfg.Rank, cfg.Iterations, cfg.Lambda, cfg.Alpha = 10, 10, 0.1, 1
	cfg.Seed = seed
	return cfg
}

// heldOut is a split with its files.
type heldOut struct {
	train, test         *als.Ratings
	trainFile, testFile string
}

func (c *Comparison) split(ratings *als.Ratings, seed uint64) (h heldOut, err error) {
	if h.train, h.test, err = ratings.Split(holdout, seed); err != nil {
		return h, err
	}
	h.trainFile, h.testFile = c.path("train-%d.csv", seed), c.path("test-%d.csv", seed)
	if err := writeRatings(h.trainFile, h.train); err != nil {
		return h, err
	}
	return h, writeRatings(h.testFile, h.test)
}

// sparkResult is the result of spark_als.py.
type sparkResult struct {
	Version string  `json:"version"`
	RMSE    float64 `json:"rmse"`
	Ratings int64   `json:"ratings"` // that the RMSE is over
}

// trainSpark has Spark train with a configuration, and write its recommendations
// if a file for them is named.
func (c *Comparison) trainSpark(ctx context.Context, h heldOut, cfg als.Config, lists string) (r sparkResult, err error) {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	args := []string{
		"--train", h.trainFile, "--test", h.testFile, "--convention", cfg.Convention.String(),
		"--rank", strconv.Itoa(cfg.Rank), "--iterations", strconv.Itoa(cfg.Iterations),
		"--lambda", number(cfg.Lambda), "--alpha", number(cfg.Alpha), "--seed", strconv.FormatUint(cfg.Seed, 10),
	}
	if lists != "" {
		args = append(args, "--top", strconv.Itoa(listLen), "--lists", lists)
	}
	err = c.run(ctx, &r, "spark_als.py", args...)
	return r, err
}

// compareSparkExplicit compares the errors over held-out ratings, which after 10
// iterations still depend on the start and on the side that is solved first. So a
// model is trained as Spark does, and then one with the start and the order of this
// library, which may not be worse.
func (c *Comparison) compareSparkExplicit(ctx context.Context, ratings *als.Ratings) error {
	var asSpark, asHere, theirs mean
	var peer string
	for _, seed := range c.Seeds {
		c.step("Spark, explicit, seed %d", seed)
		h, err := c.split(ratings, seed)
		if err != nil {
			return err
		}
		cfg := sparkConfig(als.Explicit, seed)
		errs, err := c.trainExplicit(ctx, h.train, h.test, cfg)
		if err != nil {
			return err
		}
		asSparkErrs, err := c.trainAsSpark(ctx, h, cfg)
		if err != nil {
			return err
		}
		spark, err := c.trainSpark(ctx, h, cfg, "")
		if err != nil {
			return err
		}
		if spark.Ratings != errs.Ratings {
			return fmt.Errorf("the errors are over %d held-out ratings here, %d in Spark", errs.Ratings, spark.Ratings)
		}
		peer = "Spark " + spark.Version
		asSpark.add(asSparkErrs.RMSE)
		asHere.add(errs.RMSE)
		theirs.add(spark.RMSE)
	}
	c.add(compareMeans(peer, "explicit, start and order of Spark: RMSE over held-out ratings", asSpark, theirs, rmseBar))
	notWorse := compareMeans(peer, "explicit, start and order of our own: RMSE, how much higher", asHere, theirs, rmseBar)
	notWorse.Difference = *notWorse.Ours - *notWorse.Theirs
	c.add(notWorse)
	return nil
}

// trainAsSpark starts from factors of the kind that Spark starts from and solves
// items first, which is this library's order once users and items are exchanged.
func (c *Comparison) trainAsSpark(ctx context.Context, h heldOut, cfg als.Config) (als.Errors, error) {
	train, err := exchanged(h.train)
	if err != nil {
		return als.Errors{}, err
	}
	test, err := exchanged(h.test)
	if err != nil {
		return als.Errors{}, err
	}
	start, _, err := c.randomStart(ctx, train, cfg)
	if err != nil {
		return als.Errors{}, err
	}
	return c.trainExplicit(ctx, train, test, cfg, als.WithStart(start))
}

func (c *Comparison) trainExplicit(ctx context.Context, train, test *als.Ratings, cfg als.Config, opts ...als.TrainOption) (als.Errors, error) {
	model, err := als.Train(ctx, c.Device, train, cfg, opts...)
	if err != nil {
		return als.Errors{}, err
	}
	return als.Evaluate(ctx, c.Device, model, test)
}

// exchanged returns the ratings with users as items and items as users.
func exchanged(r *als.Ratings) (*als.Ratings, error) {
	users, items := make([]int32, 0, r.Len()), make([]int32, 0, r.Len())
	values := make([]float32, 0, r.Len())
	for rating := range r.All() {
		users = append(users, int32(rating.Item))
		items = append(items, int32(rating.User))
		values = append(values, rating.Value)
	}
	return als.NewRatings(r.Items(), r.Users(), users, items, values, als.RejectDuplicates)
}

// compareSparkImplicit compares how well the models rank held-out ratings that
// are liked, and what ranx and this library say of the same lists.
func (c *Comparison) compareSparkImplicit(ctx context.Context, ratings *als.Ratings) error {
	var ours, theirs mean
	var peer string
	metrics := Check{Peer: "ranx", Quantity: "ranking metrics of our lists", Bar: metricBar}
	for _, seed := range c.Seeds {
		c.step("Spark, implicit, seed %d", seed)
		h, err := c.split(ratings, seed)
		if err != nil {
			return err
		}
		ourRanking, difference, err := c.rankOurs(ctx, h, seed)
		if err != nil {
			return err
		}
		lists := c.path("spark-lists-%d.csv", seed)
		spark, err := c.trainSpark(ctx, h, sparkConfig(als.Implicit, seed), lists)
		if err != nil {
			return err
		}
		theirRanking, err := c.ranx(ctx, h, lists)
		if err != nil {
			return err
		}
		if ourRanking.Users != theirRanking.Users {
			return fmt.Errorf("the ranking is over %d users here, %d in Spark", ourRanking.Users, theirRanking.Users)
		}
		peer = "Spark " + spark.Version
		ours.add(ourRanking.Metrics[ndcg])
		theirs.add(theirRanking.Metrics[ndcg])
		metrics.Peer = "ranx " + ourRanking.Version
		metrics.Difference = math.Max(metrics.Difference, difference) // NaN stays
	}
	c.add(compareMeans(peer, "implicit: NDCG@10 of liked held-out items", ours, theirs, ndcgBar))
	c.add(metrics)
	return nil
}

// mean is the arithmetic mean of what was added.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) {
	m.sum += v
	m.n++
}

func (m mean) value() float64 { return m.sum / float64(m.n) }

func compareMeans(peer, quantity string, ours, theirs mean, bar float64) Check {
	a, b := ours.value(), theirs.value()
	return Check{
		Peer: peer, Quantity: fmt.Sprintf("%s, mean of %d", quantity, ours.n),
		Ours: &a, Theirs: &b, Difference: math.Abs(a - b), Bar: bar,
	}
}
