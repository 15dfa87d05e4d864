//go:build !amd64 || noasm

package simd

func scoreStripsVector([]float32, int, []float32, int, int, []float32, []uint32, *Tile) int {
	panic(noAssembly)
}

func keepBestVector([]float32, int, []float32, int, int, []uint32, *Tile, int, int, []float32, []int32) {
	panic(noAssembly)
}

func packRowsVector([]float32, int, []float32, int, int) { panic(noAssembly) }

func dotEntriesVector([]float32, []float32, int, int, []float32, int, []int32, []float32, []int64, int64) {
	panic(noAssembly)
}

func confidenceErrorsVector([]float32, []float32, float32, float32) (float64, float64) {
	panic(noAssembly)
}
