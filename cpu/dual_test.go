package cpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/halfstep-ml/halfstep/kernels"
)

// dualRanks are above and below the orders that are solved in lanes, and not multiples
// of vectors.
var dualRanks = []int{48, 64, 77, 100, 130}

// dualCase is a half-step of an explicit objective over rows with 0 to k+1 ratings and
// more, in no order.
type dualCase struct {
	stream kernels.Stream
	host   kernels.HostCSR
	y      []float32 // rows of ldy elements: the factors, 1 for a bias, NaN
	k, ldy int
	whole  kernels.Buffer[float32] // where y is on the device
	offset []float32
	p      kernels.Problem
}

func newDualCase(t *testing.T, threads, k int, bias bool) *dualCase {
	t.Helper()
	t.Logf("rank %d, seed 21", k)
	stored := k
	if bias {
		stored--
	}
	rng := rand.New(rand.NewPCG(21, uint64(k)))
	lengths := make([]int, k+2, 2*k)
	for n := range lengths {
		lengths[n] = n
	}
	for len(lengths) < cap(lengths) {
		lengths = append(lengths, rng.IntN(2*k))
	}
	rng.Shuffle(len(lengths), func(i, j int) { lengths[i], lengths[j] = lengths[j], lengths[i] })
	cols := 2*k + 7
	c := &dualCase{host: ratingsOf(rng, lengths, cols), k: k, ldy: k + 3, offset: make([]float32, cols)}
	c.y = make([]float32, cols*c.ldy)
	for i := range c.y {
		c.y[i] = float32(math.NaN())
		switch column := i % c.ldy; {
		case column < stored:
			c.y[i] = rng.Float32() - 0.4
		case column < k:
			c.y[i] = 1
		}
	}
	for i := range c.offset {
		c.offset[i] = rng.Float32()
	}
	d := open(t, kernels.Options{Threads: threads})
	t.Cleanup(func() { _ = d.Close() })
	c.stream = stream(t, d)
	r, err := d.NewCSR(c.host)
	require.NoError(t, err)
	y, err := kernels.AllocMatrix(c.stream, cols, c.ldy)
	require.NoError(t, err)
	x := newMatrix(t, c.stream, len(lengths), k+5)
	info, err := kernels.AllocBuffer[int32](c.stream, len(lengths))
	require.NoError(t, err)
	offset, err := kernels.AllocBuffer[float32](c.stream, cols)
	require.NoError(t, err)
	c.whole = y.Buf
	c.p = kernels.Problem{
		X: x.ColumnRange(0, k), Y: y.ColumnRange(0, stored), R: r, Info: info, Offset: offset,
		Objective: kernels.Objective{Lambda: 0.1, Exponent: 1, Bias: bias, BiasLambda: 0.3},
	}
	c.upload(t)
	return c
}

// upload writes the factors and the offsets.
func (c *dualCase) upload(t *testing.T) {
	require.NoError(t, kernels.Upload(c.stream, c.whole, c.y))
	require.NoError(t, kernels.Upload(c.stream, c.p.Offset, c.offset))
}

// run runs the half-step and returns its rows and what it says of them.
func (c *dualCase) run(t *testing.T) (x [][]float32, info []int32) {
	t.Helper()
	require.NoError(t, c.stream.HalfStep(&c.p))
	return rowsOf(download(t, c.stream, c.p.X.Buf), c.p.X), download(t, c.stream, c.p.Info)
}

// rowsOf cuts the elements of a matrix.
func rowsOf(v []float32, m kernels.Matrix) [][]float32 {
	rows := make([][]float32, m.Rows)
	for i := range rows {
		rows[i] = v[i*m.Stride:][:m.Cols]
	}
	return rows
}

// parts solves the same rows from their normal equations.
func (c *dualCase) parts(t *testing.T) (x [][]float32, info []int32) {
	t.Helper()
	a, err := kernels.AllocBatch(c.stream, c.host.Rows, c.k)
	require.NoError(t, err)
	b := newMatrix(t, c.stream, c.host.Rows, c.k)
	require.NoError(t, c.stream.NormalEquations(a, b, &c.p))
	require.NoError(t, c.stream.SolveSPD(a, b, c.p.Info))
	return rowsOf(download(t, c.stream, b.Buf), b), download(t, c.stream, c.p.Info)
}

// ids are the columns that a row has ratings of.
func (c *dualCase) ids(row int) []int32 {
	return c.host.Columns[c.host.Offsets[row]:c.host.Offsets[row+1]]
}

// solution is that of a row's normal equations in float64, and a bound of their condition
// number: their trace over λ, which is below the regularization of a bias.
func (c *dualCase) solution(t *testing.T, row int) (x []float64, condition float64) {
	ids, values := c.ids(row), c.host.Values[c.host.Offsets[row]:]
	lambda := float64(c.p.Objective.Lambda) * float64(len(ids))
	a, b := mat.NewSymDense(c.k, nil), mat.NewVecDense(c.k, nil)
	for i := range c.k {
		a.SetSym(i, i, lambda)
	}
	if c.p.Objective.Bias {
		a.SetSym(c.k-1, c.k-1, float64(c.p.Objective.BiasLambda)*float64(len(ids)))
	}
	for j, id := range ids {
		y := mat.NewVecDense(c.k, nil)
		for i := range c.k {
			y.SetVec(i, float64(c.y[int(id)*c.ldy+i]))
		}
		a.SymRankOne(a, 1, y)
		b.AddScaledVec(b, float64(values[j])-float64(c.offset[id]), y)
	}
	var f mat.Cholesky
	require.True(t, f.Factorize(a))
	require.NoError(t, f.SolveVecTo(b, b))
	return b.RawVector().Data, mat.Trace(a) / lambda
}

