package kernels_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// openStream opens a stream on a checked device. The device is closed with the
// test; what the test leaves on it is not looked at.
func openStream(t *testing.T, fake *fakeDevice) (kernels.Stream, kernels.Device) {
	t.Helper()
	dev := kernels.Checked(fake)
	t.Cleanup(func() { _ = dev.Close() })
	s, err := dev.NewStream()
	require.NoError(t, err)
	return s, dev
}

func alloc(t *testing.T, s kernels.Stream, rows, cols int) kernels.Matrix {
	t.Helper()
	m, err := kernels.AllocMatrix(s, rows, cols)
	require.NoError(t, err)
	return m
}

func TestCheckedTwiceIsCheckedOnce(t *testing.T) {
	dev := kernels.Checked(newFake())
	require.Same(t, dev, kernels.Checked(dev))
	require.NoError(t, dev.Close())
}

func TestFreedAndClosed(t *testing.T) {
	fake := newFake()
	s, dev := openStream(t, fake)
	m, err := s.Alloc(64)
	require.NoError(t, err)
	r, err := dev.NewCSR(sound())
	require.NoError(t, err)
	e, err := s.Record()
	require.NoError(t, err)

	for name, free := range map[string]func() error{"memory": m.Free, "matrix": r.Free, "event": e.Free} {
		require.NoError(t, free(), name)
		require.ErrorIs(t, free(), kernels.ErrFreed, "%s: twice", name)
	}
	require.EqualError(t, m.Free(), "fake: Free 64 bytes: kernels: freed")
	require.EqualError(t, s.Zero(m, 0, 4), "fake: Zero 4 bytes at 0: dst: kernels: freed")
	require.ErrorIs(t, s.Wait(e), kernels.ErrFreed)
	_, err = e.Done()
	require.ErrorIs(t, err, kernels.ErrFreed)
	_, err = r.Slice(kernels.Span{})
	require.ErrorIs(t, err, kernels.ErrFreed)
	require.False(t, fake.called("Zero") || fake.called("Wait") || fake.called("Done") || fake.called("Slice"))

	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Close(), kernels.ErrClosed)
	require.EqualError(t, s.Sync(), "fake: Sync: kernels: closed")
	_, err = s.Alloc(4)
	require.ErrorIs(t, err, kernels.ErrClosed)
	_, err = s.Record()
	require.ErrorIs(t, err, kernels.ErrClosed)
	require.NoError(t, dev.Close())
	require.ErrorIs(t, dev.Close(), kernels.ErrClosed)
	_, err = dev.NewStream()
	require.ErrorIs(t, err, kernels.ErrClosed)
	_, err = dev.NewCSR(sound())
	require.ErrorIs(t, err, kernels.ErrClosed)
}

func TestCloseNamesLeaks(t *testing.T) {
	fake := newFake()
	dev := kernels.Checked(fake)
	r, err := dev.NewCSR(sound())
	require.NoError(t, err)
	s, err := dev.NewStream()
	require.NoError(t, err)
	_, err = kernels.AllocMatrix(s, 4, 4)
	require.NoError(t, err)
	part, err := r.Slice(kernels.Span{Lo: 1, Hi: 3})
	require.NoError(t, err)
	_, err = s.Record()
	require.NoError(t, err)
	m, err := s.Alloc(7)
	require.NoError(t, err)
	require.NoError(t, m.Free(), "this one is given back")

	err = dev.Close()
	require.ErrorIs(t, err, kernels.ErrLeak)
	var leak *kernels.LeakError
	require.ErrorAs(t, err, &leak)
	var what []string
	for _, l := range leak.Leaks {
		what = append(what, l.What)
		require.Contains(t, l.Site, "kernels_test.TestCloseNamesLeaks (checked_test.go:")
	}
	// Streams come first: closing them waits for the uses of the rest.
	require.Equal(t, []string{"stream", "CSR 3×5", "64 bytes", "CSR 2×5", "event"}, what)
	require.Contains(t, err.Error(), "fake: Close: kernels: leak: stream from kernels_test.TestCloseNamesLeaks (checked_test.go:")
	for _, op := range []string{"CloseStream", "FreeCSR", "FreeEvent", "Close"} {
		require.True(t, fake.called(op), op)
	}
	require.ErrorIs(t, part.Free(), kernels.ErrFreed)
	require.ErrorIs(t, s.Close(), kernels.ErrClosed)
}

