package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// gram sums YᵀY over slices of rows, as the normal equations of a row that has
// rated everything with 0. Within a slice the rows are taken a block at a time.
// It costs N·K² operations, half of those of a product.
type gram struct {
	chunks
	y      matrix
	normal simd.Normal
	ld     int       // row length of the system
	length int       // rows of a block
	sum    []float32 // of normal
	system []float32 // lower triangle, and below it a right-hand side of zeros
	work   []gramScratch
}

// gramScratch are a participant's operands of simd.Normal.
type gramScratch struct {
	ids    []int32 // 0, 1, 2, ...
	zero   []float32
	packed []float32
	panels []float32
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
	op.y, op.ld, op.length = view(y), simd.PanelStride(y.Cols+1), blockLength(y.Cols)
	op.normal = simd.NewNormal(y.Cols)
	defer func() { op.y = matrix{} }()

	count := op.count()
	participants := s.participants(count, float64(y.Rows)*float64(y.Cols)*float64(y.Cols))
	op.work = grown(op.work, participants)
	if err := s.prepare(op, participants); err != nil {
		return err
	}
	if err := s.prepareSum(count, participants, op.normal.Size()); err != nil {
		return err
	}
	s.reduce(op, count, participants, op.sum)
	op.normal.Spread(op.system, op.ld, y.Cols, op.sum)
	for i := range out.rows {
		row := out.row(i)
		copy(row[:i+1], op.system[i*op.ld:])
		for j := i + 1; j < len(row); j++ {
			row[j] = op.system[j*op.ld+i]
		}
	}
	return nil
}

func (g *gram) layout(who int, a *arena) {
	w := gramScratch{
		ids:    carve[int32](a, g.length),
		zero:   carve[float32](a, g.length),
		packed: carve[float32](a, g.length*g.normal.Stride()),
		panels: carve[float32](a, g.normal.Scratch(g.length, false)),
	}
	for i := range w.ids {
		w.ids[i], w.zero[i] = int32(i), 0
	}
	g.work[who] = w
	if who == 0 {
		g.sum = carve[float32](a, g.normal.Size())
		g.system = carve[float32](a, (g.y.cols+1)*g.ld)
	}
}

// summand writes the lower triangle of the Gram matrix of slice i.
func (g *gram) summand(who, i int, dst []float32) {
	clear(dst)
	w := &g.work[who]
	lo, hi := g.at(i)
	for ; lo < hi; lo += g.length {
		ids := w.ids[:min(g.length, hi-lo)]
		y, ld := g.y.data[lo*g.y.stride:], g.y.stride
		if !g.normal.Direct(g.y.cols) {
			packed := w.packed[:len(ids)*g.normal.Stride()]
			g.normal.Pack(packed, y, ld, g.y.cols, g.y.cols, nil)
			y, ld = packed, g.normal.Stride()
		}
		g.normal.Add(dst, y, ld, ids, nil, w.zero[:len(ids)], w.panels)
	}
}
