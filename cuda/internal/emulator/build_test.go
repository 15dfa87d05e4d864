package emulator

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCompileKernels compiles the kernels of the device, so that a failure to do so is
// seen here first.
func TestCompileKernels(t *testing.T) {
	files := Config{}.Compile(t)
	require.FileExists(t, files.CUDA)
	require.FileExists(t, files.BLAS)
}

// TestCompileFails: the compiler's message is part of the error.
func TestCompileFails(t *testing.T) {
	if !supported {
		t.Skip("the emulator needs Linux and cgo")
	}
	Config{}.Compile(t) // skips without a compiler
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wrong.cu"), []byte("extern \"C\" __global__ void f() { undeclared(); }\n"), 0o644))
	b, err := newBuilder("g++", Config{Kernels: dir})
	require.NoError(t, err)
	_, err = b.build()
	require.ErrorContains(t, err, "wrong.cu:1")
	require.ErrorContains(t, err, "undeclared")
}
