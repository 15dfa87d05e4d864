//go:build !noasm

package simd

import "golang.org/x/sys/unix"

// requestTileData asks for the state component that Linux grants to processes that ask
// (Documentation/arch/x86/xstate.rst). It fails where the alternate signal stack of some
// thread has no room for it; those of Go have.
func requestTileData() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18     // XFEATURE_XTILEDATA
	)
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
