package cuda

import "github.com/halfstep-ml/halfstep/kernels"

const (
	// sumSlices is how many slices of rows a sum over the rows of a matrix has at
	// most, and sliceRows how many rows a slice has at least.
	sumSlices = 256
	sliceRows = 1024

	// sumElements bounds the partial sums of all slices together.
	sumElements = 1 << 22

	// The shape of a block of column_sums_slices: 32 columns by 8 rows.
	sumColumns = 32
	sumLanes   = 8
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
		grid := dim{uint32(ceil(a.Cols, sumColumns)), uint32(count), 1}
		err := s.launch("column_sums_slices", grid, line(sumColumns*sumLanes), 0,
			partial, address(a.Buf), a.Stride, a.Rows, a.Cols, length)
		if err != nil {
			return err
		}
	}
	return s.launch("column_sums_total", line(ceil(a.Cols, blockThreads)), line(blockThreads), 0,
		address(dst), partial, count, a.Cols)
}

func (s *stream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	const warps = blockThreads / 32
	return s.launch("row_norms", line(min(ceil(a.Rows, warps), mostBlocks)), line(blockThreads), 0,
		address(dst), address(a.Buf), a.Stride, a.Rows, a.Cols)
}
