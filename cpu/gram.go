package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// gram sums YᵀY over slices of rows. Within a slice the rows go through a panel,
// blockLength at a time. It costs N·K² operations, half of those of a product.
type gram struct {
	chunks
	y     matrix
	ld    int         // row length of a panel and of a sum
	sum   []float32   // lower triangle
	panel [][]float32 // of each participant
}

// gramRows is the number of rows that a slice has.
const gramRows = 1024

func (s *stream) Gram(g, y kernels.Matrix) error {
	out := view(g)
	if y.Empty() {
		for i := range out.rows {
			clear(out.row(i))
		}
		return nil
	}
	op := &s.gram
	op.chunks = chunks{y.Rows, gramRows}
	op.y, op.ld = view(y), simd.PanelStride(y.Cols)
	defer func() { op.y = matrix{} }()

	count := op.count()
	participants := s.participants(count, float64(y.Rows)*float64(y.Cols)*float64(y.Cols))
	op.panel = grown(op.panel, participants)
	if err := s.prepare(op, participants); err != nil {
		return err
	}
	if err := s.prepareSum(count, participants, op.ld*op.ld); err != nil {
		return err
	}
	s.reduce(op, count, participants, op.sum)
	for i := range out.rows {
		row := out.row(i)
		copy(row[:i+1], op.sum[i*op.ld:])
		for j := i + 1; j < len(row); j++ {
			row[j] = op.sum[j*op.ld+i]
		}
	}
	return nil
}

func (g *gram) layout(who int, a *arena) {
	g.panel[who] = carve[float32](a, blockLength*g.ld)
	if who == 0 {
		g.sum = carve[float32](a, g.ld*g.ld)
	}
}

// summand writes the lower triangle of the Gram matrix of slice i.
func (g *gram) summand(who, i int, dst []float32) {
	clear(dst)
	panel := g.panel[who]
	lo, hi := g.at(i)
	for ; lo < hi; lo += blockLength {
		n := min(blockLength, hi-lo)
		simd.Pack(panel, g.ld, g.y.data[lo*g.y.stride:], g.y.stride, g.y.cols, n)
		simd.RankUpdate(dst, panel, panel, g.ld, n)
	}
}
