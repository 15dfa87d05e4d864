package simd

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWeigh takes every remainder of the vectors, and ratings without a usual sign.
func TestWeigh(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		nan, zero := float32(math.NaN()), float32(0)
		special := []float32{0, -zero, -1, nan, float32(math.Inf(-1)), math.SmallestNonzeroFloat32, 2.5, -0.5}
		c := Weighing{Scale: 3, Shift: -1, Slope: 0.75, Base: 2}
		for n := range 150 {
			what := fmt.Sprintf("%d ratings", n)
			r := random(rng, n)
			for i := range r {
				if i%3 == 0 {
					r[i] = special[rng.IntN(len(special))]
				}
			}
			a, checkA := guarded(t, n)
			target, checkT := guarded(t, n)
			c.Weigh(a, target, r)
			checkA(what)
			checkT(what)
			positive := 0
			for i, v := range r {
				want := float32(0)
				if v > 0 {
					want = c.Slope*v + c.Base
					positive++
				}
				weight := c.Scale*float32(math.Abs(float64(v))) + c.Shift
				if v != v {
					require.True(t, a[i] != a[i], "%s: weight %d of NaN", what, i)
				} else {
					require.InDelta(t, float64(weight), float64(a[i]), 1e-6*math.Abs(float64(weight)), "%s: weight %d of %v", what, i, v)
				}
				require.InDelta(t, float64(want), float64(target[i]), 1e-6*math.Abs(float64(want)), "%s: target %d of %v", what, i, v)
			}
			require.Equal(t, positive, CountPositive(r), what)
		}
	})
}

func TestCountPositiveOfMany(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		r := make([]float32, 200_003)
		Fill(r, 1)
		r[1000], r[150_000] = -1, 0
		require.Equal(t, len(r)-2, CountPositive(r))
	})
}

func TestSubtractOffsets(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		offset, check := guarded(t, 23)
		copy(offset, random(rng, 23))
		for n := range 70 {
			what := fmt.Sprintf("%d ratings", n)
			target, checkT := guarded(t, n)
			copy(target, random(rng, n))
			before, a := clone(target), random(rng, n)
			ids := randomIDs(rng, n, 23)
			SubtractOffsets(target, a, offset, ids)
			checkT(what)
			check(what)
			for i, id := range ids {
				require.InDelta(t, float64(before[i])-float64(a[i])*float64(offset[id]), float64(target[i]), 1e-6, "%s: %d", what, i)
			}
		}
	})
}
