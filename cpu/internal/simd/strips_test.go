package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackRows(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, width := range []int{1, 3, 4, 6, 7, 14, TileColumns()} {
			for _, k := range []int{1, 3, 4, 5, 8, 11} {
				for _, n := range []int{0, 1, 7, 8, 9, 2*width + 1} {
					what := fmt.Sprintf("%d rows of %d in strips of %d", n, k, width)
					ld, strips := k+2, (n+width-1)/width
					src := random(rng, max(n*ld-2, 0))
					dst, check := guarded(t, strips*width*k)
					PackRows(dst, width, src, ld, n, k)
					check(what)
					for i := range strips * width {
						for p := range k {
							var want float32
							if i < n {
								want = src[i*ld+p]
							}
							require.Equal(t, want, dst[i/width*width*k+p*width+i%width], "%s: element %d of row %d", what, p, i)
						}
					}
				}
			}
		}
	})
}

// stripsCase has the operands of ScoreStrips and what they were packed from.
type stripsCase struct {
	k, rows, height, columns, strips int

	x, y, packedX, panel, least []float32
	open                        []uint32
}

func newStripsCase(t *testing.T, rng *rand.Rand, k, rows, strips int) *stripsCase {
	c := &stripsCase{k: k, rows: rows, height: TileRows(rows), columns: TileColumns(), strips: strips}
	n := strips * c.columns
	c.x, c.y = random(rng, rows*k), random(rng, n*k)
	c.packedX, _ = guarded(t, c.height*k)
	c.panel, _ = guarded(t, n*k)
	PackRows(c.packedX, c.height, c.x, k, rows, k)
	PackRows(c.panel, c.columns, c.y, k, n, k)
	c.least, _ = guarded(t, c.height)
	c.open = make([]uint32, strips*c.height+1)[1:]
	for i := range c.open {
		c.open[i] = ^uint32(0)
	}
	return c
}

func (c *stripsCase) score(tile *Tile) int {
	return ScoreStrips(tile, c.packedX, c.height, c.panel, c.k, c.strips, c.least, c.open)
}

// TestScoreStrips has a hit in every strip, so that it sees all scores.
func TestScoreStrips(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		tile := new(Tile)
		for _, k := range []int{1, 2, 10, 63, 64, 130} {
			for rows := 1; rows <= TileRows(100); rows++ {
				c := newStripsCase(t, rng, k, rows, 3)
				require.GreaterOrEqual(t, c.height, rows)
				for i := range rows {
					c.least[i] = float32(math.Inf(-1))
				}
				for s := range c.strips {
					part := *c
					part.panel, part.strips, part.open = c.panel[s*c.columns*k:], c.strips-s, c.open[s*c.height:]
					require.Zero(t, part.score(tile))
					for i := range rows {
						require.Equal(t, uint32(1<<c.columns-1), tile.Hits[i])
						for j := range c.columns {
							y := c.y[(s*c.columns+j)*k:][:k]
							var want sum
							for p, v := range c.x[i*k : (i+1)*k] {
								want.add(float64(v) * float64(y[p]))
							}
							what := fmt.Sprintf("rank %d, row %d of %d, strip %d, column %d", k, i, rows, s, j)
							requireSum(t, what, tile.Score(i, j), want, k)

							alone := *c
							alone.packedX, alone.height = c.x[i*k:(i+1)*k], 1
							alone.panel, alone.strips = part.panel, 1
							alone.open = []uint32{1 << j}
							other := new(Tile)
							require.Zero(t, alone.score(other))
							require.Equal(t, uint32(1)<<j, other.Hits[0])
							require.Equal(t, other.Score(0, j), tile.Score(i, j), "%s: the bits do not depend on the tile", what)
						}
					}
				}
			}
		}
	})
}

