package cuda

import "github.com/halfstep-ml/halfstep/kernels"

const spmmThreads = 128

func (s *stream) SpMM(alpha float32, a kernels.CSR, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	m := a.(*csr)
	if err := m.resident(); err != nil {
		return err
	}
	if n := len(m.schedule.rows); n > 0 {
		err := s.launch("spmm_rows", line(n), line(spmmThreads), 0,
			alpha, m.offsets, m.columns, m.values, address(b.Buf), b.Stride,
			beta, address(c.Buf), c.Stride, c.Cols, m.rowList, n)
		if err != nil {
			return err
		}
	}
	partBytes := 4 * c.Cols
	for first, end := range m.schedule.batches(partBytes) {
		g := m.giantsOf(first, end)
		parts, err := s.scratch(g.parts * partBytes)
		if err != nil {
			return err
		}
		err = s.launch("spmm_parts", line(g.parts), line(spmmThreads), 0,
			parts, m.offsets, m.columns, m.values, address(b.Buf), b.Stride, c.Cols, g.bounds, g.parts)
		if err != nil {
			return err
		}
		err = s.launch("spmm_total", line(g.count), line(spmmThreads), 0,
			alpha, parts.Add(-g.skipped*partBytes), g.firstPart, beta, address(c.Buf), c.Stride, c.Cols, g.rows, g.count)
		if err != nil {
			return err
		}
	}
	return nil
}
