package cuda

import "github.com/halfstep-ml/halfstep/kernels"

// scatterBlocks is the number of blocks of ScatterAddRows at most: enough to fill a
// GPU, and few, for each reads all ids.
const scatterBlocks = 256

func (s *stream) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	e := elements{dst.Rows, dst.Cols}
	grid, block := e.shape()
	return s.launch("gather_rows", grid, block, 0,
		address(dst.Buf), dst.Stride, address(src.Buf), src.Stride, src.Rows, address(idx), e.rows, e.cols)
}

func (s *stream) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	return s.launch("scatter_add_rows", line(min(dst.Rows, scatterBlocks)), line(blockThreads), 4*blockThreads,
		address(dst.Buf), dst.Stride, dst.Rows, address(src.Buf), src.Stride, address(idx), src.Rows, src.Cols)
}
