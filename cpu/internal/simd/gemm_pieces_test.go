package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// withPieces runs a test if this machine has the tile registers.
func withPieces(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	RequestTiles()
	if !Pieces() {
		t.Skip("no tile registers")
	}
	test(t)
}

// TestPieces multiplies matrices of every remainder of rows, columns and products by a tile,
// in all four layouts.
func TestPieces(t *testing.T) {
	withPieces(t, func(t *testing.T) {
		rng := generator(t)
		for _, m := range []int{1, 15, 16, 17, 31, 32, 33, 70, 300} {
			for _, n := range []int{1, 8, 16, 17, 31, 32} {
				for _, k := range []int{1, 15, 16, 17, 31, 32, 33, 63, 100, 512} {
					if m == 300 && (n+k)%3 != 0 {
						continue
					}
					for layout := range 4 {
						scalars := [][2]float32{{1, 0}, {-0.5, 1}, {2, 0.25}}[(m+n+k+layout)%3]
						a, b, c := random(rng, m*k), random(rng, k*n), random(rng, m*n)
						testPieces(t, m, n, k, layout, scalars[0], scalars[1], a, b, c)
					}
				}
			}
		}
	})
}

// operand lays n rows of k values out, k or n of them in a row and pad elements between.
func operand(t *testing.T, values []float32, n, k int, along bool, pad int) (x []float32, ld int, check func(string)) {
	t.Helper()
	ld, rows, columns := k+pad, n, k
	if !along {
		ld, rows, columns = n+pad, k, n
	}
	x, check = guarded(t, (rows-1)*ld+columns)
	for i := range n {
		for p := range k {
			if along {
				x[i*ld+p] = values[i*k+p]
			} else {
				x[p*ld+i] = values[i*k+p]
			}
		}
	}
	return x, ld, check
}

// packed packs an operand and returns the bounds of all panels together.
func packed(t *testing.T, left bool, values []float32, n, k int, along bool) ([]float32, PieceBounds) {
	t.Helper()
	x, ld, _ := operand(t, values, n, k, along, 3)
	panels := (n + PieceRows - 1) / PieceRows
	dst, check := guarded(t, panels*PanelPieces(k))
	bounds := make([]PieceBounds, panels)
	SplitPieces(dst, bounds, left, x, ld, along, n, k, make([]float32, PieceScratch))
	check("pieces")
	all := bounds[0]
	for _, b := range bounds[1:] {
		all = all.Join(b)
	}
	return dst, all
}

// testPieces takes the rows of A and the columns of B.
func testPieces(t *testing.T, m, n, k, layout int, alpha, beta float32, av, bv, cv []float32) {
	t.Helper()
	what := fmt.Sprintf("%d×%d sums of %d, layout %d, alpha %g, beta %g", m, n, k, layout, alpha, beta)
	a, boundsA := packed(t, true, av, m, k, layout&1 == 0)
	b, boundsB := packed(t, false, bv, n, k, layout&2 == 0)
	require.True(t, boundsA.Suffice(boundsB), what)
	ldc := n + 5
	c, check := guarded(t, (m-1)*ldc+n)
	if beta != 0 {
		for i := range m {
			copy(c[i*ldc:], cv[i*n:(i+1)*n])
		}
	}
	MultiplyPieces(m, n, k, alpha, a, b, bv, beta, c, ldc, make([]float32, MultiplyScratch))
	for i := range m {
		for j := range n {
			var want sum
			want.add(float64(beta) * float64(cv[i*n+j]))
			for p := range k {
				want.add(float64(alpha) * float64(av[i*k+p]) * float64(bv[j*k+p]))
			}
			got := c[i*ldc+j]
			bound := float64(k+5) / (1 << 24) * want.magnitude
			if !(math.Abs(want.value-float64(got)) <= bound) {
				require.Fail(t, "wrong", "%s: element %d,%d is %g, want %g, bound %g", what, i, j, got, want.value, bound)
			}
		}
		if i+1 < m {
			for _, v := range c[i*ldc+n : (i+1)*ldc] {
				require.True(t, v != v, "%s: between the rows", what)
			}
		}
	}
	check(what)
}

// TestPiecesInPlace computes parts of a product, whose elements must have the bits of the
// whole.
func TestPiecesInPlace(t *testing.T) {
	withPieces(t, func(t *testing.T) {
		rng := generator(t)
		const m, n, k = 75, 29, 70
		av, bv := random(rng, m*k), random(rng, n*k)
		whole := make([]float32, m*n)
		product := func(c []float32, firstRow, m, firstColumn, n int, along bool) {
			a, _ := packed(t, true, av[firstRow*k:], m, k, along)
			b, _ := packed(t, false, bv[firstColumn*k:], n, k, along)
			MultiplyPieces(m, n, k, 1, a, b, nil, 0, c, n, make([]float32, MultiplyScratch))
		}
		product(whole, 0, m, 0, n, true)
		for _, part := range [][4]int{{0, 1, 0, 1}, {5, 20, 3, 7}, {16, 40, 1, 20}, {33, 42, 17, 12}, {0, 75, 28, 1}} {
			row, rows, col, columns := part[0], part[1], part[2], part[3]
			got := make([]float32, rows*columns)
			product(got, row, rows, col, columns, false)
			for i := range rows {
				require.Equal(t, whole[(row+i)*n+col:][:columns], got[i*columns:][:columns], "%v: row %d", part, i)
			}
		}
	})
}

// BenchmarkPieces has the operands in the second level of the cache.
func BenchmarkPieces(b *testing.B) {
	RequestTiles()
	if !Pieces() {
		b.Skip("no tile registers")
	}
	const m, n, k = 320, 32, 512
	rng := rand.New(rand.NewPCG(seed, seed))
	x, y, c := random(rng, m*k), random(rng, n*k), random(rng, m*n)
	px, py := make([]float32, m/PieceRows*PanelPieces(k)), make([]float32, n/PieceRows*PanelPieces(k))
	bounds, scratch, sums := make([]PieceBounds, m/PieceRows), make([]float32, PieceScratch), make([]float32, MultiplyScratch)
	for _, along := range []bool{true, false} {
		for _, left := range []bool{true, false} {
			ld := k + 16
			if !along {
				ld = m
			}
			x := random(rng, m*(k+16))
			b.Run(fmt.Sprintf("split,along=%t,left=%t", along, left), func(b *testing.B) {
				for b.Loop() {
					SplitPieces(px, bounds, left, x, ld, along, m, k, scratch)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*m*k), "ns/element")
			})
		}
	}
	SplitPieces(px, bounds, true, x, k, true, m, k, scratch)
	SplitPieces(py, bounds, false, y, k, true, n, k, scratch)
	for _, k := range []int{64, 256, 512} {
		b.Run(fmt.Sprintf("multiply,k=%d", k), func(b *testing.B) {
			shareOfPeak(b, 2*m*n*float64(k), func() {
				MultiplyPieces(m, n, k, 1, px, py, nil, 1, c, n, sums)
			})
		})
	}
}
