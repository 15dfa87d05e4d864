package cuda

import (
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// ringWork is what the size of an uploadRing depends on.
type ringWork struct {
	rank    int
	total   int64   // bytes of ratings that pass through the ring in a half-step
	copying float64 // bytes of ratings that are copied to the device in a second
	solving float64 // bytes of ratings that are solved there in a second
}

// ringSize is the number of buffers of a ring and the bytes of each.
type ringSize struct {
	buffers int
	bytes   int64
}

const (
	// chunkOverhead is what a chunk costs beside its ratings, in seconds: some ten
	// launches and waits of 5 µs, and as much again for the end of a grid, where the
	// last blocks have the GPU to themselves. A value four times too high or low makes
	// buffers twice as large or small as they should be.
	chunkOverhead = 100e-6

	// chunkVariation is how much longer than others a chunk of as many bytes may take
	// to be solved: twice as long where rows have K/3 ratings, for which the K³/3
	// operations of a row are as many as the K² of each of its ratings.
	chunkVariation = 2

	// ringShare is the part of the free memory, one over this number, that a ring may
	// take: calls need scratch memory, and other operations slices of the matrix.
	ringShare = 2
)

// size is the best size of a ring for which so many bytes are free, with room for the
// longest row in each buffer.
//
// Let c and k be the seconds to copy and to solve a byte, and o the overhead of a chunk.
// The copy of the first of the total/B chunks, or the solution of the last, overlaps
// with nothing, and the others follow at the pace of what is slower:
//
//	time = total·max(c,k) + o·total/B + B·min(c,k)
//
// which is least for buffers of B = √(o·total/min(c,k)) bytes.
//
// Two buffers suffice for chunks that are all alike, one to fill while the other is
// read. Where the solution of some takes longer by a factor of v, copies may run ahead
// of it by v·min(c/k,k/c) chunks before either has to wait: so many buffers, rounded
// up, and the one that is read. When one of the two is far slower it never waits anyway.
//
// Where memory is short buffers are smaller, and then fewer: one is a ring that does
// not overlap. The result may need more than is free, for a row that is too long.
func (w ringWork) size(longest, free int64) ringSize {
	c, k := 1/w.copying, 1/w.solving
	s := ringSize{
		buffers: 1 + int(math.Ceil(chunkVariation*min(c/k, k/c))),
		bytes:   int64(math.Sqrt(chunkOverhead * float64(w.total) / min(c, k))),
	}
	most := free / ringShare
	s.bytes = max(min(s.bytes, w.total, most/int64(s.buffers)), longest)
	for s.buffers > 1 && s.bytes*int64(s.buffers) > most {
		s.buffers--
	}
	return s
}

// ringWork estimates the work of a half-step from what is known of GPUs of a generation.
func (d *device) ringWork(p *kernels.Problem) ringWork {
	m := p.R.(*csr)
	major, _ := d.context.ComputeCapability()
	return ringWork{
		rank:    p.X.Cols,
		total:   int64(len(m.host.Columns)) * 8,
		copying: copyRate(major),
		solving: 8 * float64(m.Entries()) / solveOperations(p) * solveRate(d.context.Multiprocessors()),
	}
}

// solveOperations counts the operations of a half-step: for each rating K(K+1) for the
// matrix and for each row K³/3 + 2K² for the solution, or for CG two products with the
// row's factors a step and as many before the first. The other methods cost about as
// much as the solution.
func solveOperations(p *kernels.Problem) float64 {
	k, rows, ratings := float64(p.X.Cols), float64(p.X.Rows), float64(p.R.Entries())
	if p.Solver.Method == kernels.CG {
		return max(4*k*ratings*float64(p.Solver.Steps+1), 1)
	}
	return max(k*(k+1)*ratings+(k*k*k/3+2*k*k)*rows, 1)
}

// copyRate is bytes a second to a GPU of a generation: three quarters of what the bus
// with 16 lanes transfers that it came with, which was PCIe 3.0 with Volta, 4.0 with
// Ampere and 5.0 with Hopper, but no more than one thread of the host copies to the
// pinned memory, which was 9 GB/s on a Sapphire Rapids server that had nothing else to do.
func copyRate(major int) float64 {
	const hostCopy = 9e9
	bus := 16e9
	switch {
	case major >= 9:
		bus = 64e9
	case major >= 8:
		bus = 32e9
	}
	return min(0.75*bus, hostCopy)
}

// solveRate is operations a second of the half-steps: half of what 64 units for
// multiply-adds on each multiprocessor can do at 1.5 GHz. Generations differ by a factor
// of two in both directions.
func solveRate(multiprocessors int) float64 {
	return 0.5 * float64(multiprocessors) * 64 * 2 * 1.5e9
}
