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
// for which either operand is packed, ranges of products that are not of equal length,
// also for the pieces of AMX, and a shape that is small but for these. The bits are those of
// one thread.
func TestGemmPacked(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	for _, shape := range [][3]int{{345, 133, 263}, {131, 345, 40}, {5, 290, 300}, {100, 90, 300}, {150, 131, 530}} {
		if testing.Short() && shape[2] > 500 {
			continue
		}
		for _, pad := range []int{0, 800} {
			for _, trans := range [][2]kernels.Trans{{}, {true, false}, {false, true}, {true, true}} {
				m, n, k := shape[0], shape[1], shape[2]
				what := fmt.Sprintf("%v%v %d×%d×%d, stride + %d", trans[0], trans[1], m, n, k, pad)
				var first []float32
				for _, threads := range []int{1, 2, 5} {
					rng := rand.New(rand.NewPCG(seed, seed))
					got, want, bound := gemmOnce(t, rng, threads, m, n, k, pad, trans, nil)
					if first == nil {
						first = got
						requireProduct(t, what, n, got, want, bound)
					}
					require.Equal(t, first, got, "%s: %d threads", what, threads)
				}
			}
		}
	}
}

// TestGemmExtremes puts numbers among the others that three bfloat16 do not represent, or
// whose products they do not: the tiles that have one are computed otherwise. The bits are
// those of one thread.
func TestGemmExtremes(t *testing.T) {
	const seed, m, n, k = 5, 200, 150, 560
	t.Logf("seed %d", seed)
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name   string
		ax, bx float32 // factors of all elements, exact; with 0 A has one element that is not 0, and B is b
		a, b   float32 // one element of each
	}{
		{"infinity", 1, 0x1p-30, inf, 1}, {"infinity in b", 1, 1, 1, -inf}, {"NaN", 1, 1, 1, nan},
		{"greatest", 1, 0x1p-30, math.MaxFloat32, 0x1p-30}, {"great products", 0x1p60, 0x1p59, 0, 0},
		{"greatest product", 0, 0, 0x1.fffffep63, 0x1.fffffep63},
		{"least alone", 0, 0, math.SmallestNonzeroFloat32, 0x1p120}, {"denormal alone", 0, 0, 0x1.8p-130, 0x1p120},
		{"denormal products", 0x1p-70, 0x1p-70, 0, 0}, {"small products", 0x1p-60, 0x1p-60, 1, 1},
		{"great and small", 0x1p60, 0x1p-60, 0, 0},
	} {
		for _, trans := range [][2]kernels.Trans{{}, {true, true}} {
			if testing.Short() && bool(trans[0]) {
				continue
			}
			var first []float32
			for _, threads := range []int{1, 3} {
				what := fmt.Sprintf("%s, %v%v", c.name, trans[0], trans[1])
				rng := rand.New(rand.NewPCG(seed, seed))
				got, want, bound := gemmOnce(t, rng, threads, m, n, k, 0, trans, func(a, b, sum []float32) {
					multiply(a, c.ax)
					multiply(b, c.bx)
					multiply(sum, c.ax*c.bx)
					if c.ax == 0 {
						for i := range b {
							b[i] = c.b
						}
					}
					if c.a != 0 {
						a[len(a)/3], b[len(b)/3] = c.a, c.b
					}
				})
				if first == nil {
					first = got
					requireProduct(t, what, n, got, want, bound)
				}
				require.Equal(t, bitsOf(first), bitsOf(got), "%s: %d threads", what, threads)
			}
		}
	}
}

func multiply(x []float32, factor float32) {
	for i := range x {
		x[i] *= factor
	}
}

// bitsOf are the bits of numbers that may be NaN.
func bitsOf(x []float32) []uint32 {
	bits := make([]uint32, len(x))
	for i, v := range x {
		bits[i] = math.Float32bits(v)
	}
	return bits
}

// requireProduct compares elements of a matrix of n columns.
func requireProduct(t *testing.T, what string, n int, got []float32, want, bound []float64) {
	t.Helper()
	for i, w := range want {
		g := float64(got[i])
		if math.IsNaN(w) && math.IsNaN(g) || w == g || math.Abs(w-g) <= bound[i] {
			continue
		}
		require.Fail(t, "wrong", "%s: element %d,%d is %g, want %g, bound %g", what, i/n, i%n, g, w, bound[i])
	}
}

// gemmOnce returns C = 0.5·op(A)·op(B) - C of random matrices that change may change, the
// same in float64, and the bounds of the errors.
func gemmOnce(t *testing.T, rng *rand.Rand, threads, m, n, k, pad int, trans [2]kernels.Trans, change func(a, b, c []float32)) (got []float32, want, bound []float64) {
	t.Helper()
	d := open(t, kernels.Options{Threads: threads})
	s, err := d.NewStream()
	require.NoError(t, err)
	defer func() {
		require.NoError(t, s.Close())
		require.NoError(t, d.Close())
	}()
	random := func(rows, cols int) []float32 {
		values := make([]float32, rows*(cols+pad))
		for i := range values {
			values[i] = float32(rng.NormFloat64())
		}
		return values
	}
	upload := func(values []float32, rows, cols int) kernels.Matrix {
		x, err := kernels.AllocMatrix(s, rows, cols+pad)
		require.NoError(t, err)
		require.NoError(t, kernels.Upload(s, x.Buf, values))
		return x.ColumnRange(0, cols)
	}
	shape := func(t kernels.Trans, rows, cols int) (int, int) {
		if t {
			return cols, rows
		}
		return rows, cols
	}
	rowsA, colsA := shape(trans[0], m, k)
	rowsB, colsB := shape(trans[1], k, n)
	av, bv, cv := random(rowsA, colsA), random(rowsB, colsB), random(m, n)
	if change != nil {
		change(av, bv, cv)
	}
	a, b, c := upload(av, rowsA, colsA), upload(bv, rowsB, colsB), upload(cv, m, n)
	require.NoError(t, s.Gemm(trans[0], trans[1], 0.5, a, b, -1, c))
	all := make([]float32, len(cv))
	require.NoError(t, kernels.Download(s, all, kernels.Buffer[float32]{Mem: c.Buf.Mem, N: len(all)}))
	for _, x := range []kernels.Matrix{a, b, c} {
		require.NoError(t, x.Buf.Mem.Free())
	}

	rowA, stepA := colsA+pad, 1
	if trans[0] {
		rowA, stepA = 1, colsA+pad
	}
	columnB, stepB := 1, colsB+pad
	if trans[1] {
		columnB, stepB = colsB+pad, 1
	}
	for i := range m {
		for j := range n {
			old := float64(cv[i*(n+pad)+j])
			sum, size := products(av[i*rowA:], stepA, bv[j*columnB:], stepB, k)
			got, want = append(got, all[i*(n+pad)+j]), append(want, 0.5*sum-old)
			bound = append(bound, float64(k+3)*((0.5*size+math.Abs(old))/(1<<24)+math.SmallestNonzeroFloat32))
		}
		require.Equal(t, cv[i*(n+pad)+n:(i+1)*(n+pad)], all[i*(n+pad)+n:(i+1)*(n+pad)], "between the rows")
	}
	return got, want, bound
}

// products returns the sum of k products in float64, and of their magnitudes. It works on
// memory of its own, where the race detector would find nothing in much time.
//
//go:norace
func products(x []float32, stepX int, y []float32, stepY, k int) (sum, size float64) {
	for p := range k {
		product := float64(x[p*stepX]) * float64(y[p*stepY])
		sum += product
		size += math.Abs(product)
	}
	return sum, size
}
