package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

const seed = 11

func generator(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}

func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func randomIDs(rng *rand.Rand, n, rows int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(rng.IntN(rows))
	}
	return ids
}

// sum is a sum in float64 with the sum of the magnitudes of its terms.
type sum struct{ value, magnitude float64 }

func (s *sum) add(v float64) {
	s.value += v
	s.magnitude += math.Abs(v)
}

// bound is the rounding error of a sum of n terms in float64.
func (s *sum) bound(n int) float64 { return float64(n+8) / (1 << 53) * s.magnitude }

// requireSum compares got with a sum of n terms.
func requireSum(t *testing.T, what string, got float32, want sum, n int) {
	t.Helper()
	bound := float64(n+2) / (1 << 24) * want.magnitude
	require.InDelta(t, want.value, float64(got), bound, "%s: bound %g", what, bound)
}

// lengths of vectors; the last one, which takes more than one call, is for functions
// that read every element once.
var lengths = []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 31, 32, 33, 63, 64, 65, 100, 127, 129, piece + 1}

func TestDots(t *testing.T) { onEveryPath(t, testDots) }

func testDots(t *testing.T) {
	rng := generator(t)
	for _, n := range shortened(lengths) {
		x, y := random(rng, n), random(rng, n+3)
		var want sum
		for i := range x {
			want.add(float64(x[i]) * float64(y[i]))
		}
		requireSum(t, fmt.Sprint("Dot ", n), Dot(x, y), want, n)
		require.InDelta(t, want.value, DotDouble(x, y), want.bound(n), "DotDouble %d", n)
	}
}

func TestElementwise(t *testing.T) { onEveryPath(t, testElementwise) }

// shortened leaves the last length out of a short run.
func shortened(lengths []int) []int {
	if testing.Short() {
		return lengths[:len(lengths)-1]
	}
	return lengths
}

func testElementwise(t *testing.T) {
	rng := generator(t)
	for _, n := range shortened(lengths) {
		what := fmt.Sprint(n, " elements")
		x, y := random(rng, n+1)[1:], random(rng, n)
		axpy, checkAxpy := guarded(t, n)
		scaled, checkScaled := guarded(t, n)
		added, checkAdded := guarded(t, n)
		product, checkProduct := guarded(t, n)
		copy(axpy, y)
		copy(added, y)
		Axpy(0.5, x, axpy)
		ScaleTo(scaled, -2, x)
		Add(x, added)
		Mul(product, x, y)
		for i := range n {
			bound := 1e-7 * (math.Abs(float64(x[i])) + math.Abs(float64(y[i])))
			require.InDelta(t, float64(y[i])+0.5*float64(x[i]), axpy[i], bound, what)
			require.Equal(t, -2*x[i], scaled[i], what)
			require.Equal(t, x[i]+y[i], added[i], what)
			require.Equal(t, x[i]*y[i], product[i], what)
		}
		Scale(3, scaled)
		Mul(product, product, product)
		for i := range n {
			require.Equal(t, -2*x[i]*3, scaled[i], what)
			require.Equal(t, (x[i]*y[i])*(x[i]*y[i]), product[i], what)
		}
		checkAxpy(what)
		checkScaled(what)
		checkAdded(what)
		checkProduct(what)
		Fill(scaled, 7)
		for i := range n {
			require.Equal(t, float32(7), scaled[i])
		}
	}
}

func TestFinite(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		require.True(t, Finite(nil))
		for _, n := range []int{1, 7, 8, 9, 64, 101} {
			x := make([]float32, n)
			for i := range x {
				x[i] = -math.MaxFloat32
			}
			require.True(t, Finite(x), n)
			for i := range x {
				for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
					x[i] = float32(bad)
					require.False(t, Finite(x), "%g in place %d of %d", bad, i, n)
				}
				x[i] = 0
			}
		}
	})
}

func TestSums(t *testing.T) { onEveryPath(t, testSums) }

