package cuda

import "github.com/halfstep-ml/halfstep/kernels"

const (
	// sumSlices is how many slices of rows a sum over the rows of a matrix has at
	// most, and sliceRows how many rows a slice has at least.
	sumSlices = 256
	sliceRows = 1024

	// sumElements bounds the partial sums of all slices together.
	sumElements = 1 << 22

	// sumLanes is the most lanes that share a row of a slice: the more rows a block has
	// at once, the sooner it is through.
	sumLanes = 8
)

// slicesOf cuts the rows of a matrix into slices whose sums, of so many elements each,
// are held at the same time.
func slicesOf(rows, size int) (count, length int) {
	most := min(sumSlices, max(sumElements/max(size, 1), 1))
	length = max(ceil(rows, most), sliceRows)
	return ceil(rows, length), length
}

func (s *stream) ColumnSums(dst kernels.Buffer[float32], a kernels.Matrix) error {
	count, length := slicesOf(a.Rows, a.Cols)
	partial, err := s.scratch(count * a.Cols * 8)
	if err != nil {
		return err
	}
	if count > 0 {
		lanes := min(partLanes(a.Cols), sumLanes)
		grid := dim{uint32(count), uint32(ceil(a.Cols, partColumns*lanes)), 1}
		err := s.launch("column_sums_"+partKernel(a), grid, line(blockThreads), 0,
			partial, address(a.Buf), a.Stride, a.Rows, a.Cols, length, int32(lanes))
		if err != nil {
			return err
		}
	}
	return s.launch("column_sums_total", line(ceil(a.Cols, 32)), line(blockThreads), 0,
		address(dst), partial, count, a.Cols)
}

func (s *stream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	lanes := partLanes(a.Cols)
	return s.launch("row_norms_"+partKernel(a), line(min(ceil(a.Rows*lanes, blockThreads), mostBlocks)), line(blockThreads), 0,
		address(dst), address(a.Buf), a.Stride, a.Rows, a.Cols, int32(lanes))
}