func TestLeakErrorStaysReadable(t *testing.T) {
	s, dev := openStream(t, newFake())
	for range 20 {
		_, err := s.Alloc(1)
		require.NoError(t, err)
	}
	err := dev.Close()
	var leak *kernels.LeakError
	require.ErrorAs(t, err, &leak)
	require.Len(t, leak.Leaks, 21)
	require.Equal(t, 8, strings.Count(err.Error(), " from "))
	require.True(t, strings.HasSuffix(err.Error(), " and 13 more"), err.Error())
}

func TestCloseReportsWhatTheDeviceReports(t *testing.T) {
	fake := newFake()
	dev := kernels.Checked(fake)
	stuck := errors.New("stuck")
	fake.fails["Close"] = stuck
	require.ErrorIs(t, dev.Close(), stuck)
}

func TestMemoryErrorKeepsItsNumbers(t *testing.T) {
	fake := newFake()
	s, dev := openStream(t, fake)
	fake.fails["Alloc"] = &kernels.MemoryError{Wanted: 4096, Free: 1024}
	_, err := s.Alloc(4096)
	require.ErrorIs(t, err, kernels.ErrMemory)
	require.EqualError(t, err, "fake: Alloc 4096 bytes: kernels: out of memory: 4096 bytes wanted, 1024 free")
	require.NoError(t, s.Close())
	require.NoError(t, dev.Close(), "what was not allocated is no leak")
}

// loseDevice enqueues some work and has Sync report a fault.
func loseDevice(t *testing.T, fake *fakeDevice, s kernels.Stream, fills int) error {
	t.Helper()
	m := alloc(t, s, 4, 4)
	for range fills {
		require.NoError(t, s.Fill(m, 1))
	}
	require.NoError(t, s.Scale(2, m))
	fake.fails["Sync"] = fmt.Errorf("%w: illegal address", kernels.ErrDeviceLost)
	return s.Sync()
}

func TestLossNamesWhatWasUnderWay(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	err := loseDevice(t, fake, s, 2)
	require.ErrorIs(t, err, kernels.ErrDeviceLost)
	var lost *kernels.LostError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, []string{"Fill", "Fill", "Scale"}, lost.Pending)
	require.EqualError(t, err, "fake: Sync: kernels: device lost during Fill, Fill, Scale: kernels: device lost: illegal address")
}

func TestLossForgetsWhatHasFinished(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	m := alloc(t, s, 4, 4)
	require.NoError(t, s.Gram(m, alloc(t, s, 9, 4)))
	require.NoError(t, s.Sync())
	require.NoError(t, s.Gram(m, alloc(t, s, 9, 4)))
	require.NoError(t, kernels.Download(s, make([]float32, 16), m.Buf))
	var lost *kernels.LostError
	require.ErrorAs(t, loseDevice(t, fake, s, 1), &lost)
	require.Equal(t, []string{"Fill", "Scale"}, lost.Pending)
}

func TestLossKeepsTheNewestOperations(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	var lost *kernels.LostError
	require.ErrorAs(t, loseDevice(t, fake, s, 100), &lost)
	require.Len(t, lost.Pending, 32)
	require.Equal(t, "Scale", lost.Pending[31])
	require.Equal(t, "Fill", lost.Pending[0])
}

