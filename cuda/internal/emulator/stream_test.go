package emulator_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
)

// pinned is memory for one byte.
func (g *gpu) pinned() *byte {
	p, err := g.context.AllocHost(1)
	require.NoError(g.t, err)
	g.t.Cleanup(func() { require.NoError(g.t, g.context.FreeHost(p)) })
	return (*byte)(p)
}

func (g *gpu) newStream() *driver.Stream {
	s, err := g.context.NewStream()
	require.NoError(g.t, err)
	g.t.Cleanup(func() { require.NoError(g.t, s.Destroy()) })
	return s
}

// event is the present end of a stream's queue.
func (g *gpu) event(s *driver.Stream) *driver.Event {
	e, err := g.context.NewEvent()
	require.NoError(g.t, err)
	g.t.Cleanup(func() { require.NoError(g.t, e.Destroy()) })
	require.NoError(g.t, s.Record(e))
	return e
}

// TestOnDemand: what nobody waits for is not run, so that a wait that is missing between
// a write and a read shows whichever of the two it holds back.
func TestOnDemand(t *testing.T) {
	g := open(t, emulator.Config{})
	p := g.alloc(1)
	host, late := g.pinned(), g.newStream()
	g.SetOnDemand(true)
	defer g.SetOnDemand(false)
	read := func() byte {
		require.NoError(t, g.stream.CopyToHost(unsafe.Pointer(host), p, 1))
		require.NoError(t, g.stream.Sync())
		return *host
	}
	require.NoError(t, g.stream.Memset8(p, 1, 1))
	require.NoError(t, late.Memset8(p, 2, 1))
	e := g.event(late)
	require.Equal(t, byte(1), read(), "nobody has waited for the other stream")
	done, err := e.Query()
	require.NoError(t, err)
	require.False(t, done)
	require.NoError(t, g.stream.Wait(e))
	require.Equal(t, byte(2), read(), "by way of an event")

	require.NoError(t, late.Memset8(p, 3, 1))
	require.NoError(t, late.Sync())
	require.Equal(t, byte(3), read())
	require.NoError(t, late.Memset8(p, 4, 1))
	g.SetOnDemand(false)
	require.Eventually(t, func() bool { return read() == 4 }, time.Minute, time.Millisecond, "all by itself")
}

// TestClock: streams go on side by side, one after another where an event says so, and
// not before the host has asked.
func TestClock(t *testing.T) {
	g := open(t, emulator.Config{})
	const n = 1000
	p, q := g.alloc(n), g.alloc(n)
	memory, err := g.context.AllocHost(n)
	require.NoError(t, err)
	defer func() { require.NoError(t, g.context.FreeHost(memory)) }()
	f, err := g.module.Function("unwritten_shared")
	require.NoError(t, err)
	launch := func() {
		require.NoError(t, g.stream.Launch(f, [3]uint32{30, 1, 1}, [3]uint32{32, 1, 1}, 128, []uint64{uint64(q)}))
	}
	copies := g.newStream()
	g.SetClock(n, 10) // a second for each copy, three for each launch
	defer g.SetClock(0, 0)

	launch()
	require.NoError(t, copies.CopyToDevice(p, memory, n))
	require.NoError(t, copies.Sync())
	require.Equal(t, 1.0, g.HostTime(), "the launch is still under way")
	require.NoError(t, g.stream.Wait(g.event(copies)))
	launch()
	e := g.event(g.stream)
	done, err := e.Query()
	require.NoError(t, err)
	require.False(t, done)
	require.NoError(t, copies.Wait(e))
	require.NoError(t, copies.CopyToHost(memory, p, n))
	require.NoError(t, copies.Sync())
	require.Equal(t, 7.0, g.HostTime())

	times := map[string][]float64{}
	for _, o := range g.Operations() {
		times[o.Name] = append(times[o.Name], o.Begun, o.Ended)
	}
	require.Equal(t, map[string][]float64{
		"unwritten_shared": {0, 3, 3, 6}, "cuMemcpyHtoDAsync": {0, 1}, "cuMemcpyDtoHAsync": {6, 7},
	}, times)
	require.Empty(t, g.Operations())

	launch()
	require.NoError(t, g.stream.Sync())
	last := g.Operations()[0]
	require.Equal(t, []float64{7, 7, 10}, []float64{last.Asked, last.Begun, last.Ended}, "asked for later than the stream was done")
	g.SetClock(n, 10)
	launch()
	require.NoError(t, g.stream.Sync())
	require.Equal(t, 3.0, g.HostTime(), "from 0 again")
}
