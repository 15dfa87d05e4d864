package lines

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// TestWrite writes lines at every alignment of four bytes, of which one is fast, and
// nothing beside them.
func TestWrite(t *testing.T) {
	from := Line{}
	for i := range from {
		from[i] = byte(i + 1)
	}
	memory := make([]byte, 5*len(Line{}))
	skip := int(-uintptr(unsafe.Pointer(&memory[0])) % uintptr(len(Line{})))
	for at := 0; at < 3*len(Line{}); at += 4 {
		for i := range memory {
			memory[i] = 0xff
		}
		Write((*Line)(memory[skip+at:]), &from)
		Fence()
		for i, b := range memory {
			if inLine := i - skip - at; inLine >= 0 && inLine < len(from) {
				require.Equal(t, from[inLine], b, "byte %d of the line at %d", inLine, at)
			} else {
				require.Equal(t, byte(0xff), b, "%d bytes from the line at %d", inLine, at)
			}
		}
	}
}
