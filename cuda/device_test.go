package cuda_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda"
	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
)

// TestUnavailable opens the device on machines without CUDA, each in a process of its
// own, as a process loads one driver. The error tells what is missing.
func TestUnavailable(t *testing.T) {
	files := emulator.Config{}.Compile(t)
	without := emulator.Config{Omit: []string{"cuEventRecord"}}.Compile(t)
	for _, c := range []struct {
		name    string
		library string
		machine string
		device  string
		want    string
	}{
		{"no driver", filepath.Join(t.TempDir(), "libcuda.so.1"), "", "cuda", "no CUDA driver library: "},
		{"no GPU", files.CUDA, "devices=0", "cuda", "no CUDA device"},
		{"fewer GPUs", files.CUDA, "devices=2", "cuda:2", "no CUDA device: number 2 of 2"},
		{"a GPU too old", files.CUDA, "capability=61", "cuda", "CUDA on CPU is of compute capability 6.1, wanted is 7.0"},
		{"an old driver", files.CUDA, "version=11040", "cuda", "the CUDA driver is too old: it implements CUDA 11.4, wanted is CUDA 12.4, which comes with driver 550"},
		{"a driver that lacks a function", without.CUDA, "", "cuda", "the CUDA driver library lacks a function: " + without.CUDA + " has no cuEventRecord"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run", "^TestOpenInChild$", "-test.v")
			cmd.Env = append(os.Environ(), "HALFSTEP_LIBCUDA="+c.library, "HALFSTEP_EMULATOR="+c.machine, childDevice+"="+c.device)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "kernels: open "+c.device+": kernels: unavailable: "+c.want)
		})
	}
}

// childDevice names the device that TestOpenInChild opens.
const childDevice = "HALFSTEP_TEST_OPEN"

// TestOpenInChild is the other process of TestUnavailable.
func TestOpenInChild(t *testing.T) {
	name := os.Getenv(childDevice)
	if name == "" {
		t.Skip("a part of TestUnavailable")
	}
	_, err := kernels.Open(name, kernels.Options{})
	require.ErrorIs(t, err, kernels.ErrUnavailable)
	t.Log(err)
}

func TestInfo(t *testing.T) {
	emulated(t)
	info := closed(t, kernels.Options{}).Info()
	require.Equal(t, "cuda", info.Backend)
	require.NotEmpty(t, info.Model)
	require.Contains(t, info.Path, info.Model)
	require.Contains(t, info.Path, "sm_")
	require.Contains(t, info.Path, "driver 12.4")
	require.Contains(t, info.Path, "cuBLAS 12.")
	require.Positive(t, info.MemoryTotal)
	require.Equal(t, "CUDA driver", info.Libraries[0].Name)
	require.Equal(t, "12.4", info.Libraries[0].Version)
	require.Equal(t, "cuBLAS", info.Libraries[1].Name)
}

// TestWithoutBLAS: our own kernel takes the place of a cuBLAS that is not there, or
// that has no room, and Info says so.
func TestWithoutBLAS(t *testing.T) {
	lib := emulated(t)
	library, err := driver.LoadFiles(lib.CUDA, filepath.Join(t.TempDir(), "libcublas.so.12"))
	require.NoError(t, err)
	without, err := cuda.OpenOn(library, 0, kernels.Options{})
	require.NoError(t, err)
	limited := open(t, kernels.Options{MemoryLimit: 1 << 20})
	with := open(t, kernels.Options{})

	require.Contains(t, without.Info().Path, "no cuBLAS")
	require.Contains(t, without.Info().Libraries[1].Version, "none: no cuBLAS: ")
	require.Contains(t, limited.Info().Libraries[1].Version, "none: ")
	want := product(t, with)
	require.InDeltaSlice(t, want, product(t, without), 1e-4)
	require.InDeltaSlice(t, want, product(t, limited), 1e-4)
	for _, dev := range []kernels.Device{without, limited, with} {
		require.NoError(t, dev.Close())
	}
}

