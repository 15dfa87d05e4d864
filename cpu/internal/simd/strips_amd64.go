//go:build amd64 && !noasm

package simd

func scoreStripsVector(x []float32, rows int, panel []float32, k, strips int, least []float32, open []uint32, t *Tile) int {
	score := scoreStrips1xAVX512
	if active == avx2 {
		switch rows {
		case 6:
			score = scoreStrips6xAVX2
		case 4:
			score = scoreStrips4xAVX2
		case 2:
			score = scoreStrips2xAVX2
		default:
			score = scoreStrips1xAVX2
		}
	} else {
		switch rows {
		case 14:
			score = scoreStrips14xAVX512
		case 10:
			score = scoreStrips10xAVX512
		case 7:
			score = scoreStrips7xAVX512
		case 4:
			score = scoreStrips4xAVX512
		case 2:
			score = scoreStrips2xAVX512
		}
	}
	return strips - score(&x[0], &panel[0], k, strips, &least[0], &open[0], &t.Hits[0], &t.scores[0])
}

func keepBestVector(x []float32, rows int, panel []float32, k, strips int, open []uint32, t *Tile, first, n int, best []float32, ids []int32) {
	keep := keepBest1xAVX512
	switch rows {
	case 14:
		keep = keepBest14xAVX512
	case 10:
		keep = keepBest10xAVX512
	case 7:
		keep = keepBest7xAVX512
	case 4:
		keep = keepBest4xAVX512
	case 2:
		keep = keepBest2xAVX512
	}
	keep(&x[0], &panel[0], k, strips, &open[0], &t.Hits[0], &t.scores[0], first, n, &best[0], &ids[0])
}

func packRowsVector(dst []float32, width int, src []float32, ld, quads int) {
	if active == avx2 {
		packRowsAVX2(&dst[0], width, &src[0], ld, quads)
	} else {
		packRowsAVX512(&dst[0], width, &src[0], ld, quads)
	}
}
