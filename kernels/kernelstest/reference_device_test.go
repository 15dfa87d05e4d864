package kernelstest

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/halfstep-ml/halfstep/kernels"
)

// referenceDevice is the device that the suite is tested with: memory on the host,
// every method by its float64 reference, rounded at the end. It is correct, and
// slow. It relies on what kernels.Checked promises.
type referenceDevice struct {
	opts kernels.Options
	live atomic.Int64

	// What mutants change.
	upload func(h kernels.HostCSR) kernels.HostCSR
	slice  func(h kernels.HostCSR, s kernels.Span) kernels.HostCSR
	poison bool // freed memory is NaN at once, instead of out of reach
}

func openReference(_ testing.TB, opts kernels.Options) *referenceDevice {
	return &referenceDevice{
		opts:   opts,
		upload: func(h kernels.HostCSR) kernels.HostCSR { return h },
		slice:  func(h kernels.HostCSR, s kernels.Span) kernels.HostCSR { return rowsOf(h, s.Lo, s.Hi) },
	}
}

func (d *referenceDevice) Info() kernels.Info {
	return kernels.Info{
		Backend: "reference", Model: "float64", Path: "go", Threads: 1,
		MemoryLive: d.live.Load(), MemoryTotal: d.opts.MemoryLimit,
	}
}

func (d *referenceDevice) NewStream() (kernels.Stream, error) { return &referenceStream{dev: d}, nil }

func (d *referenceDevice) NewCSR(h kernels.HostCSR) (kernels.CSR, error) {
	return &referenceCSR{d, d.upload(h)}, nil
}

func (d *referenceDevice) Close() error { return nil }

type referenceMem struct {
	dev     *referenceDevice
	data    []byte
	release func() error // of memory that is not of the Go heap, or nil
}

func (m *referenceMem) Bytes() int { return len(m.data) }

func (m *referenceMem) Free() error {
	m.dev.live.Add(-int64(len(m.data)))
	if m.dev.poison {
		copy(m.data, bytes.Repeat([]byte{0xFF}, len(m.data)))
		return nil
	}
	m.data = nil
	if m.release != nil {
		return m.release()
	}
	return nil
}

type referenceCSR struct {
	dev  *referenceDevice
	host kernels.HostCSR
}

func (m *referenceCSR) Rows() int       { return m.host.Rows }
func (m *referenceCSR) Cols() int       { return m.host.Cols }
func (m *referenceCSR) Entries() int64  { return m.host.Entries() }
func (m *referenceCSR) HasValues() bool { return m.host.Values != nil }
func (m *referenceCSR) Free() error     { return nil }

func (m *referenceCSR) Slice(s kernels.Span) (kernels.CSR, error) {
	return &referenceCSR{m.dev, m.dev.slice(m.host, s)}, nil
}

type referenceEvent struct{}

func (referenceEvent) Done() (bool, error) { return true, nil }
func (referenceEvent) Free() error         { return nil }

// referenceStream runs every call at once.
type referenceStream struct{ dev *referenceDevice }

func (s *referenceStream) Alloc(bytes int) (kernels.Mem, error) {
	live := s.dev.live.Add(int64(bytes))
	if limit := s.dev.opts.MemoryLimit; limit > 0 && live > limit {
		s.dev.live.Add(-int64(bytes))
		return nil, &kernels.MemoryError{Wanted: int64(bytes), Free: limit - live + int64(bytes)}
	}
	if bytes < 1<<30 {
		return &referenceMem{dev: s.dev, data: make([]byte, bytes)}, nil
	}
	data, release, err := reserve(bytes)
	if err != nil {
		s.dev.live.Add(-int64(bytes))
		return nil, &kernels.MemoryError{Wanted: int64(bytes)}
	}
	return &referenceMem{dev: s.dev, data: data, release: release}, nil
}

func (s *referenceStream) Write(dst kernels.Mem, off int, src []byte) error {
	copy(dst.(*referenceMem).data[off:], src)
	return nil
}

func (s *referenceStream) Read(dst []byte, src kernels.Mem, off int) error {
	copy(dst, src.(*referenceMem).data[off:])
	return nil
}

func (s *referenceStream) Copy(dst kernels.Mem, dstOff int, src kernels.Mem, srcOff, n int) error {
	copy(dst.(*referenceMem).data[dstOff:], src.(*referenceMem).data[srcOff:srcOff+n])
	return nil
}

func (s *referenceStream) Zero(dst kernels.Mem, off, n int) error {
	clear(dst.(*referenceMem).data[off : off+n])
	return nil
}

func (s *referenceStream) Record() (kernels.Event, error) { return referenceEvent{}, nil }
func (s *referenceStream) Wait(kernels.Event) error       { return nil }
func (s *referenceStream) Sync() error                    { return nil }
func (s *referenceStream) Close() error                   { return nil }

func (s *referenceStream) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	return update(c, func(c Dense) { Gemm(tA, tB, float64(alpha), load(a), load(b), float64(beta), c) })
}

func (s *referenceStream) Gram(g, y kernels.Matrix) error {
	store(g, Gram(load(y)))
	return nil
}

func (s *referenceStream) SpMM(alpha float32, a kernels.CSR, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	return update(c, func(c Dense) { SpMM(float64(alpha), hostOf(a), load(b), float64(beta), c) })
}

