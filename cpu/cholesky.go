package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// cholesky solves the normal equations of a row exactly.
func cholesky(h *halfStep, w *rowScratch, q *query) {
	k := h.unknowns
	h.system(w, q, 0, k, nil)
	info := simd.Solve(h.x.row(q.row), w.system, h.needs.ld, pivotTolerance(k))
	h.finish(q.row, info, k)
}

// solve is SolveSPD. It has a task for a few matrices, which are copied to scratch
// memory: the right-hand side goes below the triangle.
type solve struct {
	chunks
	a      []float32
	batch  kernels.Batch // the shape of a
	b      matrix
	info   []int32
	ld     int
	system [][]float32 // of each participant
}

// solveCost is about how many arithmetic operations a task of SolveSPD does.
const solveCost = 1 << 18

func (s *stream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	op := &s.solve
	if a.N == 0 {
		clear(slice(info))
		return nil
	}
	n := float64(a.N)
	cost := n*n*n/3 + 2*n*n
	system := grown(op.system, s.dev.pool.threads)
	*op = solve{
		chunks: chunks{a.Count, max(int(solveCost/cost), 1)},
		a:      slice(a.Buf),
		batch:  a,
		b:      view(b),
		info:   slice(info),
		ld:     simd.PanelStride(a.N + 1),
		system: system,
	}
	err := s.run(op, op.count(), cost*float64(a.Count))
	*op = solve{system: system}
	return err
}

func (op *solve) layout(who int, a *arena) { op.system[who] = carve[float32](a, op.ld*op.ld) }

func (op *solve) task(who, i int) {
	lo, hi := op.at(i)
	for m := lo; m < hi; m++ {
		op.info[m] = int32(op.one(op.system[who], m))
	}
}

// one solves system number m and returns its info.
func (op *solve) one(system []float32, m int) int {
	n := op.batch.N
	for i := range n {
		at := m*op.batch.Step + i*op.batch.Stride
		copy(system[i*op.ld:i*op.ld+i+1], op.a[at:])
	}
	x := op.b.row(m)
	copy(system[n*op.ld:], x)
	info := simd.Solve(x, system, op.ld, pivotTolerance(n))
	if info == 0 && !simd.Finite(x) {
		info = n
	}
	if info != 0 {
		clear(x)
	}
	return info
}
