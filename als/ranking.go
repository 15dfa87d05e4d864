package als

import (
	"context"
	"fmt"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Ranking is how well a model's ranked lists find held-out items.
type Ranking struct {
	// At has the means over the users for each cut-off, ascending.
	At []RankingAt

	// AUC is the mean area under the ROC curve, which has no cut-off. It is 0
	// unless WithAUC was given.
	AUC float64

	Users    int   // how many the means are over
	Relevant int64 // their relevant held-out ratings

	// Dropped counts the relevant held-out ratings that were left out because
	// their user or item had no ratings in training, or because training has the
	// same pair. DroppedUsers counts the users left with none by that.
	Dropped      int64
	DroppedUsers int
}

// RankingAt is the quality of lists that are cut off after K items.
type RankingAt struct {
	ListMetrics

	// Coverage is the share of the items that can be recommended, those with
	// ratings in training, that are in at least one user's list (catalogue
	// coverage, Ge et al. 2010). It is 0 with sampled negatives.
	Coverage float64
}

// RankingOption changes what EvaluateRanking computes.
type RankingOption func(*rankingOptions)

type rankingOptions struct {
	cutoffs   []int
	relevant  func(rating float32) bool
	negatives int // 0: every item is ranked
	seed      uint64
	auc       bool
	rows      int // lists of the first block; tests set it
	err       error
}

// WithCutoffs sets after how many items lists are cut off. The default is 10.
func WithCutoffs(k ...int) RankingOption {
	return func(o *rankingOptions) {
		o.cutoffs = slices.Compact(slices.Sorted(slices.Values(k)))
		if len(k) == 0 || o.cutoffs[0] < 1 {
			o.err = configf("WithCutoffs", "is %d, want numbers of at least 1", k)
		}
	}
}

// WithThreshold makes held-out ratings relevant that are at least as high as the
// given one. The default is all above 0.
func WithThreshold(rating float32) RankingOption {
	return func(o *rankingOptions) {
		o.relevant = func(r float32) bool { return r >= rating }
		if rating != rating {
			o.err = configf("WithThreshold", "is %v, want a number", rating)
		}
	}
}

// WithSampledNegatives ranks each relevant held-out item among n random items in
// place of all (the protocol of Koren 2008 and of He et al. 2017, who hold out
// one item a user and take n = 99). The n items are different ones out of those
// that have ratings in training and that the user rated neither in training nor
// in the held-out part; where there are fewer than n, all of them. Each relevant
// item has a list and a sample of its own, and a user counts with the mean of
// them.
//
// The sample depends on the seed and the rows of the user and the item.
func WithSampledNegatives(n int, seed uint64) RankingOption {
	return func(o *rankingOptions) {
		o.negatives, o.seed = n, seed
		if n < 1 {
			o.err = configf("WithSampledNegatives", "is %d, want at least 1", n)
		}
	}
}

// WithAUC has the AUC computed. Unless negatives are sampled it needs the score
// of every user for every item on the host, and so takes several times as long.
func WithAUC() RankingOption {
	return func(o *rankingOptions) { o.auc = true }
}

// EvaluateRanking recommends to every user who has relevant ratings in test, and
// compares the list with them. What the user rated in train is left out of the
// list, as is what had no ratings in training; a nil train leaves nothing out.
// A held-out rating that is not relevant counts as any other item does. The model
// and both parts have the same rows. Of equal scores the lower item comes first.
//
// Users are gone through in blocks: beside the model and the ratings it needs
// some tens of megabytes.
//
// It is ErrConfig if an option makes no sense, the rows do not agree, or no
// relevant rating is left to look for. Errors otherwise are ctx.Err() and those
// of the device.
func EvaluateRanking(ctx context.Context, dev kernels.Device, m *Model, train, test *Ratings, opts ...RankingOption) (Ranking, error) {
	o := rankingOptions{
		cutoffs:  []int{10},
		relevant: func(r float32) bool { return r > 0 },
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.err != nil {
		return Ranking{}, o.err
	}
	if train == nil {
		train = &Ratings{byUser: emptyCSR(m.Users(), m.Items()), byItem: emptyCSR(m.Items(), m.Users())}
	}
	for _, part := range []struct {
		name    string
		ratings *Ratings
	}{{"train", train}, {"test", test}} {
		if r := part.ratings; r.Users() != m.Users() || r.Items() != m.Items() {
			return Ranking{}, configf(part.name, "has %d users and %d items, the model has %d and %d",
				r.Users(), r.Items(), m.Users(), m.Items())
		}
	}
	e := newRankingEvaluation(m, train, test, o)
	if err := e.run(ctx, dev); err != nil {
		return Ranking{}, fmt.Errorf("als: evaluate ranking: %w", err)
	}
	if e.result.Users == 0 {
		return Ranking{}, configf("test", "has no relevant rating whose user and item were both in training")
	}
	return e.mean(), nil
}