// product is AᵀA·½ of a 70×33 matrix.
func product(t *testing.T, dev kernels.Device) []float32 {
	t.Helper()
	s, err := dev.NewStream()
	require.NoError(t, err)
	a, err := kernels.AllocMatrix(s, 70, 33)
	require.NoError(t, err)
	c, err := kernels.AllocMatrix(s, 33, 33)
	require.NoError(t, err)
	values := make([]float32, 70*33)
	for i := range values {
		values[i] = float32(i%17-8) / 8
	}
	require.NoError(t, kernels.Upload(s, a.Buf, values))
	require.NoError(t, s.Gemm(kernels.Transpose, kernels.NoTrans, 0.5, a, a, 0, c))
	out := make([]float32, 33*33)
	require.NoError(t, kernels.Download(s, out, c.Buf))
	for _, free := range []func() error{a.Free, c.Free, s.Close} {
		require.NoError(t, free())
	}
	return out
}

// TestSynchronousNamesTheCall: the fault of a kernel is the error of the call that
// launched it.
func TestSynchronousNamesTheCall(t *testing.T) {
	lib := emulator.Build(t)
	t.Cleanup(lib.Reset)
	dev := open(t, kernels.Options{Synchronous: true})
	s, err := dev.NewStream()
	require.NoError(t, err)
	x, err := kernels.AllocMatrix(s, 4, 4)
	require.NoError(t, err)
	require.NoError(t, s.Fill(x, 1))
	lib.FailLaunch(1, 716)
	err = s.Scale(2, x)
	require.ErrorContains(t, err, "cuda: Scale x 4×4: kernels: device lost during scale: cu")
	require.ErrorContains(t, err, ": CUDA_ERROR_MISALIGNED_ADDRESS (716)")
	require.ErrorIs(t, dev.Close(), kernels.ErrLeak)
}

// TestTransfersLongerThanTheRing writes and reads more than the pinned memory holds,
// while the GPU is late with every copy.
func TestTransfersLongerThanTheRing(t *testing.T) {
	lib := emulated(t)
	dev := closed(t, kernels.Options{})
	s, err := dev.NewStream()
	require.NoError(t, err)
	const n = 5<<20 + 12_345
	src, dst := make([]byte, n), make([]byte, n)
	for i := range src {
		src[i] = byte(i * i >> 7)
	}
	want := bytes.Clone(src)
	m, err := s.Alloc(n)
	require.NoError(t, err)
	lib.SetDelay(500 * time.Microsecond)
	defer lib.SetDelay(0)
	require.NoError(t, s.Write(m, 0, src))
	clear(src) // Write has returned
	require.NoError(t, s.Read(dst, m, 0))
	require.True(t, bytes.Equal(want, dst))
	require.NoError(t, m.Free())
	require.NoError(t, s.Close())
}

// TestFailedReadLetsGo: a Read that fails does not write its destination later.
func TestFailedReadLetsGo(t *testing.T) {
	lib := emulated(t)
	dev := closed(t, kernels.Options{})
	s, err := dev.NewStream()
	require.NoError(t, err)
	const n = 3 << 20
	m, err := s.Alloc(n)
	require.NoError(t, err)
	require.NoError(t, s.Write(m, 0, bytes.Repeat([]byte{1}, n)))
	dst := make([]byte, n)
	lib.FailCall("cuMemcpyDtoHAsync", 3, 999)
	require.ErrorContains(t, s.Read(dst, m, 0), "cuMemcpyDtoHAsync")
	clear(dst)
	other := make([]byte, n)
	require.NoError(t, s.Read(other, m, 0))
	require.Equal(t, byte(1), other[n-1])
	require.Equal(t, make([]byte, n), dst)
	require.NoError(t, m.Free())
	require.NoError(t, s.Close())
}
