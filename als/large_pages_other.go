//go:build !linux

package als

import "unsafe"

func adviseLargePages(unsafe.Pointer, uintptr) {}
