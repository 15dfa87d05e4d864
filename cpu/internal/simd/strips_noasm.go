//go:build !amd64 || noasm

package simd

func scoreStripsVector([]float32, int, []float32, int, int, []float32, []uint32, *Tile) int {
	panic(noAssembly)
}

func packRowsVector([]float32, int, []float32, int, int) { panic(noAssembly) }
