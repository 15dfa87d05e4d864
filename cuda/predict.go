package cuda

import (
	"math/bits"

	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// scoreEntries is the number of entries that a block scores.
	scoreEntries = 2048

	scoreThreads = 256
)

// scoreLanes is the number of threads that share an entry: a power of two that reads
// about 4 elements a thread.
func scoreLanes(rank int) int32 {
	return int32(min(max(1<<bits.Len(uint(max(rank, 1)-1)/4), 4), 32))
}

// scoreBlocks is the number of blocks for the entries of a matrix.
func scoreBlocks(entries int64) int { return ceil(int(entries), scoreEntries) }

func (s *stream) Predict(out kernels.Buffer[float32], r kernels.CSR, x, y kernels.Matrix) error {
	m := r.(*csr)
	if err := m.resident(); err != nil {
		return err
	}
	return s.launch("predict", line(scoreBlocks(m.Entries())), line(scoreThreads), 0,
		address(out), m.offsets, m.columns, m.Rows(), address(x.Buf), x.Stride, address(y.Buf), y.Stride,
		int32(x.Cols), scoreLanes(x.Cols))
}
