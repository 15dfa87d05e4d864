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

// The kernels for few rows: the most rows, columns of X in shared memory, and columns to
// select, and the shapes of their blocks.
const (
	fewRows, fewRank, fewBest = 4, 1024, 32

	fewColumns, fewThreads, fewMergeThreads = 128, 128, 256
)

// selection is what ScoreTopK selects from and where to.
type selection struct {
	ids       kernels.Buffer[int32]
	top, x, y kernels.Matrix

	seenOffsets, seenColumns driver.Ptr // 0 where nothing was seen
	allow                    kernels.Buffer[uint32]
}

func (s *stream) ScoreTopK(ids kernels.Buffer[int32], top, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	c := selection{ids: ids, top: top, x: x, y: y, allow: allow}
	if seen != nil {
		m := seen.(*csr)
		if err := m.resident(); err != nil {
			return err
		}
		c.seenOffsets, c.seenColumns = m.offsets, m.columns
	}
	if x.Rows <= fewRows && x.Cols <= fewRank && top.Cols <= fewBest && y.Rows > 0 {
		return s.selectFew(&c)
	}
	return s.selectTiled(&c)
}

// selectFew shares the columns out to blocks, so that each reads a part of Y for all rows.
func (s *stream) selectFew(c *selection) error {
	blocks, k := ceil(c.y.Rows, fewColumns), c.top.Cols
	partial, err := s.scratch(c.x.Rows * blocks * k * keyBytes)
	if err != nil {
		return err
	}
	err = s.launch("score_topk_few", line(blocks), line(fewThreads), 4*fewRows*roundUp(c.x.Cols, 4),
		partial, address(c.x.Buf), c.x.Stride, int32(c.x.Rows), address(c.y.Buf), c.y.Stride, c.y.Rows,
		int32(c.x.Cols), flag(quads(c.y)), c.seenOffsets, c.seenColumns, address(c.allow), int32(k))
	if err != nil {
		return err
	}
	return s.launch("merge_topk_few", line(c.x.Rows), line(fewMergeThreads), 0,
		address(c.ids), address(c.top.Buf), c.top.Stride, partial, blocks*k, int32(k))
}

// selectTiled gives a block a tile of rows and, where there are few, a range of columns.
func (s *stream) selectTiled(c *selection) error {
	ids, top, x, y, k := c.ids, c.top, c.x, c.y, c.top.Cols
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
	err = s.launch("score_topk", dim{uint32(blocks), uint32(ranges), 1}, line(topThreads), 0,
		address(ids), address(top.Buf), top.Stride, partial, address(x.Buf), x.Stride, x.Rows,
		address(y.Buf), y.Stride, y.Rows, length, int32(x.Cols), flag(quads(x) && quads(y)),
		c.seenOffsets, c.seenColumns, address(c.allow), int32(k), int32(capacity), work)
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