func testSums(t *testing.T) {
	rng := generator(t)
	const base, alpha = 0.75, 1.5
	for _, n := range shortened(lengths) {
		v, s := random(rng, n), random(rng, n)
		var squares, errors, plain, weighted sum
		for i := range n {
			d := float64(v[i]) - float64(s[i])
			squares.add(float64(v[i]) * float64(v[i]))
			errors.add(d * d)
			preference := 0.0
			if v[i] > 0 {
				preference = 1
			}
			d = preference - float64(s[i])
			plain.add(d * d)
			weighted.add((base + alpha*math.Abs(float64(v[i]))) * d * d)
			weighted.add(-float64(s[i]) * float64(s[i]))
		}
		require.InDelta(t, squares.value, SumSquares(v), squares.bound(n))
		require.InDelta(t, math.Sqrt(squares.value), Norm(v), 1e-7*math.Sqrt(squares.value))
		require.InDelta(t, errors.value, SquaredErrors(v, s), errors.bound(n))
		gotPlain, gotWeighted := ConfidenceErrors(v, s, base, alpha)
		require.InDelta(t, plain.value, gotPlain, plain.bound(n))
		require.InDelta(t, weighted.value, gotWeighted, weighted.bound(n))
	}
	require.Equal(t, float32(math.MaxFloat32), Norm([]float32{math.MaxFloat32}), "squares do not overflow")
}

func TestRows(t *testing.T) { onEveryPath(t, testRows) }

func testRows(t *testing.T) {
	rng := generator(t)
	const rows = 40
	for _, k := range lengths[:len(lengths)-1] {
		ldy := k + 3
		y, x := random(rng, rows*ldy), random(rng, k)
		for _, n := range []int{0, 1, 2, 3, 4, 5, 9, blockRows + 2} {
			ids, w := randomIDs(rng, n, rows), random(rng, n+1)
			what := fmt.Sprintf("%d rows of %d", n, k)

			dots, checkDots := guarded(t, n)
			DotRows(dots, x, y, ldy, ids)
			checkDots(what)
			for j := range ids {
				alone := make([]float32, 1)
				DotRows(alone, x, y, ldy, ids[j:j+1])
				require.Equal(t, alone[0], dots[j], "%s: the product with a row does not depend on its place", what)
			}

			start := random(rng, k)
			weighted, checkWeighted := guarded(t, k)
			product, checkProduct := guarded(t, k)
			plain, checkPlain := guarded(t, k)
			copy(weighted, start)
			copy(product, start)
			copy(plain, start)
			WeightedSum(weighted, y, ldy, ids, w)
			NormalProduct(plain, x, y, ldy, ids, w)
			total := NormalProductBias(product, x, 0.25, y, ldy, ids, w)
			checkWeighted(what)
			checkPlain(what)
			checkProduct(what)

			wantWeighted, wantProduct, wantPlain := make([]sum, k), make([]sum, k), make([]sum, k)
			var wantTotal sum
			for i := range k {
				wantWeighted[i].add(float64(start[i]))
				wantProduct[i].add(float64(start[i]))
				wantPlain[i].add(float64(start[i]))
			}
			for j, id := range ids {
				row := y[int(id)*ldy:]
				var dot sum
				for i := range k {
					dot.add(float64(x[i]) * float64(row[i]))
				}
				requireSum(t, "DotRows "+what, dots[j], dot, k)
				s := float64(w[j]) * (dot.value + 0.25)
				wantTotal.value += s
				wantTotal.magnitude += math.Abs(float64(w[j])) * (dot.magnitude + 0.25)
				for i := range k {
					wantWeighted[i].add(float64(w[j]) * float64(row[i]))
					wantPlain[i].value += float64(w[j]) * dot.value * float64(row[i])
					wantPlain[i].magnitude += math.Abs(float64(w[j])*float64(row[i])) * dot.magnitude
					wantProduct[i].value += s * float64(row[i])
					wantProduct[i].magnitude += math.Abs(float64(w[j])*float64(row[i])) * (dot.magnitude + 0.25)
				}
			}
			requireSum(t, "NormalProductBias total "+what, total, wantTotal, n+k)
			for i := range k {
				requireSum(t, "WeightedSum "+what, weighted[i], wantWeighted[i], n)
				requireSum(t, "NormalProduct "+what, plain[i], wantPlain[i], n+k)
				requireSum(t, "NormalProductBias "+what, product[i], wantProduct[i], n+k)
			}
		}
	}
}

