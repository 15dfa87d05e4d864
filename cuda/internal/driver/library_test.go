//go:build linux && cgo

package driver

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
)

func TestNoLibrary(t *testing.T) {
	_, err := LoadFiles(filepath.Join(t.TempDir(), "libcuda.so.1"), "")
	require.ErrorIs(t, err, ErrNoLibrary)
	require.ErrorContains(t, err, "No such file")
}

func TestSymbolIsMissing(t *testing.T) {
	files := emulator.Config{Omit: []string{"cuStreamWaitEvent"}}.Compile(t)
	_, err := LoadFiles(files.CUDA, "")
	require.ErrorIs(t, err, ErrSymbol)
	require.ErrorContains(t, err, "cuStreamWaitEvent")
}

// TestBLASFiles: no cuBLAS is tried that is newer than the driver.
func TestBLASFiles(t *testing.T) {
	l := &Library{version: 12040}
	files := l.blasFiles()
	require.Equal(t, "libcublas.so.12", files[0])
	require.Contains(t, files, "/usr/local/cuda/lib64/libcublas.so.11")
	for _, file := range files {
		require.NotContains(t, file, "so.13")
		require.NotContains(t, file, "stubs")
	}
	l.version = 14000
	require.Equal(t, "libcublas.so.13", l.blasFiles()[0])
	l.blasFile = "/elsewhere/libcublas.so.12"
	require.Equal(t, []string{"/elsewhere/libcublas.so.12"}, l.blasFiles())
}

func library(t *testing.T) (*Library, emulator.Library) {
	t.Helper()
	lib := emulator.Build(t)
	l, err := Load()
	require.NoError(t, err)
	t.Cleanup(func() { lib.CheckReports(t) })
	return l, lib
}

func TestNoSuchDevice(t *testing.T) {
	l, _ := library(t)
	n, err := l.DeviceCount()
	require.NoError(t, err)
	_, err = l.Open(n)
	require.ErrorIs(t, err, ErrNoDevice)
}

// TestNoBLAS: every library that was tried is named.
func TestNoBLAS(t *testing.T) {
	_, lib := library(t)
	missing := filepath.Join(t.TempDir(), "libcublas.so.12")
	l, err := LoadFiles(lib.CUDA, missing)
	require.NoError(t, err)
	c, err := l.Open(0)
	require.NoError(t, err)
	_, err = c.NewBLAS()
	require.ErrorIs(t, err, ErrNoBLAS)
	require.ErrorContains(t, err, missing)
	require.NoError(t, c.Close())
}

// TestContextClosesOnFailure: a context of which something cannot be asked is not kept.
func TestContextClosesOnFailure(t *testing.T) {
	l, lib := library(t)
	lib.FailCall("cuDeviceGetAttribute", 2, 999)
	defer lib.FailCall("", 0, 0)
	_, err := l.Open(0)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "cuDeviceGetAttribute", e.Op)
}
