//go:build !amd64 || noasm

package simd

func normalTiles(_ []float32, _ int, _, _ []float32, _, _ int, _ []int32, _, _ *float32) {
	panic("simd: no assembly in this program")
}
