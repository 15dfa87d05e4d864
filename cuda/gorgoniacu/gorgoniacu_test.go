//go:build gorgoniacu

package gorgoniacu_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"github.com/halfstep-ml/halfstep/cuda/gorgoniacu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// TestSharedMemory lets both libraries work on the same memory, in one context.
func TestSharedMemory(t *testing.T) {
	gpu, err := cu.GetDevice(0)
	require.NoError(t, err)
	context, err := gpu.MakeContext(cu.SchedAuto)
	require.NoError(t, err)
	dev, err := gorgoniacu.Open(gpu, context, kernels.Options{})
	require.NoError(t, err)
	s, err := dev.NewStream()
	require.NoError(t, err)

	// Theirs, used by us.
	const n = 64
	theirs, err := cu.MemAlloc(4 * n)
	require.NoError(t, err)
	m, err := gorgoniacu.Memory(s, theirs, 4*n)
	require.NoError(t, err)
	x := kernels.Matrix{Buf: kernels.Buffer[float32]{Mem: m, N: n}, Rows: 1, Cols: n, Stride: n}
	require.NoError(t, s.Fill(x, 7))
	back := make([]float32, n)
	require.NoError(t, kernels.Download(s, back, x.Buf))
	require.Equal(t, float32(7), back[n-1])

	// Ours is where they find it: it can be taken back as if it were theirs.
	y, err := kernels.AllocMatrix(s, 1, n)
	require.NoError(t, err)
	p, err := gorgoniacu.Pointer(s, y.Buf.Mem)
	require.NoError(t, err)
	again, err := gorgoniacu.Memory(s, p, 4*n)
	require.NoError(t, err)
	require.NoError(t, s.Copy(again, 0, m, 0, 4*n))
	require.NoError(t, kernels.Download(s, back, y.Buf))
	require.Equal(t, float32(7), back[0])

	for _, free := range []func() error{again.Free, y.Free, m.Free, s.Close, dev.Close} {
		require.NoError(t, free())
	}
	require.NoError(t, cu.MemFree(theirs), "Free has left it alone")
	require.NoError(t, context.Destroy())
}
