package als

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Rated is a rating of a user or item that is folded in: the item that the user
// rated, or the user that rated the item.
type Rated struct {
	Row   int
	Value float32
}

// FoldIn computes the factors and the bias of users or items that are not in the
// model from their ratings, one vector for each list, by the half-step of training
// with the other side as it is in the model. They are what the model would have if
// its next half-step were run with these rows added. Systems are solved exactly,
// by Cholesky, also where training approximates them by CG or Subspace; with
// NonNegative factors they stay without a sign.
//
// It uploads the other side, rows×rank, and for conventions with a term over all
// pairs computes its Gram matrix, rows·rank² operations. Many rows in one call, or
// Recommender.FoldIn, which keeps both, save that. A row of n ratings costs
// n·rank² + rank³/3 operations.
//
// A rating for a row that is not in the model or had no ratings in training, and
// a list without ratings, are ErrUnknown, a rating that is not finite is an
// ErrRating, a row that is rated twice in a list an ErrDuplicate, a list that has
// no solution an ErrSingular.
func FoldIn(ctx context.Context, dev kernels.Device, m *Model, side Side, rows ...[]Rated) ([]Vector, error) {
	vectors, err := foldIn(ctx, dev, m, side, rows)
	if err != nil {
		return nil, fmt.Errorf("als: fold in: %w", err)
	}
	return vectors, nil
}

func foldIn(ctx context.Context, dev kernels.Device, m *Model, solved Side, rows [][]Rated) ([]Vector, error) {
	host, err := foldedRatings(m, solved, rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	packed, err := halfStepOf(ctx, dev, m, solved, host, nil)
	if err != nil {
		return nil, err
	}
	return vectorsOf(m.config, packed), nil
}

// FoldIn is the function FoldIn for one user. The first call computes what all
// users need of the items, which stays on the device.
func (r *Recommender) FoldIn(ctx context.Context, ratings ...Rated) (Vector, error) {
	var folded Vector
	err := r.with(ctx, func(s *session) error {
		host, err := foldedRatings(r.model, Users, [][]Rated{ratings})
		if err != nil {
			return err
		}
		f, err := r.folding.get(ctx, r, s.stream)
		if err != nil {
			return err
		}
		packed, err := f.solve(ctx, r.dev, s.stream, host, nil)
		if err != nil {
			return err
		}
		folded = vectorsOf(r.model.config, packed)[0]
		return nil
	})
	if err != nil {
		return Vector{}, fmt.Errorf("als: fold in: %w", err)
	}
	return folded, nil
}

// foldedRatings is the lists as a matrix, in the order of its columns.
func foldedRatings(m *Model, solved Side, rows [][]Rated) (kernels.HostCSR, error) {
	fixed := m.side(solved.other())
	host := emptyCSR(len(rows), fixed.rows)
	for j, row := range rows {
		if len(row) == 0 {
			return host, fmt.Errorf("%w %v: list %d has no ratings", ErrUnknown, solved, j)
		}
		for k, rated := range row {
			if err := fixed.check(solved.other(), rated.Row); err != nil {
				return host, fmt.Errorf("list %d: %w", j, err)
			}
			if v := rated.Value; v-v != 0 {
				return host, ratingf(int64(k), "of list %d, %v %d: the rating is %v", j, solved.other(), rated.Row, v)
			}
		}
		row = slices.SortedFunc(slices.Values(row), func(a, b Rated) int { return cmp.Compare(a.Row, b.Row) })
		for k, rated := range row {
			if k > 0 && row[k-1].Row == rated.Row {
				return host, duplicate(solved, strconv.Itoa(j), nameIn(fixed.ids, rated.Row))
			}
			host.Columns = append(host.Columns, int32(rated.Row))
			host.Values = append(host.Values, rated.Value)
		}
		host.Offsets[j+1] = int64(len(host.Columns))
	}
	return host, nil
}

func duplicate(solved Side, list, rated string) error {
	if solved == Items {
		return &DuplicateError{User: rated, Item: "of list " + list}
	}
	return &DuplicateError{User: "of list " + list, Item: rated}
}

// vectorsOf cuts packed rows of the unknowns into vectors.
func vectorsOf(cfg Config, packed []float32) []Vector {
	width := cfg.width()
	vectors := make([]Vector, 0, len(packed)/width)
	for row := range slices.Chunk(packed, width) {
		v := Vector{Factors: row[:cfg.Rank:cfg.Rank]}
		if cfg.Biases {
			v.Bias = row[cfg.Rank]
		}
		vectors = append(vectors, v)
	}
	return vectors
}

// halfStepOf solves rows of a side of a model from their ratings, with a stream
// and an upload of the other side of its own. ids, if not nil, name the rows.
func halfStepOf(ctx context.Context, dev kernels.Device, m *Model, solved Side, ratings kernels.HostCSR, ids IDs) (packed []float32, err error) {
	stream, err := dev.NewStream()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	fixed := m.side(solved.other())
	factors, err := uploadMatrix(stream, fixed.rows, m.config.width(), fixed.packed())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, factors.Free()) }()
	f, err := newFolding(ctx, stream, m, solved, factors)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.free()) }()
	return f.solve(ctx, dev, stream, ratings, ids)
}

