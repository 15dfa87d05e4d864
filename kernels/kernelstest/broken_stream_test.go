package kernelstest

import "github.com/halfstep-ml/halfstep/kernels"

// call is a call to a method of a stream. A matrix that is written is c, or else
// the operands have their names in the contract, or the nearest.
type call struct {
	dev         *referenceDevice
	tA, tB      kernels.Trans
	alpha, beta float32
	a, b, c     kernels.Matrix
	ids         kernels.Buffer[int32]
	out         kernels.Buffer[float32]
	sums        kernels.Buffer[float64]
	allow       kernels.Buffer[uint32]
	batch       kernels.Batch
	r           kernels.CSR
	p           *kernels.Problem

	mem, from       kernels.Mem
	off, fromOff, n int
	bytes           []byte
}

// defect is what is wrong with a method: what happens before it, after it, or in
// its place.
type defect struct {
	op      string
	before  func(k *call)
	after   func(k *call)
	instead func(k *call)

	// later holds the call back until the next call of one of these methods.
	later []string
}

// brokenStream is the reference stream with a defect in one method.
type brokenStream struct {
	*referenceStream
	defect defect
	queue  []func() error
}

// do runs a call, in the wrong way if it is to the method with the defect.
func (s *brokenStream) do(op string, k *call, run func() error) error {
	if err := s.flush(op); err != nil {
		return err
	}
	k.dev = s.dev
	if op != s.defect.op {
		return run()
	}
	if s.defect.later != nil {
		s.queue = append(s.queue, run)
		return nil
	}
	if s.defect.instead != nil {
		s.defect.instead(k)
		return nil
	}
	if s.defect.before != nil {
		s.defect.before(k)
	}
	if err := run(); err != nil {
		return err
	}
	if s.defect.after != nil {
		s.defect.after(k)
	}
	return nil
}

// flush runs what was held back until op.
func (s *brokenStream) flush(op string) error {
	for _, until := range s.defect.later {
		if op != until {
			continue
		}
		for _, run := range s.queue {
			if err := run(); err != nil {
				return err
			}
		}
		s.queue = nil
	}
	return nil
}

func (s *brokenStream) Sync() error  { return s.flush("Sync") }
func (s *brokenStream) Close() error { return s.flush("Close") }

func (s *brokenStream) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	k := &call{tA: tA, tB: tB, alpha: alpha, a: a, b: b, beta: beta, c: c}
	return s.do("Gemm", k, func() error { return s.referenceStream.Gemm(k.tA, k.tB, k.alpha, k.a, k.b, k.beta, k.c) })
}

func (s *brokenStream) Gram(g, y kernels.Matrix) error {
	k := &call{a: y, c: g}
	return s.do("Gram", k, func() error { return s.referenceStream.Gram(k.c, k.a) })
}

func (s *brokenStream) SpMM(alpha float32, r kernels.CSR, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	k := &call{alpha: alpha, r: r, b: b, beta: beta, c: c}
	return s.do("SpMM", k, func() error { return s.referenceStream.SpMM(k.alpha, k.r, k.b, k.beta, k.c) })
}

func (s *brokenStream) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	k := &call{a: src, c: dst, ids: idx}
	return s.do("GatherRows", k, func() error { return s.referenceStream.GatherRows(k.c, k.a, k.ids) })
}

func (s *brokenStream) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	k := &call{a: src, c: dst, ids: idx}
	return s.do("ScatterAddRows", k, func() error { return s.referenceStream.ScatterAddRows(k.c, k.a, k.ids) })
}

func (s *brokenStream) Axpy(alpha float32, x, y kernels.Matrix) error {
	k := &call{alpha: alpha, a: x, c: y}
	return s.do("Axpy", k, func() error { return s.referenceStream.Axpy(k.alpha, k.a, k.c) })
}

func (s *brokenStream) Scale(alpha float32, x kernels.Matrix) error {
	k := &call{alpha: alpha, c: x}
	return s.do("Scale", k, func() error { return s.referenceStream.Scale(k.alpha, k.c) })
}

