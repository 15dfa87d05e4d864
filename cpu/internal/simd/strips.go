package simd

import "math"

const (
	maxTileRows    = 16 // 14, rounded up to whole vectors
	maxTileColumns = 32
)

// Tile is where ScoreStrips puts the scores of a strip that has a hit.
type Tile struct {
	// Hits has a word for each row. Its bits are the columns with a hit.
	Hits [maxTileRows]uint32

	scores  [maxTileRows * maxTileColumns]float32
	columns int
}

// Score is the score of a row and a column of the tile.
func (t *Tile) Score(row, column int) float32 { return t.scores[row*t.columns+column] }

// TileColumns is the number of rows of Y in a strip: at most 32, a power of 2.
func TileColumns() int { return [...]int{portable: 8, avx2: 16, avx512: 32}[active] }

// TileRows is the number of rows of X in the tile that suits when so many, 1 or more,
// are left: at most 16.
func TileRows(left int) int {
	switch active {
	case avx512:
		return fitting(left, 14, 10, 7, 4, 2, 1)
	case avx2:
		return fitting(left, 6, 4, 2, 1)
	default:
		return fitting(left, 4, 1)
	}
}

// fitting is the least of the heights, which fall, that holds so many rows, or the
// first.
func fitting(left int, heights ...int) int {
	best := heights[0]
	for _, h := range heights {
		if h >= left {
			best = h
		}
	}
	return best
}

// PackRows copies n rows of k columns of a matrix to strips of width rows, which are
// TileRows or TileColumns: element p of row j of a strip comes to dst[p*width+j], and a
// strip has k·width elements. What the last strip lacks of rows is set to zero.
func PackRows(dst []float32, width int, src []float32, ld, n, k int) {
	for first := 0; first < n; first += width {
		rows := min(width, n-first)
		packStrip(dst[:k*width], width, src[first*ld:(first+rows-1)*ld+k], ld, rows, k)
		dst = dst[k*width:]
	}
}

func packStrip(dst []float32, width int, src []float32, ld, rows, k int) {
	if rows < width {
		clear(dst)
	}
	j := 0
	if active != portable && k >= 4 {
		whole := k / 4 * 4
		for ; j+8 <= rows; j += 8 {
			packRowsVector(dst[j:], width, src[j*ld:], ld, whole/4)
			for r := j; r < j+8; r++ {
				for p := whole; p < k; p++ {
					dst[p*width+r] = src[r*ld+p]
				}
			}
		}
	}
	for ; j < rows; j++ {
		for p, v := range rowAt(src, ld, j, k) {
			dst[p*width+j] = v
		}
	}
}

// ScoreStrips computes scores of a tile of rows of X with strip after strip of Y and
// returns the number of the first one that has a hit, or the number of strips. A hit
// is a score that is at least the least of its row, and whose bit among the open words
// is set: each strip has such a word for every row. A score that is NaN is never a hit,
// and where least is NaN nothing is.
//
// x and panel are packed, with k ≥ 1 elements a row; rows is the height of the tile.
func ScoreStrips(t *Tile, x []float32, rows int, panel []float32, k, strips int, least []float32, open []uint32) int {
	t.columns = TileColumns()
	_, _, _ = x[:rows*k], panel[:strips*t.columns*k], open[:strips*rows]
	least = least[:rows]
	if active == portable {
		return scoreStripsGo(t, x, rows, panel, k, strips, least, open)
	}
	// Some 20 µs at the speed of AVX2.
	step := max(piece/(t.columns*k), 1)
	for lo := 0; lo < strips; lo += step {
		n := min(step, strips-lo)
		if at := scoreStripsVector(x, rows, panel[lo*t.columns*k:], k, n, least, open[lo*rows:], t); at < n {
			return lo + at
		}
	}
	return strips
}

// BestLanes is the number of candidates that KeepBest has room for.
const BestLanes = 16

// KeepsBest reports whether there is a KeepBest for n candidates.
func KeepsBest(n int) bool { return active == avx512 && n >= 1 && n <= BestLanes }

// KeepBest computes scores of a tile of rows of X with strips of Y, as ScoreStrips does,
// and keeps the n best of each row. best and ids have BestLanes elements of each row: the
// scores, falling, with NaN where there is no candidate yet, and their columns, where
// first is that of the first strip. A score takes its place behind those that are as
// high. Elements beyond n are overwritten.
//
// It is there for the n that KeepsBest names.
func KeepBest(t *Tile, x []float32, rows int, panel []float32, k, strips int, open []uint32, first, n int, best []float32, ids []int32) {
	t.columns = TileColumns()
	_, _, _ = x[:rows*k], panel[:strips*t.columns*k], open[:strips*rows]
	_, _ = best[:rows*BestLanes], ids[:rows*BestLanes]
	step := max(piece/(t.columns*k), 1)
	for lo := 0; lo < strips; lo += step {
		keepBestVector(x, rows, panel[lo*t.columns*k:], k, min(step, strips-lo), open[lo*rows:], t, first+lo*t.columns, n, best, ids)
	}
}

func scoreStripsGo(t *Tile, x []float32, rows int, panel []float32, k, strips int, least []float32, open []uint32) int {
	const columns = 8
	for s := range strips {
		y := panel[s*columns*k:]
		for j := 0; j < columns; j += 2 {
			if rows == 1 {
				scoreColumns1(t.scores[j:j+2], x, y[j:], k)
			} else {
				scoreColumns4(t.scores[j:], x, y[j:], k)
			}
		}
		any := uint32(0)
		for i, bound := range least {
			bits := uint32(0)
			for j, score := range t.scores[i*columns : (i+1)*columns] {
				if score >= bound {
					bits |= 1 << j
				}
			}
			bits &= open[s*rows+i]
			t.Hits[i] = bits
			any |= bits
		}
		if any != 0 {
			return s
		}
	}
	return strips
}

// scoreColumns4 computes the scores of four rows and two columns.
func scoreColumns4(dst, x, y []float32, k int) {
	const columns = 8
	var s00, s01, s10, s11, s20, s21, s30, s31 float32
	for p := range k {
		a, b := x[4*p:4*p+4:4*p+4], y[columns*p:columns*p+2:columns*p+2]
		b0, b1 := b[0], b[1]
		v := a[0]
		s00 += v * b0
		s01 += v * b1
		v = a[1]
		s10 += v * b0
		s11 += v * b1
		v = a[2]
		s20 += v * b0
		s21 += v * b1
		v = a[3]
		s30 += v * b0
		s31 += v * b1
	}
	dst[0], dst[1], dst[columns], dst[columns+1] = s00, s01, s10, s11
	dst[2*columns], dst[2*columns+1], dst[3*columns], dst[3*columns+1] = s20, s21, s30, s31
}

// scoreColumns1 computes the scores of one row and two columns.
func scoreColumns1(dst, x, y []float32, k int) {
	const columns = 8
	var s0, s1 float32
	for p, v := range x[:k] {
		b := y[columns*p : columns*p+2 : columns*p+2]
		s0 += v * b[0]
		s1 += v * b[1]
	}
	dst[0], dst[1] = s0, s1
}

// Above returns the least score that is above another, for a bound that only higher
// scores reach. There is none above +Inf and NaN: it is NaN.
func Above(score float32) float32 {
	if !(score < float32(math.Inf(1))) {
		return float32(math.NaN())
	}
	return math.Nextafter32(score, float32(math.Inf(1)))
}
