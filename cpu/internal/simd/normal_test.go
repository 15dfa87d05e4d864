package simd

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// onEveryPath runs a test with every set of implementations of this machine.
func onEveryPath(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	defer func(p path) { active = p }(active)
	for p := portable; p <= best(); p++ {
		active = p
		t.Run(p.String(), test)
	}
}

// guarded returns n elements between others that are NaN, and a function that
// checks that those are still there. The elements begin at no particular alignment.
func guarded(t *testing.T, n int) ([]float32, func(what string)) {
	const guard = 19
	all := make([]float32, n+2*guard)
	for i := range all {
		all[i] = float32(math.NaN())
	}
	return all[guard : guard+n : guard+n], func(what string) {
		t.Helper()
		for i, v := range all {
			if (i < guard || i >= guard+n) && v == v {
				require.Fail(t, "written outside", "%s: element %d of %d", what, i-guard, n)
			}
		}
	}
}

// TestNormal takes every order up to several tiles of both vector lengths, so every
// height of a tile and every width of a last vector.
func TestNormal(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		// With -short every height of a tile still occurs.
		orders, most := []int{100, 128, 130}, 70
		if testing.Short() {
			orders, most = nil, 34
		}
		for k := 1; k <= most; k++ {
			orders = append(orders, k)
		}
		const rows = 9
		for _, k := range orders {
			for _, n := range []int{1, 2, 37} {
				for _, weighted := range []bool{false, true} {
					for _, stored := range []int{k, k - 1} {
						what := fmt.Sprintf("order %d, %d rows, weighted %t, %d stored", k, n, weighted, stored)
						lda, ldy := PanelStride(k+1), stored+3
						// The last row of y ends with its last stored element.
						y, checkY := guarded(t, (rows-1)*ldy+stored)
						copy(y, random(rng, len(y)))
						ids := randomIDs(rng, n, rows)
						w, right := random(rng, n), random(rng, n)
						if !weighted {
							Fill(w, 1)
						}
						ids[0] = rows - 1
						operand := y
						if stored == 0 {
							operand = nil
						}
						size := lda * lda
						if active != portable {
							size = k*lda + k
						}
						a, checkA := guarded(t, size)
						copy(a, random(rng, len(a)))
						before := clone(a)
						panels := make([]float32, NormalScratch(lda, n, weighted))
						Normal(a, lda, k, operand, ldy, stored, ids, weighted, w, right, panels)

						element := func(j, i int) float64 {
							if i == stored {
								return 1
							}
							return float64(y[int(ids[j])*ldy+i])
						}
						for i := range k + 1 {
							for c := range min(i+1, k) {
								var want sum
								want.add(float64(before[i*lda+c]))
								for j := range n {
									if i == k {
										want.add(float64(right[j]) * element(j, c))
									} else {
										want.add(float64(w[j]) * element(j, i) * element(j, c))
									}
								}
								requireSum(t, fmt.Sprintf("%s, element %d,%d", what, i, c), a[i*lda+c], want, n+1)
							}
						}
						if active != portable {
							for i := range k {
								require.Equal(t, before[i*lda+k:(i+1)*lda], a[i*lda+k:(i+1)*lda], "%s: beyond row %d", what, i)
							}
						}
						checkA(what)
						checkY(what)
					}
				}
			}
		}
	})
}

// TestNormalOfNothing: a block without ratings adds nothing.
func TestNormalOfNothing(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		a := []float32{1, 2, 3, 4, 5, 6, 7, 8}
		Normal(a, 4, 1, nil, 1, 1, nil, false, nil, nil, nil)
		require.Equal(t, []float32{1, 2, 3, 4, 5, 6, 7, 8}, a)
	})
}
