package als_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// TestExplanationsAddUp compares the sum of the parts with the score of the user
// solved by the float64 reference, which knows nothing of parts.
func TestExplanationsAddUp(t *testing.T) {
	ratings := lowRank(t, 91, 60, 50, 900)
	dev := open(t, kernels.Options{})
	worst := 0.0
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			model, rec := trained(t, dev, ratings, cfg)
			for _, user := range []int{0, 7, 58} {
				x := exactUser(t, model, ratings, user)
				for _, item := range []int{0, 7, 48} {
					e, err := rec.Explain(t.Context(), user, item)
					require.NoError(t, err)
					score := scoreOf(model, x, item)
					require.InDelta(t, score, e.Score, 1e-5)
					sum := e.Mean + e.ItemBias + e.Prior
					for _, p := range e.Parts {
						sum += p.Value
					}
					require.InDelta(t, e.Score, sum, 1e-12)
					worst = max(worst, math.Abs(score-sum))

					require.Equal(t, float64(model.Mean()), e.Mean)
					require.Equal(t, float64(model.ItemBias(item)), e.ItemBias)
					require.Equal(t, cfg.Biases && cfg.Convention != als.Explicit, e.Prior != 0)
					requireEveryRating(t, ratings, user, e.Parts)
				}
			}
		})
	}
	t.Logf("largest distance from the score: %.2g", worst)
}

// scoreOf is the score of an item for the unknowns of a user.
func scoreOf(m *als.Model, x []float64, item int) float64 {
	score := float64(m.Mean()) + float64(m.ItemBias(item))
	for k, y := range m.ItemFactors(item) {
		score += x[k] * float64(y)
	}
	if len(x) > m.Rank() {
		score += x[m.Rank()]
	}
	return score
}

// requireEveryRating checks that each rating is there once, the largest part first.
func requireEveryRating(t *testing.T, ratings *als.Ratings, user int, parts []als.Part) {
	t.Helper()
	items, values := ratings.User(user)
	require.Len(t, parts, len(items))
	found := make(map[int32]bool)
	for j, p := range parts {
		at, ok := slices.BinarySearch(items, int32(p.Item))
		require.True(t, ok)
		require.Equal(t, values[at], p.Rating)
		found[int32(p.Item)] = true
		if j > 0 {
			require.LessOrEqual(t, math.Abs(p.Value), math.Abs(parts[j-1].Value))
		}
	}
	require.Len(t, found, len(items))
}

// TestPartIsWhatTheRatingDoes: where the target alone depends on the rating, half a
// point more on it moves the score by the part it has, times half a point over
// what the rating is above the mean and the item's bias.
func TestPartIsWhatTheRatingDoes(t *testing.T) {
	ratings := lowRank(t, 92, 60, 50, 900)
	dev := open(t, kernels.Options{})
	const user, item, raise = 7, 3, 0.5
	for name, cfg := range variants() {
		if cfg.Solver != als.Cholesky || cfg.Convention != als.Explicit && cfg.Convention != als.IALS {
			continue
		}
		t.Run(name, func(t *testing.T) {
			model, rec := trained(t, dev, ratings, cfg)
			e, err := rec.Explain(t.Context(), user, item)
			require.NoError(t, err)
			before := scoreOf(model, exactUser(t, model, ratings, user), item)
			for _, p := range e.Parts {
				above := float64(p.Rating) - float64(model.Mean()) - float64(model.ItemBias(p.Item))
				changed := raised(t, ratings, user, p.Item, raise)
				after := scoreOf(model, exactUser(t, model, changed, user), item)
				require.InDelta(t, p.Value*raise/above, after-before, 1e-6, "item %d", p.Item)
			}
		})
	}
}

