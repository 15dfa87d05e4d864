package cuda

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
)

func TestSizeClasses(t *testing.T) {
	last := 0
	for bytes := 1; bytes < 1<<20; bytes += 1 + bytes/97 {
		size := sizeClass(bytes)
		require.GreaterOrEqual(t, size, bytes)
		require.LessOrEqual(t, size, max(bytes+bytes/8, bytes+granule-1), "%d bytes", bytes)
		require.Zero(t, size%granule)
		require.GreaterOrEqual(t, size, last, "classes grow")
		require.Equal(t, size, sizeClass(size), "a class is its own")
		last = size
	}
	require.Equal(t, 40<<20, sizeClass(40<<20))
}

// twoStreams opens a device with two streams, without the checks around it.
func twoStreams(t *testing.T, limit int64) (emulator.Library, *device, [2]*stream) {
	t.Helper()
	lib := emulator.Build(t)
	library, err := driver.Load()
	require.NoError(t, err)
	context, err := library.Open(0)
	require.NoError(t, err)
	d, err := newDevice(library, context, 0, kernels.Options{MemoryLimit: limit})
	require.NoError(t, err)
	var streams [2]*stream
	for i := range streams {
		streams[i], err = d.newStream()
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		lib.SetDelay(0)
		for _, s := range streams {
			require.NoError(t, s.Close())
		}
		require.NoError(t, d.Close())
		lib.CheckReports(t)
	})
	return lib, d, streams
}

// TestFreedMemoryIsUsedAgain: at once on the stream that used it, on another once the
// first is done with it.
func TestFreedMemoryIsUsedAgain(t *testing.T) {
	lib, d, s := twoStreams(t, 0)
	b, err := d.memory.alloc(s[0], 10_000)
	require.NoError(t, err)
	lib.SetDelay(20 * time.Millisecond)
	require.NoError(t, s[0].enqueued("Zero", s[0].raw.Memset8(b.ptr, 0, 10_000)))
	require.NoError(t, d.memory.free(b))

	other, err := d.memory.alloc(s[1], 10_000)
	require.NoError(t, err)
	require.NotEqual(t, b.ptr, other.ptr, "the first stream has not done with it")
	again, err := d.memory.alloc(s[0], 9_900)
	require.NoError(t, err)
	require.Equal(t, b.ptr, again.ptr)

	require.NoError(t, d.memory.free(again))
	require.NoError(t, s[0].Sync())
	third, err := d.memory.alloc(s[1], 10_000)
	require.NoError(t, err)
	require.Equal(t, b.ptr, third.ptr)
	require.NoError(t, d.memory.free(other))
	require.NoError(t, d.memory.free(third))
}

// TestIdleMemoryGoesBackForOtherSizes: what is kept for later does not stand in the way
// of an allocation, and what is refused changes nothing.
func TestIdleMemoryGoesBackForOtherSizes(t *testing.T) {
	lib, d, s := twoStreams(t, 1<<20)
	before := lib.Live().Bytes
	var blocks []*block
	for range 4 {
		b, err := d.memory.alloc(s[0], 200<<10)
		require.NoError(t, err)
		blocks = append(blocks, b)
	}
	_, err := d.memory.alloc(s[0], 300<<10)
	var refused *kernels.MemoryError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, &kernels.MemoryError{Wanted: 300 << 10, Free: 1<<20 - 4*int64(sizeClass(200<<10))}, refused)
	for _, b := range blocks {
		require.NoError(t, d.memory.free(b))
	}
	whole, err := d.memory.alloc(s[1], 1<<20)
	require.NoError(t, err)
	require.Equal(t, before+1<<20, lib.Live().Bytes)
	require.NoError(t, d.memory.free(whole))
}

// TestOtherUsersOfTheGPU: the driver may have no room where the limit has.
func TestOtherUsersOfTheGPU(t *testing.T) {
	lib, d, s := twoStreams(t, 0)
	defer lib.SetMemory(0)
	kept, err := d.memory.alloc(s[0], 1<<20)
	require.NoError(t, err)
	idle, err := d.memory.alloc(s[0], 1<<20)
	require.NoError(t, err)
	require.NoError(t, d.memory.free(idle))
	lib.SetMemory(lib.Live().Bytes + 1<<19)
	b, err := d.memory.alloc(s[0], 1<<20+1<<18)
	require.NoError(t, err, "the idle block makes room")
	require.NoError(t, d.memory.free(b))
	_, err = d.memory.alloc(s[0], 4<<20)
	var refused *kernels.MemoryError
	require.ErrorAs(t, err, &refused)
	require.Less(t, refused.Free, int64(4<<20))
	require.NoError(t, d.memory.free(kept))
}
