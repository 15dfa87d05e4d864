package cuda

import (
	"math"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// problemParameters counts the PROBLEM_PARAMETERS of kernels/problem.cuh.
const problemParameters = 18

// problemArguments are the PROBLEM_PARAMETERS.
func problemArguments(p *kernels.Problem) []any {
	r, o := p.R.(*csr), p.Objective
	return []any{
		address(p.Y.Buf), p.Y.Stride, r.offsets, r.columns, r.values, r.Cols(),
		address(p.Gram.Buf), p.Gram.Stride, address(p.Offset), address(p.OffsetGram),
		int32(p.X.Cols), int32(p.Y.Cols), int32(o.Convention), allPairs(o), o.Alpha, o.Lambda, o.Exponent, o.BiasLambda,
	}
}

// steps is Solver.Steps as a kernel takes it: more would take years.
func steps(p *kernels.Problem) int32 { return int32(min(p.Solver.Steps, math.MaxInt32)) }

// allPairs is g, the weight of all pairs.
func allPairs(o kernels.Objective) float32 {
	switch o.Convention {
	case kernels.Implicit, kernels.Confidence:
		return 1
	case kernels.IALS:
		return o.W0
	}
	return 0
}

// workspace is the memory of a block that goes over the rows of a problem, in words of
// 4 bytes. kernels/normal_equations.cuh lays it out.
type workspace struct {
	unknowns int
	vectors  int // what the solver needs beside triangles
	spare    int // the unknowns of its second triangle, if it has one
	rows     int // of the panel of ratings
	placed   placement

	blocks int        // at most
	memory driver.Ptr // scratch of so many blocks; 0 where all is in shared memory

	extra       int // bytes of scratch memory beside that of the blocks
	extraMemory driver.Ptr
}

// placement says what of a workspace lies in shared memory.
type placement int

const (
	allShared   placement = iota
	smallShared           // the ratings in hand; the system does not fit
	noneShared
)

const (
	// sharedWords is the dynamic shared memory of a block that every GPU has
	// without asking: 48 KiB, less 1 KiB for what the kernels declare.
	sharedWords = 47 << 10 / 4

	// panelRows is the most ratings of a panel, and leastRows the fewest while
	// something else could make room.
	panelRows = 32
	leastRows = 8

	// scratchLimit bounds the scratch memory of the blocks of a kernel together,
	// in bytes, and blocksPerProcessor their number where they have some.
	scratchLimit       = 128 << 20
	blocksPerProcessor = 4
)

// triangleWords is the size of a packed triangle with its right-hand side and corner.
func triangleWords(unknowns int) int { return (unknowns + 1) * (unknowns + 2) / 2 }

func roundUp(n, multiple int) int { return ceil(n, multiple) * multiple }

// small is the size of the region for the ratings in hand.
func (w *workspace) small() int {
	return roundUp(w.rows*roundUp(w.unknowns, 4)+2*w.rows+w.unknowns, 4)
}

// large is the size of the region for the system.
func (w *workspace) large() int {
	words := w.vectors + triangleWords(w.unknowns)
	if w.spare > 0 {
		words += triangleWords(w.spare)
	}
	return roundUp(words, 4)
}

// step is what a block has in scratch memory. The end of it is for the small region,
// used or not.
func (w *workspace) step() int {
	if w.placed == allShared {
		return 0
	}
	return w.large() + w.small()
}

// shared is what a block has in shared memory, in bytes.
func (w *workspace) shared() int {
	switch w.placed {
	case allShared:
		return 4 * (w.small() + w.large())
	case smallShared:
		return 4 * w.small()
	}
	return 0
}

// place decides where the regions lie, how many ratings are in hand, and how many of
// the blocks wanted there are. As many ratings are in hand as fit shared memory
// together with the system, or else without it.
func (w *workspace) place(blocks, multiprocessors int) {
	w.blocks = blocks
	for w.rows = panelRows; w.rows >= leastRows; w.rows /= 2 {
		if w.small()+w.large() <= sharedWords {
			w.placed = allShared
			return
		}
	}
	w.placed = noneShared
	for w.rows = panelRows; w.rows >= 1; w.rows /= 2 {
		if w.small() <= sharedWords {
			w.placed = smallShared
			break
		}
	}
	w.rows = max(w.rows, 1)
	w.blocks = scratchBlocks(blocks, 4*w.step(), multiprocessors)
}

// scratchBlocks is how many of the blocks wanted there are where each has so many bytes
// of scratch memory; they go round.
func scratchBlocks(wanted, bytes, multiprocessors int) int {
	return min(wanted, max(scratchLimit/bytes, 1), blocksPerProcessor*multiprocessors)
}

// threads is the number of threads of a block: one for each tile of 4×4 elements of
// the triangle, as far as blocks go.
func (w *workspace) threads() int {
	side := (w.unknowns + 3) / 4
	return min(max(roundUp(side*(side+1)/2, 32), 32), blockThreads)
}
