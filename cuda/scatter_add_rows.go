package cuda

import (
	"math/bits"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// scatterFew is the most ids that are not sorted: what a block takes to go through
	// them is below the time of starting the kernels that sort.
	scatterFew = 2048

	// scatterBlocks is the number of blocks for few ids at most: enough to fill a GPU,
	// and few, for each reads all ids.
	scatterBlocks = 256

	scatterTile    = 512 // sorted ids of a block
	scatterThreads = 256
)

func (s *stream) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	if src.Rows <= scatterFew || !fitsInt32(src.Rows, dst.Rows) {
		return s.launch("scatter_add_rows", line(min(dst.Rows, scatterBlocks)), line(blockThreads), 4*blockThreads,
			address(dst.Buf), dst.Stride, dst.Rows, address(src.Buf), src.Stride, address(idx), src.Rows, src.Cols)
	}
	scratch, err := s.scratch(sortBytes(src.Rows))
	if err != nil {
		return err
	}
	sorted, err := s.sortIDs(address(idx), src.Rows, dst.Rows, scratch)
	if err != nil {
		return err
	}
	lanes := partLanes(dst.Cols)
	grid := dim{uint32(ceil(src.Rows, scatterTile)), uint32(ceil(dst.Cols, partColumns*lanes)), 1}
	return s.launch("scatter_add_segments_"+partKernel(dst, src), grid, line(scatterThreads), 0,
		address(dst.Buf), dst.Stride, int32(dst.Rows), address(src.Buf), src.Stride,
		sorted.ids, sorted.places, int32(src.Rows), dst.Cols, int32(lanes))
}

const (
	sortThreads = 256
	sortTile    = 2048 // ids of a block
	sortBits    = 8    // that ids are sorted by at a time
	sortDigits  = 1 << sortBits
)

// sortedIDs are ids in ascending order and where each was before, int32 both.
type sortedIDs struct{ ids, places driver.Ptr }

// sortBytes is the scratch memory for sorting ids: sorted ones twice, and the counts of
// digits of each block and of all.
func sortBytes(count int) int {
	return 4*roundUp(4*count, granule) + 4*sortDigits*(ceil(count, sortTile)+1)
}

// sortIDs sorts ids in the order of their values and, where they are equal, of their
// places. Those outside of 0 up to limit come last and become limit.
func (s *stream) sortIDs(ids driver.Ptr, count, limit int, scratch driver.Ptr) (sortedIDs, error) {
	size := roundUp(4*count, granule)
	from := sortedIDs{ids: ids}
	to := sortedIDs{scratch, scratch.Add(size)}
	other := sortedIDs{scratch.Add(2 * size), scratch.Add(3 * size)}
	totals := scratch.Add(4 * size)
	counts := totals.Add(4 * sortDigits)
	blocks := ceil(count, sortTile)
	for shift := 0; shift < bits.Len(uint(limit)); shift += sortBits {
		err := s.launch("sort_count", line(blocks), line(sortThreads), 0, counts, from.ids, int32(count), int32(limit), int32(shift))
		if err == nil {
			err = s.launch("sort_scan", line(sortDigits), line(sortThreads), 0, counts, totals, blocks)
		}
		if err == nil {
			err = s.launch("sort_scatter", line(blocks), line(sortThreads), 0,
				to.ids, to.places, from.ids, from.places, counts, totals, int32(count), int32(limit), int32(shift))
		}
		if err != nil {
			return sortedIDs{}, err
		}
		from, to, other = to, other, to
	}
	return from, nil
}
