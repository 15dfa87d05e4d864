package cuda_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cuda"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
)

// trainOnce opens the device, trains a little, uses what training does not, and closes
// it.
func trainOnce(t *testing.T, ratings *als.Ratings, cfg als.Config, opts kernels.Options) (model *als.Model, err error) {
	t.Helper()
	dev, err := cuda.Open(0, opts)
	if err != nil {
		return nil, err
	}
	model, err = als.Train(t.Context(), dev, ratings, cfg, als.WithLoss())
	if err == nil {
		err = transfer(dev)
	}
	closing := dev.Close()
	require.NotErrorIs(t, closing, kernels.ErrLeak)
	return model, errors.Join(err, closing)
}

// transfer orders one stream after another, and copies and clears memory.
func transfer(dev kernels.Device) (err error) {
	var streams [2]kernels.Stream
	for i := range streams {
		if streams[i], err = dev.NewStream(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, streams[i].Close()) }()
	}
	m, err := streams[0].Alloc(4000)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Free()) }()
	if err := streams[0].Zero(m, 0, 2000); err != nil {
		return err
	}
	e, err := streams[0].Record()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Free()) }()
	if err := streams[1].Wait(e); err != nil {
		return err
	}
	return streams[1].Copy(m, 2000, m, 0, 2000)
}

// smallTraining uses every kind of call of the driver and of cuBLAS.
func smallTraining(t *testing.T) (*als.Ratings, als.Config) {
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Iterations, cfg.Convention = 4, 2, als.Implicit
	return randomRatings(t, 30, 20, 300), cfg
}

// calls are the functions of the driver and of cuBLAS from Open to Close, and whether
// one gives back what stays on the GPU where it fails.
var calls = []struct {
	name   string
	giving bool
}{
	{"cuDeviceGetCount", false}, {"cuDeviceGet", false}, {"cuDeviceGetName", false}, {"cuDeviceGetAttribute", false},
	{"cuDeviceTotalMem", false}, {"cuDevicePrimaryCtxRetain", false}, {"cuDevicePrimaryCtxRelease", true},
	{"cuCtxSetCurrent", true}, {"cuMemAlloc", false}, {"cuMemFree", true},
	{"cuMemHostAlloc", false}, {"cuMemFreeHost", true}, {"cuMemcpyHtoDAsync", false}, {"cuMemcpyDtoHAsync", false},
	{"cuMemcpyDtoDAsync", false}, {"cuMemsetD8Async", false}, {"cuStreamCreate", false}, {"cuStreamDestroy", true},
	{"cuStreamWaitEvent", false}, {"cuEventCreate", false}, {"cuEventDestroy", true},
	{"cuEventRecord", false}, {"cuEventQuery", false}, {"cuEventSynchronize", false}, {"cuModuleLoadData", false},
	{"cuModuleUnload", true}, {"cuModuleGetFunction", false},
	{"cuLaunchKernel", false}, {"cublasCreate", false}, {"cublasDestroy", true},
	{"cublasSetStream", false}, {"cublasSetWorkspace", false}, {"cublasSetMathMode", false}, {"cublasSetAtomicsMode", false},
	{"cublasSgemm", false},
}

// TestEveryCallFailsOnce has the calls of each function fail in turn, from Open to
// Close. Either the device does without, with the same result, or the error names the
// call; nothing is left on the GPU.
func TestEveryCallFailsOnce(t *testing.T) {
	lib := emulator.Build(t)
	t.Cleanup(func() { lib.CheckReports(t) })
	ratings, cfg := smallTraining(t)
	want, err := trainOnce(t, ratings, cfg, kernels.Options{})
	require.NoError(t, err)
	const unknown, outOfMemory = 999, 2
	for cause, code := range map[string]int{"unknown": unknown, "out of memory": outOfMemory} {
		for _, call := range calls {
			t.Run(cause+"/"+call.name, func(t *testing.T) {
				failures := 0
				// After so many successes in a row there are no more calls to fail. The
				// hundred are for those that are repeated until something has happened.
				for n, successes := 1, 0; n <= 100 && successes < 8; n++ {
					live := lib.Live()
					lib.FailCall(call.name, n, code)
					model, err := trainOnce(t, ratings, cfg, kernels.Options{})
					lib.FailCall("", 0, 0)
					if !call.giving {
						require.Equal(t, live, lib.Live(), "call %d: %v", n, err)
					}
					if err == nil {
						sameModel(t, want, model)
						successes++
						continue
					}
					failures, successes = failures+1, 0
					if !errors.Is(err, kernels.ErrMemory) {
						require.ErrorContains(t, err, call.name, "call %d", n)
					}
				}
				if code != outOfMemory { // an allocation succeeds at the second try
					require.Positive(t, failures)
				}
				t.Logf("%d failures", failures)
			})
		}
	}
	_, err = als.Train(t.Context(), cpuDevice(t), ratings, cfg)
	require.NoError(t, err, "the cpu goes on")
}

