//go:build !gorgoniacu && linux

package gorgoniacu_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
)

// TestWithTag builds the package with its tag, against the headers of CUDA 12 in the
// folder HALFSTEP_CUDA_INCLUDE and the stand-in for the driver, and runs its tests.
func TestWithTag(t *testing.T) {
	include := os.Getenv("HALFSTEP_CUDA_INCLUDE")
	if include == "" {
		t.Skip("HALFSTEP_CUDA_INCLUDE names no folder with cuda.h")
	}
	files := emulator.Config{}.Compile(t)
	library, err := elf.Open(files.CUDA)
	require.NoError(t, err)
	soname, err := library.DynString(elf.DT_SONAME)
	require.NoError(t, err)
	require.NoError(t, library.Close())

	// The linker looks for libcuda.so, the loader for the name that the library has,
	// and the stand-in for its kernels beside itself.
	folder := t.TempDir()
	for _, name := range append(soname, "libcuda.so") {
		require.NoError(t, os.Symlink(files.CUDA, filepath.Join(folder, name)))
	}
	kernels, err := filepath.Glob(filepath.Join(filepath.Dir(files.CUDA), "kernel_*.so"))
	require.NoError(t, err)
	for _, kernel := range kernels {
		require.NoError(t, os.Symlink(kernel, filepath.Join(folder, filepath.Base(kernel))))
	}

	cmd := exec.Command("go", "test", "-tags", "gorgoniacu", "-count=1", "-v", ".")
	cmd.Env = append(os.Environ(),
		"CGO_ENABLED=1",
		"CGO_CFLAGS=-w -I"+include,
		// The stand-in has the functions that are called, not all that are there.
		"CGO_LDFLAGS=-Wl,--unresolved-symbols=ignore-all -Wl,-z,lazy -L"+folder,
		"LD_LIBRARY_PATH="+folder,
		"HALFSTEP_LIBCUDA="+filepath.Join(folder, soname[0]),
		"HALFSTEP_LIBCUBLAS="+files.BLAS,
	)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestSharedMemory")
}
