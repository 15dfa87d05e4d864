package cuda_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cuda"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
)

// inOwnProcess runs the test in a process of its own, on a machine of the emulator, and
// reports whether this is it.
func inOwnProcess(t *testing.T, machine string) bool {
	t.Helper()
	const name = "HALFSTEP_TEST_OWN_PROCESS"
	if os.Getenv(name) != "" {
		return true
	}
	files := emulator.Config{}.Compile(t)
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "HALFSTEP_LIBCUDA="+files.CUDA, "HALFSTEP_LIBCUBLAS="+files.BLAS, "HALFSTEP_EMULATOR="+machine, name+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return false
}

// TestTwoGPUs: cuda:1 is another GPU than cuda:0, with memory of its own, and all
// kernels of a training run on it.
func TestTwoGPUs(t *testing.T) {
	if !inOwnProcess(t, "devices=2") {
		return
	}
	lib := emulator.Build(t)
	const limit = 8 << 20
	lib.SetMemory(limit)
	first, err := kernels.Open("cuda:0", kernels.Options{})
	require.NoError(t, err)
	second, err := kernels.Open("cuda:1", kernels.Options{})
	require.NoError(t, err)
	require.Equal(t, 0, first.Info().Ordinal)
	require.Equal(t, 1, second.Info().Ordinal)

	// The first is full, the second is not.
	s, err := first.NewStream()
	require.NoError(t, err)
	m, err := s.Alloc(limit - 1<<20)
	require.NoError(t, err)
	_, err = s.Alloc(2 << 20)
	require.ErrorIs(t, err, kernels.ErrMemory)
	require.Equal(t, m.Bytes(), int(first.Info().MemoryLive))
	require.Zero(t, second.Info().MemoryLive)
	other, err := second.NewStream()
	require.NoError(t, err)
	same, err := other.Alloc(limit - 1<<20)
	require.NoError(t, err, "as much as fills the first")
	require.NoError(t, same.Free())
	require.NoError(t, other.Close())

	ratings, cfg := smallTraining(t)
	got, err := als.Train(t.Context(), second, ratings, cfg, als.WithLoss())
	require.NoError(t, err)
	require.NoError(t, m.Free())
	want, err := als.Train(t.Context(), first, ratings, cfg, als.WithLoss())
	require.NoError(t, err)
	sameModel(t, want, got)

	require.NoError(t, s.Close())
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	require.Zero(t, lib.Live())
	lib.CheckReports(t)
}

// TestLostDeviceLeavesNothing: what was allocated on a lost device, pinned for it and
// loaded on it goes with the last device of the process on its GPU.
func TestLostDeviceLeavesNothing(t *testing.T) {
	if !inOwnProcess(t, "") {
		return
	}
	lib := emulator.Build(t)
	before := lib.Live()
	t.Cleanup(lib.Reset)
	first, second := open(t, kernels.Options{}), open(t, kernels.Options{})
	for _, dev := range []kernels.Device{first, second} {
		product(t, dev)
		s, err := dev.NewStream()
		require.NoError(t, err)
		x, err := kernels.AllocMatrix(s, 40, 40)
		require.NoError(t, err)
		require.NoError(t, kernels.Upload(s, x.Buf, make([]float32, 40*40)))
		_, err = s.Record()
		require.NoError(t, err)
		if dev == second {
			lib.FailLaunch(1, 700)
			require.NoError(t, s.Fill(x, 1))
			require.ErrorIs(t, s.Sync(), kernels.ErrDeviceLost)
		}
	}
	live := lib.Live()
	for _, count := range []int{live.Allocations - before.Allocations, live.Host - before.Host, live.Streams - before.Streams, live.Events - before.Events, live.Modules - before.Modules} {
		require.Positive(t, count)
	}
	closing := second.Close()
	require.ErrorIs(t, closing, kernels.ErrLeak, "the stream, the matrix and the event were not freed")
	require.Equal(t, live, lib.Live(), "the first device is still open in the context")
	require.ErrorIs(t, first.Close(), kernels.ErrLeak)
	require.Equal(t, before, lib.Live())
	lib.Reset()
	dev, err := cuda.Open(0, kernels.Options{})
	require.NoError(t, err)
	product(t, dev)
	require.NoError(t, dev.Close())
	require.Equal(t, before, lib.Live())
}
