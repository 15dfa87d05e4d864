package emulator_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
)

// report is the one report since the last time.
func (g *gpu) report() string {
	g.t.Helper()
	reports := g.Reports()
	require.Len(g.t, reports, 1, "%q", reports)
	return reports[0]
}

// lost asserts that an error is a fault that took the device, and brings it back.
func (g *gpu) lost(err error, code int) {
	g.t.Helper()
	var e *driver.Error
	require.ErrorAs(g.t, err, &e)
	require.Equal(g.t, code, e.Code)
	_, err = g.context.Alloc(1)
	require.ErrorAs(g.t, err, &e)
	require.Equal(g.t, code, e.Code, "a fault stays")
	g.Reset()
}

// TestFaults: each mistake of a kernel is reported with its place.
func TestFaults(t *testing.T) {
	const illegalAddress, assertion, failed = 700, 710, 719
	for _, test := range []struct {
		kernel string
		code   int
		says   []string // in the report; "@mark" is the line of a mark
	}{
		{"divergent_barrier", failed, []string{"divergent barrier", "@one", "@other"}},
		{"barrier_and_shuffle", failed, []string{"deadlock", "lanes 5 at the barrier of @barrier", "lanes 0-4,6-31 in shuffle at @shuffle, where lanes 5 are missing"}},
		{"lane_outside_mask", failed, []string{"the lane is not in its own mask, lanes 0-15", "@shuffle"}},
		{"source_outside_mask", failed, []string{"lane 8 reads lane 16, which does not take part; lanes 0-15 do", "@shuffle"}},
		{"lane_ended", failed, []string{"reads lane 31, which does not take part", "@shuffle"}},
		{"two_operations", failed, []string{"divergent warp operation", "@shuffle", "@vote"}},
		{"failing_assert", assertion, []string{"assert(out == nullptr)", "@assert"}},
		{"stack_overflow", illegalAddress, []string{"the stack of the thread is full"}},
	} {
		orders(t, func(t *testing.T, g *gpu) {
			out := g.alloc(4 * 1024)
			err := g.launch(test.kernel, [3]uint32{1, 1, 1}, [3]uint32{32, 1, 1}, 0, uint64(out))
			g.lost(err, test.code)
			report := g.report()
			require.Contains(t, report, test.kernel)
			for _, text := range test.says {
				before, mark, marked := strings.Cut(text, "@")
				if marked {
					name, after, _ := strings.Cut(mark, ",")
					text = before + lineOf(t, test.kernel+": "+name)
					if after != "" {
						text += "," + after
					}
				}
				require.Contains(t, report, text)
			}
		})
	}
}

// TestOutOfBounds: one element too far is one too many, on both sides, in device
// memory and in both kinds of shared memory.
func TestOutOfBounds(t *testing.T) {
	const illegalAddress = 700
	orders(t, func(t *testing.T, g *gpu) {
		one := [3]uint32{1, 1, 1}
		for _, n := range []int{4096, 1024, 16, 4} {
			elements := n / 4
			for _, kernel := range []string{"write_at", "read_at"} {
				p, err := g.context.Alloc(n)
				require.NoError(t, err)
				require.NoError(t, g.launch(kernel, one, one, 0, uint64(p), uint64(elements-1)))

				// An allocation ends at an unreadable page if its size is a multiple of 16.
				if n%16 == 0 {
					g.lost(g.launch(kernel, one, one, 0, uint64(p), uint64(elements)), illegalAddress)
					report := g.report()
					require.Contains(t, report, fmt.Sprintf("illegal %s", strings.TrimSuffix(kernel, "_at")))
					require.Contains(t, report, fmt.Sprintf("0 bytes past the end of an allocation of %d bytes", n))
				} else if kernel == "write_at" {
					require.NoError(t, g.launch(kernel, one, one, 0, uint64(p), uint64(elements)))
					require.Contains(t, g.report(), fmt.Sprintf("a write past the end of an allocation of %d bytes", n))
				}
				require.NoError(t, g.context.Free(p))
				g.Reports() // the margin is looked at once more when it is freed
			}
		}

		p, err := g.context.Alloc(64)
		require.NoError(t, err)
		require.NoError(t, g.launch("write_at", one, one, 0, uint64(p), math.MaxUint64))
		require.Contains(t, g.report(), "a write before the start of an allocation of 64 bytes")
		require.NoError(t, g.context.Free(p))
		g.Reports()
		p = g.alloc(4096)
		g.lost(g.launch("write_at", one, one, 0, uint64(p), math.MaxUint64), illegalAddress)
		require.Contains(t, g.report(), "4 bytes before the start of an allocation of 4096 bytes")

		require.NoError(t, g.launch("static_shared_at", one, one, 0, uint64(p), 7))
		for _, i := range []uint64{8, math.MaxUint32} {
			g.lost(g.launch("static_shared_at", one, one, 0, uint64(p), i), illegalAddress)
			require.Contains(t, g.report(), "beyond the bounds of the array at "+lineOf(t, "static_shared_at: write"))
		}
		require.NoError(t, g.launch("dynamic_shared_at", one, one, 64, uint64(p), 15))
		g.lost(g.launch("dynamic_shared_at", one, one, 64, uint64(p), 16), illegalAddress)
		require.Contains(t, g.report(), "0 bytes past the end of the 64 bytes of dynamic shared memory")
	})
}

