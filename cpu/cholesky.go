package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// batch is normal equations that are solved together, as one system costs as much as
// a vector has lanes.
type batch struct {
	systems []float32 // ld×ld each
	scratch []float32
	rows    [maxLanes]int // of the problem, of the systems that are there
	info    [maxLanes]int32
	count   int
}

// maxLanes is the most that simd.Lanes can be.
const maxLanes = 16

// solving is how the rows of a half-step are solved.
type solving int

const (
	alone    solving = iota // each system by itself
	together                // systems in the lanes of a vector
	fromSums                // rows in the lanes of a vector, without systems in between
)

// solvingOf is how rows whose systems have an order are solved the fastest. A lane is
// faster to higher orders, but a batch waits in the cache while its rows are summed: on
// ml-1m 96 unknowns of AVX2 take 4 % longer together and 128 take 6 %. From their sums 96
// take 3 to 8 % less and 112 as long. Orders beyond 112 have their systems where they are
// summed: from their sums 128 and 144 take 0.99 to 1.07 of the time of that, and a row that
// comes alone would take the time of a whole vector.
func solvingOf(order int) solving {
	const togetherMost = 80
	normal := simd.NewNormal(order)
	switch {
	case normal.SolvesRows() && !normal.InPlace():
		return fromSums
	case simd.Lanes(order) > 1 && order <= togetherMost:
		return together
	default:
		return alone
	}
}

// cholesky solves the normal equations of a row exactly.
func cholesky(h *halfStep, w *rowScratch, q *query) {
	k := h.unknowns
	a := h.system(w, q, 0, k, nil)
	info := simd.Solve(h.x.row(q.row), a, h.needs.ld, pivotTolerance(k))
	h.finish(q.row, info, k)
}

// choleskyTogether is cholesky as soon as there are the equations of enough rows. What
// a row gets does not depend on the others.
func choleskyTogether(h *halfStep, w *rowScratch, q *query) {
	b, size := &w.batch, h.needs.ld*h.needs.ld
	w.system = b.systems[b.count*size:][:size]
	h.system(w, q, 0, h.unknowns, nil)
	b.rows[b.count] = q.row
	b.count++
	if b.count == simd.Lanes(h.unknowns) {
		solveBatch(h, w)
	}
}

// solveBatch solves the systems that are waiting, if any.
func solveBatch(h *halfStep, w *rowScratch) {
	b, k, ld := &w.batch, h.unknowns, h.needs.ld
	if b.count == 0 {
		return
	}
	rhs := b.systems[k*ld:] // below each triangle
	info := b.info[:b.count]
	simd.SolveLanes(simd.Systems{
		Order: k,
		A:     b.systems, LDA: ld, StepA: ld * ld,
		B: rhs, StepB: ld * ld,
	}, info, pivotTolerance(k), b.scratch)
	for i, row := range b.rows[:b.count] {
		copy(h.x.row(row), rhs[i*ld*ld:])
		h.info[row] = info[i]
	}
	b.count = 0
}

// solve is SolveSPD. It has a task for a few matrices.
type solve struct {
	chunks
	systems simd.Systems
	info    []int32
	scratch [][]float32 // of each participant
}

// A task of SolveSPD is a few batches, as those that follow in it are read ahead: as
// many as leave solveTasks tasks, but solveBatches at most.
const (
	solveTasks   = 64
	solveBatches = 32
)

func (s *stream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	op := &s.solve
	if a.N == 0 {
		clear(slice(info))
		return nil
	}
	n, lanes := float64(a.N), simd.Lanes(a.N)
	cost := n*n*n/3 + 2*n*n
	batches := min(max(a.Count/lanes/solveTasks, 1), solveBatches)
	scratch := grown(op.scratch, s.dev.pool.threads)
	*op = solve{
		chunks:  chunks{a.Count, batches * lanes},
		systems: simd.Systems{Order: a.N, A: slice(a.Buf), LDA: a.Stride, StepA: a.Step, B: view(b).data, StepB: view(b).stride},
		info:    slice(info),
		scratch: scratch,
	}
	err := s.run(op, op.count(), cost*float64(a.Count))
	*op = solve{scratch: scratch}
	return err
}

func (op *solve) layout(who int, a *arena) {
	op.scratch[who] = carve[float32](a, simd.LanesScratch(op.systems.Order))
}

func (op *solve) task(who, i int) {
	lo, hi := op.at(i)
	part := op.systems
	part.A, part.B = part.A[lo*part.StepA:], part.B[lo*part.StepB:]
	simd.SolveLanes(part, op.info[lo:hi], pivotTolerance(part.Order), op.scratch[who])
}
