package cuda

import "github.com/halfstep-ml/halfstep/kernels"

func (s *stream) HalfStep(p *kernels.Problem) error { return s.overChunks(p, s.halfStep) }

// halfStep solves the rows of ratings that are on the device.
func (s *stream) halfStep(p *kernels.Problem) error {
	if t := s.dev.tilesFor(p); t != nil {
		return t.halfStep(s)
	}
	k := p.X.Cols
	w := workspace{unknowns: k}
	kernel := ""
	switch p.Solver.Method {
	case kernels.CG:
		kernel, w.vectors = "half_step_cg", 8*k
	case kernels.Subspace:
		kernel, w.vectors, w.spare = "half_step_subspace", roundUp(k, 4), p.Solver.Block
	case kernels.NonNegative:
		kernel, w.vectors, w.spare = "half_step_nonnegative", 4*k, k
	}
	gather := p.Solver.Method == kernels.CG && k >= cgGatheredRank && cgPanelRows(k) > 0
	if gather {
		w.extra = roundUp(8*p.X.Rows, granule)
	}
	return s.overRows(p, &w, func(h *rowKernels, list rowList) error {
		if gather && list.parts == 0 {
			if err := s.launchRegularization(p, w.extraMemory); err != nil {
				return err
			}
			return s.launchCG(p, list, w.extraMemory)
		}
		return h.launch(kernel, list.count,
			address(p.X.Buf), p.X.Stride, address(p.Info), list.rows, list.count, list.parts, list.firstPart,
			steps(p), int32(p.Solver.Block))
	})
}

// halfStepCut is how a half-step takes its rows.
func (d *device) halfStepCut(p *kernels.Problem) cut {
	if t := d.tilesFor(p); t != nil {
		return t.cut()
	}
	return cut{whole: partLength, length: partLength}
}
