package cpu_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

func stream(t testing.TB, d kernels.Device) kernels.Stream {
	t.Helper()
	s, err := d.NewStream()
	require.NoError(t, err)
	return s
}

func TestImpossibleAllocIsAnError(t *testing.T) {
	d := open(t, kernels.Options{})
	s := stream(t, d)
	for _, bytes := range []int{math.MaxInt, math.MaxInt - 63} {
		_, err := s.Alloc(bytes)
		var memory *kernels.MemoryError
		require.ErrorAs(t, err, &memory)
		require.Equal(t, int64(bytes), memory.Wanted)
	}
	require.Zero(t, d.Info().MemoryLive)
	require.NoError(t, s.Close())
	require.NoError(t, d.Close())
}

func TestMemoryLimitHoldsForScratch(t *testing.T) {
	const limit = 1 << 20
	d := open(t, kernels.Options{MemoryLimit: limit, Threads: 1})
	require.Equal(t, int64(limit), d.Info().MemoryTotal)
	s := stream(t, d)
	y, g := newMatrix(t, s, 100, 200), newMatrix(t, s, 200, 200)
	live := d.Info().MemoryLive
	require.Equal(t, int64(4*(100*200+200*200)), live)

	require.NoError(t, s.Scale(2, y))
	require.Zero(t, d.Info().MemoryScratch)
	rest, err := s.Alloc(limit - int(live) - 1000)
	require.NoError(t, err)
	var memory *kernels.MemoryError
	require.ErrorAs(t, s.Gram(g, y), &memory)
	require.Equal(t, int64(1000), memory.Free)
	require.Greater(t, memory.Wanted, int64(1000))

	require.NoError(t, rest.Free())
	require.NoError(t, s.Gram(g, y))
	scratch := d.Info().MemoryScratch
	require.Greater(t, scratch, int64(4*200*200))
	require.NoError(t, s.Gram(g, y))
	require.Equal(t, scratch, d.Info().MemoryScratch, "scratch is kept")
	_, err = s.Alloc(limit - int(live+scratch) + 1)
	require.ErrorIs(t, err, kernels.ErrMemory)

	require.NoError(t, s.Close())
	require.Zero(t, d.Info().MemoryScratch, "scratch goes with its stream")
	require.NoError(t, y.Free())
	require.NoError(t, g.Free())
	require.Zero(t, d.Info().MemoryLive)
	require.NoError(t, d.Close())
}

func TestOpenRefusesWrongOptions(t *testing.T) {
	for _, opts := range []kernels.Options{{Threads: -1}, {MemoryLimit: -1}} {
		_, err := cpu.Open(opts)
		require.ErrorIs(t, err, kernels.ErrArgument)
	}
	_, err := kernels.Open("cpu:1", kernels.Options{})
	require.ErrorIs(t, err, kernels.ErrUnavailable)
}

func TestInfo(t *testing.T) {
	d := open(t, kernels.Options{Threads: 3})
	info := d.Info()
	require.Equal(t, "cpu", info.Backend)
	require.Contains(t, []string{"go", "avx2", "avx512", "avx512+amx"}, info.Path)
	require.Equal(t, 3, info.Threads)
	require.NotEmpty(t, info.Model)
	require.Empty(t, info.Libraries)
	require.NoError(t, d.Close())
}
