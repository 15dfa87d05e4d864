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
type Recommender struct {
	model *Model
	items kernels.Matrix // items×width: factors and, with biases, the bias
	width int
	seen  kernels.CSR // nil if no ratings were given
	// trained is the bitmap of items that had ratings in training. The others
	// have no score and are never recommended.
	trained []uint32
	streams chan *session
	opened  []*session

	// mu is held for reading by every call and for writing by Close.
	mu     sync.RWMutex
	closed bool
}

// RecommenderOption changes how a Recommender works.
type RecommenderOption func(*recommenderOptions)

type recommenderOptions struct {
	seen    *Ratings
	streams int
}

// WithSeen leaves out of a user's recommendations what the user rated in r, which
// has the rows of the model; usually it is what the model was trained on.
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
		width:   m.config.width(),
		trained: trainedItems(m),
		streams: make(chan *session, o.streams),
	}
	if err := r.open(dev, o); err != nil {
		return nil, fmt.Errorf("als: recommender: %w", errors.Join(err, r.free()))
	}
	return r, nil
}

func trainedItems(m *Model) []uint32 {
	trained := make([]uint32, (m.Items()+31)/32)
	for i, n := range m.items.counts {
		if n > 0 {
			trained[i/32] |= 1 << (i % 32)
		}
	}
	return trained
}

func (r *Recommender) open(dev kernels.Device, o recommenderOptions) error {
	for range o.streams {
		stream, err := dev.NewStream()
		if err != nil {
			return err
		}
		s := &session{stream: stream}
		r.opened = append(r.opened, s)
		r.streams <- s
	}
	var err error
	if o.seen != nil {
		if r.seen, err = dev.NewCSR(o.seen.byUser); err != nil {
			return err
		}
	}
	// All streams read the items, so they must be there before the first call.
	first := r.opened[0].stream
	if r.items, err = kernels.AllocMatrix(first, r.model.Items(), r.width); err != nil {
		return err
	}
	if err := kernels.Upload(first, r.items.Buf, r.model.items.packed()); err != nil {
		return err
	}
	return first.Sync()
}

// packed is the factors with the bias, if there are biases, as one more column.
func (f *factors) packed() []float32 {
	if f.biases == nil {
		return f.vectors
	}
	width := f.rank + 1
	packed := make([]float32, f.rows*width)
	for row := range f.rows {
		copy(packed[row*width:], f.vector(row))
		packed[row*width+f.rank] = f.biases[row]
	}
	return packed
}

// Close waits for the calls under way and frees what the Recommender holds on the
// device. Later calls answer ErrClosed, as does a second Close.
func (r *Recommender) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("als: recommender: %w", ErrClosed)
	}
	r.closed = true
	if err := r.free(); err != nil {
		return fmt.Errorf("als: recommender: %w", err)
	}
	return nil
}

func (r *Recommender) free() error {
	var errs []error
	for _, s := range r.opened {
		errs = append(errs, s.close())
	}
	if r.seen != nil {
		errs = append(errs, r.seen.Free())
	}
	errs = append(errs, r.items.Free())
	return errors.Join(errs...)
}

// Model is the model that is asked.
func (r *Recommender) Model() *Model { return r.model }

// Scored is an item with its score.
type Scored struct {
	Item  int
	Score float32
}

// Recommend returns the n items with the highest scores for a user, highest
// first; of equal scores the lower item comes first. What the user has seen (see
// WithSeen), what had no ratings in training and what the options rule out is
// left out, so there may be fewer than n. A user who is not in the model or had no
// ratings in training is ErrUnknown.
func (r *Recommender) Recommend(ctx context.Context, user, n int, opts ...RecommendOption) ([]Scored, error) {
	var top []Scored
	err := r.with(ctx, user, func(s *session) error {
		if n < 1 {
			return configf("n", "is %d, want at least 1", n)
		}
		q := newQuery(r.trained, r.model.Items(), opts)
		if q.err != nil {
			return q.err
		}
		var err error
		top, err = r.recommend(s, user, min(n, r.model.Items()), q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("als: recommend: %w", err)
	}
	return top, nil
}

func (r *Recommender) recommend(s *session, user, n int, q query) (top []Scored, err error) {
	if err := s.setUser(r.model, user); err != nil {
		return nil, err
	}
	if err := grow(s.stream, &s.ids, n); err != nil {
		return nil, err
	}
	if err := grow(s.stream, &s.scores, n); err != nil {
		return nil, err
	}
	if err := grow(s.stream, &s.allow, len(q.allow)); err != nil {
		return nil, err
	}
	ids, scores, allow := s.ids.Slice(0, n), s.scores.Slice(0, n), s.allow.Slice(0, len(q.allow))
	if err := kernels.Upload(s.stream, allow, q.allow); err != nil {
		return nil, err
	}
	var seen kernels.CSR
	if r.seen != nil && !q.includeSeen {
		if seen, err = r.seen.Slice(kernels.Span{Lo: user, Hi: user + 1}); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, seen.Free()) }()
	}
	row := kernels.Matrix{Buf: scores, Rows: 1, Cols: n, Stride: n}
	if err := s.stream.ScoreTopK(ids, row, s.user, r.items, seen, allow); err != nil {
		return nil, err
	}
	hostIDs, hostScores := make([]int32, n), make([]float32, n)
	if err := kernels.Download(s.stream, hostIDs, ids); err != nil {
		return nil, err
	}
	if err := kernels.Download(s.stream, hostScores, scores); err != nil {
		return nil, err
	}
	top = make([]Scored, 0, n)
	for j, id := range hostIDs {
		if id < 0 {
			break
		}
		top = append(top, Scored{Item: int(id), Score: hostScores[j] + r.constant(user)})
	}
	return top, nil
}