func TestPanels(t *testing.T) {
	rng := generator(t)
	const rows = 9
	for _, k := range lengths[:len(lengths)-1] {
		ldp, ldy := PanelStride(k+1), k+1
		require.GreaterOrEqual(t, ldp, k+1)
		require.Zero(t, ldp%tile)
		require.NotZero(t, ldp%32)
		y, ids := random(rng, rows*ldy), randomIDs(rng, 5, rows)
		gathered, scaled := random(rng, 6*ldp), random(rng, 6*ldp)
		after := clone(gathered[5*ldp:])
		gather(gathered, ldp, y, ldy, k, ids)
		weights := random(rng, 5)
		scaleRows(scaled, gathered, ldp, weights)
		for j, id := range ids {
			for i := range ldp {
				var fromID float32
				if i < k {
					fromID = y[int(id)*ldy+i]
				}
				require.Equal(t, fromID, gathered[j*ldp+i])
				require.Equal(t, weights[j]*fromID, scaled[j*ldp+i])
			}
		}
		require.Equal(t, after, gathered[5*ldp:], "beyond the last row")
	}
}

func TestRankUpdate(t *testing.T) {
	rng := generator(t)
	for _, k := range []int{1, 2, 4, 10, 31, 33} {
		ldp := PanelStride(k)
		for _, n := range []int{1, 2, 64} {
			u, v, a := random(rng, n*ldp), random(rng, n*ldp), random(rng, ldp*ldp)
			before := clone(a)
			rankUpdate(a, u, v, ldp, n)
			for i := range ldp {
				for j := range i + 1 {
					var want sum
					want.add(float64(before[i*ldp+j]))
					for r := range n {
						want.add(float64(u[r*ldp+i]) * float64(v[r*ldp+j]))
					}
					requireSum(t, fmt.Sprintf("order %d, %d rows, element %d,%d", k, n, i, j), a[i*ldp+j], want, n)
				}
			}
		}
	}
}

func TestCholesky(t *testing.T) {
	rng := generator(t)
	for _, n := range []int{1, 2, 3, 4, 5, 8, 10, 31, 32, 33, 64, 129} {
		lda := n + 3
		a := positiveDefinite(rng, n, lda)
		b, x := random(rng, n), make([]float32, n)
		l := clone(a)
		copy(l[n*lda:], b)
		require.Zero(t, cholesky(l, lda, n, n+1, 1e-6))
		for i := range n {
			require.Equal(t, a[i*lda+i+1:(i+1)*lda], l[i*lda+i+1:(i+1)*lda], "above the diagonal, row %d", i)
			for j := range i + 1 {
				var want sum
				for p := range j + 1 {
					want.add(float64(l[i*lda+p]) * float64(l[j*lda+p]))
				}
				requireSum(t, fmt.Sprintf("LLᵀ of order %d, element %d,%d", n, i, j), a[i*lda+j], want, 2*n)
			}
		}
		copy(x, l[n*lda:])
		solveTransposed(l, lda, x)
		for i := range n {
			var product sum
			for j := range n {
				product.add(float64(a[max(i, j)*lda+min(i, j)]) * float64(x[j]))
			}
			require.InDelta(t, float64(b[i]), product.value, 1e-5*product.magnitude, "A·x, element %d of %d", i, n)
		}
	}
}

func TestCholeskyPivots(t *testing.T) {
	rng := generator(t)
	for _, n := range []int{1, 2, 5, 8} {
		lda := n + 1
		for failing := range n {
			for _, value := range []float64{0, -1, math.NaN(), math.Inf(1)} {
				a := positiveDefinite(rng, n, lda)
				a[failing*lda+failing] = float32(value)
				require.Equal(t, failing+1, cholesky(a, lda, n, n+1, 1e-6), "order %d, element %v", n, value)
			}
		}
	}
	// The pivot is 1e-3 of its diagonal element.
	a := []float32{1, 0, 1, 1.001}
	require.Zero(t, cholesky(clone(a), 2, 2, 2, 1e-4))
	require.Equal(t, 2, cholesky(clone(a), 2, 2, 2, 1e-2))
}

// positiveDefinite makes n rows, and one more, of a matrix whose diagonal dominates.
// What is above the diagonal is not symmetric.
func positiveDefinite(rng *rand.Rand, n, lda int) []float32 {
	a := random(rng, (n+1)*lda)
	for i := range n {
		a[i*lda+i] = float32(2 * (n + 1))
	}
	return a
}

func clone(x []float32) []float32 { return append([]float32(nil), x...) }
