package kernelstest

import (
	"fmt"
	"math"

	"github.com/stretchr/testify/require"
)

func solveSPDCases() []testCase {
	var cases []testCase
	for i, n := range []int{1, 2, 3, 7, 10, 16, 31, 32, 33, 64, 127, 128, 129, 160, 161, 193, 256, 257} {
		count := []int{33, 1, 5}[i%3]
		if n > 64 {
			count = 3
		}
		for _, l := range layouts {
			cases = append(cases, testCase{
				fmt.Sprintf("%d of order %d %s", count, n, l.name),
				func(f *fixture) { testSolveSPD(f, f.positiveDefinite(count, n), f.normal(count, n), l) },
			})
		}
	}
	for _, n := range []int{1, 2, 33, 64, 128, 200} {
		cases = append(cases, testCase{
			fmt.Sprintf("failing pivots of order %d between sound matrices", n),
			func(f *fixture) { testFailingPivots(f, n) },
		})
	}
	return append(cases,
		testCase{"none", func(f *fixture) { testSolveSPD(f, nil, NewDense(0, 5), tight) }},
		testCase{"more matrices than workers", func(f *fixture) {
			testSolveSPD(f, f.positiveDefinite(1000, 6), f.normal(1000, 6), padded)
		}},
		testCase{"a pivot is positive above K·2⁻²³ of its diagonal element", testPivotThreshold},
		testCase{"NaN in one matrix", testSolveSPDNaN},
	)
}

// positiveDefinite returns matrices with a condition number of about 10, below 4
// per element of their diagonal.
func (f *fixture) positiveDefinite(count, n int) []Dense {
	var all []Dense
	for range count {
		y := f.normal(n, n)
		a := Gram(y)
		Scale(1/float64(n), a)
		for i := range n {
			a.Set(i, i, a.At(i, i)+0.5)
		}
		all = append(all, rounded(a))
	}
	return all
}

// chain returns L·D·Lᵀ for the unit lower bidiagonal L of ones and D the given
// pivots, whose Cholesky factorization meets exactly these pivots, without
// rounding where they are powers of four.
func chain(pivots []float64) Dense {
	n := len(pivots)
	a := NewDense(n, n)
	for i, d := range pivots {
		a.Set(i, i, d)
		if i > 0 {
			a.Set(i, i, d+pivots[i-1])
			a.Set(i, i-1, pivots[i-1])
			a.Set(i-1, i, pivots[i-1])
		}
	}
	return a
}

// chainWith returns the chain of order n whose pivots are 4, but for one, counted
// from 1.
func chainWith(n, pivot int, value float64) Dense {
	pivots := filled(1, n, 4).Data
	pivots[pivot-1] = value
	return chain(pivots)
}

func testSolveSPD(f *fixture, a []Dense, b Dense, l layout) {
	for i := range a {
		require.Less(f.t, Condition(a[i]), maxCondition, "%s: the case itself: condition of matrix %d", f.what, i)
	}
	testSolveSPDInfo(f, a, b, l)
}

// testSolveSPDInfo solves with NaN above the diagonals, which may not be read.
func testSolveSPDInfo(f *fixture, a []Dense, b Dense, l layout) []int32 {
	n := b.Cols
	var lower []Dense
	for _, m := range a {
		m = m.Clone()
		for i := range n {
			for j := i + 1; j < n; j++ {
				m.Set(i, j, math.NaN())
			}
		}
		lower = append(lower, m)
	}
	da, db := f.batch("a", l, n, lower), f.matrix("b", l, b)
	dinfo := elements(f, "info", l, make([]int32, len(a)))
	f.ok(f.stream.SolveSPD(da.Batch, db.Matrix, dinfo.Buffer))
	want := SolveSPD(a, b)
	compareInts(f.t, f.what+": info", 0, dinfo.read(f), want)
	compareRows(f.t, f.what+": b ", db.read(f), b, solverTolerance)
	da.read(f) // its view holds unspecified values now
	return want
}

func testFailingPivots(f *fixture, n int) {
	var a []Dense
	var pivots []int32
	for _, pivot := range []int{1, 2, n / 2, n - 1, n} {
		for _, value := range []float64{-1, 0} {
			if pivot < 1 || pivot > n {
				continue
			}
			a = append(a, f.positiveDefinite(1, n)[0], chainWith(n, pivot, value))
			pivots = append(pivots, 0, int32(pivot))
		}
	}
	info := testSolveSPDInfo(f, a, f.normal(len(a), n), padded)
	require.Equal(f.t, pivots, info, "%s: the case itself", f.what)
}

func testPivotThreshold(f *fixture) {
	const n = 33 // the threshold is 33·2⁻²³·(4+d), about 2⁻¹⁶
	a := []Dense{chainWith(n, 20, 1.0/(1<<20)), chainWith(n, 20, 1.0/(1<<18)), chainWith(n, 20, 1.0/(1<<14))}
	b := NewDense(len(a), n)
	for i := range b.Rows {
		b.Set(i, 0, 4) // every step of the solution is exact in float32
	}
	info := testSolveSPDInfo(f, a, b, padded)
	require.Equal(f.t, []int32{20, 20, 0}, info, "%s: the case itself", f.what)
}

func testSolveSPDNaN(f *fixture) {
	a := f.positiveDefinite(5, 33)
	a[2].Set(6, 6, math.NaN())
	info := testSolveSPDInfo(f, a, f.normal(5, 33), padded)
	require.Equal(f.t, []int32{0, 0, 7, 0, 0}, info, "%s: the case itself", f.what)
}
