//go:build amd64 && !noasm

package simd

// solveVector factorizes one panel after another and then solves from the last one
// up. A call is one panel.
func solveVector(x, a []float32, lda int, tolerance float32) int {
	const height = 8 // of a panel
	n, wide := len(x), active != avx2
	system, solution := &a[0], &x[0]
	for first := 0; first < n; first += height {
		var pivot int
		if wide {
			pivot = choleskyPanelAVX512(system, lda, n, first, solution, tolerance)
		} else {
			pivot = choleskyPanelAVX2(system, lda, n, first, solution, tolerance)
		}
		if pivot != 0 {
			return pivot
		}
	}
	for first := (n - 1) / height * height; first >= 0; first -= height {
		if wide {
			solvePanelAVX512(system, lda, n, first, solution)
		} else {
			solvePanelAVX2(system, lda, n, first, solution)
		}
	}
	return 0
}
