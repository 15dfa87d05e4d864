package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescent(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for n := range 70 {
			what := fmt.Sprint(n, " elements")
			x, checkX := guardedDoubles(rng, n)
			r, checkR := guardedDoubles(rng, n)
			p, checkP := guardedDoubles(rng, n)
			ap, checkAP := guardedDoubles(rng, n)
			single, checkSingle := guarded(t, n)
			copy(single, random(rng, n))
			const factor = 0.375

			var dot, square sum
			wantX, wantR := make([]float64, n), make([]float64, n)
			for i := range n {
				dot.add(x[i] * r[i])
				wantX[i] = x[i] + factor*p[i]
				wantR[i] = r[i] - factor*ap[i]
				square.add(wantR[i] * wantR[i])
			}
			require.InDelta(t, dot.value, DotFloat64(x, r), dot.bound(n), what)
			require.InDelta(t, square.value, Descend(x, r, p, ap, factor), square.bound(n), what)
			for i := range n {
				require.InDelta(t, wantX[i], x[i], 1e-15*8, "%s: x %d", what, i)
				require.InDelta(t, wantR[i], r[i], 1e-15*8, "%s: r %d", what, i)
			}

			AddRidge(ap, single, p, factor)
			for i := range n {
				require.InDelta(t, float64(single[i])+factor*p[i], ap[i], 1e-15*8, "%s: ap %d", what, i)
				wantX[i] = r[i] + factor*p[i]
			}
			Turn(p, r, single, factor)
			for i := range n {
				require.InDelta(t, wantX[i], p[i], 1e-15*8, "%s: p %d", what, i)
				require.Equal(t, float32(p[i]), single[i], "%s: p rounded, %d", what, i)
			}

			Widen(ap, single)
			Round(single, x)
			for i := range n {
				require.Equal(t, float64(float32(p[i])), ap[i], "%s: widened, %d", what, i)
				require.Equal(t, float32(x[i]), single[i], "%s: rounded, %d", what, i)
			}
			for _, check := range []func() bool{checkX, checkR, checkP, checkAP} {
				require.True(t, check(), "%s: written outside", what)
			}
			checkSingle(what)
		}
	})
}

// guardedDoubles makes n numbers among NaNs, and the check that those are untouched.
func guardedDoubles(rng *rand.Rand, n int) ([]float64, func() bool) {
	const guard = 9
	all := make([]float64, n+2*guard)
	for i := range all {
		all[i] = math.NaN()
	}
	x := all[guard : guard+n : guard+n]
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x, func() bool {
		for i, v := range all {
			if (i < guard || i >= guard+n) && v == v {
				return false
			}
		}
		return true
	}
}
