package kernelstest

import "github.com/halfstep-ml/halfstep/kernels"

// faultyStream counts every call and passes it on unless it is to fail.
type faultyStream struct {
	kernels.Stream
	dev *FaultyDevice
}

func (s *faultyStream) Alloc(bytes int) (kernels.Mem, error) {
	if err := s.dev.call("Alloc"); err != nil {
		return nil, err
	}
	return s.Stream.Alloc(bytes)
}

func (s *faultyStream) Record() (kernels.Event, error) {
	if err := s.dev.call("Record"); err != nil {
		return nil, err
	}
	return s.Stream.Record()
}

func (s *faultyStream) Write(dst kernels.Mem, off int, src []byte) error {
	if err := s.dev.call("Write"); err != nil {
		return err
	}
	return s.Stream.Write(dst, off, src)
}

func (s *faultyStream) Read(dst []byte, src kernels.Mem, off int) error {
	if err := s.dev.call("Read"); err != nil {
		return err
	}
	return s.Stream.Read(dst, src, off)
}

func (s *faultyStream) Copy(dst kernels.Mem, dstOff int, src kernels.Mem, srcOff, n int) error {
	if err := s.dev.call("Copy"); err != nil {
		return err
	}
	return s.Stream.Copy(dst, dstOff, src, srcOff, n)
}

func (s *faultyStream) Zero(dst kernels.Mem, off, n int) error {
	if err := s.dev.call("Zero"); err != nil {
		return err
	}
	return s.Stream.Zero(dst, off, n)
}

func (s *faultyStream) Wait(e kernels.Event) error {
	if err := s.dev.call("Wait"); err != nil {
		return err
	}
	return s.Stream.Wait(e)
}

func (s *faultyStream) Sync() error {
	if err := s.dev.call("Sync"); err != nil {
		return err
	}
	return s.Stream.Sync()
}

func (s *faultyStream) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	if err := s.dev.call("Gemm"); err != nil {
		return err
	}
	return s.Stream.Gemm(tA, tB, alpha, a, b, beta, c)
}

func (s *faultyStream) Gram(g, y kernels.Matrix) error {
	if err := s.dev.call("Gram"); err != nil {
		return err
	}
	return s.Stream.Gram(g, y)
}

func (s *faultyStream) SpMM(alpha float32, a kernels.CSR, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	if err := s.dev.call("SpMM"); err != nil {
		return err
	}
	return s.Stream.SpMM(alpha, unwrap(a), b, beta, c)
}

func (s *faultyStream) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	if err := s.dev.call("GatherRows"); err != nil {
		return err
	}
	return s.Stream.GatherRows(dst, src, idx)
}

func (s *faultyStream) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	if err := s.dev.call("ScatterAddRows"); err != nil {
		return err
	}
	return s.Stream.ScatterAddRows(dst, src, idx)
}

func (s *faultyStream) Axpy(alpha float32, x, y kernels.Matrix) error {
	if err := s.dev.call("Axpy"); err != nil {
		return err
	}
	return s.Stream.Axpy(alpha, x, y)
}

func (s *faultyStream) Scale(alpha float32, x kernels.Matrix) error {
	if err := s.dev.call("Scale"); err != nil {
		return err
	}
	return s.Stream.Scale(alpha, x)
}

func (s *faultyStream) Mul(c, a, b kernels.Matrix) error {
	if err := s.dev.call("Mul"); err != nil {
		return err
	}
	return s.Stream.Mul(c, a, b)
}

func (s *faultyStream) Fill(x kernels.Matrix, value float32) error {
	if err := s.dev.call("Fill"); err != nil {
		return err
	}
	return s.Stream.Fill(x, value)
}

func (s *faultyStream) CopyMatrix(dst, src kernels.Matrix) error {
	if err := s.dev.call("CopyMatrix"); err != nil {
		return err
	}
	return s.Stream.CopyMatrix(dst, src)
}

func (s *faultyStream) ColumnSums(dst kernels.Buffer[float32], a kernels.Matrix) error {
	if err := s.dev.call("ColumnSums"); err != nil {
		return err
	}
	return s.Stream.ColumnSums(dst, a)
}

func (s *faultyStream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	if err := s.dev.call("RowNorms"); err != nil {
		return err
	}
	return s.Stream.RowNorms(dst, a)
}

func (s *faultyStream) HalfStep(p *kernels.Problem) error {
	if err := s.dev.call("HalfStep"); err != nil {
		return err
	}
	return s.Stream.HalfStep(unwrapProblem(p))
}

func (s *faultyStream) NormalEquations(a kernels.Batch, b kernels.Matrix, p *kernels.Problem) error {
	if err := s.dev.call("NormalEquations"); err != nil {
		return err
	}
	return s.Stream.NormalEquations(a, b, unwrapProblem(p))
}

func (s *faultyStream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	if err := s.dev.call("SolveSPD"); err != nil {
		return err
	}
	return s.Stream.SolveSPD(a, b, info)
}

func (s *faultyStream) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	if err := s.dev.call("Loss"); err != nil {
		return err
	}
	return s.Stream.Loss(out, unwrapProblem(p))
}

func (s *faultyStream) Predict(out kernels.Buffer[float32], r kernels.CSR, x, y kernels.Matrix) error {
	if err := s.dev.call("Predict"); err != nil {
		return err
	}
	return s.Stream.Predict(out, unwrap(r), x, y)
}

func (s *faultyStream) ScoreTopK(ids kernels.Buffer[int32], top kernels.Matrix, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	if err := s.dev.call("ScoreTopK"); err != nil {
		return err
	}
	return s.Stream.ScoreTopK(ids, top, x, y, unwrap(seen), allow)
}
