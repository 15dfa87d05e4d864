//go:build !linux && !noasm

package simd

// requestTileData grants none: how other systems do it is unknown here.
func requestTileData() bool { return false }
