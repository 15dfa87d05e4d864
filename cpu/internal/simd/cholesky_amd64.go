//go:build amd64 && !noasm

package simd

// solveVector factorizes one panel after another and then solves from the last one
// up. A call is one panel.
func solveVector(x, a []float32, lda int, tolerance float32) int {
	n := len(x)
	system, solution := &a[0], &x[0]
	if active == avx2 {
		for first := 0; first < n; first += 8 {
			if pivot := choleskyPanelAVX2(system, lda, n, first, solution, tolerance); pivot != 0 {
				return pivot
			}
		}
		for first := (n - 1) &^ 7; first >= 0; first -= 8 {
			solvePanelAVX2(system, lda, n, first, solution)
		}
		return 0
	}
	for first := 0; first < n; first += 8 {
		if pivot := choleskyPanelAVX512(system, lda, n, first, solution, tolerance); pivot != 0 {
			return pivot
		}
	}
	for first := (n - 1) &^ 7; first >= 0; first -= 8 {
		solvePanelAVX512(system, lda, n, first, solution)
	}
	return 0
}
