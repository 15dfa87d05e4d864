//go:build amd64 && !noasm

package lines

import "unsafe"

// Streams says that Write does not read what it overwrites.
const Streams = true

// Write copies a line. Others may read it after Fence.
func Write(to, from *Line) {
	if uintptr(unsafe.Pointer(to))%16 != 0 {
		*to = *from
		return
	}
	stream(to, from)
}

// Fence lets no later store of the goroutine be seen before those of Write. Where it was
// moved to another thread in between, the locks taken for that have done the same.
func Fence() { fence() }
