package cuda

import (
	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// cgGatheredRank is the least rank for which CG goes without the matrix; below,
	// building it is less work than three products.
	cgGatheredRank = 16

	// cgThreads is the number of threads of a block, and cgPanel the most ratings
	// that it has in hand; leastCGPanel is worth it where a rank leaves room for few.
	cgThreads    = 256
	cgPanel      = 256
	leastCGPanel = 8
)

// cgWords is the shared memory of a block with so many ratings in hand, in words of 4
// bytes. kernels/half_step_cg.cu lays it out.
func cgWords(unknowns, rows int) int {
	return 9*unknowns + 3*rows + rows*(unknowns|1)
}

// cgPanelRows is how many ratings fit shared memory, 0 if too few.
func cgPanelRows(unknowns int) int {
	rows := cgPanel
	for rows >= leastCGPanel && cgWords(unknowns, rows) > sharedWords {
		rows -= leastCGPanel
	}
	if rows < leastCGPanel {
		return 0
	}
	return rows
}

// launchCG solves the rows of a list by CG without their matrices.
func (s *stream) launchCG(p *kernels.Problem, rows rowList, regularization driver.Ptr) error {
	panel := cgPanelRows(p.X.Cols)
	return s.launch("half_step_cg_gathered", line(rows.count), line(cgThreads), 4*cgWords(p.X.Cols, panel),
		append(problemArguments(p),
			address(p.X.Buf), p.X.Stride, address(p.Info), rows.rows,
			regularization, steps(p), int32(panel))...)
}
