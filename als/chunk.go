package als

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/halfstep-ml/halfstep/kernels"
)

// A half-step goes to the device in chunks of rows: to look at the context often
// enough, and to do with less memory where there is not enough. A row's result
// does not depend on its chunk.
const (
	// firstChunkOps takes some 100 ms on one slow core.
	firstChunkOps = 2e8

	// A chunk that is enqueued faster than shortChunk is followed by one of twice
	// the size, one that takes longer than longChunk by one of half, so that a
	// cancelled context is seen within 250 ms.
	shortChunk = 30 * time.Millisecond
	longChunk  = 90 * time.Millisecond
)

// solve runs the half-step p over all rows of s.
func (t *trainer) solve(p *kernels.Problem, s *side) error {
	rows := s.ratings.Rows
	for lo := 0; lo < rows; {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		hi := chunkEnd(s.ratings.Offsets, lo, t.cfg.width(), t.chunkOps)
		start := time.Now()
		err := t.solveChunk(p, kernels.Span{Lo: lo, Hi: hi})
		if errors.Is(err, kernels.ErrMemory) && hi-lo > 1 {
			t.fittingOps = chunkCost(s.ratings.Offsets, lo, (lo+hi)/2, t.cfg.width())
			t.chunkOps = t.fittingOps
			continue
		}
		if err != nil {
			return fmt.Errorf("%ss [%d,%d): %w", s.name, lo, hi, err)
		}
		switch took := time.Since(start); {
		case took < shortChunk && hi < rows:
			t.chunkOps = min(2*t.chunkOps, t.fittingOps)
		case took > longChunk:
			t.chunkOps /= 2
		}
		lo = hi
	}
	return nil
}

// solveChunk enqueues the half-step of a range of rows.
func (t *trainer) solveChunk(p *kernels.Problem, rows kernels.Span) (err error) {
	if rows.Lo == 0 && rows.Hi == p.X.Rows {
		return t.stream.HalfStep(p)
	}
	chunk := *p
	chunk.X = p.X.RowRange(rows.Lo, rows.Hi)
	chunk.Info = p.Info.Slice(rows.Lo, rows.Hi)
	if chunk.R, err = p.R.Slice(rows); err != nil {
		return err
	}
	err = t.stream.HalfStep(&chunk)
	if e := chunk.R.Free(); err == nil {
		err = e
	}
	return err
}

// chunkEnd is the end of the chunk that begins at row lo and costs about ops
// operations, at least one row.
func chunkEnd(offsets []int64, lo, width int, ops float64) int {
	rows := len(offsets) - 1
	n := sort.Search(rows-lo, func(i int) bool {
		return chunkCost(offsets, lo, lo+i+1, width) > ops
	})
	return lo + max(n, 1)
}

// chunkCost is the number of operations of solving rows lo to hi exactly: K(K+1)
// a rating for the matrix, K³/3 + 2K² a row for the solution. The other solvers
// cost less or about as much.
func chunkCost(offsets []int64, lo, hi, width int) float64 {
	k := float64(width)
	return float64(offsets[hi]-offsets[lo])*k*(k+1) + float64(hi-lo)*(k*k*k/3+2*k*k)
}
