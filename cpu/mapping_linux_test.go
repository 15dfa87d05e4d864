//go:build amd64 || arm64

package cpu

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

func TestLargeBlocksComeFromTheSystem(t *testing.T) {
	for _, n := range []int{mappedLeast - 1, mappedLeast, mappedLeast + 12345} {
		b, err := newBlock(n)
		require.NoError(t, err)
		require.Len(t, b.data, n)
		require.Equal(t, n >= mappedLeast, b.release != nil)
		if b.release != nil {
			require.Zero(t, uintptr(unsafe.Pointer(&b.data[0]))%hugePage)
		}
		b.data[0], b.data[n-1] = 1, 2
		require.NoError(t, b.free())
		require.Nil(t, b.data)
		require.NoError(t, b.free(), "once more")
	}
}

// TestRefusedMemoryIsAnError asks for more than an address space has.
func TestRefusedMemoryIsAnError(t *testing.T) {
	const n = 1 << 50
	_, err := newBlock(n)
	var memory *kernels.MemoryError
	require.ErrorAs(t, err, &memory)
	require.Equal(t, int64(n), memory.Wanted)

	l := &ledger{total: 1 << 60}
	var a arena
	require.ErrorIs(t, a.reserve(l, n), kernels.ErrMemory)
	live, scratch := l.held()
	require.Zero(t, live)
	require.Zero(t, scratch)
	require.NoError(t, a.reserve(l, mappedLeast))
	require.NoError(t, a.reserve(l, 2*mappedLeast))
	_, scratch = l.held()
	require.EqualValues(t, 2*mappedLeast, scratch)
	require.NoError(t, a.close(l))
	_, scratch = l.held()
	require.Zero(t, scratch)
}
