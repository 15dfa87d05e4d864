package dataset

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file of so many bytes into memory, which cannot be written, or returns nil.
func mapFile(file io.Reader, size int64) []byte {
	f, ok := file.(*os.File)
	if !ok || size != int64(int(size)) {
		return nil
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	var text []byte
	err = conn.Control(func(fd uintptr) {
		text, _ = unix.Mmap(int(fd), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	})
	if err != nil || text == nil {
		return nil
	}
	_ = unix.Madvise(text, unix.MADV_SEQUENTIAL) // it is advice
	return text
}

// unmapFile undoes mapFile.
func unmapFile(text []byte) error { return unix.Munmap(text) }

// release lets go of the pages within text[lo:hi] of a mapped file until they are read again,
// so that they do not count as this program's memory.
func release(text []byte, lo, hi int64) {
	page := int64(unix.Getpagesize())
	if lo, hi = (lo+page-1)&^(page-1), hi&^(page-1); lo < hi {
		_ = unix.Madvise(text[lo:hi], unix.MADV_DONTNEED)
	}
}
