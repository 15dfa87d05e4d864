package kernelstest

import (
	"errors"
	"strconv"
	"strings"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

func memoryCases() []testCase {
	return []testCase{
		{"MemoryLive follows Alloc and Free", testMemoryLive},
		{"MemoryLimit answers MemoryError", testMemoryLimit},
		{"Close reports every leak with its place", testLeaks},
		{"Close without a leak, and again", func(f *fixture) {
			dev := f.suite.device(f.t, kernels.Options{})
			s, err := dev.NewStream()
			f.ok(err)
			m, err := s.Alloc(1000)
			f.ok(err)
			f.ok(m.Free())
			f.ok(s.Close())
			f.ok(dev.Close())
			require.ErrorIs(f.t, dev.Close(), kernels.ErrClosed, f.what)
		}},
		{"Info names the device", func(f *fixture) {
			info := f.dev.Info()
			require.Equal(f.t, f.suite.name, info.Backend, f.what)
			require.NotEmpty(f.t, info.Path, f.what)
		}},
	}
}

func testMemoryLive(f *fixture) {
	f.ok(f.stream.Sync())
	before := f.dev.Info().MemoryLive
	var blocks []kernels.Mem
	total := int64(0)
	for _, bytes := range []int{1, 1000, 1 << 20, 0, 12_345} {
		m, err := f.stream.Alloc(bytes)
		f.ok(err)
		require.Equal(f.t, bytes, m.Bytes(), f.what)
		blocks = append(blocks, m)
		total += int64(bytes)
		require.GreaterOrEqual(f.t, f.dev.Info().MemoryLive, before+total, "%s: after Alloc of %d bytes", f.what, bytes)
	}
	for _, m := range blocks {
		f.ok(m.Free())
		require.ErrorIs(f.t, m.Free(), kernels.ErrFreed, f.what)
	}
	f.ok(f.stream.Sync())
	require.Equal(f.t, before, f.dev.Info().MemoryLive, "%s: after Free", f.what)
}

func testMemoryLimit(f *fixture) {
	const mib = 1 << 20
	g := f.reopened(kernels.Options{MemoryLimit: 64 * mib})
	require.Equal(f.t, int64(64*mib), g.dev.Info().MemoryTotal, "%s: Info().MemoryTotal", f.what)
	most, err := g.stream.Alloc(40 * mib)
	f.ok(err)
	for range 3 { // a refusal may not count as an allocation
		_, err = g.stream.Alloc(40 * mib)
		require.ErrorIs(f.t, err, kernels.ErrMemory, f.what)
		var refused *kernels.MemoryError
		require.ErrorAs(f.t, err, &refused, f.what)
		require.GreaterOrEqual(f.t, refused.Wanted, int64(40*mib), "%s: Wanted", f.what)
		require.LessOrEqual(f.t, refused.Free, int64(24*mib), "%s: Free", f.what)
		require.GreaterOrEqual(f.t, refused.Free, int64(0), "%s: Free", f.what)
	}
	_, err = g.stream.Alloc(1 << (strconv.IntSize - 4))
	require.ErrorIs(f.t, err, kernels.ErrMemory, f.what)
	f.ok(most.Free())
	f.ok(g.stream.Sync())
	again, err := g.stream.Alloc(40 * mib)
	f.ok(err)
	f.ok(again.Free())
}

func testLeaks(f *fixture) {
	dev := f.suite.device(f.t, kernels.Options{})
	s, err := dev.NewStream()
	f.ok(err)
	m, err := s.Alloc(4321)
	f.ok(err)
	x, err := kernels.AllocMatrix(s, 10, 10)
	f.ok(err)
	r, err := dev.NewCSR(f.wholeSparse(mixedLengths, 200))
	f.ok(err)
	_, err = r.Slice(kernels.Span{Lo: 2, Hi: 5})
	f.ok(err)
	_, err = s.Record()
	f.ok(err)
	f.ok(s.Fill(x, 1))

	err = dev.Close()
	require.ErrorIs(f.t, err, kernels.ErrLeak, f.what)
	var leak *kernels.LeakError
	require.True(f.t, errors.As(err, &leak), f.what)
	require.Len(f.t, leak.Leaks, 6, "%s: a stream, two blocks, a matrix, its slice and an event: %v", f.what, err)
	for _, l := range leak.Leaks {
		require.True(f.t, strings.Contains(l.Site, "testLeaks") && strings.Contains(l.Site, "suite_memory.go:"),
			"%s: the place of %s is %s", f.what, l.What, l.Site)
	}
	require.ErrorIs(f.t, m.Free(), kernels.ErrFreed, "%s: Free after Close", f.what)
	require.ErrorIs(f.t, s.Sync(), kernels.ErrClosed, "%s: Sync after Close", f.what)
}