func TestUseAfterFree(t *testing.T) {
	g := open(t, emulator.Config{})
	p, err := g.context.Alloc(4096)
	require.NoError(t, err)
	require.NoError(t, g.context.Free(p))
	g.lost(g.launch("write_at", [3]uint32{1, 1, 1}, [3]uint32{1, 1, 1}, 0, uint64(p), 3), 700)
	require.Contains(t, g.report(), "in an allocation of 4096 bytes that was freed")

	require.ErrorContains(t, g.context.Free(p), "CUDA_ERROR_INVALID_VALUE")
	require.Contains(t, g.report(), "an allocation of 4096 bytes is freed twice")
	require.Error(t, g.stream.Memset8(p, 0, 1))
}

// TestRaces: both lines of a race are named, in every order of threads.
func TestRaces(t *testing.T) {
	for _, kernel := range []string{"missing_barrier", "missing_second_barrier", "missing_warp_barrier", "shuffle_for_barrier", "warp_barrier_for_block"} {
		t.Run(kernel, func(t *testing.T) {
			g := open(t, emulator.Config{Races: true})
			out := g.alloc(4 * 64)
			require.NoError(t, g.launch(kernel, [3]uint32{1, 1, 1}, [3]uint32{64, 1, 1}, 4*64, uint64(out)))
			report := strings.Join(g.Reports(), "\n")
			require.Contains(t, report, "race in shared memory")
			require.Contains(t, report, lineOf(t, kernel+": write"))
			require.Contains(t, report, lineOf(t, kernel+": read"))
		})
	}
}

// TestUnwritten: memory that was not written is NaN, also what a block before has
// written.
func TestUnwritten(t *testing.T) {
	orders(t, func(t *testing.T, g *gpu) {
		out := g.alloc(4 * 32)
		for _, v := range download[float32](g, out, 32) {
			require.NotEqual(t, v, v, "of the device")
		}
		require.NoError(t, g.launch("unwritten_shared", [3]uint32{9, 1, 1}, [3]uint32{32, 1, 1}, 4*32, uint64(out)))
		for _, v := range download[float32](g, out, 32) {
			require.NotEqual(t, v, v, "shared")
		}
	})
}

// TestOrderedFailures: the n-th call, a named one, a launch.
func TestOrderedFailures(t *testing.T) {
	g := open(t, emulator.Config{})
	g.FailCall("cuMemAlloc", 2, 2)
	p, err := g.context.Alloc(16)
	require.NoError(t, err)
	_, err = g.context.Alloc(16)
	require.ErrorContains(t, err, "CUDA_ERROR_OUT_OF_MEMORY")
	require.NoError(t, g.context.Free(p))

	before := g.Calls()
	require.NoError(t, g.stream.Sync())
	calls := g.Calls() - before
	require.Positive(t, calls)
	for n := 1; n <= calls; n++ {
		g.FailCall("", n, 999)
		require.Error(t, g.stream.Sync(), "call %d", n)
	}
	require.NoError(t, g.stream.Sync())

	p = g.alloc(64)
	one := [3]uint32{1, 1, 1}
	g.FailLaunch(2, 702)
	require.NoError(t, g.launch("write_at", one, one, 0, uint64(p), 0))
	g.lost(g.launch("write_at", one, one, 0, uint64(p), 0), 702)
	require.NoError(t, g.launch("write_at", one, one, 0, uint64(p), 0))
}

func TestMemoryLimit(t *testing.T) {
	g := open(t, emulator.Config{})
	g.SetMemory(1 << 20)
	defer g.SetMemory(0)
	p, err := g.context.Alloc(1 << 19)
	require.NoError(t, err)
	free, total, err := g.context.MemInfo()
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, total)
	require.EqualValues(t, 1<<19, free)
	_, err = g.context.Alloc(1<<19 + 1)
	require.ErrorContains(t, err, "CUDA_ERROR_OUT_OF_MEMORY")
	require.NoError(t, g.context.Free(p))
}

