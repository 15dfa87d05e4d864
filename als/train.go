package als

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Progress is the state of training after an iteration.
type Progress struct {
	Iteration  int // counted from 1
	Iterations int
	Elapsed    time.Duration // since the beginning of training

	// Loss is the objective and TrainRMSE the root of the mean squared error over
	// the ratings. Both are 0 unless WithLoss was given.
	Loss      float64
	TrainRMSE float64

	// ValidationRMSE is the error over the ratings of WithValidation, 0 without.
	ValidationRMSE float64

	// SecondTries counts the rows so far that were solved on the host because the
	// device could not.
	SecondTries int64
}

// Train factorizes the ratings on a device. It allocates on the device and frees
// everything before it returns; dev stays open.
//
// Training starts from random item factors made of cfg.Seed; users are solved
// first. The result depends on the ratings, the configuration and the device's
// instruction path alone, not on the number of threads.
//
// Errors are ErrConfig for a configuration that makes no sense or ratings that
// are empty, ErrSingular if a row has no solution, ctx.Err() if ctx ends, and
// those of the device. There is never half a model.
func Train(ctx context.Context, dev kernels.Device, ratings *Ratings, cfg Config, opts ...TrainOption) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if ratings == nil || ratings.Len() == 0 {
		return nil, configf("ratings", "are empty, want at least one")
	}
	o := trainOptions{chunkOps: firstChunkOps}
	for _, opt := range opts {
		opt(&o)
	}
	cfg = cfg.Resolved()
	if err := o.check(cfg, ratings); err != nil {
		return nil, err
	}
	t := &trainer{
		ctx: ctx, cfg: cfg, options: o, ratings: ratings, start: time.Now(),
		chunkOps: o.chunkOps, fittingOps: math.Inf(1),
	}
	model, err := t.run(dev)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil, err
		}
		return nil, fmt.Errorf("als: train: %w", err)
	}
	return model, nil
}

// trainer is the state of one call of Train.
type trainer struct {
	ctx     context.Context
	cfg     Config
	options trainOptions
	ratings *Ratings
	start   time.Time

	dev      kernels.Device
	stream   kernels.Stream
	users    side
	items    side
	allPairs allPairs  // empty for explicit
	lossTerm lossTerms // empty without WithLoss
	mean     float32
	losses   []float64

	validation []float64 // RMSE after each iteration
	best       *Model    // of the iteration with the lowest one

	iteration   int   // the one at hand or done last, counted from 1
	secondTries int64 // rows that were solved on the host

	// chunkOps is how many operations are enqueued between two looks at ctx, and
	// fittingOps the most that device memory was not found too small for.
	chunkOps, fittingOps float64
}

// side is users or items on the device.
type side struct {
	name    Side
	ratings kernels.HostCSR
	csr     kernels.CSR

	// factors has Config.width columns: the factors and, with biases, the bias.
	factors kernels.Matrix
	// offset is the bias plus the mean of each row, empty without biases. It is
	// what the other side's half-step subtracts.
	offset kernels.Buffer[float32]
	info   kernels.Buffer[int32]

	infoHost []int32
}

// allPairs is the terms over all pairs of the half-step at hand.
type allPairs struct {
	gram       kernels.Matrix          // width×width
	sums       kernels.Buffer[float32] // rank: column sums of the fixed side
	offsetGram kernels.Buffer[float32] // width
}

func (t *trainer) run(dev kernels.Device) (model *Model, err error) {
	t.dev = dev
	if t.stream, err = dev.NewStream(); err != nil {
		return nil, err
	}
	defer closing(t.stream.Close, &model, &err)
	defer t.free(&model, &err)
	if err := t.allocate(dev); err != nil {
		return nil, err
	}
	if err := t.initialize(); err != nil {
		return nil, err
	}
	for t.iteration < t.cfg.Iterations && !t.stopped() {
		t.iteration++
		if err := t.iterate(); err != nil {
			return nil, err
		}
	}
	if t.best != nil && t.best.iterations != t.iteration {
		return t.best, nil
	}
	return t.model()
}

