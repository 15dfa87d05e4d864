package workload_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/bench/workload"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// few is ratings of three rows, one of them empty.
func few() workload.Ratings {
	return workload.Ratings{Name: "few", Host: kernels.HostCSR{
		Rows: 3, Cols: 4, Offsets: []int64{0, 3, 5, 5}, Columns: []int32{0, 1, 3, 1, 2}, Values: []float32{5, 3, 4, 1, 2},
	}}
}

func smallCases() []workload.Case {
	r := few()
	objective := kernels.Objective{Lambda: 0.5}
	return []workload.Case{
		workload.Gemm(9, 7, 5), workload.Gram(30, 6), workload.SolveSPD(11, 9),
		workload.HalfStep(r, 5, objective, kernels.Solver{}),
		workload.HalfStep(r, 5, kernels.Objective{Convention: kernels.Implicit, Alpha: 1, Lambda: 0.5}, kernels.Solver{Method: kernels.CG, Steps: 2}),
		workload.Loss(r, 5), workload.Predict(r, 5), workload.ScoreTopK(r, 5, 2), workload.SpMM(r, 5),
		workload.Axpy(9, 5), workload.Mul(9, 5), workload.Copy(9, 5),
		workload.ColumnSums(9, 5), workload.RowNorms(9, 5), workload.Gather(9, 5), workload.ScatterAdd(9, 5),
	}
}

func open(t *testing.T) kernels.Device {
	dev, err := cpu.Open(kernels.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dev.Close()) }) // reports what Close of a work left
	return dev
}

func TestCasesRunAndVerify(t *testing.T) {
	for _, c := range smallCases() {
		t.Run(c.String(), func(t *testing.T) {
			w, err := c.Prepare(open(t))
			require.NoError(t, err)
			defer func() { require.NoError(t, w.Close()) }()
			require.NoError(t, w.Verify())
			require.NoError(t, w.Verify(), "a second round")
			seconds, err := w.Time(time.Microsecond)
			require.NoError(t, err)
			require.Positive(t, seconds)
			require.Positive(t, c.Bytes)
		})
	}
}

// idle is a device whose kernels do nothing, once they may.
type idle struct {
	kernels.Device
	off bool
}

func (d *idle) NewStream() (kernels.Stream, error) {
	s, err := d.Device.NewStream()
	return &idleStream{Stream: s, dev: d}, err
}

type idleStream struct {
	kernels.Stream
	dev *idle
}

// unless runs a kernel unless the device is idle.
func (s *idleStream) unless(run func() error) error {
	if s.dev.off {
		return nil
	}
	return run()
}

func (s *idleStream) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.Gemm(tA, tB, alpha, a, b, beta, c) })
}
func (s *idleStream) Gram(g, y kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.Gram(g, y) })
}
func (s *idleStream) SpMM(alpha float32, a kernels.CSR, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.SpMM(alpha, a, b, beta, c) })
}
func (s *idleStream) GatherRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	return s.unless(func() error { return s.Stream.GatherRows(dst, src, idx) })
}
func (s *idleStream) ScatterAddRows(dst, src kernels.Matrix, idx kernels.Buffer[int32]) error {
	return s.unless(func() error { return s.Stream.ScatterAddRows(dst, src, idx) })
}
func (s *idleStream) Axpy(alpha float32, x, y kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.Axpy(alpha, x, y) })
}
func (s *idleStream) Mul(c, a, b kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.Mul(c, a, b) })
}
func (s *idleStream) CopyMatrix(dst, src kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.CopyMatrix(dst, src) })
}
func (s *idleStream) ColumnSums(dst kernels.Buffer[float32], a kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.ColumnSums(dst, a) })
}
func (s *idleStream) RowNorms(dst kernels.Buffer[float32], a kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.RowNorms(dst, a) })
}
func (s *idleStream) HalfStep(p *kernels.Problem) error {
	return s.unless(func() error { return s.Stream.HalfStep(p) })
}
func (s *idleStream) SolveSPD(a kernels.Batch, b kernels.Matrix, info kernels.Buffer[int32]) error {
	return s.unless(func() error { return s.Stream.SolveSPD(a, b, info) })
}
func (s *idleStream) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	return s.unless(func() error { return s.Stream.Loss(out, p) })
}
func (s *idleStream) Predict(out kernels.Buffer[float32], r kernels.CSR, x, y kernels.Matrix) error {
	return s.unless(func() error { return s.Stream.Predict(out, r, x, y) })
}
func (s *idleStream) ScoreTopK(ids kernels.Buffer[int32], top kernels.Matrix, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	return s.unless(func() error { return s.Stream.ScoreTopK(ids, top, x, y, seen, allow) })
}

func TestVerifyRejectsADeviceThatDoesNothing(t *testing.T) {
	for _, c := range smallCases() {
		t.Run(c.String(), func(t *testing.T) {
			dev := &idle{Device: open(t)}
			w, err := c.Prepare(dev)
			require.NoError(t, err)
			defer func() { require.NoError(t, w.Close()) }()
			dev.off = true
			require.ErrorContains(t, w.Verify(), "off by")
		})
	}
}

func TestStandardNamesEveryCaseOnce(t *testing.T) {
	users, items := few(), few()
	items.Name = "the same by item"
	seen := make(map[string]bool)
	for _, c := range workload.Standard(users, items, []int{3, 70}) {
		require.False(t, seen[c.String()], c.String())
		seen[c.String()] = true
		require.True(t, c.MemoryBound || c.Operations > 0, c.String())
	}
}
