package simd

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddColumns(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for n := 1; n <= 70; n++ {
			for _, m := range []int{0, 1, 2, 7, 2*columnElements/n + 3} {
				what := fmt.Sprintf("%d×%d", m, n)
				ldx := n + 3
				x, checkX := guarded(t, max((m-1)*ldx+n, 0))
				copy(x, random(rng, len(x)))
				got, want := make([]float64, n+1), make([]sum, n)
				for j := range want {
					got[j] = float64(j)
					want[j].add(float64(j))
					for i := range m {
						want[j].add(float64(x[i*ldx+j]))
					}
				}
				AddColumns(got[:n], x, ldx, m)
				for j := range want {
					require.InDelta(t, want[j].value, got[j], want[j].bound(m), "%s: column %d", what, j)
				}
				require.Zero(t, got[n], what)
				checkX(what)
			}
		}
	})
}
