//go:build amd64 && !noasm

package simd

import "golang.org/x/sys/cpu"

// active is chosen once. Only tests change it.
var active = best()

func best() path {
	x := &cpu.X86
	switch {
	case !(x.HasAVX2 && x.HasFMA && x.HasBMI2):
		return portable
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return avx512
	default:
		return avx2
	}
}

// hasTiles reports whether the tile registers can be used from now on.
func hasTiles() bool {
	return best() == avx512 && cpu.X86.HasAMXTile && cpu.X86.HasAMXBF16 && requestTileData()
}