// eachDualCase runs a test at every rank, without a bias and with one.
func eachDualCase(t *testing.T, ranks []int, test func(t *testing.T, k int, bias bool)) {
	for _, k := range ranks {
		for _, bias := range []bool{false, true} {
			t.Run(fmt.Sprintf("rank=%d/bias=%t", k, bias), func(t *testing.T) { test(t, k, bias) })
		}
	}
}

// TestDualAgainstFloat64 takes rows of every number of ratings up to beyond the rank.
func TestDualAgainstFloat64(t *testing.T) {
	eachDualCase(t, append(dualRanks, 200), func(t *testing.T, k int, bias bool) {
		c := newDualCase(t, 2, k, bias)
		x, info := c.run(t)
		for row, got := range x {
			what := fmt.Sprintf("row of %d ratings", len(c.ids(row)))
			require.Zero(t, info[row], what)
			switch n := len(c.ids(row)); {
			case n == 0:
				require.Equal(t, make([]float32, k), got, what)
				continue
			case n > k+1:
				continue
			}
			want, condition := c.solution(t, row)
			var norm, distance float64
			for i, v := range want {
				norm += v * v
				distance += (float64(got[i]) - v) * (float64(got[i]) - v)
			}
			require.Less(t, math.Sqrt(distance/norm), condition/(1<<23), what)
		}
	})
}

// TestDualRowsAlone compares the bits of rows on any number of threads, and of each by
// itself.
func TestDualRowsAlone(t *testing.T) {
	eachDualCase(t, dualRanks, func(t *testing.T, k int, bias bool) {
		one := newDualCase(t, 1, k, bias)
		want, _ := one.run(t)
		for _, threads := range []int{2, 7} {
			got, _ := newDualCase(t, threads, k, bias).run(t)
			require.Equal(t, want, got, "%d threads", threads)
		}
		p := one.p
		for row := range one.host.Rows {
			part, err := p.R.Slice(kernels.Span{Lo: row, Hi: row + 1})
			require.NoError(t, err)
			one.p.R, one.p.X, one.p.Info = part, p.X.RowRange(row, row+1), p.Info.Slice(row, row+1)
			got, _ := one.run(t)
			require.Equal(t, want[row], got[0], "row %d of %d ratings", row, len(one.ids(row)))
			require.NoError(t, part.Free())
		}
	})
}

// TestDualRowsThatFail compares what is said of rows with what is said of their normal
// equations. These have no positive pivot, in float32, for most of the short rows. Without
// regularization nothing is solved by the dual form, and so little changes no element.
func TestDualRowsThatFail(t *testing.T) {
	eachDualCase(t, dualRanks, func(t *testing.T, k int, bias bool) {
		c := newDualCase(t, 2, k, bias)
		o := &c.p.Objective
		o.Lambda, o.BiasLambda, o.Exponent = 0, 0, 0
		_, want := c.run(t)
		for _, lambda := range []float32{1e-30, 1e-18} {
			o.Lambda, o.BiasLambda = lambda, lambda
			x, info := c.run(t)
			failed := 0
			for row := range info {
				n := len(c.ids(row))
				if n == 0 || n > k*9/10 {
					continue // where the pivots are near the bound
				}
				what := fmt.Sprintf("λ %g, row of %d ratings", lambda, n)
				require.Equal(t, want[row], info[row], what)
				require.Positive(t, info[row], what)
				require.Equal(t, make([]float32, k), x[row], what)
				failed++
			}
			require.Greater(t, failed, k/2)
		}
	})
}

// TestDualRowsNotFinite has factors and an offset that no solution comes from: only the
// rows that use them fail, as their normal equations do.
func TestDualRowsNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	eachDualCase(t, dualRanks, func(t *testing.T, k int, bias bool) {
		c := newDualCase(t, 2, k, bias)
		sound, _ := c.run(t)
		const column = 30
		for what, place := range map[string]*float32{"factor": &c.y[column*c.ldy+k/3], "offset": &c.offset[column]} {
			before := *place
			for _, bad := range []float32{nan, inf, 3e19} {
				if what == "offset" && bad > 0 {
					continue // the square of the factor would be infinite
				}
				*place = bad
				c.upload(t)
				x, info := c.run(t)
				_, want := c.parts(t)
				for row := range x {
					what := fmt.Sprintf("%s %g, row of %d ratings", what, bad, len(c.ids(row)))
					require.Equal(t, want[row], info[row], what)
					if slices.Contains(c.ids(row), column) {
						require.NotZero(t, info[row], what)
						require.Equal(t, make([]float32, k), x[row], what)
					} else {
						require.Equal(t, sound[row], x[row], what)
					}
				}
			}
			*place = before
		}
	})
}

// TestDualAllocatesNothing once the scratch memory is there.
func TestDualAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 3} {
		c := newDualCase(t, threads, 100, true)
		require.Zero(t, testing.AllocsPerRun(3, func() {
			if err := c.stream.HalfStep(&c.p); err != nil {
				t.Error(err)
			}
		}), "%d threads", threads)
	}
}
