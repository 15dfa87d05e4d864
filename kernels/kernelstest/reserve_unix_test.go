//go:build unix

package kernelstest

import "syscall"

// reserve returns memory that costs nothing until it is touched, which memory of
// the Go heap does where it was used before and has to be cleared.
func reserve(n int) (memory []byte, release func() error, err error) {
	memory, err = syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	return memory, func() error { return syscall.Munmap(memory) }, err
}
