package simd

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSolve takes every order up to several panels. What is above the diagonal and
// beyond the last column is NaN at first.
func TestSolve(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for n := 1; n <= 135; n++ {
			lda := PanelStride(n + 1)
			a, checkA := guarded(t, (n+1)*lda)
			x, checkX := guarded(t, n)
			fill := positiveDefinite(rng, n, lda)
			for i := range n {
				copy(a[i*lda:i*lda+i+1], fill[i*lda:])
			}
			b := random(rng, n)
			copy(a[n*lda:], b)
			original := clone(a)
			require.Zero(t, Solve(x, a, lda, 1e-6), "order %d", n)
			for i := range n {
				var product sum
				for j := range n {
					product.add(float64(original[max(i, j)*lda+min(i, j)]) * float64(x[j]))
				}
				require.InDelta(t, float64(b[i]), product.value, 1e-5*product.magnitude, "A·x, element %d of %d", i, n)
			}
			checkA(fmt.Sprint("a of order ", n))
			checkX(fmt.Sprint("x of order ", n))
		}
	})
}

// TestSolveScaled: pivots near the ends of the range of numbers.
func TestSolveScaled(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, scale := range []float32{0x1p-120, 0x1p-60, 0x1p60, 0x1p115} {
			for _, n := range []int{3, 17, 50} {
				lda := PanelStride(n + 1)
				a := append(positiveDefinite(rng, n, lda), make([]float32, lda)...)
				copy(a[n*lda:], random(rng, n))
				scaled := make([]float32, len(a))
				ScaleTo(scaled, scale, a)
				want, x := make([]float32, n), make([]float32, n)
				require.Zero(t, Solve(want, a, lda, 1e-6))
				require.Zero(t, Solve(x, scaled, lda, 1e-6), "order %d times %g", n, scale)
				for i := range x {
					require.InEpsilon(t, want[i], x[i], 1e-5, "order %d times %g: x[%d]", n, scale, i)
				}
			}
		}
	})
}

func TestSolvePivots(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, n := range []int{1, 2, 5, 8, 9, 16, 17, 40} {
			lda := PanelStride(n + 1)
			x := make([]float32, n)
			for failing := range n {
				for _, value := range []float64{0, -1, math.NaN(), math.Inf(1)} {
					a := append(positiveDefinite(rng, n, lda), make([]float32, lda)...)
					a[failing*lda+failing] = float32(value)
					require.Equal(t, failing+1, Solve(x, a, lda, 1e-6), "order %d, element %v", n, value)
				}
			}
		}
		// The last pivot is 1e-3 of its diagonal element.
		lda := PanelStride(3)
		a := make([]float32, 3*lda)
		a[0], a[lda], a[lda+1] = 1, 1, 1.001
		require.Zero(t, Solve(make([]float32, 2), clone(a), lda, 1e-4))
		require.Equal(t, 2, Solve(make([]float32, 2), clone(a), lda, 1e-2))
	})
}
