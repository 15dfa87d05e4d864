package kernelstest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

func streamCases() []testCase {
	return []testCase{
		{"Wait orders one stream after another", testWait},
		{"Wait for an event that has passed", func(f *fixture) {
			e := f.record(f.stream)
			f.ok(f.stream.Sync())
			other := f.newStream()
			f.ok(other.Wait(e))
			f.ok(other.Sync())
		}},
		{"Wait for an event of the same stream", func(f *fixture) {
			x := f.matrix("x", tight, NewDense(3, 3))
			f.ok(f.stream.Fill(x.Matrix, 1))
			f.ok(f.stream.Wait(f.record(f.stream)))
			f.ok(f.stream.Scale(2, x.Matrix))
			compare(f.t, f.what+": x", 3, x.read(f), filled(3, 3, 2).Data, nil)
		}},
		{"Done after Sync", func(f *fixture) {
			a, c, x := f.busyOperands()
			f.busy(f.stream, a.Matrix, c.Matrix, x.Matrix, 3)
			e := f.record(f.stream)
			f.ok(f.stream.Sync())
			done, err := e.Done()
			f.ok(err)
			require.True(f.t, done, "%s: an event before Sync", f.what)
			x.read(f)
		}},
		{"Sync of an empty stream", func(f *fixture) { f.ok(f.newStream().Sync()) }},
		{"memory outlives the stream it came from", func(f *fixture) {
			s, err := f.dev.NewStream()
			f.ok(err)
			x, err := kernels.AllocMatrix(s, 4, 4)
			f.ok(err)
			f.free(x.Free)
			f.ok(s.Fill(x, 5))
			f.ok(s.Close())
			got := make([]float32, 16)
			f.ok(kernels.Download(f.stream, got, x.Buf))
			compare(f.t, f.what+": x", 4, got, filled(4, 4, 5).Data, nil)
		}},
		{"Close waits for what was enqueued", func(f *fixture) {
			s, err := f.dev.NewStream()
			f.ok(err)
			a, c, x := f.busyOperands()
			f.ok(f.stream.Sync())
			f.busy(s, a.Matrix, c.Matrix, x.Matrix, 9)
			f.ok(s.Close())
			compare(f.t, f.what+": x", 10, x.read(f), filled(100, 10, 9).Data, nil)
		}},
		{"goroutines with a stream each", testConcurrentStreams},
		{"goroutines that allocate and upload", testConcurrentResources},
		{"goroutines that share a sparse matrix", testSharedSparse},
		{"the option Synchronous", func(f *fixture) {
			g := f.reopened(kernels.Options{Synchronous: true})
			for _, w := range workloads {
				w.run(g)
			}
		}},
	}
}

func (f *fixture) newStream() kernels.Stream {
	f.t.Helper()
	s, err := f.dev.NewStream()
	f.ok(err)
	f.free(s.Close)
	return s
}

func (f *fixture) record(s kernels.Stream) kernels.Event {
	f.t.Helper()
	e, err := s.Record()
	f.ok(err)
	f.free(e.Free)
	return e
}

func testWait(f *fixture) {
	a, c, x := f.busyOperands()
	y := f.matrix("y", tight, NewDense(100, 10))
	f.ok(f.stream.Sync())
	other := f.newStream()
	for i := range 5 {
		value := float32(i + 1)
		f.busy(f.stream, a.Matrix, c.Matrix, x.Matrix, value)
		f.ok(other.Wait(f.record(f.stream)))
		f.ok(other.CopyMatrix(y.Matrix, x.Matrix))
		got := make([]float32, 1000)
		f.ok(kernels.Download(other, got, y.Buf))
		compare(f.t, fmt.Sprintf("%s: round %d: y", f.what, i), 10, got, filled(100, 10, float64(value)).Data, nil)
		// The next round may not overwrite x before this one has read it.
		f.ok(f.stream.Wait(f.record(other)))
	}
	x.output, y.output = true, true
}

// testConcurrentStreams runs the same work from several goroutines on one device,
// which must give the same bits as running it alone.
func testConcurrentStreams(f *fixture) {
	for _, w := range workloads {
		if w.long {
			continue
		}
		want := w.run(f.again())
		results := make([][][]byte, 4)
		var all sync.WaitGroup
		fixtures := make([]*fixture, len(results))
		for i := range fixtures {
			fixtures[i] = f.suite.fixture(f.t, f.dev, f.what)
		}
		for i := range results {
			all.Go(func() {
				for range 2 {
					results[i] = append(results[i], w.run(fixtures[i].again()))
				}
			})
		}
		all.Wait()
		for i := range results {
			require.Len(f.t, results[i], 2, "%s: %s: stream %d", f.what, w.name, i)
			for _, got := range results[i] {
				sameBits(f, want, got, fmt.Sprintf("%s on stream %d of %d", w.name, i, len(results)))
			}
		}
	}
}

// testSharedSparse uses a new sparse matrix and a slice of it from several goroutines at
// once, as a device may leave the work of NewCSR for the first use.
func testSharedSparse(f *fixture) {
	const cols, width, rounds = 200, 3, 8
	h := f.wholeSparse(mixedLengths, cols)
	host, want := f.whole(cols, width, 3), NewDense(h.Rows, width)
	SpMM(1, h, host, 0, want)
	b := f.matrix("b", tight, host)
	f.ok(f.stream.Sync())
	for range rounds {
		r := f.csr(h)
		part, err := r.Slice(kernels.Span{Lo: 1, Hi: h.Rows})
		f.ok(err)
		f.free(part.Free)
		var all sync.WaitGroup
		got := make([]matrix, 4)
		errs := make([]error, len(got))
		for i := range got {
			s, c := f.newStream(), f.matrix("c", tight, NewDense(h.Rows, width))
			f.ok(f.stream.Sync())
			got[i] = c
			all.Go(func() {
				errs[i] = errors.Join(
					s.SpMM(1, part, b.Matrix, 0, c.RowRange(1, h.Rows)),
					s.SpMM(1, r, b.Matrix, 0, c.Matrix),
					s.Sync())
			})
		}
		all.Wait()
		for i, c := range got {
			f.ok(errs[i])
			compare(f.t, fmt.Sprintf("%s: stream %d: c", f.what, i), width, c.read(f), want.Data, nil)
		}
	}
}

func testConcurrentResources(f *fixture) {
	h := f.wholeSparse(mixedLengths, 200)
	var all sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		all.Go(func() { errs[i] = churn(f.dev, h) })
	}
	all.Wait()
	for _, err := range errs {
		f.ok(err)
	}
}

// churn takes and gives back one of every kind of resource, many times.
func churn(dev kernels.Device, h kernels.HostCSR) error {
	for range 50 {
		s, err := dev.NewStream()
		if err != nil {
			return err
		}
		m, err := s.Alloc(10_000)
		if err != nil {
			return err
		}
		r, err := dev.NewCSR(h)
		if err != nil {
			return err
		}
		part, err := r.Slice(kernels.Span{Lo: 1, Hi: 7})
		if err != nil {
			return err
		}
		e, err := s.Record()
		if err != nil {
			return err
		}
		dev.Info()
		for _, release := range []func() error{e.Free, part.Free, r.Free, m.Free, s.Close} {
			if err := release(); err != nil {
				return err
			}
		}
	}
	return nil
}
