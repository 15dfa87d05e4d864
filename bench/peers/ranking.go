package peers

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/halfstep-ml/halfstep/als"
)

const (
	// metricBar is for metrics of the same lists, float64 on both sides.
	metricBar = 1e-9

	listLen = 10
	ndcg    = "ndcg@10"
)

// rankingMetrics are our metrics under the names that ranx has for them.
var rankingMetrics = map[string]func(als.ListMetrics) float64{
	"precision@10": func(m als.ListMetrics) float64 { return m.Precision },
	"recall@10":    func(m als.ListMetrics) float64 { return m.Recall },
	"hit_rate@10":  func(m als.ListMetrics) float64 { return m.HitRate },
	"map@10":       func(m als.ListMetrics) float64 { return m.MAP },
	ndcg:           func(m als.ListMetrics) float64 { return m.NDCG },
	"mrr@10":       func(m als.ListMetrics) float64 { return m.MRR },
}

// ranking is the result of ranking.py.
type ranking struct {
	Version string             `json:"version"`
	Users   int                `json:"users"` // that the means are over
	Metrics map[string]float64 `json:"metrics"`
}

// ranx has ranx measure lists against the held-out ratings that are liked.
func (c *Comparison) ranx(ctx context.Context, h heldOut, lists string) (r ranking, err error) {
	names := slices.Sorted(maps.Keys(rankingMetrics))
	err = c.run(ctx, &r, "ranking.py",
		"--train", h.trainFile, "--test", h.testFile, "--threshold", strconv.Itoa(likedRating),
		"--metrics", strings.Join(names, ","), lists)
	return r, err
}

// rankOurs trains with the implicit configuration and has ranx measure the lists.
// The difference is the largest between a metric of ranx and our own.
func (c *Comparison) rankOurs(ctx context.Context, h heldOut, seed uint64) (r ranking, difference float64, err error) {
	model, err := als.Train(ctx, c.Device, h.train, sparkConfig(als.Implicit, seed))
	if err != nil {
		return r, 0, err
	}
	lists, err := c.recommend(ctx, model, h.train)
	if err != nil {
		return r, 0, err
	}
	file := c.path("lists-%d.csv", seed)
	if err := writeLists(file, lists); err != nil {
		return r, 0, err
	}
	if r, err = c.ranx(ctx, h, file); err != nil {
		return r, 0, err
	}
	own, err := als.EvaluateRanking(ctx, c.Device, model, h.train, h.test,
		als.WithCutoffs(listLen), als.WithThreshold(likedRating))
	if err != nil {
		return r, 0, err
	}
	if own.Users != r.Users {
		return r, 0, fmt.Errorf("the ranking is over %d users here, %d in ranx", own.Users, r.Users)
	}
	for name, of := range rankingMetrics {
		difference = math.Max(difference, math.Abs(of(own.At[0].ListMetrics)-r.Metrics[name])) // NaN stays
	}
	return r, difference, nil
}

// recommend returns the best unseen items of every user with ratings.
func (c *Comparison) recommend(ctx context.Context, model *als.Model, seen *als.Ratings) (map[int][]als.Scored, error) {
	rec, err := als.NewRecommender(c.Device, model, als.WithSeen(seen))
	if err != nil {
		return nil, err
	}
	defer rec.Close()
	lists := make(map[int][]als.Scored)
	for user := range model.Users() {
		if model.UserRatings(user) == 0 {
			continue
		}
		if lists[user], err = rec.Recommend(ctx, user, listLen); err != nil {
			return nil, err
		}
	}
	return lists, nil
}