// closing runs a cleanup whose error counts if there is no other.
func closing(cleanup func() error, model **Model, err *error) {
	if e := cleanup(); e != nil && *err == nil {
		*model, *err = nil, e
	}
}

func (t *trainer) allocate(dev kernels.Device) error {
	t.users = side{name: Users, ratings: t.ratings.byUser}
	t.items = side{name: Items, ratings: t.ratings.byItem}
	for _, s := range []*side{&t.users, &t.items} {
		if err := t.allocateSide(dev, s); err != nil {
			return err
		}
	}
	if t.options.loss {
		if err := t.allocateLoss(); err != nil {
			return err
		}
	}
	if !t.cfg.Convention.AllPairs() {
		return nil
	}
	width := t.cfg.width()
	var err error
	if t.allPairs.gram, err = kernels.AllocMatrix(t.stream, width, width); err != nil {
		return err
	}
	if !t.cfg.Biases {
		return nil
	}
	if t.allPairs.sums, err = kernels.AllocBuffer[float32](t.stream, t.cfg.Rank); err != nil {
		return err
	}
	t.allPairs.offsetGram, err = kernels.AllocBuffer[float32](t.stream, width)
	return err
}

func (t *trainer) allocateSide(dev kernels.Device, s *side) (err error) {
	if s.csr, err = dev.NewCSR(s.ratings); err != nil {
		return err
	}
	rows := s.ratings.Rows
	if s.factors, err = kernels.AllocMatrix(t.stream, rows, t.cfg.width()); err != nil {
		return err
	}
	if s.info, err = kernels.AllocBuffer[int32](t.stream, rows); err != nil {
		return err
	}
	s.infoHost = make([]int32, rows)
	if t.cfg.Biases {
		s.offset, err = kernels.AllocBuffer[float32](t.stream, rows)
	}
	return err
}

func (t *trainer) free(model **Model, err *error) {
	for _, s := range []*side{&t.users, &t.items} {
		if s.csr != nil {
			closing(s.csr.Free, model, err)
		}
		closing(s.factors.Free, model, err)
		closing(s.offset.Free, model, err)
		closing(s.info.Free, model, err)
	}
	closing(t.allPairs.gram.Free, model, err)
	closing(t.allPairs.sums.Free, model, err)
	closing(t.allPairs.offsetGram.Free, model, err)
	closing(t.lossTerm.stored.Free, model, err)
	closing(t.lossTerm.norms.Free, model, err)
	closing(t.lossTerm.gram.Free, model, err)
	closing(t.lossTerm.sums.Free, model, err)
}

func (t *trainer) iterate() error {
	if err := t.halfStep(&t.users, &t.items); err != nil {
		return err
	}
	if err := t.halfStep(&t.items, &t.users); err != nil {
		return err
	}
	p := Progress{Iteration: t.iteration, Iterations: t.cfg.Iterations, SecondTries: t.secondTries}
	if t.options.loss {
		loss, err := t.loss()
		if err != nil {
			return err
		}
		p.Loss, p.TrainRMSE = loss.objective, loss.rmse
		t.losses = append(t.losses, loss.objective)
	}
	if err := t.keep(); err != nil {
		return err
	}
	if n := len(t.validation); n > 0 {
		p.ValidationRMSE = t.validation[n-1]
	}
	if t.options.progress != nil {
		p.Elapsed = time.Since(t.start)
		t.options.progress(p)
	}
	return nil
}

// halfStep solves the rows of s with the other side fixed.
func (t *trainer) halfStep(s, fixed *side) error {
	p, err := t.problem(s, fixed)
	if err != nil {
		return err
	}
	if err := t.solve(p, s); err != nil {
		return err
	}
	if err := kernels.Download(t.stream, s.infoHost, s.info); err != nil {
		return err
	}
	return t.solveFailed(s, fixed)
}

