package als

import (
	"context"
	"errors"
	"fmt"
)

// Scored is an item with its score.
type Scored struct {
	Item  int
	Score float32
}

// ScoredUser is a user with its score.
type ScoredUser struct {
	User  int
	Score float32
}

// Recommend returns the n items with the highest scores for a user, highest
// first; of equal scores the lower item comes first. What the user has seen (see
// WithSeen), what had no ratings in training and what the options rule out is
// left out, so there may be fewer than n. A user who is not in the model or had no
// ratings in training is ErrUnknown.
func (r *Recommender) Recommend(ctx context.Context, user, n int, opts ...RecommendOption) ([]Scored, error) {
	top, err := ask(ctx, r, r.items, user, n, opts, scoredItem)
	if err != nil {
		return nil, fmt.Errorf("als: recommend: %w", err)
	}
	return top, nil
}

// RecommendVector is Recommend for factors and a bias that are no row of the
// model, such as those of a user who was folded in. Nothing counts as seen; Deny
// leaves out what this user has rated.
func (r *Recommender) RecommendVector(ctx context.Context, user Vector, n int, opts ...RecommendOption) ([]Scored, error) {
	top, err := askVector(ctx, r, r.items, user, n, opts, scoredItem)
	if err != nil {
		return nil, fmt.Errorf("als: recommend by vector: %w", err)
	}
	return top, nil
}

// RecommendUsers returns the n users with the highest scores for an item: those to
// whom it is worth showing. Who has seen the item is left out; otherwise it is
// Recommend with the sides exchanged, and the options speak of users.
func (r *Recommender) RecommendUsers(ctx context.Context, item, n int, opts ...RecommendOption) ([]ScoredUser, error) {
	top, err := ask(ctx, r, r.users, item, n, opts, scoredUser)
	if err != nil {
		return nil, fmt.Errorf("als: recommend users: %w", err)
	}
	return top, nil
}

// RecommendUsersVector is RecommendUsers for factors and a bias that are no row of
// the model, such as those of an item that was folded in.
func (r *Recommender) RecommendUsersVector(ctx context.Context, item Vector, n int, opts ...RecommendOption) ([]ScoredUser, error) {
	top, err := askVector(ctx, r, r.users, item, n, opts, scoredUser)
	if err != nil {
		return nil, fmt.Errorf("als: recommend users by vector: %w", err)
	}
	return top, nil
}

func scoredItem(row int, score float32) Scored     { return Scored{Item: row, Score: score} }
func scoredUser(row int, score float32) ScoredUser { return ScoredUser{User: row, Score: score} }

// ask returns the best choices for a row of the other side.
func ask[S any](ctx context.Context, r *Recommender, c *choices, row, n int, opts []RecommendOption, scored func(int, float32) S) (top []S, err error) {
	err = r.with(ctx, func(s *session) error {
		if err := c.asking.check(c.side.other(), row); err != nil {
			return err
		}
		q, err := newQuery(c, c.known, n, opts)
		if err != nil {
			return err
		}
		best, err := c.best(s, []int32{int32(row)}, q)
		if err != nil {
			return err
		}
		top = list(best, 0, c.constant(c.asking.bias(row)), scored)
		return nil
	})
	return top, err
}

// askVector is ask for a vector of the other side.
func askVector[S any](ctx context.Context, r *Recommender, c *choices, v Vector, n int, opts []RecommendOption, scored func(int, float32) S) (top []S, err error) {
	err = r.with(ctx, func(s *session) error {
		if err := v.check(r.model); err != nil {
			return err
		}
		q, err := newQuery(c, c.known, n, opts)
		if err != nil {
			return err
		}
		y, err := c.forScores(s.stream)
		if err != nil {
			return err
		}
		x, err := s.setVector(v.Factors, y.Cols)
		if err != nil {
			return err
		}
		best, err := s.best(x, y, q.n, nil, q.allow)
		if err != nil {
			return err
		}
		top = list(best, 0, c.constant(v.Bias), scored)
		return nil
	})
	return top, err
}

// best finds the best choices for rows of the other side.
func (c *choices) best(s *session, rows []int32, q query) (best answers, err error) {
	y, err := c.forScores(s.stream)
	if err != nil {
		return answers{}, err
	}
	x, err := s.setRows(c.asking, rows, y.Cols)
	if err != nil {
		return answers{}, err
	}
	if q.includeSeen || c.seen.Offsets == nil {
		return s.best(x, y, q.n, nil, q.allow)
	}
	seen, err := c.seenBy(rows)
	if err != nil {
		return answers{}, err
	}
	defer func() { err = errors.Join(err, seen.Free()) }()
	return s.best(x, y, q.n, seen, q.allow)
}

// list makes the answer of row j, with a constant added to the scores.
func list[S any](a answers, j int, constant float32, scored func(int, float32) S) []S {
	ids, scores := a.row(j)
	top := make([]S, len(ids))
	for k, id := range ids {
		top[k] = scored(int(id), scores[k]+constant)
	}
	return top
}
