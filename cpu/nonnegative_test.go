package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSplitSettlesOnTheMinimum holds solutions to the conditions of a minimum. The
// matrices are far from diagonal: for one in fifty the full exchanges go in circles,
// and only the exchange of single unknowns ends.
func TestSplitSettlesOnTheMinimum(t *testing.T) {
	t.Log("seed 17")
	rng := rand.New(rand.NewPCG(17, 17))
	const k, ld = 6, 7
	for range 2000 {
		// A = G·D·Gᵀ with the elements of D falling to 1e-4, and a little more.
		a := make([]float32, (k+1)*ld)
		for p := range k {
			d := math.Pow(10, -4*float64(p)/k)
			var g [k]float64
			for i := range g {
				g[i] = rng.NormFloat64()
			}
			for i := range k {
				for j := range i + 1 {
					a[i*ld+j] += float32(d * g[i] * g[j])
				}
			}
		}
		b := a[k*ld : k*ld+k]
		for i := range b {
			a[i*ld+i] += 1e-3
			b[i] = float32(rng.NormFloat64())
		}
		s := split{
			a: a, own: make([]float32, (k+1)*ld), ld: ld, x: make([]float32, k), signed: k,
			passive: make([]uint8, k), marked: make([]uint8, k), index: make([]int32, k), solution: make([]float32, k),
			gradient: newGradient(make([]float32, gradientSize(k)), k),
		}
		require.Zero(t, s.settle())
		for i, x := range s.x {
			gradient, scale := -float64(b[i]), math.Abs(float64(b[i]))
			for j, v := range s.x {
				term := float64(a[max(i, j)*ld+min(i, j)]) * float64(v)
				gradient += term
				scale += math.Abs(term)
			}
			if x > 0 {
				require.InDelta(t, 0, gradient, 1e-5*scale, "gradient of a passive unknown")
			} else {
				require.Zero(t, x)
				require.Greater(t, gradient, -1e-5*scale, "gradient of an active unknown")
			}
		}
	}
}
