package cuda_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cuda"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// onGPU is the number of the GPU that HALFSTEP_TEST_GPU names. These tests use the
// driver that is installed; run them alone, as a process loads one driver:
//
//	HALFSTEP_TEST_GPU=0 go test -run OnGPU -bench . ./cuda
func onGPU(tb testing.TB) int {
	tb.Helper()
	name := os.Getenv("HALFSTEP_TEST_GPU")
	if name == "" {
		tb.Skip("HALFSTEP_TEST_GPU names no GPU")
	}
	ordinal, err := strconv.Atoi(name)
	require.NoError(tb, err)
	return ordinal
}

func openGPU(tb testing.TB, opts kernels.Options) kernels.Device {
	tb.Helper()
	dev, err := cuda.Open(onGPU(tb), opts)
	require.NoError(tb, err)
	return dev
}

func TestConformanceOnGPU(t *testing.T) {
	onGPU(t)
	kernelstest.Run(t, "cuda", func(t *testing.T, opts kernels.Options) kernels.Device { return openGPU(t, opts) })
}

// TestTrainingOnGPU compares the losses with those of cpu.
func TestTrainingOnGPU(t *testing.T) {
	dev := openGPU(t, kernels.Options{})
	info := dev.Info()
	t.Logf("%s, path %s, %d bytes", info.Model, info.Path, info.MemoryTotal)
	defer func() { require.NoError(t, dev.Close()) }()
	ratings := randomRatings(t, 2000, 1500, 200_000)
	for _, convention := range []als.Convention{als.Explicit, als.Implicit, als.Confidence, als.IALS} {
		for _, rank := range []int{10, 64, 100} {
			cfg := als.DefaultConfig()
			cfg.Convention, cfg.Rank, cfg.Iterations = convention, rank, 3
			want, err := als.Train(t.Context(), cpuDevice(t), ratings, cfg, als.WithLoss())
			require.NoError(t, err)
			got, err := als.Train(t.Context(), dev, ratings, cfg, als.WithLoss())
			require.NoError(t, err)
			for i, loss := range got.Losses() {
				require.InEpsilon(t, want.Losses()[i], loss, 1e-4, "%v, rank %d, iteration %d", convention, rank, i+1)
			}
		}
	}
}

func BenchmarkKernels(b *testing.B) {
	onGPU(b)
	kernelstest.Benchmark(b, func(b *testing.B, opts kernels.Options) kernels.Device { return openGPU(b, opts) })
}
