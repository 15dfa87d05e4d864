package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// spmm has a task for each group of rows. A giant row's parts are summands.
type spmm struct {
	a           *csr
	b, c        matrix
	alpha, beta float32
	giant       int         // the row whose parts are summed
	sums        [][]float32 // of each participant, for a row of C and for a part of it
}

func (s *stream) SpMM(alpha float32, a kernels.CSR, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	m := &s.spmm
	sums := grown(m.sums, 2*s.dev.pool.threads)
	*m = spmm{a: a.(*csr), b: view(b), c: view(c), alpha: alpha, beta: beta, sums: sums}
	defer func() { *m = spmm{sums: sums} }()

	plan := &m.a.schedule
	cost := float64(m.a.Entries()+int64(c.Rows)) * float64(c.Cols)
	participants := s.participants(len(plan.groups)+len(plan.parts), cost)
	if err := s.prepare(m, participants); err != nil {
		return err
	}
	if len(plan.giants) > 0 {
		if err := s.prepareSum(partCount(plan.longestGiant), participants, c.Cols); err != nil {
			return err
		}
		sum := m.sums[0]
		for _, m.giant = range plan.giants {
			s.reduce(m, partCount(m.a.length(m.giant)), participants, sum)
			m.write(m.giant, sum)
		}
	}
	s.dev.pool.run(&s.job, m, len(plan.groups), participants)
	return nil
}

func (m *spmm) layout(who int, a *arena) {
	m.sums[2*who] = carve[float32](a, m.c.cols)
	m.sums[2*who+1] = carve[float32](a, m.c.cols)
}

func (m *spmm) task(who, i int) {
	g := m.a.schedule.groups[i]
	sum, next := m.sums[2*who], m.sums[2*who+1]
	for row := g.lo; row < g.hi; row++ {
		m.part(row, 0, sum)
		for i := 1; i < partCount(m.a.length(row)); i++ {
			m.part(row, i, next)
			simd.Add(next, sum)
		}
		m.write(row, sum)
	}
}

func (m *spmm) summand(_, i int, dst []float32) { m.part(m.giant, i, dst) }

// part writes one part's sum of a·b to dst.
func (m *spmm) part(row, index int, dst []float32) {
	clear(dst)
	lo, hi := partRange(m.a.length(row), index)
	simd.WeightedSum(dst, m.b.data, m.b.stride, m.a.ids(row, lo, hi), m.a.ratings(row, lo, hi))
}

// write computes a row of C from the sum of its products.
func (m *spmm) write(row int, sum []float32) {
	c := m.c.row(row)
	if m.beta == 0 {
		simd.ScaleTo(c, m.alpha, sum)
		return
	}
	simd.Scale(m.beta, c)
	simd.Axpy(m.alpha, sum, c)
}