func (s *brokenStream) Mul(c, a, b kernels.Matrix) error {
	k := &call{a: a, b: b, c: c}
	return s.do("Mul", k, func() error { return s.referenceStream.Mul(k.c, k.a, k.b) })
}

func (s *brokenStream) Fill(x kernels.Matrix, value float32) error {
	k := &call{alpha: value, c: x}
	return s.do("Fill", k, func() error { return s.referenceStream.Fill(k.c, k.alpha) })
}

func (s *brokenStream) CopyMatrix(dst, src kernels.Matrix) error {
	k := &call{a: src, c: dst}
	return s.do("CopyMatrix", k, func() error { return s.referenceStream.CopyMatrix(k.c, k.a) })
}

func (s *brokenStream) ColumnSums(dst kernels.Buffer[float32], a kernels.Matrix) error {
	k := &call{a: a, out: dst}
	return s.do("ColumnSums", k, func() error { return s.referenceStream.ColumnSums(k.out, k.a) })
}

func (s *brokenStream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	k := &call{a: a, out: dst}
	return s.do("RowNorms", k, func() error { return s.referenceStream.RowNorms(k.out, k.a) })
}

func (s *brokenStream) HalfStep(p *kernels.Problem) error {
	k := &call{p: p}
	return s.do("HalfStep", k, func() error { return s.referenceStream.HalfStep(k.p) })
}

func (s *brokenStream) NormalEquations(a kernels.Batch, b kernels.Matrix, p *kernels.Problem) error {
	k := &call{batch: a, c: b, p: p}
	return s.do("NormalEquations", k, func() error { return s.referenceStream.NormalEquations(k.batch, k.c, k.p) })
}

func (s *brokenStream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	k := &call{batch: a, c: b, ids: info}
	return s.do("SolveSPD", k, func() error { return s.referenceStream.SolveSPD(k.batch, k.c, k.ids) })
}

func (s *brokenStream) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	k := &call{sums: out, p: p}
	return s.do("Loss", k, func() error { return s.referenceStream.Loss(k.sums, k.p) })
}

func (s *brokenStream) Predict(out kernels.Buffer[float32], r kernels.CSR, x, y kernels.Matrix) error {
	k := &call{out: out, r: r, a: x, b: y}
	return s.do("Predict", k, func() error { return s.referenceStream.Predict(k.out, k.r, k.a, k.b) })
}

func (s *brokenStream) ScoreTopK(ids kernels.Buffer[int32], top kernels.Matrix, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	k := &call{ids: ids, c: top, a: x, b: y, r: seen, allow: allow}
	return s.do("ScoreTopK", k, func() error { return s.referenceStream.ScoreTopK(k.ids, k.c, k.a, k.b, k.r, k.allow) })
}

func (s *brokenStream) Write(dst kernels.Mem, off int, src []byte) error {
	k := &call{mem: dst, off: off, bytes: src}
	return s.do("Write", k, func() error { return s.referenceStream.Write(k.mem, k.off, k.bytes) })
}

func (s *brokenStream) Read(dst []byte, src kernels.Mem, off int) error {
	k := &call{mem: src, off: off, bytes: dst}
	return s.do("Read", k, func() error { return s.referenceStream.Read(k.bytes, k.mem, k.off) })
}

func (s *brokenStream) Copy(dst kernels.Mem, dstOff int, src kernels.Mem, srcOff, n int) error {
	k := &call{mem: dst, off: dstOff, from: src, fromOff: srcOff, n: n}
	return s.do("Copy", k, func() error { return s.referenceStream.Copy(k.mem, k.off, k.from, k.fromOff, k.n) })
}

func (s *brokenStream) Zero(dst kernels.Mem, off, n int) error {
	k := &call{mem: dst, off: off, n: n}
	return s.do("Zero", k, func() error { return s.referenceStream.Zero(k.mem, k.off, k.n) })
}
