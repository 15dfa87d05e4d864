package als_test

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// ratedBy is a user's ratings as a list, in no particular order.
func ratedBy(r *als.Ratings, user int) []als.Rated {
	return ratedOf(r.User(user))
}

func ratedOf(rows []int32, values []float32) []als.Rated {
	var list []als.Rated
	for j, row := range rows {
		list = append(list, als.Rated{Row: int(row), Value: values[j]})
	}
	slices.Reverse(list)
	return list
}

// exactVariants are the variants whose solver does not depend on where it starts.
func exactVariants() map[string]als.Config {
	all := variants()
	for name, cfg := range all {
		if cfg.Solver != als.Cholesky && cfg.Solver != als.NonNegative {
			delete(all, name)
		}
	}
	return all
}

// TestFoldInEqualsTheHalfStep: the users of a model with one iteration more are the
// half-step after the items of this one, so its users and the folded-in ones are
// the same, bit for bit.
func TestFoldInEqualsTheHalfStep(t *testing.T) {
	ratings := lowRank(t, 81, 60, 50, 900)
	dev := open(t, kernels.Options{})
	for name, cfg := range exactVariants() {
		for _, regularization := range []als.Regularization{als.Count, als.Plain, als.Power} {
			cfg.Regularization, cfg.Nu = regularization, 0.5
			cfg.ItemLambda = 0.3
			t.Run(name, func(t *testing.T) {
				model, rec := trained(t, dev, ratings, cfg)
				cfg.Iterations++
				next, err := als.Train(t.Context(), dev, ratings, cfg)
				require.NoError(t, err)
				var lists [][]als.Rated
				for u := range 59 {
					lists = append(lists, ratedBy(ratings, u))
				}
				vectors, err := als.FoldIn(t.Context(), dev, model, als.Users, lists...)
				require.NoError(t, err)
				require.Len(t, vectors, 59)
				for u, v := range vectors {
					require.Equal(t, next.UserFactors(u), v.Factors, "user %d", u)
					require.Equal(t, next.UserBias(u), v.Bias, "user %d", u)
				}
				one, err := rec.FoldIn(t.Context(), lists[7]...)
				require.NoError(t, err)
				require.Equal(t, vectors[7], one, "alone")
			})
		}
	}
}

// TestFoldInOfItems: training ends with the half-step of the items, so folding in
// an item's ratings gives its factors.
func TestFoldInOfItems(t *testing.T) {
	ratings := lowRank(t, 82, 60, 50, 900)
	dev := open(t, kernels.Options{})
	for name, cfg := range exactVariants() {
		t.Run(name, func(t *testing.T) {
			model, err := als.Train(t.Context(), dev, ratings, cfg)
			require.NoError(t, err)
			vectors, err := als.FoldIn(t.Context(), dev, model, als.Items, ratedOf(ratings.Item(7)), ratedOf(ratings.Item(0)))
			require.NoError(t, err)
			for j, item := range []int{7, 0} {
				require.Equal(t, model.ItemFactors(item), vectors[j].Factors)
				require.Equal(t, model.ItemBias(item), vectors[j].Bias)
			}
		})
	}
}

// TestFoldInIsExact: where training approximates, a fold-in does not. It is
// compared with the float64 reference.
func TestFoldInIsExact(t *testing.T) {
	ratings := lowRank(t, 83, 60, 50, 900)
	dev := open(t, kernels.Options{})
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			model, rec := trained(t, dev, ratings, cfg)
			got, err := rec.FoldIn(t.Context(), ratedBy(ratings, 7)...)
			require.NoError(t, err)
			requireRow(t, "user", 7, exactUser(t, model, ratings, 7), got.Factors, got.Bias)
		})
	}
}

// exactUser is the user's unknowns by the float64 reference, from the model's
// items.
func exactUser(t *testing.T, m *als.Model, ratings *als.Ratings, user int) []float64 {
	t.Helper()
	cfg := m.Config()
	if cfg.Solver != als.NonNegative {
		cfg.Solver = als.Cholesky
	}
	items := kernelstest.NewDense(m.Items(), cfg.Width())
	for i := range m.Items() {
		for k, v := range m.ItemFactors(i) {
			items.Set(i, k, float64(v))
		}
		if cfg.Biases {
			items.Set(i, cfg.Rank, float64(m.ItemBias(i)))
		}
	}
	row := ratings.ByUser()
	row.Rows, row.Offsets = 1, row.Offsets[user:user+2]
	ref := reference{t: t, cfg: cfg, mean: float64(m.Mean())}
	return ref.halfStep(als.Users, row, kernelstest.NewDense(1, cfg.Width()), items).Row(0)
}

