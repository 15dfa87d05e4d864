package als

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Errors is how far a model's scores are from ratings.
type Errors struct {
	MSE  float64 // mean squared error
	RMSE float64 // its root
	MAE  float64 // mean absolute error

	Ratings int64 // how many the means are over

	// Dropped counts the ratings that were left out because their user or item
	// had no ratings in training.
	Dropped int64
}

// Evaluate compares the model's scores with ratings of the same rows, usually a
// held-out part. What a score is compared with is what the convention fits: the
// rating in Explicit and IALS, the preference 1 or 0 in Implicit and Confidence.
//
// It is ErrConfig if no rating is left to compare with. Errors otherwise are
// ctx.Err() and those of the device.
func Evaluate(ctx context.Context, dev kernels.Device, m *Model, ratings *Ratings) (Errors, error) {
	if ratings.Users() != m.Users() || ratings.Items() != m.Items() {
		return Errors{}, configf("ratings", "have %d users and %d items, the model has %d and %d",
			ratings.Users(), ratings.Items(), m.Users(), m.Items())
	}
	e := evaluation{ctx: ctx, model: m, ratings: ratings}
	if err := e.run(dev); err != nil {
		return Errors{}, fmt.Errorf("als: evaluate: %w", err)
	}
	if e.n == 0 {
		return Errors{}, configf("ratings", "have none whose user and item were both in training")
	}
	mse := e.squared / float64(e.n)
	return Errors{
		MSE:     mse,
		RMSE:    math.Sqrt(mse),
		MAE:     e.absolute / float64(e.n),
		Ratings: e.n,
		Dropped: ratings.Len() - e.n,
	}, nil
}

// evaluationChunk is how many ratings are predicted at a time: 4 MB of scores. Of so many,
// evaluationPiece or somewhat more are added up at a time, on all cores.
const (
	evaluationChunk = 1 << 20
	evaluationPiece = 1 << 14
)

// evaluation is the state of one call of Evaluate.
type evaluation struct {
	ctx     context.Context
	model   *Model
	ratings *Ratings

	stream      kernels.Stream
	csr         kernels.CSR
	users       kernels.Matrix // rows (x, b, 1)
	items       kernels.Matrix // rows (y, 1, b)
	predictions kernels.Buffer[float32]
	scores      []float32

	errorSums
}

func (e *evaluation) run(dev kernels.Device) (err error) {
	if e.stream, err = dev.NewStream(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.free()) }()
	if e.csr, err = dev.NewCSR(e.ratings.byUser); err != nil {
		return err
	}
	if err := e.uploadFactors(); err != nil {
		return err
	}
	offsets := e.ratings.byUser.Offsets
	for lo := 0; lo < e.ratings.Users(); {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		hi := lo + 1
		for hi < e.ratings.Users() && offsets[hi+1]-offsets[lo] <= evaluationChunk {
			hi++
		}
		if err := e.compare(kernels.Span{Lo: lo, Hi: hi}); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

func (e *evaluation) free() error {
	errs := []error{e.users.Free(), e.items.Free(), e.predictions.Free()}
	if e.csr != nil {
		errs = append(errs, e.csr.Free())
	}
	return errors.Join(append(errs, e.stream.Close())...)
}

func (e *evaluation) uploadFactors() (err error) {
	if e.users, err = e.upload(e.model.users.extended(false)); err != nil {
		return err
	}
	e.items, err = e.upload(e.model.items.extended(true))
	return err
}

func (e *evaluation) upload(rows, cols int, values []float32) (kernels.Matrix, error) {
	m, err := kernels.AllocMatrix(e.stream, rows, cols)
	if err != nil {
		return kernels.Matrix{}, err
	}
	if err := kernels.Upload(e.stream, m.Buf, values); err != nil {
		return kernels.Matrix{}, errors.Join(err, m.Free())
	}
	return m, nil
}

// extended is the factors with two more columns if there are biases, the bias and
// a 1, or a 1 and the bias, so that the dot product of a user's row with an
// item's, one made each way, has both biases in it.
func (f *factors) extended(oneFirst bool) (rows, cols int, values []float32) {
	if f.biases == nil {
		return f.rows, f.rank, f.vectors
	}
	cols = f.rank + 2
	values = make([]float32, f.rows*cols)
	bias, one := f.rank, f.rank+1
	if oneFirst {
		bias, one = one, bias
	}
	for i := range f.rows {
		row := values[i*cols:][:cols]
		copy(row, f.vector(i))
		row[bias], row[one] = f.biases[i], 1
	}
	return f.rows, cols, values
}

// compare adds the errors of a range of users.
func (e *evaluation) compare(users kernels.Span) error {
	m := e.ratings.byUser
	n := int(m.Offsets[users.Hi] - m.Offsets[users.Lo])
	if n == 0 {
		return nil
	}
	if err := e.predict(users, n); err != nil {
		return err
	}
	var pieces []kernels.Span
	for lo := users.Lo; lo < users.Hi; {
		hi := lo + 1
		for hi < users.Hi && m.Offsets[hi]-m.Offsets[lo] < evaluationPiece {
			hi++
		}
		pieces = append(pieces, kernels.Span{Lo: lo, Hi: hi})
		lo = hi
	}
	sums := make([]errorSums, len(pieces))
	err := parallel(e.ctx, len(pieces), func(i int) error {
		at := m.Offsets[pieces[i].Lo] - m.Offsets[users.Lo]
		sums[i] = e.errors(pieces[i], e.scores[at:n])
		return nil
	})
	for _, s := range sums {
		e.squared += s.squared
		e.absolute += s.absolute
		e.n += s.n
	}
	return err
}

// errors are the errors of some users, whose scores are given.
func (e *evaluation) errors(users kernels.Span, scores []float32) (sums errorSums) {
	for u := users.Lo; u < users.Hi; u++ {
		items, values := e.ratings.User(u)
		if e.model.users.counts[u] > 0 {
			sums.add(e.model, items, values, scores[:len(items)])
		}
		scores = scores[len(items):]
	}
	return sums
}

// errorSums are sums over ratings.
type errorSums struct {
	squared, absolute float64
	n                 int64
}

// add adds the errors of a user's ratings.
func (sums *errorSums) add(m *Model, items []int32, values, scores []float32) {
	mean, counts := float64(m.mean), m.items.counts
	convention := m.config.Convention
	preference := convention == Implicit || convention == Confidence
	values, scores = values[:len(items)], scores[:len(items)]
	squared, absolute := 0.0, 0.0
	for k, i := range items {
		if counts[i] == 0 {
			continue
		}
		target := values[k]
		if preference {
			target = m.config.target(target)
		}
		difference := float64(target) - float64(scores[k]) - mean
		squared += difference * difference
		absolute += math.Abs(difference)
		sums.n++
	}
	sums.squared += squared
	sums.absolute += absolute
}

// predict sets e.scores to the scores of the n ratings of a range of users.
func (e *evaluation) predict(users kernels.Span, n int) (err error) {
	if err := grow(e.stream, &e.predictions, n); err != nil {
		return err
	}
	if len(e.scores) < n {
		e.scores = make([]float32, n)
	}
	part, err := e.csr.Slice(users)
	if err != nil {
		return err
	}
	out := e.predictions.Slice(0, n)
	err = e.stream.Predict(out, part, e.users.RowRange(users.Lo, users.Hi), e.items)
	if err == nil {
		err = kernels.Download(e.stream, e.scores[:n], out)
	}
	return errors.Join(err, part.Free())
}
