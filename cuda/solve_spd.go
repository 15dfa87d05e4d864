package cuda

import (
	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

func (s *stream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	words := roundUp(triangleWords(a.N)+a.N, 4) // the triangle and its diagonal
	shared, count := 4*words, a.Count
	var work driver.Ptr
	if words > sharedWords {
		shared = 0
		count = scratchBlocks(count, 4*words, s.dev.context.Multiprocessors())
		var err error
		if work, err = s.scratch(4 * words * count); err != nil {
			return err
		}
	}
	w := workspace{unknowns: a.N}
	return s.launch("solve_spd", line(count), line(w.threads()), shared,
		address(a.Buf), a.Stride, a.Step, address(b.Buf), b.Stride, address(info), a.Count, a.N, work, words)
}