// TestRecommendToAFoldedInUser goes the way of a service: a user who came after
// training rates, is folded in and gets recommendations.
func TestRecommendToAFoldedInUser(t *testing.T) {
	ratings := lowRank(t, 84, 60, 50, 900)
	cfg := als.DefaultConfig()
	cfg.Biases = true
	model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
	v, err := rec.FoldIn(t.Context(), als.Rated{Row: 3, Value: 5}, als.Rated{Row: 9, Value: 1})
	require.NoError(t, err)
	top, err := rec.RecommendVector(t.Context(), v, 50, als.Deny(3, 9))
	require.NoError(t, err)
	require.Len(t, top, 47, "50 less the two rated and the unknown one")
	for _, s := range top {
		want := float64(model.Mean()) + float64(v.Bias) + float64(model.ItemBias(s.Item))
		for k, x := range v.Factors {
			want += float64(x) * float64(model.ItemFactors(s.Item)[k])
		}
		require.InDelta(t, want, s.Score, 1e-5)
	}
}

func TestFoldInRejects(t *testing.T) {
	ratings := lowRank(t, 85, 60, 50, 900)
	dev := open(t, kernels.Options{})
	model, rec := trained(t, dev, ratings, als.DefaultConfig())
	nan := float32(math.NaN())
	for _, c := range []struct {
		rated []als.Rated
		kind  error
		text  string
	}{
		{nil, als.ErrUnknown, "list 1 has no ratings"},
		{[]als.Rated{{Row: 50, Value: 1}}, als.ErrUnknown, "item 50 of 50"},
		{[]als.Rated{{Row: -1, Value: 1}}, als.ErrUnknown, "item -1 of 50"},
		{[]als.Rated{{Row: 49, Value: 1}}, als.ErrUnknown, "item 49: no ratings in training"},
		{[]als.Rated{{Row: 3, Value: 1}, {Row: 4, Value: nan}}, als.ErrRating, "rating 1: of list 1, item 4: the rating is NaN"},
		{[]als.Rated{{Row: 3, Value: 1}, {Row: 4, Value: 1}, {Row: 3, Value: 2}}, als.ErrDuplicate, "user of list 1 rated item 3 more than once"},
	} {
		_, err := als.FoldIn(t.Context(), dev, model, als.Users, []als.Rated{{Row: 1, Value: 1}}, c.rated)
		require.ErrorIs(t, err, c.kind)
		require.ErrorContains(t, err, c.text)
		_, err = rec.FoldIn(t.Context(), c.rated...)
		require.ErrorIs(t, err, c.kind)
	}
	_, err := als.FoldIn(t.Context(), dev, model, als.Items, []als.Rated{{Row: 2, Value: 1}, {Row: 2, Value: 1}})
	require.ErrorIs(t, err, als.ErrDuplicate)
	require.ErrorContains(t, err, "user 2 rated item of list 0 more than once")
	none, err := als.FoldIn(t.Context(), dev, model, als.Users)
	require.NoError(t, err)
	require.Empty(t, none)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = als.FoldIn(ctx, dev, model, als.Users, []als.Rated{{Row: 1, Value: 1}})
	require.ErrorIs(t, err, context.Canceled)
}

// TestSingularFoldInIsNamed: one rating does not tell ten factors without a
// regularization.
func TestSingularFoldInIsNamed(t *testing.T) {
	ratings := lowRank(t, 86, 60, 50, 900)
	dev := open(t, kernels.Options{})
	cfg := als.DefaultConfig()
	cfg.Rank = 3
	cfg.Lambda = 0
	model := als.RandomModel(cfg, ratings, 86)
	_, err := als.FoldIn(t.Context(), dev, model, als.Users, ratedBy(ratings, 1), []als.Rated{{Row: 1, Value: 1}})
	require.ErrorIs(t, err, als.ErrSingular)
	require.ErrorContains(t, err, "als: fold in: als: singular system: user 1: pivot 2 is not positive")
}

// TestFoldInFromManyGoroutines is for the race detector: the first calls share what
// they compute of the items.
func TestFoldInFromManyGoroutines(t *testing.T) {
	ratings := lowRank(t, 87, 60, 50, 900)
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Biases = als.Implicit, true
	_, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
	vectors := make([]als.Vector, 8)
	errs := make([]error, len(vectors))
	var wg sync.WaitGroup
	for j := range vectors {
		wg.Go(func() {
			vectors[j], errs[j] = rec.FoldIn(t.Context(), ratedBy(ratings, 5)...)
			if errs[j] == nil {
				_, errs[j] = rec.SimilarItemsVector(t.Context(), vectors[j], 3)
			}
			if errs[j] == nil {
				_, errs[j] = rec.RecommendUsers(t.Context(), 3, 3)
			}
			if errs[j] == nil {
				_, errs[j] = rec.Explain(t.Context(), 5, 3)
			}
		})
	}
	wg.Wait()
	for j := range vectors {
		require.NoError(t, errs[j])
		require.Equal(t, vectors[0], vectors[j])
	}
}
