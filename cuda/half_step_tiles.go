package cuda

import (
	"strconv"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// tileShapes are the ranks that kernels/half_step_tiles.cuh is compiled for, ascending,
// with the threads of a block and the rows that it has in hand.
var tileShapes = []tileShape{
	{8, 128, 4}, {16, 128, 4}, {24, 64, 1}, {32, 128, 1}, {48, 96, 1}, {64, 160, 1}, {96, 96, 1}, {128, 160, 1},
}

// tf32Shapes are the ranks that kernels/half_step_tf32.cuh is compiled for, for GPUs of
// tf32Capability and later. Lower ranks than half of the first gain nothing.
var tf32Shapes = []tileShape{{64, 64, 1}, {96, 96, 1}, {128, 160, 1}}

const (
	tf32Capability = 8 // Ampere
	tf32Rank       = 33
)

// tileShape is an order of systems that kernels are compiled for.
type tileShape struct{ rank, threads, rows int }

// smallest returns the smallest of some shapes that has room for so many unknowns.
func smallest(shapes []tileShape, unknowns int) (shape tileShape, ok bool) {
	for _, shape := range shapes {
		if unknowns <= shape.rank {
			return shape, true
		}
	}
	return tileShape{}, false
}

// tiles is a half-step by Cholesky with its rank as a constant, for the rows that are
// no giants.
type tiles struct {
	tileShape
	tf32    bool
	problem *kernels.Problem

	// Scratch memory, 0 where it is not needed: the terms over all pairs, the
	// regularization of each row, Y in rows of the rank.
	pairs, regularization, y driver.Ptr
}

// tilesFor returns nil for a problem that tiles are not for.
func (d *device) tilesFor(p *kernels.Problem) *tiles {
	if p.Solver.Method != kernels.Cholesky {
		return nil
	}
	shapes, tf32 := tileShapes, false
	if major, _ := d.context.ComputeCapability(); d.reduced && major >= tf32Capability && p.X.Cols >= tf32Rank {
		shapes, tf32 = tf32Shapes, true
	}
	shape, ok := smallest(shapes, p.X.Cols)
	if !ok {
		return nil
	}
	return &tiles{tileShape: shape, tf32: tf32, problem: p}
}

// bytes is the scratch memory of the three operands.
func (t *tiles) bytes() (pairs, regularization, y int) {
	p := t.problem
	if p.Objective.Convention.AllPairs() {
		pairs = 4 * (t.rank*t.rank + t.rank)
	}
	if !t.fits(p.Y) {
		y = 4 * p.Y.Rows * t.rank
	}
	return roundUp(pairs, granule), roundUp(8*p.X.Rows, granule), roundUp(y, granule)
}

// fits reports whether a kernel can read the rows of Y as they are.
func (t *tiles) fits(y kernels.Matrix) bool {
	return y.Cols == t.rank && y.Stride%4 == 0 && address(y.Buf)%16 == 0
}

// size is the scratch memory of all operands together.
func (t *tiles) size() int {
	pairs, regularization, y := t.bytes()
	return pairs + regularization + y
}

// launch makes the operands in the scratch memory given and solves the rows of the
// list.
func (t *tiles) launch(s *stream, list rowList, scratch driver.Ptr) error {
	pairs, regularization, y := t.bytes()
	t.regularization = scratch
	if pairs > 0 {
		t.pairs = scratch.Add(regularization)
	}
	if y > 0 {
		t.y = scratch.Add(regularization + pairs)
	}
	p := t.problem
	if err := t.prepare(s); err != nil {
		return err
	}
	args := problemArguments(p)
	if t.y != 0 {
		args[0], args[1] = t.y, t.rank
	}
	if t.pairs != 0 {
		args[6], args[7] = t.pairs, t.rank
		if p.OffsetGram.N > 0 {
			args[9] = t.pairs.Add(4 * t.rank * t.rank)
		}
	}
	kernel := "half_step_" + strconv.Itoa(t.rank)
	if t.tf32 {
		kernel = "half_step_tf32_" + strconv.Itoa(t.rank)
	}
	if c := p.Objective.Convention; c == kernels.Implicit || c == kernels.Confidence {
		kernel += "_weighted"
	}
	return s.launch(kernel, line(ceil(list.count, t.rows)), line(t.threads), 0, append(args,
		address(p.X.Buf), p.X.Stride, address(p.Info), list.rows, list.count, t.regularization)...)
}

func (t *tiles) prepare(s *stream) error {
	p := t.problem
	if err := s.launchRegularization(p, t.regularization); err != nil {
		return err
	}
	if t.pairs != 0 {
		err := s.launch("pad_pairs", covering(t.rank*t.rank), line(blockThreads), 0,
			t.pairs, address(p.Gram.Buf), p.Gram.Stride, address(p.OffsetGram), allPairs(p.Objective), int32(p.X.Cols), int32(t.rank))
		if err != nil {
			return err
		}
	}
	if t.y != 0 {
		return s.launch("pad_factors", covering(p.Y.Rows*t.rank), line(blockThreads), 0,
			t.y, address(p.Y.Buf), p.Y.Stride, p.Y.Rows, int32(p.Y.Cols), int32(p.X.Cols), int32(t.rank))
	}
	return nil
}

// launchRegularization writes the diagonal terms of each row of a problem, 8 bytes.
func (s *stream) launchRegularization(p *kernels.Problem, out driver.Ptr) error {
	return s.launch("row_regularization", covering(32*p.X.Rows), line(blockThreads), 0,
		append(problemArguments(p), out, p.X.Rows)...)
}

// covering is a grid of blockThreads for so many threads, or as many as go round.
func covering(threads int) dim { return line(min(ceil(threads, blockThreads), mostBlocks)) }
