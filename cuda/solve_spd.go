package cuda

import (
	"strconv"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// solveShapes are the orders that kernels/solve_spd_tiles.cuh and, above 128,
// solve_spd_wide.cuh are compiled for, as tileShapes are of half-steps.
var solveShapes = []tileShape{
	{8, 128, 4}, {16, 128, 4}, {24, 128, 4}, {32, 64, 1}, {48, 96, 1}, {64, 160, 1}, {96, 96, 1}, {128, 160, 1},
	{160, 224, 1}, {256, 544, 1},
}

func (s *stream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	if shape, ok := smallest(solveShapes, a.N); ok {
		return s.launch("solve_spd_"+strconv.Itoa(shape.rank), line(ceil(a.Count, shape.rows)), line(shape.threads), 0,
			address(a.Buf), a.Stride, a.Step, address(b.Buf), b.Stride, address(info), a.Count, int32(a.N))
	}
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
		address(a.Buf), a.Stride, a.Step, address(b.Buf), b.Stride, address(info), a.Count, int32(a.N), work, words)
}
