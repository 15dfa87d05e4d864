package cuda

// Ranks above those of wideShapes are taken in blocks of so many unknowns, by so many
// threads; see kernels/half_step_blocked.cu.
const (
	blockedSide    = 128
	blockedThreads = 256

	// blockedLimit bounds the systems that are held at the same time, in bytes: two of
	// rank 512 on each multiprocessor of a large GPU take 180 MB. blockedShare is the part
	// of the device's memory, one over this number, that they take at most.
	blockedLimit = 256 << 20
	blockedShare = 8
)

func blockedShape(unknowns int) tileShape {
	return tileShape{roundUp(unknowns, blockedSide), blockedThreads, 1}
}

// blocked reports whether systems lie in memory as blocks.
func (t tileShape) blocked() bool { return t.rank > wideShapes[len(wideShapes)-1].rank }

// blocks counts the blocks of a system.
func (t tileShape) blocks() int {
	side := t.rank / blockedSide
	return side * (side + 1) / 2
}

// launchBlocked adds up the parts of some rows.
func (t *tiles) launchBlocked(s *stream, g giantRows) error {
	args := t.arguments()
	return s.launch("block_sums", line(g.parts*t.blocks()), line(t.threads), 0,
		append(args[:problemParameters:problemParameters], t.sums, g.bounds, int32(t.rank))...)
}

// solveBlocked solves rows whose parts are added up.
func (t *tiles) solveBlocked(s *stream, g giantRows) error {
	return s.launch("half_step_blocked", line(g.count), line(t.threads), 0,
		append(t.arguments(), g.rows, t.regularization, t.sumsOf(g), g.firstPart, int32(t.rank))...)
}