// folding solves rows of one side of a model with the other one fixed. Once it is
// made, several streams may use it at the same time.
type folding struct {
	cfg     Config // with a solver that does not depend on where it starts
	mean    float32
	solved  Side
	fixed   side // its factors belong to somebody else
	terms   allPairs
	problem kernels.Problem // but for X, R and Info
}

// newFolding computes the terms of the fixed side, whose rows are in factors.
func newFolding(ctx context.Context, s kernels.Stream, m *Model, solved Side, factors kernels.Matrix) (*folding, error) {
	f := &folding{
		cfg:    m.config.exact(),
		mean:   m.mean,
		solved: solved,
		fixed:  side{name: solved.other(), ratings: kernels.HostCSR{Rows: factors.Rows}, factors: factors},
	}
	if err := f.prepare(ctx, s); err != nil {
		return nil, errors.Join(err, f.free())
	}
	return f, nil
}

// exact is the configuration with a solver that finds the minimum from anywhere.
func (c Config) exact() Config {
	if c.Solver != NonNegative {
		c.Solver = Cholesky
	}
	return c
}

func (f *folding) prepare(ctx context.Context, s kernels.Stream) (err error) {
	width := f.cfg.width()
	if f.cfg.Biases {
		if f.fixed.offset, err = kernels.AllocBuffer[float32](s, f.fixed.factors.Rows); err != nil {
			return err
		}
	}
	if f.cfg.Convention.AllPairs() {
		if f.terms.gram, err = kernels.AllocMatrix(s, width, width); err != nil {
			return err
		}
		if f.cfg.Biases {
			if f.terms.sums, err = kernels.AllocBuffer[float32](s, f.cfg.Rank); err != nil {
				return err
			}
			if f.terms.offsetGram, err = kernels.AllocBuffer[float32](s, width); err != nil {
				return err
			}
		}
	}
	p, err := f.trainer(ctx, nil, s).problem(&side{name: f.solved}, &f.fixed)
	if err != nil {
		return err
	}
	f.problem = *p
	return s.Sync()
}

func (f *folding) free() error {
	return errors.Join(f.fixed.offset.Free(), f.terms.gram.Free(), f.terms.sums.Free(), f.terms.offsetGram.Free())
}

// trainer is what runs half-steps with the terms of f on a stream.
func (f *folding) trainer(ctx context.Context, dev kernels.Device, s kernels.Stream) *trainer {
	return &trainer{
		ctx: ctx, cfg: f.cfg, ratings: &Ratings{}, start: time.Now(), dev: dev, stream: s,
		allPairs: f.terms, mean: f.mean, chunkOps: firstChunkOps, fittingOps: math.Inf(1),
	}
}

// solve returns the unknowns, width for each row of ratings. ids, if not nil, name
// the rows.
func (f *folding) solve(ctx context.Context, dev kernels.Device, s kernels.Stream, ratings kernels.HostCSR, ids IDs) (packed []float32, err error) {
	t := f.trainer(ctx, dev, s)
	t.ratings = &Ratings{userIDs: ids, itemIDs: ids}
	rows := side{name: f.solved, ratings: ratings}
	defer func() { err = errors.Join(err, rows.free()) }()
	if err := t.allocateSide(dev, &rows); err != nil {
		return nil, err
	}
	p := f.problem
	p.X, p.R, p.Info = rows.factors, rows.csr, rows.info
	if err := t.solve(&p, &rows); err != nil {
		return nil, err
	}
	if err := kernels.Download(s, rows.infoHost, rows.info); err != nil {
		return nil, err
	}
	if err := t.solveFailed(&rows, &f.fixed); err != nil {
		return nil, err
	}
	packed = make([]float32, ratings.Rows*f.cfg.width())
	return packed, kernels.Download(s, packed, rows.factors.Buf)
}

func (s *side) free() error {
	errs := []error{s.factors.Free(), s.offset.Free(), s.info.Free()}
	if s.csr != nil {
		errs = append(errs, s.csr.Free())
	}
	return errors.Join(errs...)
}

// lazyFolding is the folding of users that a Recommender makes when it is first
// needed.
type lazyFolding struct {
	mu   sync.Mutex
	made *folding
}

func (l *lazyFolding) get(ctx context.Context, r *Recommender, s kernels.Stream) (*folding, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made != nil {
		return l.made, nil
	}
	items, err := r.items.forScores(s)
	if err != nil {
		return nil, err
	}
	l.made, err = newFolding(ctx, s, r.model, Users, items)
	return l.made, err
}

func (l *lazyFolding) free() error {
	if l.made == nil {
		return nil
	}
	return l.made.free()
}
