package cuda

import (
	"math/bits"

	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	spmmThreads = 256 // of a block

	// A block takes spmmItems entries and ends of rows, and in small matrices as few
	// as fewestItems so that there are spmmBlocks blocks, which fill a GPU.
	spmmItems   = 4096
	fewestItems = 512
	spmmBlocks  = 2048

	// carriesLimit bounds the memory, in bytes, for what blocks leave to be added.
	carriesLimit = 64 << 20
)

func (s *stream) SpMM(alpha float32, a kernels.CSR, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	m := a.(*csr)
	if err := m.resident(); err != nil {
		return err
	}
	all := m.Rows() + int(m.Entries())
	items := blockItems(all, c.Cols)
	blocks, lanes := ceil(all, items), partLanes(c.Cols)
	groups := spmmThreads / lanes
	tiles := ceil(c.Cols, partColumns*lanes)

	carriesBytes := roundUp(4*blocks*c.Cols, granule)
	carries, err := s.scratch(carriesBytes + 8*blocks)
	if err != nil {
		return err
	}
	carryRows := carries.Add(carriesBytes)
	kernel := "spmm_" + partKernel(b, c)
	grid := dim{uint32(blocks), uint32(tiles), 1}
	err = s.launch(kernel, grid, line(spmmThreads), 0,
		alpha, m.offsets, m.columns, m.values, m.Rows(), address(b.Buf), b.Stride,
		beta, address(c.Buf), c.Stride, c.Cols, int32(lanes), items/groups, carries, carryRows)
	if err != nil || blocks == 1 {
		return err
	}
	return s.launch(kernel+"_carries", grid, line(spmmThreads), 0,
		alpha, m.offsets, m.Rows(), address(c.Buf), c.Stride, c.Cols, int32(lanes), items, carries, carryRows)
}

// partColumns is the number of columns of a lane where groups of lanes share rows, see
// kernels/row_parts.cuh.
const partColumns = 4

// partLanes is the number of lanes of a group, a power of two up to 32.
func partLanes(columns int) int {
	return min(1<<bits.Len(uint(max(ceil(columns, partColumns), 1)-1)), 32)
}

// partKernel is the variant of a kernel for matrices of as many columns each.
func partKernel(matrices ...kernels.Matrix) string {
	for _, m := range matrices {
		if m.Cols%partColumns != 0 || !quads(m) {
			return "singles"
		}
	}
	return "quads"
}

// blockItems is the number of items that a block takes of so many: a multiple of
// spmmThreads, so that its groups take as many each.
func blockItems(all, columns int) int {
	items := min(max(all/spmmBlocks, fewestItems), spmmItems)
	return roundUp(max(items, ceil(4*all*columns, carriesLimit)), spmmThreads)
}

// quads reports whether the rows of a matrix can be read and written 16 bytes at a time.
func quads(m kernels.Matrix) bool { return m.Stride%4 == 0 && address(m.Buf)%16 == 0 }