func (s *referenceStream) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	store(dst, GatherRows(load(src), view(idx)))
	return nil
}

func (s *referenceStream) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	// The order of float32 additions is part of the contract.
	to, from := load(dst).Float32(), load(src).Float32()
	for i, id := range view(idx) {
		if id < 0 || int(id) >= dst.Rows {
			continue
		}
		for j := range dst.Cols {
			to[int(id)*dst.Cols+j] += from[i*dst.Cols+j]
		}
	}
	store(dst, DenseOf(dst.Rows, dst.Cols, to))
	return nil
}

func (s *referenceStream) Axpy(alpha float32, x, y kernels.Matrix) error {
	return update(y, func(y Dense) { Axpy(float64(alpha), load(x), y) })
}

func (s *referenceStream) Scale(alpha float32, x kernels.Matrix) error {
	return update(x, func(x Dense) { Scale(float64(alpha), x) })
}

func (s *referenceStream) Mul(c, a, b kernels.Matrix) error {
	store(c, Mul(load(a), load(b)))
	return nil
}

func (s *referenceStream) Fill(x kernels.Matrix, value float32) error {
	store(x, filled(x.Rows, x.Cols, float64(value)))
	return nil
}

func (s *referenceStream) CopyMatrix(dst, src kernels.Matrix) error {
	store(dst, load(src))
	return nil
}

func (s *referenceStream) ColumnSums(dst kernels.Buffer[float32], a kernels.Matrix) error {
	storeRow(dst, ColumnSums(load(a)))
	return nil
}

func (s *referenceStream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	storeRow(dst, RowNorms(load(a)))
	return nil
}

func (s *referenceStream) HalfStep(p *kernels.Problem) error {
	h := loadProblem(p)
	copy(view(p.Info), HalfStep(h))
	store(p.X, h.X)
	return nil
}

func (s *referenceStream) NormalEquations(a kernels.Batch, b kernels.Matrix, p *kernels.Problem) error {
	ms, rhs := NormalEquations(loadProblem(p))
	for i, m := range ms {
		store(a.At(i), m)
	}
	store(b, rhs)
	return nil
}

func (s *referenceStream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	var ms []Dense
	for i := range a.Count {
		ms = append(ms, load(a.At(i)))
	}
	return update(b, func(b Dense) { copy(view(info), SolveSPD(ms, b)) })
}

func (s *referenceStream) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	sums := Loss(loadProblem(p))
	copy(view(out), sums[:])
	return nil
}

func (s *referenceStream) Predict(out kernels.Buffer[float32], r kernels.CSR, x, y kernels.Matrix) error {
	storeRow(out, Predict(hostOf(r), load(x), load(y)))
	return nil
}

func (s *referenceStream) ScoreTopK(ids kernels.Buffer[int32], top kernels.Matrix, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	var pattern *kernels.HostCSR
	if seen != nil {
		h := hostOf(seen)
		pattern = &h
	}
	best, scores := ScoreTopK(top.Cols, load(x), load(y), pattern, view(allow))
	copy(view(ids), best)
	store(top, scores)
	return nil
}

// view returns the elements of a buffer. It shares the device's memory.
func view[E kernels.Element](b kernels.Buffer[E]) []E {
	if b.N == 0 {
		return nil
	}
	m := b.Mem.(*referenceMem)
	size := int(unsafe.Sizeof(*new(E)))
	if need := (b.Off + b.N) * size; need > len(m.data) {
		panic(fmt.Sprintf("reference device: %d bytes of %d", need, len(m.data)))
	}
	return unsafe.Slice((*E)(unsafe.Pointer(&m.data[0])), b.Off+b.N)[b.Off:]
}

//go:norace
func load(m kernels.Matrix) Dense {
	d := NewDense(m.Rows, m.Cols)
	elements := view(m.Buf)
	for i := range m.Rows {
		for j := range m.Cols {
			d.Data[i*d.Cols+j] = float64(elements[i*m.Stride+j])
		}
	}
	return d
}

//go:norace
func store(m kernels.Matrix, d Dense) {
	elements := view(m.Buf)
	for i := range m.Rows {
		for j := range m.Cols {
			elements[i*m.Stride+j] = float32(d.Data[i*d.Cols+j])
		}
	}
}

// update loads a matrix, changes it and stores it.
func update(m kernels.Matrix, change func(d Dense)) error {
	d := load(m)
	change(d)
	store(m, d)
	return nil
}

func storeRow(b kernels.Buffer[float32], values []float64) {
	copy(view(b), Dense{Rows: 1, Cols: len(values), Data: values}.Float32())
}

func hostOf(m kernels.CSR) kernels.HostCSR { return m.(*referenceCSR).host }

func loadProblem(p *kernels.Problem) *Problem {
	return &Problem{
		X: load(p.X), Y: load(p.Y), R: hostOf(p.R), Gram: load(p.Gram),
		Objective: p.Objective, Solver: p.Solver,
		Offset: doubles(view(p.Offset)), OffsetGram: doubles(view(p.OffsetGram)),
	}
}

func doubles(values []float32) []float64 {
	return DenseOf(1, len(values), values).Data
}
