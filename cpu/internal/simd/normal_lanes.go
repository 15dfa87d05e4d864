package simd

// SummedRows are the sums of some rows, at most as many as lanes, for SolveRows.
type SummedRows struct {
	Sums []float32 // Size elements a row

	// Factors and Bias are added to the diagonal: Factors to the elements of the
	// first Stored unknowns of a row, Bias to those of the others.
	Factors, Bias [16]float32
	Stored        int

	X   []float32 // the solutions, LDX apart
	LDX int
}

// SolvesRows reports whether SolveRows is there: where a vector of AVX-512 has a
// system in each lane.
func (n *Normal) SolvesRows() bool { return n.design > 0 && Lanes(n.order) > 1 }

// SolveRows solves the systems of as many rows as info has elements, straight from
// their sums, as SolveLanes does those that Spread writes. places are from
// FindPlaces; scratch has LaneScratch elements.
func (n *Normal) SolveRows(s *SummedRows, info []int32, places []int32, tolerance float32, scratch []float32) {
	n.solveRows(s, info, places, tolerance, scratch)
}