// sameModel compares models bit by bit, but for the last digits of their losses: where
// memory is short a loss is added up in other parts.
func sameModel(t *testing.T, want, got *als.Model) {
	t.Helper()
	require.InEpsilonSlice(t, want.Losses(), got.Losses(), 1e-12)
	for user := range want.Users() {
		require.Equal(t, want.UserFactors(user), got.UserFactors(user))
	}
	for item := range want.Items() {
		require.Equal(t, want.ItemFactors(item), got.ItemFactors(item))
	}
}

// TestEveryKernelFaultsOnce has each launch of a training fault. The device is lost,
// and the error names the kernel: alone where calls wait for their work, else among
// what was under way.
func TestEveryKernelFaultsOnce(t *testing.T) {
	lib := emulator.Build(t)
	t.Cleanup(func() { lib.CheckReports(t) })
	ratings, cfg := smallTraining(t)
	var kernelsSeen []string
	for n := 1; ; n++ {
		lib.FailLaunch(n, 700)
		_, err := trainOnce(t, ratings, cfg, kernels.Options{Synchronous: true})
		lib.Reset()
		if err == nil {
			break
		}
		require.ErrorIs(t, err, kernels.ErrDeviceLost)
		var lost *kernels.LostError
		require.ErrorAs(t, err, &lost)
		require.Len(t, lost.Pending, 1, "launch %d: %v", n, err)
		require.ErrorContains(t, err, "CUDA_ERROR_ILLEGAL_ADDRESS (700)")
		kernelsSeen = append(kernelsSeen, lost.Pending[0])
	}
	require.Greater(t, len(kernelsSeen), 10)
	for i, kernel := range kernelsSeen {
		lib.FailLaunch(i+1, 719)
		_, err := trainOnce(t, ratings, cfg, kernels.Options{})
		lib.Reset()
		var lost *kernels.LostError
		require.ErrorAs(t, err, &lost)
		require.Contains(t, lost.Pending, kernel, "launch %d", i+1)
	}
	slices.Sort(kernelsSeen)
	t.Logf("%d launches of %v", len(kernelsSeen), slices.Compact(kernelsSeen))
	_, err := trainOnce(t, ratings, cfg, kernels.Options{})
	require.NoError(t, err, "the GPU can be opened again")
}

// TestLossReachesEverything: a fault on one stream is the answer of all that is open on
// the device, and nothing of it stops Close.
func TestLossReachesEverything(t *testing.T) {
	lib := emulator.Build(t)
	dev := open(t, kernels.Options{})
	faulty, err := dev.NewStream()
	require.NoError(t, err)
	other, err := dev.NewStream()
	require.NoError(t, err)
	x, err := kernels.AllocMatrix(faulty, 4, 4)
	require.NoError(t, err)
	lib.FailLaunch(1, 700)
	require.NoError(t, faulty.Fill(x, 1), "a kernel faults later")
	require.ErrorIs(t, faulty.Sync(), kernels.ErrDeviceLost)
	require.ErrorIs(t, other.Sync(), kernels.ErrDeviceLost)
	require.ErrorIs(t, other.Scale(2, x), kernels.ErrDeviceLost)
	_, err = dev.NewStream()
	require.ErrorIs(t, err, kernels.ErrDeviceLost)
	require.NoError(t, x.Free())
	require.NoError(t, faulty.Close())
	require.NoError(t, other.Close())
	require.NoError(t, dev.Close())
	lib.Reset()
}
