//go:build !amd64 || noasm

package simd

// active is a variable for the tests.
var active = portable

func best() path { return portable }

func hasTiles() bool { return false }

// There is no assembly in this program, and nothing calls these functions.

const noAssembly = "simd: no assembly in this program"

func (*Normal) addTiles(_, _, _ []float32, _ int, _ []int32, _, _, _ []float32) { panic(noAssembly) }

func (*Normal) addRows(_, _ []float32, _ []int64, _ []float32, _ int, _ []int32, _, _ []float32) {
	panic(noAssembly)
}

func (*Normal) spreadTiles([]float32, int, int, []float32) { panic(noAssembly) }

func (*Normal) spreadDiagonal([]float32, int, int, []float32) { panic(noAssembly) }

func (*Normal) collectTiles([]float32, []float32, int) { panic(noAssembly) }

func packVector(int, []float32, []float32, int, int, int, []int32) { panic(noAssembly) }

func weighVector(_, _, _ []float32, _ Weighing) { panic(noAssembly) }

func subtractOffsetsVector(_, _, _ []float32, _ []int32) { panic(noAssembly) }

func countPositiveVector([]float32) int { panic(noAssembly) }

// Only AVX-512 has designs.

func (*Normal) LaneScratch() int { return 0 }

func (*Normal) LanePlaces() int { return 0 }

func (*Normal) FindPlaces([]int32, []float32, []float32) { panic(noAssembly) }

func (*Normal) solveRows(*SummedRows, []int32, []int32, float32, []float32) { panic(noAssembly) }

const diagonalLanes = 16

func designOf(int) int { return 0 }

func designSize(int) int { return 0 }

func multiplyAdds(int) int { panic(noAssembly) }

func axpyVector(float32, []float32, []float32) { panic(noAssembly) }

func scaleToVector([]float32, float32, []float32) { panic(noAssembly) }

func addVector([]float32, []float32) { panic(noAssembly) }

func mulVector([]float32, []float32, []float32) { panic(noAssembly) }

func dotDoubleVector([]float32, []float32) float64 { panic(noAssembly) }

func squaredErrorsVector([]float32, []float32) float64 { panic(noAssembly) }

func weightedSumVector([]float32, []float32, int, []int32, []float32) { panic(noAssembly) }

func solveVector([]float32, []float32, int, float32) int { panic(noAssembly) }

func solveLanes(Systems, []int32, float32, []float32)                            { panic(noAssembly) }
func scoresVector([]float32, int, []float32, int, int, []float32, int, int, int) { panic(noAssembly) }

func firstAboveVector([]float32, float32) int { panic(noAssembly) }

func productTiles(int, int, int, []float32, int, int, []float32, int, *float32, int, []float32, int, int, float32, float32) {
	panic(noAssembly)
}

func packTransposed([]float32, int, []float32, int, int) { panic(noAssembly) }

func copyPanel([]float32, int, []float32, int, int, int) { panic(noAssembly) }

func transposeRowsVector([]float32, int, []float32, int, []int32, int) { panic(noAssembly) }

func widenVector([]float64, []float32) { panic(noAssembly) }

func roundVector([]float32, []float64) { panic(noAssembly) }

func dotFloat64Vector([]float64, []float64) float64 { panic(noAssembly) }

func descendVector([]float64, []float64, []float64, []float64, float64) float64 { panic(noAssembly) }

func turnVector([]float64, []float64, []float32, float64) { panic(noAssembly) }

func addRidgeVector([]float64, []float32, []float64, float64) { panic(noAssembly) }

func normalProductVector([]float32, []float32, []float32, int, []int32, []float32) {
	panic(noAssembly)
}

func addColumnsVector([]float64, []float32, int, int) { panic(noAssembly) }

func symmetricProductVector([]float32, []float32, []float32, int, []float32, []float32, int, int) {
	panic(noAssembly)
}

func splitPieces(int, *float32, int, *float32, int, int, int, int, int, int, int, bool, *float32, int, []float32, int) {
	panic(noAssembly)
}

func pieceBounds(int, *float32, *uint32) { panic(noAssembly) }

func multiplyPieces(int, int, int, *float32, *float32, int, *float32, int, float32, float32, *float32, int, *float32) {
	panic(noAssembly)
}