// TestScoreStripsFindsHits puts the only hit at each strip, row and column.
func TestScoreStripsFindsHits(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		tile := new(Tile)
		// So many strips take several calls of a vector path.
		const k, strips = 64, 40
		for _, rows := range []int{1, 2, TileRows(100)} {
			c := newStripsCase(t, rng, k, rows, strips)
			for i := range rows {
				c.least[i] = 1e6
			}
			require.Equal(t, strips, c.score(tile), "no hit")
			for _, s := range []int{0, 1, strips / 2, strips - 1} {
				for i := range rows {
					j := (s + i) % c.columns
					at := &c.panel[s*c.columns*k+j]
					before := *at
					*at = 4e6 / c.packedX[i]
					for r := range rows {
						c.least[r] = float32(math.NaN())
					}
					c.least[i] = 1e6
					what := fmt.Sprintf("strip %d, row %d of %d, column %d", s, i, rows, j)
					require.Equal(t, s, c.score(tile), what)
					for r := range rows {
						want := uint32(0)
						if r == i {
							want = 1 << j
						}
						require.Equal(t, want, tile.Hits[r], "%s: row %d", what, r)
					}
					score := tile.Score(i, j)
					c.least[i] = score
					require.Equal(t, s, c.score(tile), "%s: the least itself", what)
					c.least[i] = Above(score)
					require.Equal(t, strips, c.score(tile), "%s: above the score", what)
					c.least[i] = float32(math.Inf(-1))
					word := &c.open[s*c.height+i]
					for r := range c.open {
						c.open[r] = 0
					}
					*word = 1 << j
					require.Equal(t, s, c.score(tile), "%s: the only one open", what)
					require.Equal(t, uint32(1)<<j, tile.Hits[i])
					*word = 0
					require.Equal(t, strips, c.score(tile), "%s: nothing open", what)
					for r := range c.open {
						c.open[r] = ^uint32(0)
					}
					*at = float32(math.NaN())
					c.least[i] = 1e6
					require.Equal(t, strips, c.score(tile), "%s: NaN", what)
					*at = before
				}
			}
		}
	})
}

func TestAbove(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, score := range []float32{-inf, -math.MaxFloat32, -1, -math.SmallestNonzeroFloat32, 0, 1, math.MaxFloat32} {
		require.Greater(t, Above(score), score)
		require.Equal(t, score, -Above(-Above(score)), "nothing lies between")
	}
	for _, score := range []float32{inf, float32(math.NaN())} {
		require.True(t, math.IsNaN(float64(Above(score))))
	}
}

// TestKeepBest keeps scores of small whole numbers, of which many are equal, and one
// column whose scores are NaN, in two calls.
func TestKeepBest(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		if !KeepsBest(1) {
			t.Skipf("%s has no KeepBest", Path())
		}
		rng := generator(t)
		const k, strips, first = 3, 5, 1000
		require.False(t, KeepsBest(0))
		require.False(t, KeepsBest(BestLanes+1))
		for n := 1; n <= BestLanes; n++ {
			for rows := 1; rows <= TileRows(100); rows++ {
				c := newStripsCase(t, rng, k, rows, strips)
				for i := range c.packedX {
					c.packedX[i] = float32(rng.IntN(5) - 2)
				}
				for i := range c.panel {
					c.panel[i] = float32(rng.IntN(5) - 2)
				}
				c.panel[7] = float32(math.NaN())
				for i := range c.open {
					c.open[i] = rng.Uint32() | rng.Uint32()
					if i%c.height >= rows || i/c.height == 0 && i%3 == 0 {
						c.open[i] = 0
					}
				}
				best, checkBest := guarded(t, c.height*BestLanes)
				ids := make([]int32, len(best))
				for i := range ids {
					ids[i] = -1
				}
				tile, half := new(Tile), 2
				KeepBest(tile, c.packedX, c.height, c.panel, k, half, c.open, first, n, best, ids)
				KeepBest(tile, c.packedX, c.height, c.panel[half*c.columns*k:], k, strips-half, c.open[half*c.height:], first+half*c.columns, n, best, ids)
				checkBest("best")
				for i := range rows {
					what := fmt.Sprintf("%d best of row %d of %d", n, i, rows)
					wantIDs, want := c.sorted(i, first)
					for j := range n {
						id, score := ids[i*BestLanes+j], best[i*BestLanes+j]
						if j >= len(want) {
							require.Equal(t, int32(-1), id, what)
							require.True(t, math.IsNaN(float64(score)), what)
							continue
						}
						require.Equal(t, wantIDs[j], id, "%s: place %d", what, j)
						require.Equal(t, want[j], score, "%s: place %d", what, j)
					}
				}
			}
		}
	})
}

// sorted returns all columns that are open for a row and whose score is not NaN, the
// highest score first and of equal ones the lowest column.
func (c *stripsCase) sorted(row, first int) (ids []int32, scores []float32) {
	for s := range c.strips {
		for j := range c.columns {
			if c.open[s*c.height+row]>>j&1 == 0 {
				continue
			}
			var score float32
			for p := range c.k {
				score += c.packedX[p*c.height+row] * c.panel[(s*c.k+p)*c.columns+j]
			}
			if score != score {
				continue
			}
			at := len(ids)
			for at > 0 && scores[at-1] < score {
				at--
			}
			ids = slices.Insert(ids, at, int32(first+s*c.columns+j))
			scores = slices.Insert(scores, at, score)
		}
	}
	return ids, scores
}
