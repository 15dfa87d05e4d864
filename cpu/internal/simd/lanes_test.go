package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// lanesCase is some systems with gaps between rows and systems. What SolveLanes has
// no business with is NaN.
type lanesCase struct {
	Systems
	info           []int32
	checkA, checkB func(what string)
}

func newLanesCase(t *testing.T, rng *rand.Rand, n, count int) *lanesCase {
	s := Systems{Order: n, LDA: n + rng.IntN(4), StepB: n + rng.IntN(3)}
	s.StepA = (n-1)*s.LDA + n + rng.IntN(9)
	c := &lanesCase{info: make([]int32, count)}
	s.A, c.checkA = guarded(t, (count-1)*s.StepA+(n-1)*s.LDA+n)
	s.B, c.checkB = guarded(t, (count-1)*s.StepB+n)
	c.Systems = s
	for i := range count {
		a := positiveDefinite(rng, n, n)
		for r := range n {
			copy(c.row(i, r), a[r*n:])
		}
		copy(c.b(i), random(rng, n))
		c.info[i] = 77
	}
	return c
}

// row is row r of system i up to the diagonal.
func (c *lanesCase) row(i, r int) []float32 { return c.A[i*c.StepA+r*c.LDA:][: r+1 : r+1] }

func (c *lanesCase) b(i int) []float32 { return c.B[i*c.StepB:][:c.Order:c.Order] }

func (c *lanesCase) solve(tolerance float32) {
	SolveLanes(c.Systems, c.info, tolerance, make([]float32, LanesScratch(c.Order)))
}

// alone is what one system gets by itself.
func (c *lanesCase) alone(t *testing.T, i int, tolerance float32) (x []float32, info int32) {
	s := Systems{Order: c.Order, LDA: c.LDA, A: c.A[i*c.StepA:], B: clone(c.b(i))}
	one := []int32{55}
	SolveLanes(s, one, tolerance, make([]float32, LanesScratch(c.Order)))
	return s.B, one[0]
}

// TestSolveLanes takes every order up to that of many panels, and every number of
// systems up to two batches and a part. Each system must get the bits that it gets by
// itself.
func TestSolveLanes(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for n := 1; n <= 70; n++ {
			testLanes(t, rng, n, 1+n%(2*Lanes(n)+5))
		}
		for count := range 2*Lanes(7) + 6 {
			testLanes(t, rng, 7, count+1)
		}
		testLanes(t, rng, 131, 3)
		testLanes(t, rng, lanesLimit2+1, 2)
	})
}

func testLanes(t *testing.T, rng *rand.Rand, n, count int) {
	what := fmt.Sprintf("%d of order %d", count, n)
	c := newLanesCase(t, rng, n, count)
	before := lanesCase{Systems: c.Systems}
	before.B = clone(c.B)
	c.checkA(what) // nothing is written there yet
	c.solve(1e-6)
	c.checkA(what)
	c.checkB(what)
	for i := range count {
		require.Zero(t, c.info[i], "%s, info %d", what, i)
		x, b := c.b(i), before.b(i)
		for r := range n {
			var product sum
			for j := range n {
				product.add(float64(c.row(i, max(r, j))[min(r, j)]) * float64(x[j]))
			}
			require.InDelta(t, float64(b[r]), product.value, 1e-5*product.magnitude, "%s, A·x of system %d, element %d", what, i, r)
		}
		for r := n; r < c.StepB && i+1 < count; r++ {
			require.True(t, math.IsNaN(float64(c.B[i*c.StepB+r])), "%s, after row %d of b", what, i)
		}
		alone, info := before.alone(t, i, 1e-6)
		require.Zero(t, info, what)
		require.Equal(t, alone, x, "%s, system %d by itself", what, i)
	}
}

// TestSolveLanesFailures has one system that cannot be solved among others that can.
func TestSolveLanesFailures(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, n := range []int{1, 2, 4, 5, 10, 19} {
			for place := range n {
				for _, f := range []struct {
					name  string
					spoil func(c *lanesCase, i int)
					info  int
				}{
					{"pivot 0", func(c *lanesCase, i int) { c.row(i, place)[place] = 0 }, place + 1},
					{"pivot -1", func(c *lanesCase, i int) { c.row(i, place)[place] = -1 }, place + 1},
					{"pivot NaN", func(c *lanesCase, i int) { c.row(i, place)[place] = nan }, place + 1},
					{"pivot Inf", func(c *lanesCase, i int) { c.row(i, place)[place] = inf }, place + 1},
					{"row NaN", func(c *lanesCase, i int) { c.row(i, place)[0] = nan }, place + 1},
					{"row Inf", func(c *lanesCase, i int) { c.row(i, place)[0] = inf }, place + 1},
					{"b NaN", func(c *lanesCase, i int) { c.b(i)[place] = nan }, n},
					{"b Inf", func(c *lanesCase, i int) { c.b(i)[place] = -inf }, n},
				} {
					count := 1 + (5*place+f.info)%Lanes(n) // of a batch or a part
					bad := count - 1 - (3*place+n)%count
					c := newLanesCase(t, rng, n, count)
					f.spoil(c, bad)
					want := make([][]float32, count)
					for i := range want {
						want[i], _ = c.alone(t, i, 1e-6)
					}
					c.solve(1e-6)
					for i := range want {
						what := fmt.Sprintf("order %d, %s in row %d of system %d, system %d", n, f.name, place, bad, i)
						require.Equal(t, want[i], c.b(i), what)
						if i != bad {
							require.Zero(t, c.info[i], what)
							continue
						}
						require.EqualValues(t, f.info, c.info[i], what)
						require.Equal(t, make([]float32, n), c.b(i), what)
					}
				}
			}
		}
	})
}

// TestSolveLanesTolerance: the last pivot is 1e-3 of its diagonal element.
func TestSolveLanesTolerance(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for tolerance, want := range map[float32]int32{1e-4: 0, 1e-2: 2} {
			s := Systems{Order: 2, LDA: 2, A: []float32{1, 0, 1, 1.001}, B: []float32{1, 1}}
			info := []int32{5}
			SolveLanes(s, info, tolerance, make([]float32, LanesScratch(2)))
			require.Equal(t, want, info[0])
		}
	})
}

func BenchmarkSolveLanes(b *testing.B) {
	onEveryPathBenchmark(b, func(b *testing.B) {
		for _, n := range []int{10, 16, 32, 64, 128, 256} {
			b.Run(fmt.Sprintf("order=%d", n), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(seed, seed))
				count := Lanes(n)
				lda := PanelStride(n + 1)
				s := Systems{Order: n, LDA: lda, StepA: lda * lda, StepB: n}
				for range count {
					s.A = append(s.A, positiveDefinite(rng, n, lda)[:n*lda]...)
					s.A = append(s.A, make([]float32, lda*(lda-n))...)
				}
				s.B = make([]float32, count*n)
				right := random(rng, len(s.B))
				info, scratch := make([]int32, count), make([]float32, LanesScratch(n))
				operations := float64(count) * (float64(n)*float64(n)*float64(n)/3 + 2*float64(n*n))
				shareOfPeak(b, operations, func() {
					copy(s.B, right) // solutions of solutions would soon be denormal
					SolveLanes(s, info, 1e-6, scratch)
				})
			})
		}
	})
}
