package kernelstest

import (
	"fmt"
	"math"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// mixedLengths are rows around the widths that kernels are written for, with empty
// rows first, last and between.
var mixedLengths = []int{0, 1, 2, 31, 32, 33, 0, 127, 128, 129, 3, 0}

// giantLengths have one row that a device splits.
var giantLengths = []int{3, 0, 100_000, 1, 7}

// sparse returns a matrix whose row i has lengths[i] entries in distinct columns.
func (f *fixture) sparse(lengths []int, cols int, value func() float32) kernels.HostCSR {
	h := kernels.HostCSR{Rows: len(lengths), Cols: cols, Offsets: []int64{0}, Values: []float32{}}
	for _, n := range lengths {
		columns := f.rng.Perm(cols)[:n]
		slices.Sort(columns)
		for _, c := range columns {
			h.Columns = append(h.Columns, int32(c))
			h.Values = append(h.Values, value())
		}
		h.Offsets = append(h.Offsets, int64(len(h.Columns)))
	}
	return h
}

// wholeSparse is sparse with whole numbers, for results without a tolerance. None
// is zero, so that none can be lost unseen.
func (f *fixture) wholeSparse(lengths []int, cols int) kernels.HostCSR {
	return f.sparse(lengths, cols, func() float32 {
		v := float32(1 + f.rng.IntN(3))
		if f.rng.IntN(2) == 0 {
			return -v
		}
		return v
	})
}

// later returns the same matrix as a part of a larger one: its offsets begin at n.
func later(h kernels.HostCSR, n int) kernels.HostCSR {
	h.Offsets = slices.Clone(h.Offsets)
	for i := range h.Offsets {
		h.Offsets[i] += int64(n)
	}
	h.Columns = append(slices.Repeat([]int32{math.MaxInt32}, n), h.Columns...)
	if h.Values != nil {
		h.Values = append(slices.Repeat([]float32{float32(math.NaN())}, n), h.Values...)
	}
	return h
}

// rowsOf returns the rows lo to hi as a matrix of their own.
func rowsOf(h kernels.HostCSR, lo, hi int) kernels.HostCSR {
	h.Rows, h.Offsets = hi-lo, h.Offsets[lo:hi+1]
	return h
}

func spmmCases() []testCase {
	var cases []testCase
	for i, cols := range []int{1, 2, 10, 31, 32, 33, 64, 128, 129} {
		for j, l := range layouts {
			s := scalars[(i+3*j)%len(scalars)]
			cases = append(cases, testCase{
				fmt.Sprintf("%d columns alpha %v beta %v %s", cols, s[0], s[1], l.name),
				func(f *fixture) {
					a := f.sparse(mixedLengths, 200, func() float32 { return float32(f.rng.NormFloat64()) })
					testSpMM(f, a, cols, s, l)
				},
			})
		}
	}
	for _, s := range scalars {
		cases = append(cases, testCase{
			fmt.Sprintf("exact alpha %v beta %v", s[0], s[1]),
			func(f *fixture) { testSpMMExact(f, f.wholeSparse(mixedLengths, 200), 9, s) },
		})
	}
	overwrite := [2]float64{1, 0}
	return append(cases,
		testCase{"giant row", func(f *fixture) { testSpMMExact(f, f.wholeSparse(giantLengths, 110_000), 5, overwrite) }},
		testCase{"no rows", func(f *fixture) { testSpMMExact(f, f.wholeSparse(nil, 20), 5, overwrite) }},
		testCase{"no columns in B", func(f *fixture) { testSpMMExact(f, f.wholeSparse([]int{3, 1}, 20), 0, overwrite) }},
		testCase{"no rows in B", func(f *fixture) { testSpMMExact(f, f.wholeSparse([]int{0, 0}, 0), 3, overwrite) }},
		testCase{"offsets that begin late", func(f *fixture) {
			testSpMMExact(f, later(f.wholeSparse(mixedLengths, 200), 77), 9, overwrite)
		}},
		testCase{"equal ids are separate entries", func(f *fixture) {
			a := kernels.HostCSR{Rows: 1, Cols: 4, Offsets: []int64{0, 4}, Columns: []int32{1, 1, 1, 3}, Values: []float32{1, 2, 4, 8}}
			testSpMMExact(f, a, 3, overwrite)
		}},
		testCase{"NaN in B reaches only the rows that use it", func(f *fixture) {
			a, b := f.wholeSparse(mixedLengths, 200), f.whole(200, 9, 9)
			b.Set(100, 3, math.NaN())
			testSpMMValues(f, a, b, NewDense(a.Rows, 9), overwrite)
		}},
		testCase{"a pattern without values is refused", func(f *fixture) {
			a := f.wholeSparse([]int{3, 1}, 20)
			a.Values = nil
			b, c := f.matrix("b", tight, f.whole(20, 4, 3)), f.matrix("c", tight, f.whole(2, 4, 3))
			require.ErrorIs(f.t, f.stream.SpMM(1, f.csr(a), b.Matrix, 0, c.Matrix), kernels.ErrArgument, f.what)
		}},
	)
}

func testSpMM(f *fixture, a kernels.HostCSR, cols int, scalar [2]float64, l layout) {
	alpha, beta := scalar[0], scalar[1]
	b, c := f.normal(a.Cols, cols), f.normal(a.Rows, cols)
	old := c
	if beta == 0 {
		old = filled(a.Rows, cols, math.NaN())
	}
	db, dc := f.matrix("b", l, b), f.matrix("c", l, old)
	f.ok(f.stream.SpMM(float32(alpha), f.csr(a), db.Matrix, float32(beta), dc.Matrix))

	sums, magnitudes := absolute(c), a
	magnitudes.Values = absolute(DenseOf(1, len(a.Values), a.Values)).Float32()
	SpMM(math.Abs(alpha), magnitudes, absolute(b), math.Abs(beta), sums)
	SpMM(alpha, a, b, beta, c)
	compare(f.t, f.what+": c", cols, dc.read(f), c.Data, sumBounds(slices.Max(mixedLengths), sums.Data))
}

func testSpMMExact(f *fixture, a kernels.HostCSR, cols int, scalar [2]float64) {
	testSpMMValues(f, a, f.whole(a.Cols, cols, 9), f.whole(a.Rows, cols, 9), scalar)
}

func testSpMMValues(f *fixture, a kernels.HostCSR, b, c Dense, scalar [2]float64) {
	old := c
	if scalar[1] == 0 {
		old = filled(c.Rows, c.Cols, math.NaN())
	}
	db, dc := f.matrix("b", padded, b), f.matrix("c", padded, old)
	f.ok(f.stream.SpMM(float32(scalar[0]), f.csr(a), db.Matrix, float32(scalar[1]), dc.Matrix))
	SpMM(scalar[0], a, b, scalar[1], c)
	compare(f.t, f.what+": c", c.Cols, dc.read(f), c.Data, nil)
}

func csrCases() []testCase {
	return []testCase{
		{"describes itself", func(f *fixture) {
			h := f.wholeSparse(mixedLengths, 200)
			m := f.csr(h)
			require.Equal(f.t, len(mixedLengths), m.Rows(), f.what)
			require.Equal(f.t, 200, m.Cols(), f.what)
			require.Equal(f.t, h.Entries(), m.Entries(), f.what)
			require.True(f.t, m.HasValues(), f.what)
			h.Values = nil
			require.False(f.t, f.csr(h).HasValues(), f.what)
		}},
		{"offsets that begin late describe themselves", func(f *fixture) {
			h := f.wholeSparse(mixedLengths, 200)
			require.Equal(f.t, h.Entries(), f.csr(later(h, 31)).Entries(), f.what)
		}},
		{"every slice", func(f *fixture) {
			h := f.wholeSparse(mixedLengths, 200)
			m := f.csr(h)
			for lo := range h.Rows + 1 {
				for hi := lo; hi <= h.Rows; hi++ {
					testSlice(f, m, h, lo, hi)
				}
			}
		}},
		{"slice of a slice", func(f *fixture) {
			h := later(f.wholeSparse(mixedLengths, 200), 5)
			outer, err := f.csr(h).Slice(kernels.Span{Lo: 2, Hi: 11})
			f.ok(err)
			f.free(outer.Free)
			testSlice(f, outer, rowsOf(h, 2, 11), 3, 8)
		}},
		{"a slice outside is refused", func(f *fixture) {
			m := f.csr(f.wholeSparse(mixedLengths, 200))
			for _, s := range []kernels.Span{{Lo: -1, Hi: 2}, {Lo: 3, Hi: 2}, {Lo: 0, Hi: len(mixedLengths) + 1}} {
				_, err := m.Slice(s)
				require.ErrorIs(f.t, err, kernels.ErrArgument, f.what)
			}
		}},
		{"broken matrices are refused", testBrokenCSR},
	}
}

func testSlice(f *fixture, m kernels.CSR, h kernels.HostCSR, lo, hi int) {
	part, err := m.Slice(kernels.Span{Lo: lo, Hi: hi})
	f.ok(err)
	want := rowsOf(h, lo, hi)
	require.Equal(f.t, want.Rows, part.Rows(), "%s: rows [%d,%d)", f.what, lo, hi)
	require.Equal(f.t, want.Entries(), part.Entries(), "%s: rows [%d,%d)", f.what, lo, hi)
	b, c := f.whole(h.Cols, 3, 9), NewDense(want.Rows, 3)
	db, dc := f.matrix("b", tight, b), f.matrix("c", tight, filled(want.Rows, 3, math.NaN()))
	f.ok(f.stream.SpMM(1, part, db.Matrix, 0, dc.Matrix))
	SpMM(1, want, b, 0, c)
	compare(f.t, fmt.Sprintf("%s: SpMM of rows [%d,%d): c", f.what, lo, hi), 3, dc.read(f), c.Data, nil)
	f.ok(part.Free())
}

func testBrokenCSR(f *fixture) {
	good := func() kernels.HostCSR {
		return kernels.HostCSR{Rows: 2, Cols: 5, Offsets: []int64{0, 2, 4}, Columns: []int32{1, 3, 0, 4}, Values: []float32{1, 2, 3, 4}}
	}
	for what, damage := range map[string]func(h *kernels.HostCSR){
		"a column beyond":       func(h *kernels.HostCSR) { h.Columns[3] = 5 },
		"a negative column":     func(h *kernels.HostCSR) { h.Columns[0] = -1 },
		"columns out of order":  func(h *kernels.HostCSR) { h.Columns[0] = 4 },
		"offsets that fall":     func(h *kernels.HostCSR) { h.Offsets[1] = 5 },
		"an offset too many":    func(h *kernels.HostCSR) { h.Offsets = append(h.Offsets, 4) },
		"an offset beyond":      func(h *kernels.HostCSR) { h.Offsets[2] = 6 },
		"a negative offset":     func(h *kernels.HostCSR) { h.Offsets[0] = -1 },
		"too few values":        func(h *kernels.HostCSR) { h.Values = h.Values[:3] },
		"a value that is NaN":   func(h *kernels.HostCSR) { h.Values[2] = float32(math.NaN()) },
		"a value that is +Inf":  func(h *kernels.HostCSR) { h.Values[2] = float32(math.Inf(1)) },
		"a negative row count":  func(h *kernels.HostCSR) { h.Rows = -1 },
		"more rows than stated": func(h *kernels.HostCSR) { h.Rows = 3 },
	} {
		h := good()
		damage(&h)
		_, err := f.dev.NewCSR(h)
		require.ErrorIs(f.t, err, kernels.ErrArgument, "%s: %s", f.what, what)
	}
	f.csr(good())
}
