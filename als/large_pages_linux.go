package als

import (
	"syscall"
	"unsafe"
)

// largePage is what the kernel maps at once where it is asked to. The first touch of
// memory then costs a 512th of the faults, and scattered stores miss the translation of
// their address far less often.
const largePage = 2 << 20

// adviseLargePages asks for large pages for the bytes from p on, before they are touched.
// A kernel that has none goes on with small ones.
func adviseLargePages(p unsafe.Pointer, bytes uintptr) {
	const adviseHugePages = 14 // MADV_HUGEPAGE
	skip := -uintptr(p) & (largePage - 1)
	if bytes < skip+largePage {
		return
	}
	whole := unsafe.Slice((*byte)(unsafe.Add(p, skip)), (bytes-skip)&^(largePage-1))
	_ = syscall.Madvise(whole, adviseHugePages)
}
