//go:build unix

package dataset

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Opening a pipe would wait for a writer.
func TestOpenRefusesAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Skipf("no pipe can be made here: %v", err)
	}
	_, err := Open(pipe)
	require.ErrorIs(t, err, ErrFormat)
	_, err = Movies(pipe)
	require.ErrorIs(t, err, ErrFormat)
}
