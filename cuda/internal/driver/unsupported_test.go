//go:build !(linux && cgo)

package driver

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoadSaysWhyThereIsNoCUDA(t *testing.T) {
	_, err := Load()
	if runtime.GOOS == "linux" {
		require.ErrorIs(t, err, ErrCgo)
	} else {
		require.ErrorIs(t, err, ErrPlatform)
	}
}
