package simd

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSymmetricProduct(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		// The last order takes more than one call.
		for _, n := range []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 128, 129, 200} {
			what := fmt.Sprintf("order %d", n)
			ld, length := n+3, SymmetricLength(n)
			// The matrix ends with the last element below the diagonal, and what lies
			// on the diagonal and above it is not a number.
			a, checkA := guarded(t, max((n-1)*ld+n-1, 0))
			for i := range a {
				a[i] = float32(math.NaN())
			}
			for i := range n {
				copy(a[min(i*ld, len(a)):], random(rng, i))
			}
			x := random(rng, n)
			y, checkY := guarded(t, length)
			magnitude, checkMagnitude := guarded(t, length)
			scratch, checkScratch := guarded(t, 2*n)
			SymmetricProduct(y, magnitude, a, ld, append(x, make([]float32, length-n)...), scratch, n)
			checkA(what)
			checkY(what)
			checkMagnitude(what)
			checkScratch(what)
			for i := range n {
				var want sum
				for j := range n {
					if i != j {
						want.add(float64(a[max(i, j)*ld+min(i, j)]) * float64(x[j]))
					}
				}
				requireSum(t, what, y[i], want, n)
				require.InDelta(t, want.magnitude, float64(magnitude[i]), float64(n+2)/(1<<24)*want.magnitude, "%s: magnitude", what)
			}
		}
	})
}
