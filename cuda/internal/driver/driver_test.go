package driver

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorSaysWhatFailed(t *testing.T) {
	require.EqualError(t, &Error{Op: "cuMemAlloc", Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY"}, "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2)")
	require.EqualError(t, &Error{Op: "cuInit", Code: 4711}, "cuInit: error 4711")
	require.EqualError(t, &Error{Op: "cuModuleLoadDataEx", Code: 218, Name: "CUDA_ERROR_INVALID_PTX", Log: "line 7"},
		"cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX (218): line 7")
}

// TestErrorKinds: only faults that end a context are sticky, and the numbers of cuBLAS
// mean other things than those of the driver.
func TestErrorKinds(t *testing.T) {
	for _, code := range []int{214, 700, 702, 710, 715, 716, 719} {
		require.True(t, (&Error{Code: code}).Sticky(), "%d", code)
		require.False(t, (&Error{Code: code, blas: true}).Sticky(), "%d", code)
	}
	// Too many resources for a launch, registered twice, a grid too large: the
	// call was refused and the context is sound.
	for _, code := range []int{1, 2, 222, 600, 701, 704, 712, 720, 999} {
		require.False(t, (&Error{Code: code}).Sticky(), "%d", code)
	}
	require.True(t, (&Error{Code: 2}).OutOfMemory())
	require.False(t, (&Error{Code: 3}).OutOfMemory())
	require.True(t, (&Error{Code: 3, blas: true}).OutOfMemory())
	require.False(t, (&Error{Code: 2, blas: true}).OutOfMemory())
}

func TestTooOldErrorNamesTheDriver(t *testing.T) {
	err := error(&TooOldError{Have: 11040, Want: 12040})
	require.True(t, errors.Is(err, ErrTooOld))
	require.EqualError(t, err, "the CUDA driver is too old: it implements CUDA 11.4, wanted is CUDA 12.4, which comes with driver 550")
}
