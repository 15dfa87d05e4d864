package cuda

import "strconv"

// wideShapes are the ranks that kernels/half_step_wide.cuh is compiled for.
var wideShapes = []tileShape{{160, 256, 1}, {256, 640, 1}}

// wide reports whether the rank is one of wideShapes.
func (t *tiles) wide() bool { return t.rank >= wideShapes[0].rank && !t.blocked() }

// launchWide adds up the parts of some giants and solves rows. If pairsStep is not 0, each
// row has terms over all pairs of its own, so many elements apart, with its ratings in
// them.
func (t *tiles) launchWide(s *stream, args []any, rows rowList, g giantRows, pairsStep int) error {
	return s.launch("half_step_"+strconv.Itoa(t.rank), line(g.parts+rows.count), line(t.threads), 0,
		append(args, rows.rows, rows.count, t.regularization, t.sums, g.bounds, g.parts, pairsStep)...)
}

// solveWideGiants solves giants whose parts are added up. The total of a giant takes no
// more memory than two parts, and a giant has two at least, so that there is room for all
// totals where as many parts would be.
func (t *tiles) solveWideGiants(s *stream, g giantRows) error {
	totals := t.sums.Add(g.parts * t.sumsBytes())
	args := t.arguments()
	hasOffsets := t.pairs != 0 && t.problem.OffsetGram.N > 0
	err := s.launch("add_wide_parts", dim{uint32(ceil(t.sumsBytes()/4, blockThreads)), uint32(g.count), 1}, line(blockThreads), 0,
		totals, t.sumsOf(g), g.firstPart, t.pairs, flag(hasOffsets), int32(t.rank))
	if err != nil {
		return err
	}
	args[6], args[7], args[9] = totals, t.rank, totals.Add(4*t.rank*t.rank)
	return t.launchWide(s, args, rowList{rows: g.rows, count: g.count}, giantRows{}, t.rank*t.rank+t.rank)
}
