package cuda

import "github.com/halfstep-ml/halfstep/kernels"

func (s *stream) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	m := p.R.(*csr)
	if err := m.resident(); err != nil {
		return err
	}
	count := scoreBlocks(m.Entries())
	partial, err := s.scratch(16 * count)
	if err != nil {
		return err
	}
	if count > 0 {
		o := p.Objective
		err := s.launch("loss_blocks", line(count), line(scoreThreads), 0,
			partial, m.offsets, m.columns, m.values, m.Rows(),
			address(p.X.Buf), p.X.Stride, address(p.Y.Buf), p.Y.Stride, address(p.Offset),
			int32(p.X.Cols), int32(p.Y.Cols), int32(o.Convention), o.Alpha, scoreLanes(p.Y.Cols))
		if err != nil {
			return err
		}
	}
	return s.launch("loss_total", line(1), line(scoreThreads), 0, address(out), partial, count)
}
