package cuda

import (
	"math/bits"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	topRows    = 64  // rows of X of a block
	topColumns = 128 // that a block scores at a time
	topThreads = 128 // of a block

	// topRange is the fewest columns of a range, if there are several ranges.
	topRange = 8 * topColumns

	// topCapacity is the fewest keys of a list: twice those that a warp appends.
	topCapacity = 64

	keyBytes = 8
)

func (s *stream) ScoreTopK(ids kernels.Buffer[int32], top, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	var seenOffsets, seenColumns driver.Ptr
	if seen != nil {
		m := seen.(*csr)
		if err := m.resident(); err != nil {
			return err
		}
		seenOffsets, seenColumns = m.offsets, m.columns
	}
	k := top.Cols
	// A list is a power of two, to be sorted, and has room for as many new keys
	// as it has old ones, so that it is seldom sorted.
	capacity := max(1<<bits.Len(uint(2*k-1)), topCapacity)
	groups := ceil(x.Rows, topRows)
	ranges := s.topRanges(groups, y.Rows, k)
	length := max(roundUp(ceil(y.Rows, ranges), topColumns), topColumns)
	ranges = max(ceil(y.Rows, length), 1)

	// The lists of a block, and the keys of ranges.
	const mergeWarps = topThreads / 32
	processors := s.dev.context.Multiprocessors()
	lists := min(x.Rows, topRows) * capacity * keyBytes
	blocks := scratchBlocks(groups, lists*ranges, processors)
	listBytes, mergeBlocks, partialBytes := lists*blocks*ranges, 0, 0
	if ranges > 1 {
		mergeBlocks = scratchBlocks(ceil(x.Rows, mergeWarps), mergeWarps*capacity*keyBytes, processors)
		listBytes = max(listBytes, mergeBlocks*mergeWarps*capacity*keyBytes)
		partialBytes = x.Rows * ranges * k * keyBytes
	}
	work, err := s.scratch(listBytes + partialBytes)
	if err != nil {
		return err
	}
	partial := work.Add(listBytes)
	quads := x.Stride%4 == 0 && y.Stride%4 == 0 && address(x.Buf)%16 == 0 && address(y.Buf)%16 == 0
	err = s.launch("score_topk", dim{uint32(blocks), uint32(ranges), 1}, line(topThreads), 0,
		address(ids), address(top.Buf), top.Stride, partial, address(x.Buf), x.Stride, x.Rows,
		address(y.Buf), y.Stride, y.Rows, length, int32(x.Cols), flag(quads), seenOffsets, seenColumns, address(allow), int32(k), int32(capacity), work)
	if err != nil || ranges == 1 {
		return err
	}
	return s.launch("merge_topk", line(mergeBlocks), line(topThreads), 0,
		address(ids), address(top.Buf), top.Stride, partial, ranges*k, x.Rows, int32(k), int32(capacity), work)
}

// topRanges is the number of ranges that the columns are cut into, so that few rows
// fill the GPU too.
func (s *stream) topRanges(groups, columns, k int) int {
	wanted := blocksPerProcessor * s.dev.context.Multiprocessors() / groups
	return max(min(wanted, columns/max(topRange, 8*k)), 1)
}