// TestLaunchLimits: the driver refuses what a GPU does not have.
func TestLaunchLimits(t *testing.T) {
	g := open(t, emulator.Config{})
	f, err := g.module.Function("unwritten_shared")
	require.NoError(t, err)
	p := g.alloc(4 * 1024)
	args := []uint64{uint64(p)}
	one := [3]uint32{1, 1, 1}
	for name, launch := range map[string]struct {
		grid, block [3]uint32
		shared      uint32
	}{
		"no block":             {[3]uint32{0, 1, 1}, one, 0},
		"too many blocks in y": {[3]uint32{1, 65536, 1}, one, 0},
		"too many threads":     {one, [3]uint32{1025, 1, 1}, 0},
		"no thread":            {one, [3]uint32{1, 0, 1}, 0},
		"shared memory":        {one, one, 49 << 10},
	} {
		require.ErrorContains(t, g.stream.Launch(f, launch.grid, launch.block, launch.shared, args), "CUDA_ERROR_INVALID_VALUE", name)
	}
	require.NoError(t, f.SetMaxDynamicShared(96<<10))
	require.NoError(t, g.stream.Launch(f, one, [3]uint32{32, 1, 1}, 96<<10, args))
	require.Error(t, f.SetMaxDynamicShared(97<<10))
	require.NoError(t, g.stream.Sync())
}

// TestStreamsRunLater: what nobody waited for has not happened.
func TestStreamsRunLater(t *testing.T) {
	g := open(t, emulator.Config{})
	g.SetDelay(5 * time.Millisecond)
	defer g.SetDelay(0)
	memory, err := g.context.AllocHost(4)
	require.NoError(t, err)
	pinned := (*[4]byte)(memory)
	defer func() { require.NoError(t, g.context.FreeHost(unsafe.Pointer(pinned))) }()
	p := g.alloc(4)
	*pinned = [4]byte{1, 2, 3, 4}
	require.NoError(t, g.stream.CopyToDevice(p, unsafe.Pointer(pinned), 4))
	pinned[0] = 9 // too early
	require.NoError(t, g.stream.Sync())
	require.Equal(t, []byte{9, 2, 3, 4}, download[byte](g, p, 4))

	// One stream waits for the other.
	other, err := g.context.NewStream()
	require.NoError(t, err)
	event, err := g.context.NewEvent()
	require.NoError(t, err)
	require.NoError(t, g.stream.Memset8(p, 7, 4))
	require.NoError(t, g.stream.Record(event))
	done, err := event.Query()
	require.NoError(t, err)
	require.False(t, done)
	require.NoError(t, other.Wait(event))
	require.NoError(t, other.CopyToHost(unsafe.Pointer(pinned), p, 4))
	require.NoError(t, other.Sync())
	require.Equal(t, [4]byte{7, 7, 7, 7}, *pinned)
	done, err = event.Query()
	require.NoError(t, err)
	require.True(t, done)
	require.NoError(t, event.Destroy())
	require.NoError(t, other.Destroy())
}

// TestOmittedFunction: a stand-in can lack a function, as an old driver does.
func TestOmittedFunction(t *testing.T) {
	files := emulator.Config{Kernels: "testdata", Omit: []string{"cuEventQuery"}}.Compile(t)
	_, err := driver.LoadFiles(files.CUDA, files.BLAS)
	require.ErrorIs(t, err, driver.ErrSymbol)
	require.ErrorContains(t, err, "cuEventQuery")
}

// TestLostContext: what a lost device holds goes with its context.
func TestLostContext(t *testing.T) {
	l := emulator.Config{Kernels: "testdata", Races: true}.Load(t)
	require.Zero(t, l.Live())
	library, err := driver.LoadFiles(l.CUDA, l.BLAS)
	require.NoError(t, err)
	context, err := library.Open(0)
	require.NoError(t, err)
	stream, err := context.NewStream()
	require.NoError(t, err)
	_, err = context.NewEvent()
	require.NoError(t, err)
	_, err = context.AllocHost(64)
	require.NoError(t, err)
	p, err := context.Alloc(64)
	require.NoError(t, err)
	module, err := context.LoadModule(ptx(t))
	require.NoError(t, err)
	f, err := module.Function("write_at")
	require.NoError(t, err)
	l.FailLaunch(1, 719)
	require.NoError(t, stream.Launch(f, [3]uint32{1, 1, 1}, [3]uint32{1, 1, 1}, 0, []uint64{uint64(p), 0}))
	require.ErrorContains(t, stream.Sync(), "CUDA_ERROR_LAUNCH_FAILED")
	require.NotZero(t, l.Live())
	require.ErrorContains(t, context.Close(), "CUDA_ERROR_LAUNCH_FAILED")
	require.Zero(t, l.Live())
	l.Reset()
}
