package kernels_test

import (
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
)

// fakeDevice computes nothing. It notes the calls that reach it and fails those it
// is told to.
type fakeDevice struct {
	calls []string
	fails map[string]error
	mems  []kernels.Mem // of the views of the last call with views
}

func newFake() *fakeDevice { return &fakeDevice{fails: map[string]error{}} }

func (d *fakeDevice) do(op string, views ...kernels.Mem) error {
	d.calls = append(d.calls, op)
	d.mems = views
	return d.fails[op]
}

// called reports whether a method was reached.
func (d *fakeDevice) called(op string) bool { return slices.Contains(d.calls, op) }

func (d *fakeDevice) Info() kernels.Info { return kernels.Info{Backend: "fake"} }

func (d *fakeDevice) NewStream() (kernels.Stream, error) {
	return &fakeStream{d}, d.do("NewStream")
}

func (d *fakeDevice) NewCSR(h kernels.HostCSR) (kernels.CSR, error) {
	return &fakeCSR{d, h}, d.do("NewCSR")
}

func (d *fakeDevice) Close() error { return d.do("Close") }

type fakeMem struct {
	dev   *fakeDevice
	bytes int
}

func (m *fakeMem) Bytes() int  { return m.bytes }
func (m *fakeMem) Free() error { return m.dev.do("Free") }

type fakeCSR struct {
	dev  *fakeDevice
	host kernels.HostCSR
}

func (m *fakeCSR) Rows() int       { return m.host.Rows }
func (m *fakeCSR) Cols() int       { return m.host.Cols }
func (m *fakeCSR) Entries() int64  { return m.host.Entries() }
func (m *fakeCSR) HasValues() bool { return m.host.Values != nil }
func (m *fakeCSR) Free() error     { return m.dev.do("FreeCSR") }

func (m *fakeCSR) Slice(s kernels.Span) (kernels.CSR, error) {
	h := m.host
	h.Rows, h.Offsets = s.Hi-s.Lo, h.Offsets[s.Lo:s.Hi+1]
	return &fakeCSR{m.dev, h}, m.dev.do("Slice")
}

type fakeEvent struct{ dev *fakeDevice }

func (e *fakeEvent) Done() (bool, error) { return true, e.dev.do("Done") }
func (e *fakeEvent) Free() error         { return e.dev.do("FreeEvent") }

type fakeStream struct{ *fakeDevice }

func (s *fakeStream) Alloc(bytes int) (kernels.Mem, error) {
	return &fakeMem{s.fakeDevice, bytes}, s.do("Alloc")
}

func (s *fakeStream) Write(dst kernels.Mem, _ int, _ []byte) error { return s.do("Write", dst) }
func (s *fakeStream) Read(_ []byte, src kernels.Mem, _ int) error  { return s.do("Read", src) }
func (s *fakeStream) Zero(dst kernels.Mem, _, _ int) error         { return s.do("Zero", dst) }
func (s *fakeStream) Wait(kernels.Event) error                     { return s.do("Wait") }
func (s *fakeStream) Sync() error                                  { return s.do("Sync") }
func (s *fakeStream) Close() error                                 { return s.do("CloseStream") }

func (s *fakeStream) Copy(dst kernels.Mem, _ int, src kernels.Mem, _, _ int) error {
	return s.do("Copy", dst, src)
}

func (s *fakeStream) Record() (kernels.Event, error) {
	return &fakeEvent{s.fakeDevice}, s.do("Record")
}

func (s *fakeStream) Gemm(_, _ kernels.Trans, _ float32, a, b kernels.Matrix, _ float32, c kernels.Matrix) error {
	return s.do("Gemm", a.Buf.Mem, b.Buf.Mem, c.Buf.Mem)
}

func (s *fakeStream) Gram(g, y kernels.Matrix) error { return s.do("Gram", g.Buf.Mem, y.Buf.Mem) }

func (s *fakeStream) SpMM(_ float32, _ kernels.CSR, b kernels.Matrix, _ float32, c kernels.Matrix) error {
	return s.do("SpMM", b.Buf.Mem, c.Buf.Mem)
}

func (s *fakeStream) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	return s.do("GatherRows", dst.Buf.Mem, src.Buf.Mem, idx.Mem)
}

func (s *fakeStream) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	return s.do("ScatterAddRows", dst.Buf.Mem, src.Buf.Mem, idx.Mem)
}

func (s *fakeStream) Axpy(_ float32, x, y kernels.Matrix) error {
	return s.do("Axpy", x.Buf.Mem, y.Buf.Mem)
}

func (s *fakeStream) Scale(_ float32, x kernels.Matrix) error { return s.do("Scale", x.Buf.Mem) }

func (s *fakeStream) Mul(c, a, b kernels.Matrix) error {
	return s.do("Mul", c.Buf.Mem, a.Buf.Mem, b.Buf.Mem)
}

func (s *fakeStream) Fill(x kernels.Matrix, _ float32) error { return s.do("Fill", x.Buf.Mem) }

func (s *fakeStream) CopyMatrix(dst, src kernels.Matrix) error {
	return s.do("CopyMatrix", dst.Buf.Mem, src.Buf.Mem)
}

func (s *fakeStream) ColumnSums(dst kernels.Buffer[float32], a kernels.Matrix) error {
	return s.do("ColumnSums", dst.Mem, a.Buf.Mem)
}

func (s *fakeStream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	return s.do("RowNorms", dst.Mem, a.Buf.Mem)
}

func (s *fakeStream) HalfStep(p *kernels.Problem) error {
	return s.do("HalfStep", p.X.Buf.Mem, p.Y.Buf.Mem, p.Info.Mem)
}

func (s *fakeStream) NormalEquations(a kernels.Batch, b kernels.Matrix, p *kernels.Problem) error {
	return s.do("NormalEquations", a.Buf.Mem, b.Buf.Mem, p.Y.Buf.Mem)
}

func (s *fakeStream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	return s.do("SolveSPD", a.Buf.Mem, b.Buf.Mem, info.Mem)
}

func (s *fakeStream) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	return s.do("Loss", out.Mem, p.X.Buf.Mem, p.Y.Buf.Mem)
}

func (s *fakeStream) Predict(out kernels.Buffer[float32], _ kernels.CSR, x, y kernels.Matrix) error {
	return s.do("Predict", out.Mem, x.Buf.Mem, y.Buf.Mem)
}

func (s *fakeStream) ScoreTopK(ids kernels.Buffer[int32], top, x, y kernels.Matrix, _ kernels.CSR, _ kernels.Buffer[uint32]) error {
	return s.do("ScoreTopK", ids.Mem, top.Buf.Mem, x.Buf.Mem, y.Buf.Mem)
}
