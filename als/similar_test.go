package als_test

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// cosines is what SimilarItems should answer of rows with the given factors, in
// float64: those that keep wants and that have a direction, nearest first.
func cosines(rows int, factors func(int) []float32, v []float32, keep func(int) bool) []als.Scored {
	var all []als.Scored
	for i := range rows {
		if c := cosine(factors(i), v); !math.IsNaN(c) && keep(i) {
			all = append(all, als.Scored{Item: i, Score: float32(c)})
		}
	}
	slices.SortStableFunc(all, func(a, b als.Scored) int { return cmp.Compare(b.Score, a.Score) })
	return all
}

func cosine(x, y []float32) float64 {
	product, xx, yy := 0.0, 0.0, 0.0
	for k := range x {
		product += float64(x[k]) * float64(y[k])
		xx += float64(x[k]) * float64(x[k])
		yy += float64(y[k]) * float64(y[k])
	}
	return product / math.Sqrt(xx*yy)
}

func TestSimilarItems(t *testing.T) {
	ratings := lowRank(t, 71, 60, 50, 900) // user 59 and item 49 have no ratings
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
			for _, item := range []int{0, 7, 48} {
				want := cosines(model.Items(), model.ItemFactors, model.ItemFactors(item), func(i int) bool { return i != item })
				for _, n := range []int{1, 5, 1000} {
					got, err := rec.SimilarItems(t.Context(), item, n)
					require.NoError(t, err)
					requireScored(t, want[:min(n, len(want))], got)
				}
				want = cosines(model.Items(), model.ItemFactors, model.ItemFactors(item), func(i int) bool { return i != item && i%2 == 0 && i != 2 })
				got, err := rec.SimilarItems(t.Context(), item, 50, als.Deny(2), als.Where(func(i int) bool { return i%2 == 0 }))
				require.NoError(t, err)
				requireScored(t, want, got)
			}
		})
	}
}

func TestSimilarUsers(t *testing.T) {
	ratings := lowRank(t, 72, 60, 50, 900)
	cfg := als.DefaultConfig()
	cfg.Biases = true
	model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
	want := cosines(model.Users(), model.UserFactors, model.UserFactors(7), func(u int) bool { return u != 7 })
	got, err := rec.SimilarUsers(t.Context(), 7, 100)
	require.NoError(t, err)
	require.Len(t, got, 58)
	for j := range want {
		require.Equal(t, want[j].Item, got[j].User)
		require.InDelta(t, want[j].Score, got[j].Score, 1e-6)
	}
}

// TestSimilarByVector finds the row itself, too, whatever the vector's length.
func TestSimilarByVector(t *testing.T) {
	ratings := lowRank(t, 73, 60, 50, 900)
	model, rec := trained(t, open(t, kernels.Options{}), ratings, als.DefaultConfig())
	for _, length := range []float32{1e-30, 1, 1e30} {
		v := als.Vector{Factors: slices.Clone(model.ItemFactors(7)), Bias: 3}
		for k := range v.Factors {
			v.Factors[k] *= length
		}
		got, err := rec.SimilarItemsVector(t.Context(), v, 5)
		require.NoError(t, err)
		require.Equal(t, 7, got[0].Item)
		require.InDelta(t, 1, got[0].Score, 1e-6)
		rest, err := rec.SimilarItems(t.Context(), 7, 4)
		require.NoError(t, err)
		requireScored(t, rest, got[1:])

		v.Factors = slices.Clone(model.UserFactors(7))
		users, err := rec.SimilarUsersVector(t.Context(), v, 1)
		require.NoError(t, err)
		require.Equal(t, 7, users[0].User)
	}
	for item := range 49 {
		got, err := rec.SimilarItemsVector(t.Context(), als.Vector{Factors: model.ItemFactors(item)}, 1)
		require.NoError(t, err)
		require.LessOrEqual(t, got[0].Score, float32(1), "a cosine")
	}
	got, err := rec.SimilarItemsVector(t.Context(), als.Vector{Factors: make([]float32, 10)}, 5)
	require.NoError(t, err)
	require.Empty(t, got, "zeros have no direction")
}

// TestZerosAreNotSimilar: a trained row may still be all zeros, or too short for a
// direction; it is never an answer and has none.
func TestZerosAreNotSimilar(t *testing.T) {
	ratings := lowRank(t, 74, 60, 50, 900)
	cfg := als.DefaultConfig()
	model := als.RandomModel(cfg, ratings, 74)
	clear(model.ItemFactors(3))
	for k := range model.ItemFactors(4) {
		model.ItemFactors(4)[k] *= 1e-43
	}
	rec, err := als.NewRecommender(open(t, kernels.Options{}), model)
	require.NoError(t, err)
	defer func() { require.NoError(t, rec.Close()) }()
	for _, short := range []int{3, 4} {
		got, err := rec.SimilarItems(t.Context(), short, 5)
		require.NoError(t, err)
		require.Empty(t, got)
	}
	got, err := rec.SimilarItems(t.Context(), 7, 100)
	require.NoError(t, err)
	require.Len(t, got, 46, "50 less the item, the unknown one and the short ones")
	for _, s := range got {
		require.NotContains(t, []int{3, 4, 7, 49}, s.Item)
		require.LessOrEqual(t, max(s.Score, -s.Score), float32(1))
	}
}

func TestSimilarRejects(t *testing.T) {
	ratings := lowRank(t, 75, 60, 50, 900)
	_, rec := trained(t, open(t, kernels.Options{}), ratings, als.DefaultConfig())
	for _, item := range []int{-1, 49, 50} {
		_, err := rec.SimilarItems(t.Context(), item, 3)
		require.ErrorIs(t, err, als.ErrUnknown)
		require.ErrorContains(t, err, "similar items: als: unknown item")
	}
	for _, user := range []int{-1, 59, 60} {
		_, err := rec.SimilarUsers(t.Context(), user, 3)
		require.ErrorIs(t, err, als.ErrUnknown)
		require.ErrorContains(t, err, "similar users: als: unknown user")
	}
	_, err := rec.SimilarUsers(t.Context(), 1, 0)
	require.ErrorIs(t, err, als.ErrConfig)
	_, err = rec.SimilarUsers(t.Context(), 1, 3, als.Allow(60))
	require.ErrorIs(t, err, als.ErrUnknown)
	require.ErrorContains(t, err, "user 60")
}