func TestLossKeepsWhatTheDeviceSaysOfIt(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	fake.fails["Sync"] = &kernels.LostError{Cause: errors.New("illegal address"), Pending: []string{"gemm"}}
	err := s.Sync()
	var lost *kernels.LostError
	require.ErrorAs(t, err, &lost)
	require.EqualError(t, err, "fake: Sync: kernels: device lost during gemm: illegal address")
}

func TestLossStays(t *testing.T) {
	fake := newFake()
	s, dev := openStream(t, fake)
	other, err := dev.NewStream()
	require.NoError(t, err)
	m := alloc(t, other, 4, 4)
	r, err := dev.NewCSR(sound())
	require.NoError(t, err)
	e, err := other.Record()
	require.NoError(t, err)
	first := loseDevice(t, fake, s, 1)
	delete(fake.fails, "Sync")
	fake.calls = nil

	var cause *kernels.LostError
	require.ErrorAs(t, first, &cause)
	for op, call := range map[string]func() error{
		"Fill": func() error { return other.Fill(m, 1) }, "Sync": other.Sync, "Alloc": func() error { _, err := s.Alloc(4); return err },
		"NewStream": func() error { _, err := dev.NewStream(); return err },
		"NewCSR":    func() error { _, err := dev.NewCSR(sound()); return err },
		"Slice":     func() error { _, err := r.Slice(kernels.Span{}); return err },
		"Record":    func() error { _, err := other.Record(); return err },
		"Done":      func() error { _, err := e.Done(); return err },
		"Wait":      func() error { return other.Wait(e) },
		"Read":      func() error { return kernels.Download(other, make([]float32, 16), m.Buf) },
	} {
		err := call()
		require.ErrorIs(t, err, kernels.ErrDeviceLost, op)
		var lost *kernels.LostError
		require.ErrorAs(t, err, &lost, op)
		require.Same(t, cause, lost, "%s: the first fault is the one that is reported", op)
		require.False(t, fake.called(op), op)
	}

	// What the device says about memory that went with it is nobody's concern.
	for _, op := range []string{"Free", "FreeCSR", "FreeEvent", "CloseStream"} {
		fake.fails[op] = kernels.ErrDeviceLost
	}
	require.NoError(t, m.Free())
	require.NoError(t, r.Free())
	require.NoError(t, e.Free())
	require.NoError(t, other.Close())
	err = dev.Close()
	require.ErrorIs(t, err, kernels.ErrLeak, "a stream and its matrix are left")
	require.NotErrorIs(t, err, kernels.ErrDeviceLost)
	require.True(t, fake.called("Close"))
}

func TestLossInAKernelNamesIt(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	fake.fails["Fill"] = kernels.ErrDeviceLost
	err := s.Fill(alloc(t, s, 4, 4), 1)
	require.EqualError(t, err, "fake: Fill x 4×4: kernels: device lost during Fill")
}

func TestChecksAllocateNothing(t *testing.T) {
	fake := newFake()
	s, dev := openStream(t, fake)
	a, b, c := alloc(t, s, 4, 4), alloc(t, s, 5, 4), alloc(t, s, 4, 5)
	info, err := kernels.AllocBuffer[int32](s, 4)
	require.NoError(t, err)
	h := sound()
	h.Rows, h.Offsets = 4, append(h.Offsets, 4)
	r, err := dev.NewCSR(h)
	require.NoError(t, err)
	p := &kernels.Problem{X: a, Y: b, R: r, Info: info}
	require.NoError(t, s.HalfStep(p))
	for name, call := range map[string]func() error{
		"Gemm":     func() error { return s.Gemm(kernels.NoTrans, kernels.Transpose, 1, a, b, 0, c) },
		"HalfStep": func() error { return s.HalfStep(p) },
		"Sync":     s.Sync,
	} {
		allocs := testing.AllocsPerRun(100, func() {
			fake.calls = fake.calls[:0]
			if err := call(); err != nil {
				panic(err)
			}
		})
		// One is the list of memory that the fake keeps of a call with views.
		require.LessOrEqual(t, allocs, 1.0, name)
	}
}
