package cuda

import "github.com/halfstep-ml/halfstep/kernels"

// Gram computes YᵀY in slices of the rows of Y, which fill more of a GPU than the one
// product would, and adds the slices in their order.
func (s *stream) Gram(g, y kernels.Matrix) error {
	rank := y.Cols
	count, length := slicesOf(y.Rows, rank*rank)
	partial, err := s.scratch(count * rank * rank * 4)
	if err != nil {
		return err
	}
	// The last slice may be a shorter one.
	whole := y.Rows / max(length, 1)
	for _, part := range []struct{ first, count, rows int }{
		{0, whole, length},
		{whole, count - whole, y.Rows - whole*length},
	} {
		if part.count == 0 {
			continue
		}
		rows := dense{address(y.Buf).Add(4 * part.first * length * y.Stride), part.rows, rank, y.Stride}
		sums := dense{partial.Add(4 * part.first * rank * rank), rank, rank, rank}
		err := s.multiply(&product{
			tA: kernels.Transpose, alpha: 1, a: rows, b: rows, c: sums,
			aStep: length * y.Stride, bStep: length * y.Stride, cStep: rank * rank, count: part.count, lower: true,
		})
		if err != nil {
			return err
		}
	}
	return s.launch("gram_total", line(ceil(rank*rank, 32)), line(blockThreads), 0,
		address(g.Buf), g.Stride, partial, count, rank)
}
