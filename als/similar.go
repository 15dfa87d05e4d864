package als

import (
	"context"
	"fmt"

	"github.com/halfstep-ml/halfstep/kernels"
)

// SimilarItems returns the n items whose factors point most nearly the same way as
// those of an item, nearest first; of equal ones the lower item comes first. The
// Score of an answer is the cosine of the angle between the factors, from -1 to 1;
// biases have no part in it.
//
// The item itself, what had no ratings in training, factors that are all zeros and
// what the options rule out is left out, so there may be fewer than n; factors that
// are all zeros are not similar to anything. What users have seen is of no
// account. An item that is not in the model or had no ratings in training is
// ErrUnknown.
//
// The first call of SimilarItems or SimilarItemsVector computes the lengths of the
// factors on the device and keeps a second copy of the factors there.
func (r *Recommender) SimilarItems(ctx context.Context, item, n int, opts ...RecommendOption) ([]Scored, error) {
	top, err := similar(ctx, r, r.items, item, n, opts, scoredItem)
	if err != nil {
		return nil, fmt.Errorf("als: similar items: %w", err)
	}
	return top, nil
}

// SimilarItemsVector is SimilarItems for factors that are no row of the model.
func (r *Recommender) SimilarItemsVector(ctx context.Context, item Vector, n int, opts ...RecommendOption) ([]Scored, error) {
	top, err := similarVector(ctx, r, r.items, item, n, opts, scoredItem)
	if err != nil {
		return nil, fmt.Errorf("als: similar items by vector: %w", err)
	}
	return top, nil
}

// SimilarUsers is SimilarItems for users; the options speak of users.
func (r *Recommender) SimilarUsers(ctx context.Context, user, n int, opts ...RecommendOption) ([]ScoredUser, error) {
	top, err := similar(ctx, r, r.users, user, n, opts, scoredUser)
	if err != nil {
		return nil, fmt.Errorf("als: similar users: %w", err)
	}
	return top, nil
}

// SimilarUsersVector is SimilarUsers for factors that are no row of the model.
func (r *Recommender) SimilarUsersVector(ctx context.Context, user Vector, n int, opts ...RecommendOption) ([]ScoredUser, error) {
	top, err := similarVector(ctx, r, r.users, user, n, opts, scoredUser)
	if err != nil {
		return nil, fmt.Errorf("als: similar users by vector: %w", err)
	}
	return top, nil
}

func similar[S any](ctx context.Context, r *Recommender, c *choices, row, n int, opts []RecommendOption, scored func(int, float32) S) (top []S, err error) {
	err = r.with(ctx, func(s *session) error {
		if err := c.rows.check(c.side, row); err != nil {
			return err
		}
		unit, long, err := c.forCosines(s.stream)
		if err != nil {
			return err
		}
		q, err := newQuery(c, long, n, opts)
		if err != nil || long[row/32]&(1<<(row%32)) == 0 {
			return err
		}
		clearBit(q.allow, row)
		top, err = nearest(s, unit.RowRange(row, row+1), unit, q, scored)
		return err
	})
	return top, err
}

func similarVector[S any](ctx context.Context, r *Recommender, c *choices, v Vector, n int, opts []RecommendOption, scored func(int, float32) S) (top []S, err error) {
	err = r.with(ctx, func(s *session) error {
		if err := v.check(r.model); err != nil {
			return err
		}
		unit, long, err := c.forCosines(s.stream)
		if err != nil {
			return err
		}
		q, err := newQuery(c, long, n, opts)
		if err != nil {
			return err
		}
		length := v.length()
		if length == 0 {
			return nil
		}
		direction := make([]float32, len(v.Factors))
		for k, f := range v.Factors {
			direction[k] = float32(float64(f) / length)
		}
		x, err := s.setVector(direction, unit.Cols)
		if err != nil {
			return err
		}
		top, err = nearest(s, x, unit, q, scored)
		return err
	})
	return top, err
}

// nearest finds the rows of length 1 with the highest cosines to x, also of length
// 1. What rounding adds to 1 is taken off.
func nearest[S any](s *session, x, unit kernels.Matrix, q query, scored func(int, float32) S) ([]S, error) {
	best, err := s.best(x, unit, q.n, nil, q.allow)
	if err != nil {
		return nil, err
	}
	return list(best, 0, 0, func(row int, cosine float32) S {
		return scored(row, min(max(cosine, -1), 1))
	}), nil
}