// raised is the ratings with one of them raised.
func raised(t *testing.T, ratings *als.Ratings, user, item int, by float32) *als.Ratings {
	t.Helper()
	var list []triple
	for r := range ratings.All() {
		if r.User == user && r.Item == item {
			r.Value += by
		}
		list = append(list, triple{int32(r.User), int32(r.Item), r.Value})
	}
	return newRatings(t, ratings.Users(), ratings.Items(), list)
}

// TestExplainAsPublished compares with the formula of Hu, Koren and Volinsky 2008:
// item j adds c·sᵢⱼ, where s is yᵢᵀ(YᵀCY + λI)⁻¹yⱼ.
func TestExplainAsPublished(t *testing.T) {
	ratings := lowRank(t, 93, 60, 50, 900)
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Regularization, cfg.Alpha = als.Implicit, als.Plain, 2
	model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
	const user, item = 7, 3
	a := kernelstest.NewDense(cfg.Rank, cfg.Rank)
	confidence := func(i int) float64 {
		items, values := ratings.User(user)
		if at, ok := slices.BinarySearch(items, int32(i)); ok {
			return 1 + cfg.Alpha*float64(values[at])
		}
		return 1
	}
	for j := range cfg.Rank {
		a.Set(j, j, cfg.Lambda)
		for k := range cfg.Rank {
			for i := range model.Items() {
				y := model.ItemFactors(i)
				a.Set(j, k, a.At(j, k)+confidence(i)*float64(y[j])*float64(y[k]))
			}
		}
	}
	e, err := rec.Explain(t.Context(), user, item)
	require.NoError(t, err)
	for _, p := range e.Parts {
		s := kernelstest.NewDense(1, cfg.Rank)
		for k, y := range model.ItemFactors(p.Item) {
			s.Set(0, k, float64(y))
		}
		require.Equal(t, []int32{0}, kernelstest.SolveSPD([]kernelstest.Dense{a}, s))
		similarity := 0.0
		for k, y := range model.ItemFactors(item) {
			similarity += float64(y) * s.At(0, k)
		}
		require.InDelta(t, confidence(p.Item)*similarity, p.Value, 1e-9, "item %d", p.Item)
	}
}

func TestExplainRejects(t *testing.T) {
	ratings := lowRank(t, 94, 60, 50, 900)
	dev := open(t, kernels.Options{})
	model, rec := trained(t, dev, ratings, als.DefaultConfig())
	for _, c := range []struct{ user, item int }{{-1, 3}, {59, 3}, {60, 3}, {3, -1}, {3, 49}, {3, 50}} {
		_, err := rec.Explain(t.Context(), c.user, c.item)
		require.ErrorIs(t, err, als.ErrUnknown)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := rec.Explain(ctx, 1, 3)
	require.ErrorIs(t, err, context.Canceled)

	without, err := als.NewRecommender(dev, model)
	require.NoError(t, err)
	_, err = without.Explain(t.Context(), 1, 3)
	require.ErrorIs(t, err, als.ErrConfig)
	require.ErrorContains(t, err, "WithSeen")
	require.NoError(t, without.Close())
	_, err = without.Explain(t.Context(), 1, 3)
	require.ErrorIs(t, err, als.ErrClosed)

	other, err := als.NewRecommender(dev, model, als.WithSeen(newRatings(t, 60, 50, []triple{{2, 2, 2}})))
	require.NoError(t, err)
	_, err = other.Explain(t.Context(), 1, 3)
	require.ErrorIs(t, err, als.ErrUnknown)
	require.ErrorContains(t, err, "user 1: no ratings in WithSeen")
	require.NoError(t, other.Close())

	cfg := model.Config()
	cfg.Lambda = 0
	cfg.Rank = 40 // more than any user has ratings
	singular, err := als.NewRecommender(dev, als.RandomModel(cfg, ratings, 94), als.WithSeen(ratings))
	require.NoError(t, err)
	_, err = singular.Explain(t.Context(), 1, 3)
	require.ErrorIs(t, err, als.ErrSingular)
	require.NoError(t, singular.Close())
}
