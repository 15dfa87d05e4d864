//go:build amd64 && !noasm

package simd

func transposeRowsVector(dst []float32, width int, y []float32, ldy int, ids []int32, columns int) {
	transpose := transposeRowsAVX512
	if active == avx2 {
		transpose = transposeRowsAVX2
	}
	transpose(&dst[0], width, &y[0], ldy, &ids[0], len(ids), width, columns)
}
