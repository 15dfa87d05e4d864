package cpu

import (
	"syscall"
	"unsafe"
)

// hugePage is what the kernel maps at once where it is asked to: a random read of a
// table then misses the translation of its address far less often, and untouched
// pages cost a 512th of the faults.
const hugePage = 2 << 20

// mappedLeast is the least size of a block that comes from the system, where it takes a
// whole large page: at most four times its size.
const mappedLeast = hugePage / 4

// mapMemory returns n bytes from the system, of zeros, aligned to large pages.
func mapMemory(n int) (block, error) {
	const adviseHugePages = 14 // MADV_HUGEPAGE
	whole, err := syscall.Mmap(-1, 0, (n+hugePage-1)/hugePage*hugePage+hugePage, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return block{}, err
	}
	_ = syscall.Madvise(whole, adviseHugePages) // a kernel without them goes on with small ones
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(whole))) & (hugePage - 1))
	return block{whole[off : off+n : off+n], func() error { return syscall.Munmap(whole) }}, nil
}