// problem makes the half-step of all rows of s, with the terms of the fixed side
// computed.
func (t *trainer) problem(s, fixed *side) (*kernels.Problem, error) {
	p := &kernels.Problem{
		X:         s.factors,
		Y:         fixed.factors.ColumnRange(0, t.cfg.Rank),
		R:         s.csr,
		Objective: t.cfg.objective(s.name),
		Solver:    t.cfg.solver(),
		Info:      s.info,
	}
	if t.cfg.Biases {
		if err := t.computeOffset(fixed); err != nil {
			return nil, err
		}
		p.Offset = fixed.offset
	}
	if t.cfg.Convention.AllPairs() {
		if err := t.computeGram(fixed); err != nil {
			return nil, err
		}
		p.Gram, p.OffsetGram = t.allPairs.gram, t.allPairs.offsetGram
	}
	return p, nil
}

// computeOffset sets the offset of each row to the mean plus its bias.
func (t *trainer) computeOffset(s *side) error {
	offset := column(s.offset)
	if err := t.stream.Fill(offset, t.mean); err != nil {
		return err
	}
	return t.stream.Axpy(1, s.factors.ColumnRange(t.cfg.Rank, t.cfg.Rank+1), offset)
}

// computeGram sets the terms over all pairs. With biases the rows y of the fixed
// side count as (y, 1), so the Gram matrix has a border of column sums.
func (t *trainer) computeGram(s *side) error {
	rank := t.cfg.Rank
	y := s.factors.ColumnRange(0, rank)
	gram := t.allPairs.gram
	if err := t.stream.Gram(gram.RowRange(0, rank).ColumnRange(0, rank), y); err != nil {
		return err
	}
	if !t.cfg.Biases {
		return nil
	}
	if err := t.stream.ColumnSums(t.allPairs.sums, y); err != nil {
		return err
	}
	sums := column(t.allPairs.sums)
	row := kernels.Matrix{Buf: sums.Buf, Rows: 1, Cols: rank, Stride: rank}
	if err := t.stream.CopyMatrix(gram.RowRange(0, rank).ColumnRange(rank, rank+1), sums); err != nil {
		return err
	}
	if err := t.stream.CopyMatrix(gram.RowRange(rank, rank+1).ColumnRange(0, rank), row); err != nil {
		return err
	}
	if err := t.stream.Fill(gram.RowRange(rank, rank+1).ColumnRange(rank, rank+1), float32(y.Rows)); err != nil {
		return err
	}
	offset := column(s.offset)
	products := column(t.allPairs.offsetGram.Slice(0, rank))
	if err := t.stream.Gemm(kernels.Transpose, kernels.NoTrans, 1, y, offset, 0, products); err != nil {
		return err
	}
	return t.stream.ColumnSums(t.allPairs.offsetGram.Slice(rank, rank+1), offset)
}

// column views a buffer as a matrix of one column.
func column(b kernels.Buffer[float32]) kernels.Matrix {
	return kernels.Matrix{Buf: b, Rows: b.N, Cols: 1, Stride: 1}
}

// model brings the factors to the host.
func (t *trainer) model() (*Model, error) {
	m := &Model{
		config:      t.cfg,
		mean:        t.mean,
		losses:      slices.Clone(t.losses),
		iterations:  t.iteration,
		validation:  slices.Clone(t.validation),
		secondTries: t.secondTries,
		users:       newFactors(t.ratings.byUser, t.cfg, t.ratings.userIDs),
		items:       newFactors(t.ratings.byItem, t.cfg, t.ratings.itemIDs),
	}
	if err := m.users.download(t.stream, t.users.factors, t.cfg.Rank); err != nil {
		return nil, err
	}
	if err := m.items.download(t.stream, t.items.factors, t.cfg.Rank); err != nil {
		return nil, err
	}
	return m, nil
}
