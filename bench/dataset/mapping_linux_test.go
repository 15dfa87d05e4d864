package dataset

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Pages of a mapped file that are released are no memory of this program any more; the rest
// is, and all can be read again.
func TestReleaseMapping(t *testing.T) {
	const size = 32 << 20
	path := write(t, strings.Repeat("12345678", size/8), t.TempDir(), "file")
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	mapped := mapFile(file, size)
	require.Len(t, mapped, size)
	defer func() { require.NoError(t, unmapFile(mapped)) }()
	read := func() {
		for i := 0; i < size; i += 4096 {
			require.EqualValues(t, '1', mapped[i])
		}
	}
	before := mappedMemory(t)
	read()
	require.InDelta(t, before+size, mappedMemory(t), size/8)
	release(mapped, 100, size/2+100)
	require.InDelta(t, before+size/2, mappedMemory(t), size/8)
	read()
	require.InDelta(t, before+size, mappedMemory(t), size/8)

	require.Nil(t, mapFile(strings.NewReader("text"), 4))
	require.Nil(t, mapFile(file, 0))
}

// mappedMemory is the bytes of files that count as memory of this program.
func mappedMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(status), "RssFile:")
	if !found {
		t.Skip("/proc/self/status has no RssFile")
	}
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kilobytes << 10
}
