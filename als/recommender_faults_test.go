package als_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// TestFaultsInQuestions makes every call of every question fail once. After the
// fault the Recommender must still close and leave nothing behind.
func TestFaultsInQuestions(t *testing.T) {
	ratings := lowRank(t, 111, 30, 20, 300)
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Biases = als.IALS, true // all the terms that a fold-in has
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg)
	require.NoError(t, err)
	v := als.Vector{Factors: model.UserFactors(1)}
	for name, ask := range map[string]func(*als.Recommender) error{
		"recommend all": func(r *als.Recommender) error {
			_, err := r.RecommendAll(t.Context(), 3, func(int, []als.Scored) error { return nil })
			return err
		},
		"recommend subset": func(r *als.Recommender) error {
			_, err := r.RecommendSubset(t.Context(), []int{7, 3}, 3, func(int, []als.Scored) error { return nil })
			return err
		},
		"recommend users": func(r *als.Recommender) error {
			_, err := r.RecommendUsers(t.Context(), 3, 3)
			return err
		},
		"recommend vector": func(r *als.Recommender) error {
			_, err := r.RecommendVector(t.Context(), v, 3)
			return err
		},
		"similar items": func(r *als.Recommender) error {
			_, err := r.SimilarItems(t.Context(), 3, 3)
			return err
		},
		"similar users by vector": func(r *als.Recommender) error {
			_, err := r.SimilarUsersVector(t.Context(), v, 3)
			return err
		},
		"fold in": func(r *als.Recommender) error {
			_, err := r.FoldIn(t.Context(), ratedBy(ratings, 1)...)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			failEach(t, func(dev kernels.Device) (err error) {
				rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings), als.WithStreams(1))
				if err != nil {
					return err
				}
				rec.SetBlockRows(1) // a block that does not fit cannot become smaller
				defer func() { err = errors.Join(err, rec.Close()) }()
				return errors.Join(ask(rec), ask(rec))
			})
		})
	}
}

func TestFaultsInFoldInAndUpdate(t *testing.T) {
	ratings := lowRank(t, 112, 30, 20, 300)
	for name, cfg := range exactVariants() {
		model, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) {
			failEach(t, func(dev kernels.Device) error {
				vectors, err := als.FoldIn(t.Context(), dev, model, als.Users, ratedBy(ratings, 1), ratedBy(ratings, 2))
				if err != nil {
					require.Nil(t, vectors)
				}
				return err
			})
			failEach(t, func(dev kernels.Device) error {
				updated, err := als.Update(t.Context(), dev, model, ratings, als.UpdateUsers(1, 2), als.UpdateItems(3))
				if err != nil {
					require.Nil(t, updated, "half a model")
				}
				return err
			})
		})
	}
}

// TestQuestionsAfterAFault: a fault that passes leaves the Recommender able to
// answer as if nothing had been.
func TestQuestionsAfterAFault(t *testing.T) {
	ratings := lowRank(t, 113, 30, 20, 300)
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Biases = als.Implicit, true
	model, rec := trained(t, open(t, kernels.Options{}), ratings, cfg)
	similar, err := rec.SimilarUsers(t.Context(), 1, 3)
	require.NoError(t, err)
	folded, err := rec.FoldIn(t.Context(), ratedBy(ratings, 1)...)
	require.NoError(t, err)
	for call := 1; ; call++ {
		dev := kernelstest.Faulty(open(t, kernels.Options{}), kernelstest.Fault{Ops: []string{"Alloc", "NewCSR", "Read"}, Call: call, Err: errors.New("once")})
		faulty, err := als.NewRecommender(dev, model, als.WithStreams(1))
		if err != nil {
			continue
		}
		_, _ = faulty.SimilarUsers(t.Context(), 1, 3)
		_, _ = faulty.FoldIn(t.Context(), ratedBy(ratings, 1)...)
		if !dev.Fired() {
			require.NoError(t, faulty.Close())
			return
		}
		got, err := faulty.SimilarUsers(t.Context(), 1, 3)
		require.NoError(t, err)
		require.Equal(t, similar, got)
		v, err := faulty.FoldIn(t.Context(), ratedBy(ratings, 1)...)
		require.NoError(t, err)
		require.Equal(t, folded, v)
		require.NoError(t, faulty.Close())
	}
}
