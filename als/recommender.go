package als

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Recommender answers questions about a model on a device. It is safe for
// concurrent use; each call takes one of its streams and waits for one if all are
// busy. Its owner closes it, before the device.
//
// It holds the item factors on the device. The user factors, the factors of unit
// length that similarities come from and the terms of a fold-in come there when a
// call first needs them, and stay.
type Recommender struct {
	model   *Model
	dev     kernels.Device
	ratings *Ratings // of WithSeen, nil if none were given

	items, users *choices
	folding      lazyFolding   // of users, with the items fixed
	explaining   lazyFixedSide // the items, fixed, on the host

	streams chan *session
	opened  []*session

	blockRows int // the most users of a block of RecommendAll, 0 for no such bound; tests set it

	// calls counts those under way. It does not grow once closed is set.
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// RecommenderOption changes how a Recommender works.
type RecommenderOption func(*recommenderOptions)

type recommenderOptions struct {
	seen    *Ratings
	streams int
}

// WithSeen leaves out of a user's recommendations what the user rated in r, which
// has the rows of the model; usually it is what the model was trained on. Explain
// takes the ratings from it.
func WithSeen(r *Ratings) RecommenderOption {
	return func(o *recommenderOptions) { o.seen = r }
}

// WithStreams sets how many calls are worked on at once. The default is
// GOMAXPROCS.
func WithStreams(n int) RecommenderOption {
	return func(o *recommenderOptions) { o.streams = n }
}

// NewRecommender uploads what is needed of the model to the device. The device
// must stay open until the Recommender is closed.
func NewRecommender(dev kernels.Device, m *Model, opts ...RecommenderOption) (*Recommender, error) {
	o := recommenderOptions{streams: runtime.GOMAXPROCS(0)}
	for _, opt := range opts {
		opt(&o)
	}
	if o.streams < 1 {
		return nil, configf("WithStreams", "is %d, want at least 1", o.streams)
	}
	if s := o.seen; s != nil && (s.Users() != m.Users() || s.Items() != m.Items()) {
		return nil, configf("WithSeen", "has %d users and %d items, the model has %d and %d",
			s.Users(), s.Items(), m.Users(), m.Items())
	}
	r := &Recommender{
		model:   m,
		dev:     dev,
		ratings: o.seen,
		items:   newChoices(dev, m, Items, o.seen),
		users:   newChoices(dev, m, Users, o.seen),
		streams: make(chan *session, o.streams),
	}
	if err := r.open(o.streams); err != nil {
		return nil, fmt.Errorf("als: recommender: %w", errors.Join(err, r.free()))
	}
	return r, nil
}

func (r *Recommender) open(streams int) error {
	for range streams {
		stream, err := r.dev.NewStream()
		if err != nil {
			return err
		}
		s := &session{stream: stream}
		r.opened = append(r.opened, s)
		r.streams <- s
	}
	if err := r.items.hold(); err != nil {
		return err
	}
	_, err := r.items.forScores(r.opened[0].stream)
	return err
}

// Close waits for the calls under way and frees what the Recommender holds on the
// device. Later calls answer ErrClosed, as does a second Close.
func (r *Recommender) Close() error {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if closed {
		return fmt.Errorf("als: recommender: %w", ErrClosed)
	}
	r.calls.Wait()
	if err := r.free(); err != nil {
		return fmt.Errorf("als: recommender: %w", err)
	}
	return nil
}

func (r *Recommender) free() error {
	var errs []error
	for _, s := range r.opened {
		errs = append(errs, s.free())
	}
	errs = append(errs, r.items.free(), r.users.free(), r.folding.free())
	for _, s := range r.opened {
		errs = append(errs, s.stream.Close())
	}
	return errors.Join(errs...)
}

// Model is the model that is asked.
func (r *Recommender) Model() *Model { return r.model }

// begin counts a call that is under way until r.calls.Done.
func (r *Recommender) begin(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.calls.Add(1)
	return nil
}

// session waits for a stream. The caller gives it back with release.
func (r *Recommender) session(ctx context.Context) (*session, error) {
	select {
	case s := <-r.streams:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Recommender) release(s *session) { r.streams <- s }

// with runs f with a stream of its own.
func (r *Recommender) with(ctx context.Context, f func(*session) error) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	defer r.calls.Done()
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer r.release(s)
	return f(s)
}

// Score returns the scores of a user for items, in their order. A user or item
// that is not in the model or had no ratings in training is ErrUnknown.
func (r *Recommender) Score(ctx context.Context, user int, items ...int) ([]float32, error) {
	scores := make([]float32, len(items))
	err := r.with(ctx, func(s *session) error {
		if err := r.model.users.check(Users, user); err != nil {
			return err
		}
		ids := make([]int32, len(items))
		for j, i := range items {
			if err := r.model.items.check(Items, i); err != nil {
				return err
			}
			ids[j] = int32(i)
		}
		return r.score(s, user, ids, scores)
	})
	if err != nil {
		return nil, fmt.Errorf("als: score: %w", err)
	}
	return scores, nil
}

func (r *Recommender) score(s *session, user int, items []int32, scores []float32) error {
	y, err := r.items.forScores(s.stream)
	if err != nil {
		return err
	}
	x, err := s.setRows(&r.model.users, []int32{int32(user)}, y.Cols)
	if err != nil {
		return err
	}
	n := len(items)
	if err := grow(s.stream, &s.ids, n); err != nil {
		return err
	}
	if err := grow(s.stream, &s.scores, n); err != nil {
		return err
	}
	if err := grow(s.stream, &s.gathered, n*y.Cols); err != nil {
		return err
	}
	ids, out := s.ids.Slice(0, n), s.scores.Slice(0, n)
	if err := kernels.Upload(s.stream, ids, items); err != nil {
		return err
	}
	gathered := kernels.Matrix{Buf: s.gathered, Rows: n, Cols: y.Cols, Stride: y.Cols}
	if err := s.stream.GatherRows(gathered, y, ids); err != nil {
		return err
	}
	if err := s.stream.Gemm(kernels.NoTrans, kernels.Transpose, 1, gathered, x, 0, column(out)); err != nil {
		return err
	}
	if err := kernels.Download(s.stream, scores, out); err != nil {
		return err
	}
	for j := range scores {
		scores[j] += r.model.mean + r.model.UserBias(user)
	}
	return nil
}
