package simd

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSumProducts sums Y·Yᵀ of rows of few and many columns and solves for a right-hand
// side that is shorter than the order.
func TestSumProducts(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		const rows = 9
		for _, n := range []int{1, 2, 4, 7, 8, 9, 15, 16, 17, 31, 33, 50, 100} {
			for _, k := range []int{1, 3, 4, 6, 31, 64, 103, 129, 300} {
				last := float32(n % 3) // 0 is none
				what := fmt.Sprintf("%d rows of %d columns and %g", n, k, last)
				normal := NewNormal(DualOrder(n))
				ldy := k + rng.IntN(3)
				y, _ := guarded(t, (rows-1)*ldy+k)
				for i := range rows {
					copy(y[i*ldy:], random(rng, k))
				}
				ids, consecutive := randomIDs(rng, n, rows), make([]int32, k+1)
				for i := range consecutive {
					consecutive[i] = int32(i)
				}
				sums, checkSums := guarded(t, normal.Size())
				scratch, checkScratch := guarded(t, normal.DualScratch())
				normal.SumProducts(sums, y, ldy, k, last, ids, consecutive, scratch)
				right := random(rng, n)
				normal.SetRightSide(sums, right)
				checkSums(what)
				checkScratch(what)

				order := DualOrder(n)
				lda := PanelStride(order + 1)
				a := make([]float32, (order+1)*lda)
				normal.Spread(a, lda, order, sums)
				var trace sum
				for i := range order {
					for j := range i + 1 {
						var want sum
						if i < n {
							want.add(float64(last) * float64(last))
							for c := range k {
								want.add(float64(y[int(ids[i])*ldy+c]) * float64(y[int(ids[j])*ldy+c]))
							}
						}
						requireSum(t, fmt.Sprintf("%s, element %d,%d", what, i, j), a[i*lda+j], want, k+1)
						if i == j {
							trace.add(want.value)
						}
					}
				}
				requireSum(t, what+", trace", normal.Trace(sums), trace, k+1+n)
				require.Equal(t, right, a[order*lda:order*lda+n], what)
				require.Equal(t, make([]float32, order-n), a[order*lda+n:order*lda+order], what)
			}
		}
	})
}
