package kernelstest

import (
	"errors"
	"slices"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

func openChecked() kernels.Device { return kernels.Checked(openReference(nil, kernels.Options{})) }

// everyOp calls each method that counts once, on operands of one element, and
// gives everything back.
func everyOp(dev kernels.Device) (err error) {
	var release []func() error
	defer func() {
		for _, r := range slices.Backward(release) {
			err = errors.Join(err, r())
		}
	}()
	s, err := dev.NewStream()
	if err != nil {
		return err
	}
	release = append(release, s.Close)
	whole, err := dev.NewCSR(kernels.HostCSR{Rows: 1, Cols: 1, Offsets: []int64{0, 1}, Columns: []int32{0}, Values: []float32{1}})
	if err != nil {
		return err
	}
	release = append(release, whole.Free)
	r, err := whole.Slice(kernels.Span{Lo: 0, Hi: 1})
	if err != nil {
		return err
	}
	release = append(release, r.Free)
	mem, err := s.Alloc(64)
	if err != nil {
		return err
	}
	release = append(release, mem.Free)
	e, err := s.Record()
	if err != nil {
		return err
	}
	release = append(release, e.Free)
	for _, call := range onceEach(s, e, mem, r) {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}

func onceEach(s kernels.Stream, e kernels.Event, mem kernels.Mem, r kernels.CSR) []func() error {
	cell := func(i int) kernels.Matrix {
		return kernels.Matrix{Buf: kernels.Buffer[float32]{Mem: mem, Off: i, N: 1}, Rows: 1, Cols: 1, Stride: 1}
	}
	a, b, c, d := cell(0), cell(1), cell(2), cell(3)
	ids := kernels.Buffer[int32]{Mem: mem, Off: 5, N: 1}
	sums := kernels.Buffer[float64]{Mem: mem, Off: 3, N: 2}
	batch := kernels.Batch{Buf: d.Buf, Count: 1, N: 1, Stride: 1, Step: 1}
	p := &kernels.Problem{X: a, Y: b, R: r, Info: ids, Objective: kernels.Objective{Lambda: 1}}
	return []func() error{
		func() error { return s.Write(mem, 0, make([]byte, 64)) },
		func() error { return s.Read(make([]byte, 64), mem, 0) },
		func() error { return s.Copy(mem, 0, mem, 32, 8) },
		func() error { return s.Zero(mem, 0, 64) },
		func() error { return s.Wait(e) },
		s.Sync,
		func() error { return s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, a, b, 0, c) },
		func() error { return s.Gram(c, a) },
		func() error { return s.SpMM(1, r, a, 0, c) },
		func() error { return s.GatherRows(c, a, ids) },
		func() error { return s.ScatterAddRows(c, a, ids) },
		func() error { return s.Axpy(1, a, b) },
		func() error { return s.Scale(1, a) },
		func() error { return s.Mul(c, a, b) },
		func() error { return s.Fill(a, 1) },
		func() error { return s.CopyMatrix(b, a) },
		func() error { return s.ColumnSums(c.Buf, a) },
		func() error { return s.RowNorms(c.Buf, a) },
		func() error { return s.HalfStep(p) },
		func() error { return s.NormalEquations(batch, c, p) },
		func() error { return s.SolveSPD(batch, c, ids) },
		func() error { return s.Loss(sums, p) },
		func() error { return s.Predict(c.Buf, r, a, b) },
		func() error { return s.ScoreTopK(ids, c, a, b, r, kernels.Buffer[uint32]{}) },
	}
}

// counted is how many methods count: every one is called once by everyOp.
const counted = 29

func TestFaultyFailsEveryOpOnce(t *testing.T) {
	for _, cause := range []error{NoRoom, kernels.ErrDeviceLost} {
		failed := map[string]bool{}
		FailEach(t, openChecked, nil, cause, func(dev kernels.Device) error {
			err := everyOp(dev)
			var where *kernels.OpError
			if errors.As(err, &where) {
				failed[where.Op] = true
			}
			return err
		})
		require.Len(t, failed, counted, "methods that failed with %v", cause)
	}
}

func TestFaultyCountsNamedOpsAlone(t *testing.T) {
	dev := Faulty(openChecked(), Fault{Ops: []string{"Alloc", "Sync"}, Call: 3, Err: NoRoom})
	s, err := dev.NewStream()
	require.NoError(t, err)
	m, err := s.Alloc(8)
	require.NoError(t, err)
	require.NoError(t, s.Sync())
	require.NoError(t, s.Zero(m, 0, 8))
	require.False(t, dev.Fired())
	_, err = s.Alloc(8)
	require.ErrorIs(t, err, kernels.ErrMemory)
	var refused *kernels.MemoryError
	require.ErrorAs(t, err, &refused)
	require.True(t, dev.Fired())
	require.Equal(t, 3, dev.Calls())
	require.NoError(t, s.Sync(), "a fault that is not the loss of the device passes")
	require.NoError(t, m.Free())
	require.NoError(t, s.Close())
	require.NoError(t, dev.Close())
}

func TestFaultyLossStays(t *testing.T) {
	dev := Faulty(openChecked(), Fault{Ops: []string{"Sync"}, Call: 1, Err: kernels.ErrDeviceLost})
	s, err := dev.NewStream()
	require.NoError(t, err)
	m, err := s.Alloc(8)
	require.NoError(t, err)
	require.ErrorIs(t, s.Sync(), kernels.ErrDeviceLost)
	require.ErrorIs(t, s.Zero(m, 0, 8), kernels.ErrDeviceLost)
	_, err = dev.NewStream()
	require.ErrorIs(t, err, kernels.ErrDeviceLost)
	require.NoError(t, m.Free())
	require.NoError(t, s.Close())
	require.NoError(t, dev.Close())
}

func TestLeakCheckAcceptsACleanDevice(t *testing.T) {
	dev := LeakCheck(t, openChecked())
	require.NoError(t, everyOp(dev))
}

// recorder takes the failures that a check reports to a test.
type recorder struct {
	testing.TB
	failed   bool
	cleanups []func()
}

func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(_ string, _ ...any) { r.failed = true }
func (r *recorder) FailNow()                  { panic(r) }
func (r *recorder) Helper()                   {}
func (r *recorder) finish() (failed bool) {
	defer func() { _ = recover(); failed = r.failed }()
	for _, f := range r.cleanups {
		f()
	}
	return r.failed
}

func TestLeakCheckRejectsALeak(t *testing.T) {
	for name, use := range map[string]func(dev kernels.Device, s kernels.Stream) error{
		"left open":                func(_ kernels.Device, s kernels.Stream) error { _, err := s.Alloc(8); return err },
		"closed with a leak":       func(dev kernels.Device, s kernels.Stream) error { _, _ = s.Alloc(8); _ = dev.Close(); return nil },
		"a stream that stays open": func(kernels.Device, kernels.Stream) error { return nil },
	} {
		r := &recorder{TB: t}
		dev := LeakCheck(r, openChecked())
		s, err := dev.NewStream()
		require.NoError(t, err)
		require.NoError(t, use(dev, s))
		require.True(t, r.finish(), name)
	}
}
