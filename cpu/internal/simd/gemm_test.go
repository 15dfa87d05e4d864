package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProduct takes every height of a tile and every width of a last vector, with A
// either way round.
func TestProduct(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, k := range []int{1, 2, 33} {
			for m := 1; m <= 31; m++ {
				for n := 1; n <= ProductColumns(); n++ {
					if testing.Short() && (m+n)%5 != 0 {
						continue
					}
					for _, transposed := range []bool{false, true} {
						for _, scalars := range [][2]float32{{1, 0}, {-0.5, 1}, {2, 0.25}} {
							testProduct(t, m, n, k, transposed, scalars[0], scalars[1], random(rng, m*k+k*n+m*n))
						}
					}
				}
			}
		}
	})
}

// testProduct takes A, B and C from values.
func testProduct(t *testing.T, m, n, k int, transposed bool, alpha, beta float32, values []float32) {
	t.Helper()
	what := fmt.Sprintf("%d×%d sums of %d, transposed %t, alpha %g, beta %g", m, n, k, transposed, alpha, beta)
	rowA, stepA := k+1, 1
	if transposed {
		rowA, stepA = 1, m+2
	}
	stepB, ldc := n+3, n+5
	// Every operand ends with its last element.
	a, checkA := guarded(t, (m-1)*rowA+(k-1)*stepA+1)
	b, checkB := guarded(t, (k-1)*stepB+n)
	c, checkC := guarded(t, (m-1)*ldc+n)
	before := make([]float32, m*n)
	for i := range m {
		for p := range k {
			a[i*rowA+p*stepA] = values[i*k+p]
		}
		for j := range n {
			before[i*n+j] = values[m*k+k*n+i*n+j]
			if beta != 0 {
				c[i*ldc+j] = before[i*n+j]
			}
		}
	}
	for p := range k {
		copy(b[p*stepB:], values[m*k+p*n:m*k+(p+1)*n])
	}
	Product(m, n, k, alpha, a, rowA, stepA, b, stepB, values, beta, c, ldc)
	for i := range m {
		for j := range n {
			var want sum
			want.add(float64(beta) * float64(before[i*n+j]))
			for p := range k {
				want.add(float64(alpha) * float64(a[i*rowA+p*stepA]) * float64(b[p*stepB+j]))
			}
			got := c[i*ldc+j]
			bound := float64(k+2) / (1 << 24) * want.magnitude
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
	checkA(what)
	checkB(what)
	checkC(what)
}

func TestCopyPanel(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, m := range []int{1, 2, 5} {
			for n := 1; n <= ProductColumns(); n++ {
				what := fmt.Sprintf("%d×%d", m, n)
				lds, ldd := n+3, n+2
				src, checkSrc := guarded(t, (m-1)*lds+n)
				dst, checkDst := guarded(t, (m-1)*ldd+n)
				copy(src, random(rng, len(src)))
				CopyPanel(dst, ldd, src, lds, m, n)
				for i := range m {
					require.Equal(t, src[i*lds:i*lds+n], dst[i*ldd:i*ldd+n], what)
					if i+1 < m {
						for _, v := range dst[i*ldd+n : (i+1)*ldd] {
							require.True(t, v != v, "%s: between the rows", what)
						}
					}
				}
				checkSrc(what)
				checkDst(what)
			}
		}
	})
}

func TestPackTransposed(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, m := range []int{1, 4, 7, 8, 9, 15, 16, 17, 32, 33} {
			for _, n := range []int{1, 2, 3, 4, 5, 8, 11, 64} {
				what := fmt.Sprintf("%d×%d", m, n)
				lds, ldd := n+3, m+2
				src, checkSrc := guarded(t, (m-1)*lds+n)
				dst, checkDst := guarded(t, (n-1)*ldd+m)
				copy(src, random(rng, len(src)))
				PackTransposed(dst, ldd, src, lds, m, n)
				for j := range n {
					for i := range m {
						require.Equal(t, src[i*lds+j], dst[j*ldd+i], "%s: element %d,%d", what, i, j)
					}
					if j+1 < n {
						for _, v := range dst[j*ldd+m : (j+1)*ldd] {
							require.True(t, v != v, "%s: between the rows", what)
						}
					}
				}
				checkSrc(what)
				checkDst(what)
			}
		}
	})
}

// BenchmarkProduct has A in the second level of the cache and B in the first.
func BenchmarkProduct(b *testing.B) {
	onEveryPathBenchmark(b, func(b *testing.B) {
		for _, s := range []struct{ m, n, k, lda int }{
			{168, ProductColumns(), 256, 272}, {168, ProductColumns(), 256, 256}, {168, ProductColumns(), 256, 1024},
			{64, ProductColumns(), 64, 64}, {168, ProductColumns() / 2, 256, 272},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d,lda=%d", s.m, s.n, s.k, s.lda), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(seed, seed))
				x, y, c := random(rng, s.m*s.lda), random(rng, s.k*s.n), random(rng, s.m*s.n)
				shareOfPeak(b, float64(2*s.m*s.n*s.k), func() {
					Product(s.m, s.n, s.k, 1, x, s.lda, 1, y, s.n, nil, 1, c, s.n)
				})
			})
		}
	})
}
