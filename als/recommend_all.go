package als

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Answers to many users come in blocks of users, so that memory does not grow
// with their number. A block is limited in
//   - its operations, so that a cancelled context is seen within 250 ms, in the
//     way that half-steps are (see firstChunkOps),
//   - its rows and answers, as every stream keeps buffers for a block,
//   - the ratings of its users that are left out.
const (
	maxBlockAnswers = 1 << 18
	maxBlockSeen    = 1 << 20
	maxBlockRows    = 1 << 12
)

// RecommendAll calls each for every user in order, with what Recommend would
// answer: the n best items, highest score first. Users without ratings in training
// are skipped and counted. It stops at the first error of each and returns it.
//
// The answers are computed in blocks of users, with a stream of the Recommender
// taken for each block, so that memory stays bounded and other calls get their
// turn; each is called in between and may call the Recommender, but not its Close.
// The slice that each gets is its own. The options hold for all users; a filter of
// Where is called once for each item, not for each user.
func (r *Recommender) RecommendAll(ctx context.Context, n int, each func(user int, top []Scored) error, opts ...RecommendOption) (skipped int, err error) {
	skipped, err = askMany(ctx, r, r.items, nil, n, opts, scoredItem, each)
	if err != nil {
		err = fmt.Errorf("als: recommend all: %w", err)
	}
	return skipped, err
}

// RecommendSubset is RecommendAll for the given users, in their order. A user who
// is not in the model is ErrUnknown, found before the first answer.
func (r *Recommender) RecommendSubset(ctx context.Context, users []int, n int, each func(user int, top []Scored) error, opts ...RecommendOption) (skipped int, err error) {
	skipped, err = askMany(ctx, r, r.items, notNil(users), n, opts, scoredItem, each)
	if err != nil {
		err = fmt.Errorf("als: recommend subset: %w", err)
	}
	return skipped, err
}

// RecommendUsersAll calls each for every item in order, with what RecommendUsers
// would answer. Otherwise it is RecommendAll with the sides exchanged.
func (r *Recommender) RecommendUsersAll(ctx context.Context, n int, each func(item int, top []ScoredUser) error, opts ...RecommendOption) (skipped int, err error) {
	skipped, err = askMany(ctx, r, r.users, nil, n, opts, scoredUser, each)
	if err != nil {
		err = fmt.Errorf("als: recommend users, all items: %w", err)
	}
	return skipped, err
}

// RecommendUsersSubset is RecommendUsersAll for the given items, in their order.
// An item that is not in the model is ErrUnknown, found before the first answer.
func (r *Recommender) RecommendUsersSubset(ctx context.Context, items []int, n int, each func(item int, top []ScoredUser) error, opts ...RecommendOption) (skipped int, err error) {
	skipped, err = askMany(ctx, r, r.users, notNil(items), n, opts, scoredUser, each)
	if err != nil {
		err = fmt.Errorf("als: recommend users, subset: %w", err)
	}
	return skipped, err
}

// notNil returns a subset that is not taken for all rows.
func notNil(rows []int) []int {
	if rows == nil {
		return []int{}
	}
	return rows
}

// askMany asks for the best choices of the given rows of the other side, or of all
// if rows is nil.
func askMany[S any](ctx context.Context, r *Recommender, c *choices, rows []int, n int, opts []RecommendOption, scored func(int, float32) S, each func(int, []S) error) (skipped int, err error) {
	if err := r.begin(ctx); err != nil {
		return 0, err
	}
	defer r.calls.Done()
	for _, row := range rows {
		if row < 0 || row >= c.asking.rows {
			return 0, unknownRow(c.side.other(), row, c.asking.rows)
		}
	}
	q, err := newQuery(c, c.known, n, opts)
	if err != nil {
		return 0, err
	}
	b := newBlocks(r, c, q)
	answer := func(block []int32, best answers) error {
		for j, row := range block {
			if err := ctx.Err(); err != nil {
				return err
			}
			top := list(best, j, c.constant(c.asking.bias(int(row))), scored)
			if err := each(int(row), top); err != nil {
				return err
			}
		}
		return nil
	}
	for row := range rowsOrAll(rows, c.asking.rows) {
		if c.asking.counts[row] == 0 {
			skipped++
			continue
		}
		if b.full(row) {
			if err := b.flush(ctx, answer); err != nil {
				return skipped, err
			}
		}
		b.add(row)
	}
	return skipped, b.flush(ctx, answer)
}

func rowsOrAll(rows []int, all int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if rows == nil {
			for row := range all {
				if !yield(row) {
					return
				}
			}
			return
		}
		for _, row := range rows {
			if !yield(row) {
				return
			}
		}
	}
}

// blocks collects rows that ask into blocks.
type blocks struct {
	recommender *Recommender
	choices     *choices
	query       query

	rows []int32
	seen int // entries of the rows that are left out

	// limit is how many rows a block may have, and fitting the most that device
	// memory was not found too small for.
	limit, fitting int

	best answers // a copy, as the session goes to other calls
}

func newBlocks(r *Recommender, c *choices, q query) *blocks {
	b := &blocks{recommender: r, choices: c, query: q}
	b.fitting = min(max(maxBlockAnswers/max(q.n, 1), 1), maxBlockRows)
	if r.blockRows > 0 {
		b.fitting = min(b.fitting, r.blockRows)
	}
	ops := 2 * float64(c.rows.rows) * float64(r.model.config.width())
	b.limit = int(min(max(firstChunkOps/max(ops, 1), 1), float64(b.fitting)))
	return b
}

// full reports whether a row more is too many.
func (b *blocks) full(row int) bool {
	return len(b.rows) >= b.limit || len(b.rows) > 0 && b.seen+b.choices.seenCount(row) > maxBlockSeen
}

func (b *blocks) add(row int) {
	b.rows = append(b.rows, int32(row))
	b.seen += b.choices.seenCount(row)
}

// flush answers what was collected and begins a new block.
func (b *blocks) flush(ctx context.Context, answer func([]int32, answers) error) error {
	for left := b.rows; len(left) > 0; {
		part := left[:min(b.limit, len(left))]
		start := time.Now()
		err := b.ask(ctx, part)
		if errors.Is(err, kernels.ErrMemory) && len(part) > 1 {
			b.fitting = len(part) / 2
			b.limit = b.fitting
			continue
		}
		if err != nil {
			return err
		}
		b.adapt(len(part), time.Since(start))
		if err := answer(part, b.best); err != nil {
			return err
		}
		left = left[len(part):]
	}
	b.rows, b.seen = b.rows[:0], 0
	return nil
}

// adapt sets the size of the next block from the time of one of n rows.
func (b *blocks) adapt(n int, took time.Duration) {
	switch {
	case took < shortChunk && n == b.limit:
		b.limit = min(2*b.limit, b.fitting)
	case took > longChunk:
		b.limit = max(n/2, 1)
	}
}

// ask sets b.best to the answers of a block.
func (b *blocks) ask(ctx context.Context, rows []int32) error {
	s, err := b.recommender.session(ctx)
	if err != nil {
		return err
	}
	defer b.recommender.release(s)
	best, err := b.choices.best(s, rows, b.query)
	if errors.Is(err, kernels.ErrMemory) {
		// A smaller block needs the room that this one's buffers take.
		return errors.Join(err, s.free())
	}
	if err != nil {
		return err
	}
	b.best.n = best.n
	b.best.ids = append(b.best.ids[:0], best.ids...)
	b.best.scores = append(b.best.scores[:0], best.scores...)
	return nil
}
