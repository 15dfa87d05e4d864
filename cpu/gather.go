package cpu

import (
	"math"

	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// gather is GatherRows, cut by rows of dst, and ScatterAddRows, cut by columns:
// every task then meets the rows in order.
type gather struct {
	noScratch
	chunks
	scatter  bool
	dst, src matrix
	ids      []int32
}

// scatterColumns is the number of columns of a task of ScatterAddRows: two cache
// lines.
const scatterColumns = 32

func (s *stream) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	s.gather = gather{dst: view(dst), src: view(src), ids: slice(idx), chunks: chunksOf(dst.Rows, dst.Cols)}
	return s.runGather(dst)
}

func (s *stream) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	s.gather = gather{dst: view(dst), src: view(src), ids: slice(idx), scatter: true,
		chunks: chunks{rows: dst.Cols, step: scatterColumns}}
	return s.runGather(src)
}

func (s *stream) runGather(moved kernels.Matrix) error {
	err := s.run(&s.gather, s.gather.count(), float64(moved.Rows)*float64(moved.Cols))
	s.gather = gather{}
	return err
}

func (g *gather) task(_, i int) {
	lo, hi := g.at(i)
	if g.scatter {
		g.addColumns(lo, hi)
	} else {
		g.copyRows(lo, hi)
	}
}

func (g *gather) copyRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		if id := g.ids[i]; id >= 0 && int(id) < g.src.rows {
			copy(g.dst.row(i), g.src.row(int(id)))
		} else {
			simd.Fill(g.dst.row(i), float32(math.NaN()))
		}
	}
}

func (g *gather) addColumns(lo, hi int) {
	for i, id := range g.ids {
		if id >= 0 && int(id) < g.dst.rows {
			simd.Add(g.src.row(i)[lo:hi], g.dst.row(int(id))[lo:hi])
		}
	}
}
