//go:build !linux

package cpu

import "math"

// mappedLeast is the least size of a block that comes from the system: none does, where
// large pages are not to be had by asking for them.
const mappedLeast = math.MaxInt

func mapMemory(int) (block, error) { panic("cpu: mapMemory is for Linux") }
