package cpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// TestGemmPacked takes shapes of more than one block in each direction, with strides
// for which either operand is packed, and ranges of products that are not of equal
// length. The bits are those of one thread.
func TestGemmPacked(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	for _, shape := range [][3]int{{345, 133, 263}, {131, 345, 40}, {5, 290, 300}} {
		for _, pad := range []int{0, 800} {
			for _, trans := range [][2]kernels.Trans{{}, {true, false}, {false, true}, {true, true}} {
				m, n, k := shape[0], shape[1], shape[2]
				what := fmt.Sprintf("%v%v %d×%d×%d, stride + %d", trans[0], trans[1], m, n, k, pad)
				var first []float32
				for _, threads := range []int{1, 2, 5} {
					rng := rand.New(rand.NewPCG(seed, seed))
					got, want, bound := gemmOnce(t, rng, threads, m, n, k, pad, trans)
					if first == nil {
						first = got
						for i := range want {
							if !(math.Abs(want[i]-float64(got[i])) <= bound[i]) {
								require.Fail(t, "wrong", "%s: element %d,%d is %g, want %g, bound %g", what, i/n, i%n, got[i], want[i], bound[i])
							}
						}
					}
					require.Equal(t, first, got, "%s: %d threads", what, threads)
				}
			}
		}
	}
}

// gemmOnce returns C = 0.5·op(A)·op(B) - C of random matrices, the same in float64, and
// the bounds of the errors.
func gemmOnce(t *testing.T, rng *rand.Rand, threads, m, n, k, pad int, trans [2]kernels.Trans) (got []float32, want, bound []float64) {
	t.Helper()
	d := open(t, kernels.Options{Threads: threads})
	s, err := d.NewStream()
	require.NoError(t, err)
	defer func() {
		require.NoError(t, s.Close())
		require.NoError(t, d.Close())
	}()
	random := func(rows, cols int) (kernels.Matrix, []float32) {
		values := make([]float32, rows*(cols+pad))
		for i := range values {
			values[i] = float32(rng.NormFloat64())
		}
		x, err := kernels.AllocMatrix(s, rows, cols+pad)
		require.NoError(t, err)
		require.NoError(t, kernels.Upload(s, x.Buf, values))
		return x.ColumnRange(0, cols), values
	}
	shape := func(t kernels.Trans, rows, cols int) (int, int) {
		if t {
			return cols, rows
		}
		return rows, cols
	}
	a, av := random(shape(trans[0], m, k))
	b, bv := random(shape(trans[1], k, n))
	c, cv := random(m, n)
	require.NoError(t, s.Gemm(trans[0], trans[1], 0.5, a, b, -1, c))
	all := make([]float32, len(cv))
	require.NoError(t, kernels.Download(s, all, kernels.Buffer[float32]{Mem: c.Buf.Mem, N: len(all)}))
	for _, x := range []kernels.Matrix{a, b, c} {
		require.NoError(t, x.Buf.Mem.Free())
	}

	at := func(values []float32, t kernels.Trans, i, j, rows, cols int) float64 {
		if t {
			return float64(values[j*(rows+pad)+i])
		}
		return float64(values[i*(cols+pad)+j])
	}
	for i := range m {
		for j := range n {
			sum, size := -float64(cv[i*(n+pad)+j]), math.Abs(float64(cv[i*(n+pad)+j]))
			for p := range k {
				product := 0.5 * at(av, trans[0], i, p, m, k) * at(bv, trans[1], p, j, k, n)
				sum += product
				size += math.Abs(product)
			}
			got, want = append(got, all[i*(n+pad)+j]), append(want, sum)
			bound = append(bound, float64(k+3)/(1<<24)*size)
		}
		require.Equal(t, cv[i*(n+pad)+n:(i+1)*(n+pad)], all[i*(n+pad)+n:(i+1)*(n+pad)], "between the rows")
	}
	return got, want, bound
}