// constant is the part of a score that is the same for all items.
func (r *Recommender) constant(user int) float32 { return r.model.mean + r.model.UserBias(user) }

// Score returns the scores of a user for items, in their order. A user or item
// that is not in the model or had no ratings in training is ErrUnknown.
func (r *Recommender) Score(ctx context.Context, user int, items ...int) ([]float32, error) {
	scores := make([]float32, len(items))
	err := r.with(ctx, user, func(s *session) error {
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
	if err := s.setUser(r.model, user); err != nil {
		return err
	}
	n := len(items)
	if err := grow(s.stream, &s.ids, n); err != nil {
		return err
	}
	if err := grow(s.stream, &s.scores, n); err != nil {
		return err
	}
	if err := grow(s.stream, &s.gathered, n*r.width); err != nil {
		return err
	}
	ids, out := s.ids.Slice(0, n), s.scores.Slice(0, n)
	if err := kernels.Upload(s.stream, ids, items); err != nil {
		return err
	}
	gathered := kernels.Matrix{Buf: s.gathered, Rows: n, Cols: r.width, Stride: r.width}
	if err := s.stream.GatherRows(gathered, r.items, ids); err != nil {
		return err
	}
	if err := s.stream.Gemm(kernels.NoTrans, kernels.Transpose, 1, gathered, s.user, 0, column(out)); err != nil {
		return err
	}
	if err := kernels.Download(s.stream, scores, out); err != nil {
		return err
	}
	for j := range scores {
		scores[j] += r.constant(user)
	}
	return nil
}

// with runs f with a stream of its own after checking the user.
func (r *Recommender) with(ctx context.Context, user int, f func(*session) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return ErrClosed
	}
	if err := r.model.users.check(Users, user); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s := <-r.streams:
		defer func() { r.streams <- s }()
		return f(s)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// session is a stream with buffers that grow to what its calls need.
type session struct {
	stream   kernels.Stream
	user     kernels.Matrix // 1×width: the factors of the user and, with biases, a 1
	hostUser []float32
	ids      kernels.Buffer[int32]
	scores   kernels.Buffer[float32]
	gathered kernels.Buffer[float32]
	allow    kernels.Buffer[uint32]
}

func (s *session) setUser(m *Model, user int) error {
	width := m.config.width()
	if s.user.Cols != width {
		x, err := kernels.AllocMatrix(s.stream, 1, width)
		if err != nil {
			return err
		}
		s.user, s.hostUser = x, make([]float32, width)
	}
	copy(s.hostUser, m.UserFactors(user))
	if width > m.Rank() {
		s.hostUser[m.Rank()] = 1
	}
	return kernels.Upload(s.stream, s.user.Buf, s.hostUser)
}

func (s *session) close() error {
	return errors.Join(s.user.Free(), s.ids.Free(), s.scores.Free(), s.gathered.Free(), s.allow.Free(), s.stream.Close())
}

// grow makes the buffer at least n elements long; its content is lost if it was
// shorter.
func grow[E kernels.Element](s kernels.Stream, b *kernels.Buffer[E], n int) error {
	if b.N >= n {
		return nil
	}
	if err := b.Free(); err != nil {
		return err
	}
	*b = kernels.Buffer[E]{}
	larger, err := kernels.AllocBuffer[E](s, n)
	if err != nil {
		return err
	}
	*b = larger
	return nil
}
