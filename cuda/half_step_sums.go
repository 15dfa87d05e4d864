package cuda

import "github.com/halfstep-ml/halfstep/kernels"

// mostBlock is the most unknowns of a block of Subspace that kernels/half_step_sums.cu
// takes: a lane each.
const mostBlock = 32

// subspaceBytes is the shared memory of a block of threads for Subspace.
func subspaceBytes(unknowns, block int) int {
	factors := ceil(unknowns, block) * block * (block + 1) / 2
	return 8*32 + 4*(32+32+4+triangleWords(unknowns)+factors)
}

// cgSumsBytes is the shared memory of a block of threads for CG.
func cgSumsBytes(unknowns int) int { return 8*4*unknowns + 4*triangleWords(unknowns) }

// solveSums solves giants whose parts are added up by CG or Subspace.
func (t *tiles) solveSums(s *stream, g giantRows) error {
	p := t.problem
	kernel, shared, args := "half_step_cg_sums", cgSumsBytes(p.X.Cols), []any{steps(p)}
	if p.Solver.Method == kernels.Subspace {
		kernel, shared = "half_step_subspace_sums", subspaceBytes(p.X.Cols, p.Solver.Block)
		args = append(args, int32(p.Solver.Block))
	}
	all := append(t.arguments(), g.rows, t.regularization, t.sumsOf(g), g.firstPart, int32(t.rank), int32(t.tile()))
	return s.launch(kernel, line(g.count), line(roundUp(p.X.Cols, 32)), shared, append(all, args...)...)
}
