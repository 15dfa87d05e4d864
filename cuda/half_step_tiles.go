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

// nonNegativeShapes are those of kernels/half_step_nonnegative.cuh, for the same ranks.
var nonNegativeShapes = []tileShape{
	{8, 128, 4}, {16, 128, 4}, {24, 128, 4}, {32, 64, 1}, {48, 96, 1}, {64, 160, 1}, {96, 96, 1}, {128, 160, 1},
}

// tf32Threads are the threads of a block of kernels/half_step_tf32.cuh by the rank that
// it is compiled for, for GPUs of tf32Capability and later. Lower ranks than half of the
// first gain nothing.
var tf32Threads = map[int]int{64: 64, 96: 96, 128: 160}

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

// tile is the side of a tile.
func (t tileShape) tile() int {
	if t.rank > 64 {
		return 8
	}
	return 4
}

// sumsBytes is the memory for the sums over the ratings of a part, which
// kernels/system_tiles.cuh lays out.
func (t tileShape) sumsBytes() int {
	if t.blocked() {
		return 4 * (t.blocks()*blockedSide*blockedSide + t.rank)
	}
	side := t.rank / t.tile()
	return 4 * (side*(side+1)/2*t.tile()*t.tile() + t.rank)
}

// partLength is the number of ratings of a row that one block, or one warp where a block
// has several rows in hand, adds up; kernels/half_step_parts.cuh says why.
func (t tileShape) partLength() int {
	if t.rows > 1 {
		return 512
	}
	return 2048
}

// tiles is a half-step whose ratings are added up with the rank as a constant, or for
// blocks of a constant size.
type tiles struct {
	tileShape
	others  rowMethod // for the rows that are no giants
	problem *kernels.Problem

	// Scratch memory, 0 where it is not needed: the terms over all pairs, the
	// regularization of each row, Y in rows of the rank, the sums over parts.
	pairs, regularization, y, sums driver.Ptr
}

// rowMethod is how the rows that are no giants are solved.
type rowMethod int

const (
	inTiles  rowMethod = iota // in the launch that adds up the parts of giants
	inTF32                    // with reduced precision
	gathered                  // by CG without their matrices, while they fit shared memory
	asGiants                  // from sums in memory
)

// tilesFor returns nil for a problem that tiles are not for.
func (d *device) tilesFor(p *kernels.Problem) *tiles {
	t := &tiles{problem: p}
	unknowns := p.X.Cols
	switch p.Solver.Method {
	case kernels.CG:
		t.others = gathered
		if unknowns < cgGatheredRank {
			t.others = asGiants
		}
	case kernels.Subspace:
		t.others = asGiants
		if p.Solver.Block > mostBlock {
			return nil
		}
	case kernels.NonNegative:
		t.others = asGiants
	default:
		if major, _ := d.context.ComputeCapability(); d.reduced && major >= tf32Capability && unknowns >= tf32Rank {
			t.others = inTF32
			unknowns = max(unknowns, 64) // the first of tf32Threads
		}
	}
	var ok bool
	t.tileShape, ok = smallest(tileShapes, unknowns)
	if !ok && p.Solver.Method == kernels.Cholesky {
		t.tileShape, ok = smallest(wideShapes, unknowns)
		t.others = inTiles
		if !ok {
			t.tileShape, ok = blockedShape(unknowns), true
			t.others = asGiants
		}
	}
	if !ok {
		return nil
	}
	return t
}

// bytes is the scratch memory of the three operands, of which rows that are gathered need
// the regularization alone.
func (t *tiles) bytes(parts int) (pairs, regularization, y int) {
	p := t.problem
	if t.others == gathered && parts == 0 {
		return 0, roundUp(8*p.X.Rows, granule), 0
	}
	if p.Objective.Convention.AllPairs() {
		pairs = 4 * (t.rank*t.rank + t.rank)
	}
	if !t.fits(p.Y) {
		y = 4 * p.Y.Rows * t.rank
	}
	return roundUp(pairs, granule), roundUp(8*p.X.Rows, granule), roundUp(y, granule)
}

// fits reports whether a kernel can read the rows of Y as they are: 16 bytes at a time,
// with a stride of 32 bits.
func (t *tiles) fits(y kernels.Matrix) bool {
	return y.Cols == t.rank && y.Stride%4 == 0 && uint64(y.Stride) < 1<<32 && address(y.Buf)%16 == 0
}

// cut is how rows are taken.
func (t *tiles) cut() cut {
	c := cut{whole: t.partLength(), length: t.partLength()}
	switch t.others {
	case gathered:
		c.whole = cgPanelRows(t.problem.X.Cols)
	case asGiants:
		c.whole = -1
	}
	if t.blocked() {
		c.limit = int(min(blockedLimit, t.problem.R.(*csr).dev.memory.total/blockedShare))
	}
	return c
}

