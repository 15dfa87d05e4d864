//go:build amd64 && !noasm

package simd

func scoreStripsVector(x []float32, rows int, panel []float32, k, strips int, least []float32, open []uint32, t *Tile) int {
	score := scoreStrips1xAVX512
	switch {
	case active == avx2 && rows == 6:
		score = scoreStrips6xAVX2
	case active == avx2 && rows == 3:
		score = scoreStrips3xAVX2
	case active == avx2:
		score = scoreStrips1xAVX2
	case rows == 14:
		score = scoreStrips14xAVX512
	case rows == 7:
		score = scoreStrips7xAVX512
	case rows == 3:
		score = scoreStrips3xAVX512
	}
	return strips - score(&x[0], &panel[0], k, strips, &least[0], &open[0], &t.Hits[0], &t.scores[0])
}

func packRowsVector(dst []float32, width int, src []float32, ld, quads int) {
	if active == avx2 {
		packRowsAVX2(&dst[0], width, &src[0], ld, quads)
	} else {
		packRowsAVX512(&dst[0], width, &src[0], ld, quads)
	}
}
