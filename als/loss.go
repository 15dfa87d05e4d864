package als

import (
	"errors"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// lossTerms is the device memory that the loss needs.
type lossTerms struct {
	spans  []kernels.Span
	stored kernels.Buffer[float64] // two sums for each span, as Loss writes them
	norms  kernels.Buffer[float32] // of the rows of either side

	// For terms over all pairs: the Gram matrix and column sums of the users.
	gram kernels.Matrix
	sums kernels.Buffer[float32]
}

// lossChunkOps is the size of a chunk of the loss in operations: some 100 ms on
// one slow core. It is fixed, since the sums of the chunks are part of the result.
const lossChunkOps = 2e8

func (t *trainer) allocateLoss() (err error) {
	l := &t.lossTerm
	width := t.cfg.width()
	offsets := t.ratings.byUser.Offsets
	for lo := 0; lo < t.ratings.Users(); {
		// A rating costs 2K operations here and K(K+1) in a half-step.
		hi := chunkEnd(offsets, lo, width, lossChunkOps*float64(width+1)/2)
		l.spans = append(l.spans, kernels.Span{Lo: lo, Hi: hi})
		lo = hi
	}
	if l.stored, err = kernels.AllocBuffer[float64](t.stream, 2*len(l.spans)); err != nil {
		return err
	}
	if l.norms, err = kernels.AllocBuffer[float32](t.stream, max(t.ratings.Users(), t.ratings.Items())); err != nil {
		return err
	}
	if !t.cfg.Convention.AllPairs() {
		return nil
	}
	if l.gram, err = kernels.AllocMatrix(t.stream, width, width); err != nil {
		return err
	}
	l.sums, err = kernels.AllocBuffer[float32](t.stream, width)
	return err
}

type loss struct {
	objective float64
	rmse      float64 // over the stored pairs
}

// loss computes the objective of the present factors.
func (t *trainer) loss() (loss, error) {
	p, err := t.problem(&t.users, &t.items)
	if err != nil {
		return loss{}, err
	}
	squared, objective, err := t.storedLoss(p)
	if err != nil {
		return loss{}, err
	}
	if t.cfg.Convention.AllPairs() {
		all, err := t.allPairsLoss(p)
		if err != nil {
			return loss{}, err
		}
		objective += all
	}
	for _, s := range []*side{&t.users, &t.items} {
		penalty, err := t.penalty(s)
		if err != nil {
			return loss{}, err
		}
		objective += penalty
	}
	return loss{objective: objective, rmse: math.Sqrt(squared / float64(t.ratings.Len()))}, nil
}

// storedLoss returns the two sums over the stored pairs, see
// kernels.Factorization.
func (t *trainer) storedLoss(p *kernels.Problem) (squared, objective float64, err error) {
	l := &t.lossTerm
	for i, span := range l.spans {
		if err := t.ctx.Err(); err != nil {
			return 0, 0, err
		}
		out := l.stored.Slice(2*i, 2*i+2)
		err := t.lossChunk(out, p, span)
		if errors.Is(err, kernels.ErrMemory) && span.Hi-span.Lo > 1 {
			err = t.dividedLoss(out, p, span)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	sums := make([]float64, l.stored.N)
	if err := kernels.Download(t.stream, sums, l.stored); err != nil {
		return 0, 0, err
	}
	for i := range l.spans {
		squared += sums[2*i]
		objective += sums[2*i+1]
	}
	return squared, objective, nil
}

// dividedLoss is lossChunk for rows that do not fit the device together: in halves, and
// halves of those. The last digits of the sums may differ from those of the whole.
func (t *trainer) dividedLoss(out kernels.Buffer[float64], p *kernels.Problem, rows kernels.Span) error {
	middle := (rows.Lo + rows.Hi) / 2
	var sums [2]float64
	for _, half := range []kernels.Span{{Lo: rows.Lo, Hi: middle}, {Lo: middle, Hi: rows.Hi}} {
		err := t.lossChunk(out, p, half)
		if errors.Is(err, kernels.ErrMemory) && half.Hi-half.Lo > 1 {
			err = t.dividedLoss(out, p, half)
		}
		if err != nil {
			return err
		}
		var part [2]float64
		if err := kernels.Download(t.stream, part[:], out); err != nil {
			return err
		}
		sums[0] += part[0]
		sums[1] += part[1]
	}
	return kernels.Upload(t.stream, out, sums[:])
}

func (t *trainer) lossChunk(out kernels.Buffer[float64], p *kernels.Problem, rows kernels.Span) (err error) {
	chunk := *p
	chunk.X = p.X.RowRange(rows.Lo, rows.Hi)
	if chunk.R, err = p.R.Slice(rows); err != nil {
		return err
	}
	err = t.stream.Loss(out, &chunk)
	if e := chunk.R.Free(); err == nil {
		err = e
	}
	return err
}

// allPairsLoss is g·Σ_all s² of the scores of all pairs. With rows (x, b, 1) and
// (y, 1, o) a score is a dot product, and the sum of their squares is the sum of
// the element-wise product of the two Gram matrices.
func (t *trainer) allPairsLoss(p *kernels.Problem) (float64, error) {
	l := &t.lossTerm
	if err := t.stream.Gram(l.gram, t.users.factors); err != nil {
		return 0, err
	}
	users := make([]float32, l.gram.Buf.N)
	items := make([]float32, l.gram.Buf.N)
	if err := kernels.Download(t.stream, users, l.gram.Buf); err != nil {
		return 0, err
	}
	if err := kernels.Download(t.stream, items, p.Gram.Buf); err != nil {
		return 0, err
	}
	sum := dot(users, items)
	if t.cfg.Biases {
		offsets, err := t.offsetLoss(p)
		if err != nil {
			return 0, err
		}
		sum += offsets
	}
	return t.cfg.allPairs() * sum, nil
}

// offsetLoss is the part of Σ_all s² that the items' offsets add.
func (t *trainer) offsetLoss(p *kernels.Problem) (float64, error) {
	l := &t.lossTerm
	if err := t.stream.ColumnSums(l.sums, t.users.factors); err != nil {
		return 0, err
	}
	all := kernels.Matrix{Buf: p.Offset, Rows: 1, Cols: p.Offset.N, Stride: p.Offset.N}
	if err := t.stream.RowNorms(l.norms.Slice(0, 1), all); err != nil {
		return 0, err
	}
	sums := make([]float32, l.sums.N)
	products := make([]float32, l.sums.N)
	var norm [1]float32
	if err := kernels.Download(t.stream, sums, l.sums); err != nil {
		return 0, err
	}
	if err := kernels.Download(t.stream, products, p.OffsetGram); err != nil {
		return 0, err
	}
	if err := kernels.Download(t.stream, norm[:], l.norms.Slice(0, 1)); err != nil {
		return 0, err
	}
	return 2*dot(sums, products) + float64(t.ratings.Users())*float64(norm[0])*float64(norm[0]), nil
}

// penalty is the regularization term of one side.
func (t *trainer) penalty(s *side) (float64, error) {
	rank := t.cfg.Rank
	squares, err := t.rowSquares(s, s.factors.ColumnRange(0, rank))
	if err != nil {
		return 0, err
	}
	sum := t.cfg.lambda(s.name) * t.weighted(s, squares)
	if t.cfg.Biases {
		if squares, err = t.rowSquares(s, s.factors.ColumnRange(rank, rank+1)); err != nil {
			return 0, err
		}
		sum += t.cfg.biasLambda(s.name) * t.weighted(s, squares)
	}
	return sum, nil
}

func (t *trainer) rowSquares(s *side, m kernels.Matrix) ([]float64, error) {
	norms := make([]float32, m.Rows)
	buffer := t.lossTerm.norms.Slice(0, m.Rows)
	if err := t.stream.RowNorms(buffer, m); err != nil {
		return nil, err
	}
	if err := kernels.Download(t.stream, norms, buffer); err != nil {
		return nil, err
	}
	squares := make([]float64, m.Rows)
	for i, n := range norms {
		squares[i] = float64(n) * float64(n)
	}
	return squares, nil
}

// weighted is the sum of (n + w₀N)^ν·squares over the rows of a side.
func (t *trainer) weighted(s *side, squares []float64) float64 {
	sum := 0.0
	for row, square := range squares {
		if square == 0 {
			continue
		}
		_, values := rowOf(s.ratings, row)
		sum += t.cfg.weight(values, s.ratings.Cols) * square
	}
	return sum
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}