// halfStep solves all rows. The parts of giants, which are longest, and the other rows
// are one launch, or as many more as there are batches of giants beyond the first.
func (t *tiles) halfStep(s *stream) error {
	m, err := t.problem.R.(*csr).planned(t.cut())
	if err != nil || t.problem.X.Rows == 0 {
		return err
	}
	if err := t.prepare(s, m.schedule.mostPartsAtOnce(t.sumsBytes())); err != nil {
		return err
	}
	rows := rowList{rows: m.rowList, count: len(m.schedule.rows)}
	if t.others != inTiles && rows.count > 0 {
		if err := t.solveRows(s, rows); err != nil {
			return err
		}
		rows.count = 0
	}
	for first, end := range m.schedule.batches(t.sumsBytes()) {
		g := m.giantsOf(first, end)
		if err := t.launch(s, rows, g); err != nil {
			return err
		}
		rows.count = 0
		if err := t.solveGiants(s, g); err != nil {
			return err
		}
	}
	return t.launch(s, rows, giantRows{})
}

// solveRows solves rows that are no giants in a launch of their own.
func (t *tiles) solveRows(s *stream, rows rowList) error {
	if t.others == gathered {
		return s.launchCG(t.problem, rows, t.regularization)
	}
	return s.launch("half_step_tf32_"+strconv.Itoa(t.rank)+t.weighted(), line(rows.count), line(tf32Threads[t.rank]), 0,
		append(t.arguments(), rows.rows, rows.count, t.regularization)...)
}

// solveGiants solves giants whose parts are added up.
func (t *tiles) solveGiants(s *stream, g giantRows) error {
	switch {
	case t.wide():
		return t.solveWideGiants(s, g)
	case t.blocked():
		return t.solveBlocked(s, g)
	}
	kernel, shape := "half_step_parts_", t.tileShape
	switch t.problem.Solver.Method {
	case kernels.CG, kernels.Subspace:
		return t.solveSums(s, g)
	case kernels.NonNegative:
		kernel = "half_step_nonnegative_"
		shape, _ = smallest(nonNegativeShapes, t.rank)
	}
	return s.launch(kernel+strconv.Itoa(t.rank), line(ceil(g.count, shape.rows)), line(shape.threads), 0,
		append(t.arguments(), g.rows, g.count, t.regularization, t.sumsOf(g), g.firstPart)...)
}

// sumsOf is where the sums over part 0 of the matrix would be, if they were held together
// with those of some giants.
func (t *tiles) sumsOf(g giantRows) driver.Ptr { return t.sums.Add(-g.skipped * t.sumsBytes()) }

// launch adds up the parts of some giants and solves rows.
func (t *tiles) launch(s *stream, rows rowList, g giantRows) error {
	if g.parts+rows.count == 0 {
		return nil
	}
	switch {
	case t.wide():
		return t.launchWide(s, t.arguments(), rows, g, 0)
	case t.blocked(): // there are no rows that are not taken as giants
		return t.launchBlocked(s, g)
	}
	return s.launch("half_step_"+strconv.Itoa(t.rank)+t.weighted(), line(ceil(g.parts+rows.count, t.rows)), line(t.threads), 0,
		append(t.arguments(), rows.rows, rows.count, t.regularization, t.sums, g.bounds, g.parts)...)
}

// weighted is how the names of kernels end that know weights other than 1.
func (t *tiles) weighted() string {
	if c := t.problem.Objective.Convention; c == kernels.Implicit || c == kernels.Confidence {
		return "_weighted"
	}
	return ""
}

// arguments are the PROBLEM_PARAMETERS with the operands as they were made to fit, and
// the results.
func (t *tiles) arguments() []any {
	p := t.problem
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
	return append(args, address(p.X.Buf), p.X.Stride, address(p.Info))
}

// prepare lays out the scratch memory, with room for the sums over so many parts, and
// makes the operands.
func (t *tiles) prepare(s *stream, parts int) error {
	pairs, regularization, y := t.bytes(parts)
	sums := parts * t.sumsBytes()
	if t.wide() {
		sums *= 2 // for the totals of giants
	}
	memory, err := s.scratch(pairs + regularization + y + sums)
	if err != nil {
		return err
	}
	t.regularization = memory
	memory = memory.Add(regularization)
	if pairs > 0 {
		t.pairs = memory
	}
	memory = memory.Add(pairs)
	if y > 0 {
		t.y = memory
	}
	t.sums = memory.Add(y)
	return t.makeOperands(s)
}

func (t *tiles) makeOperands(s *stream) error {
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
