package cuda

import (
	"math/bits"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	topRows    = 4   // rows of X of a block
	topThreads = 128 // of a block, and columns that it scores at a time

	// topShared is the shared memory for the lists of a block, in bytes: 48 KiB
	// less 20 for the rows of Y and X in hand.
	topShared = 28 << 10

	// topRange is the fewest columns of a range, if there are several ranges.
	topRange = 4096

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
	capacity := max(1<<bits.Len(uint(k+max(k, topThreads)-1)), 512)
	groups := ceil(x.Rows, topRows)
	ranges := s.topRanges(groups, y.Rows, k)
	length := ceil(y.Rows, ranges)

	// The lists of blocks that do not fit shared memory, and the keys of ranges.
	lists, shared := topRows*capacity*keyBytes, topRows*capacity*keyBytes
	if lists > topShared {
		groups, shared = scratchBlocks(groups, lists*ranges, s.dev.context.Multiprocessors()), 0
	}
	mergeBlocks := min(x.Rows, blocksPerProcessor*s.dev.context.Multiprocessors())
	listBytes := 0
	if shared == 0 {
		listBytes = max(lists*groups*ranges, capacity*keyBytes*mergeBlocks)
	}
	partialBytes := 0
	if ranges > 1 {
		partialBytes = x.Rows * ranges * k * keyBytes
	}
	memory, err := s.scratch(listBytes + partialBytes)
	if err != nil {
		return err
	}
	partial, work := memory.Add(listBytes), driver.Ptr(0)
	if shared == 0 {
		work = memory
	}
	err = s.launch("score_topk", dim{uint32(groups), uint32(ranges), 1}, line(topThreads), shared,
		address(ids), address(top.Buf), top.Stride, partial, address(x.Buf), x.Stride, x.Rows,
		address(y.Buf), y.Stride, y.Rows, length, int32(x.Cols), seenOffsets, seenColumns, address(allow), int32(k), int32(capacity), work)
	if err != nil || ranges == 1 {
		return err
	}
	return s.launch("merge_topk", line(mergeBlocks), line(topThreads), shared/topRows,
		address(ids), address(top.Buf), top.Stride, partial, ranges*k, x.Rows, int32(k), int32(capacity), work)
}

// topRanges is the number of ranges that the columns are cut into, so that few rows
// fill the GPU too.
func (s *stream) topRanges(groups, columns, k int) int {
	wanted := blocksPerProcessor * s.dev.context.Multiprocessors() / groups
	return max(min(wanted, columns/max(topRange, 8*k)), 1)
}
