package als

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// Explanation says where the score of a user for an item comes from:
//
//	Score = Mean + ItemBias + Prior + Σ Parts
//
// Score is that of the user's factors solved exactly, in float64, from the user's
// ratings and the item factors of the model. Model.Score has the user's factors of
// the last iteration, which were solved before the items' last change and, by CG
// and Subspace, not to the end; the two come as close as training has converged.
type Explanation struct {
	User, Item int
	Score      float64

	// Mean and ItemBias are the parts that do not depend on the user, 0 without
	// biases.
	Mean, ItemBias float64

	// Prior is what comes of drawing the scores of all pairs to 0 against the mean
	// and the biases of the items: 0 without biases or in Explicit.
	Prior float64

	// Parts are what the user's ratings add to the score, or take from it, the
	// largest first by absolute value, of equal ones the lower item. The user's
	// own bias is in them, as it comes from the ratings too.
	Parts []Part
}

// Part is what a rating adds to a score.
type Part struct {
	Item   int
	Rating float32
	Value  float64
}

// Explain takes the score of a user for an item apart into what each of the user's
// ratings adds (Hu, Koren, Volinsky 2008, section 5). The user's factors, with the
// bias if there is one, are the solution of A·x = b (see kernels.Problem), and b is
// a sum over the ratings, so the score is one too: the rating of item j adds
//
//	(t - a·o)·ŷᵀA⁻¹y
//
// with y the factors of item j, ŷ those of the item asked for, each with a 1
// appended if there are biases, o the mean plus the bias of item j, and t and a the
// target and weight of the rating. With NonNegative, A is taken over the factors
// that are not 0.
//
// The ratings are those of WithSeen; without it Explain is an ErrConfig. A user or
// item that is not in the model or had no ratings in training, or a user without
// ratings in WithSeen, is ErrUnknown.
//
// It is computed on the host and costs n·rank² + rank³/3 operations for n ratings.
// The first call takes items·rank² more, and the Recommender keeps the items in
// float64.
func (r *Recommender) Explain(ctx context.Context, user, item int) (*Explanation, error) {
	e, err := r.explain(ctx, user, item)
	if err != nil {
		return nil, fmt.Errorf("als: explain: %w", err)
	}
	return e, nil
}

func (r *Recommender) explain(ctx context.Context, user, item int) (*Explanation, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer r.calls.Done()
	if r.ratings == nil {
		return nil, configf("WithSeen", "is needed for the ratings of users")
	}
	if err := r.model.users.check(Users, user); err != nil {
		return nil, err
	}
	if err := r.model.items.check(Items, item); err != nil {
		return nil, err
	}
	items, values := r.ratings.User(user)
	if len(items) == 0 {
		return nil, fmt.Errorf("%w user %s: no ratings in WithSeen", ErrUnknown, nameIn(r.model.users.ids, user))
	}
	f := r.explaining.get(r.model)
	w, ok := r.model.config.influence(f, items, values, item)
	if !ok {
		return nil, fmt.Errorf("%w: user %s; a larger Lambda helps", ErrSingular, nameIn(r.model.users.ids, user))
	}
	e := &Explanation{User: user, Item: item, Mean: float64(r.model.mean), ItemBias: float64(r.model.ItemBias(item))}
	e.add(r.model.config, f, w, items, values)
	return e, nil
}

// influence is w = A⁻¹ŷ for the row of a user with the given ratings and an item:
// what a unit of each element of b adds to the score. It reports false if A is not
// positive definite.
func (c Config) influence(f *fixedSide, items []int32, values []float32, item int) (w []float64, ok bool) {
	s := c.system(Users, f, items, values)
	w = slices.Clone(f.row(item))
	if c.Solver == NonNegative {
		if ok := c.leaveOutZeros(s, w); !ok {
			return nil, false
		}
	}
	factor, ok := lapack64.Potrf(blas64.Symmetric{Uplo: blas.Lower, N: f.width, Stride: f.width, Data: s.a})
	if !ok {
		return nil, false
	}
	lapack64.Potrs(factor, blas64.General{Rows: f.width, Cols: 1, Stride: 1, Data: w})
	return w, true
}

// leaveOutZeros reduces a system to the factors that its solution leaves above 0:
// the others get the row and column of the unit matrix, and 0 in y.
func (c Config) leaveOutZeros(s system, y []float64) (ok bool) {
	x, ok := c.solveHost(s)
	if !ok {
		return false
	}
	width := len(s.b)
	for k := range c.Rank {
		if x[k] > 0 {
			continue
		}
		y[k] = 0
		for j := range width {
			s.a[k*width+j], s.a[j*width+k] = 0, 0
		}
		s.a[k*width+k] = 1
	}
	return true
}

// add sets the parts that come from b, and the score.
func (e *Explanation) add(c Config, f *fixedSide, w []float64, items []int32, values []float32) {
	if f.offsetGram != nil {
		e.Prior = -c.allPairs() * dot64(f.offsetGram, w)
	}
	e.Parts = make([]Part, len(items))
	sum := 0.0
	for j, i := range items {
		a, t := c.terms(values[j])
		value := (t - a*f.offset[i]) * dot64(f.row(int(i)), w)
		e.Parts[j] = Part{Item: int(i), Rating: values[j], Value: value}
		sum += value
	}
	e.Score = e.Mean + e.ItemBias + e.Prior + sum
	slices.SortFunc(e.Parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Value), math.Abs(a.Value)), cmp.Compare(a.Item, b.Item))
	})
}

func dot64(x, y []float64) float64 {
	sum := 0.0
	for k, v := range x {
		sum += v * y[k]
	}
	return sum
}

// lazyFixedSide is the items in float64, made when they are first needed.
type lazyFixedSide struct {
	once sync.Once
	made *fixedSide
}

func (l *lazyFixedSide) get(m *Model) *fixedSide {
	l.once.Do(func() { l.made = m.config.newFixedSide(m.Items(), m.items.packed(), m.mean) })
	return l.made
}
