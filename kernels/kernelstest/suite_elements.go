package kernelstest

import (
	"fmt"
	"math"
)

// shapes are the matrices that element-wise operations are tested with.
var shapes = [][2]int{{0, 5}, {5, 0}, {1, 1}, {1, 129}, {129, 1}, {31, 33}, {32, 32}, {33, 31}, {127, 10}, {10, 128}, {300, 127}}

// eachShape makes a case of each shape in each layout.
func eachShape(test func(f *fixture, rows, cols int, l layout)) []testCase {
	var cases []testCase
	for _, s := range shapes {
		for _, l := range layouts {
			cases = append(cases, testCase{
				fmt.Sprintf("%d×%d %s", s[0], s[1], l.name),
				func(f *fixture) { test(f, s[0], s[1], l) },
			})
		}
	}
	return cases
}

func gatherRowsCases() []testCase {
	return append(eachShape(func(f *fixture, rows, cols int, l layout) {
		src, idx := f.normal(max(rows, 1), cols), f.ids(rows+3, max(rows, 1))
		testGatherRows(f, src, idx, l)
	}),
		testCase{"ids outside of src give NaN", func(f *fixture) {
			testGatherRows(f, f.normal(40, 9), []int32{0, -1, 39, 40, 5, math.MaxInt32, math.MinInt32, 0}, padded)
		}},
		testCase{"one row many times", func(f *fixture) {
			testGatherRows(f, f.normal(3, 33), make([]int32, 500), padded)
		}},
		testCase{"no ids", func(f *fixture) { testGatherRows(f, f.normal(3, 4), nil, tight) }},
		testCase{"a src without rows", func(f *fixture) { testGatherRows(f, NewDense(0, 4), []int32{0, 1}, tight) }},
	)
}

func testGatherRows(f *fixture, src Dense, idx []int32, l layout) {
	d, s := f.matrix("dst", l, filled(len(idx), src.Cols, 7)), f.matrix("src", l, src)
	i := elements(f, "idx", l, idx)
	f.ok(f.stream.GatherRows(d.Matrix, s.Matrix, i.Buffer))
	compare(f.t, f.what+": dst", src.Cols, d.read(f), GatherRows(src, idx).Data, nil)
}

func scatterAddRowsCases() []testCase {
	return append(eachShape(func(f *fixture, rows, cols int, l layout) {
		testScatterAddRows(f, f.whole(max(rows/2, 1), cols, 9), f.whole(rows, cols, 9), f.ids(rows, max(rows/2, 1)), l)
	}),
		testCase{"ids outside of dst are passed over", func(f *fixture) {
			idx := []int32{0, -1, 39, 40, 5, math.MaxInt32, math.MinInt32, 0}
			testScatterAddRows(f, f.whole(40, 9, 9), f.whole(len(idx), 9, 9), idx, padded)
		}},
		testCase{"one row many times", func(f *fixture) {
			testScatterAddRows(f, f.whole(3, 33, 9), f.whole(5000, 33, 9), make([]int32, 5000), padded)
		}},
		testCase{"in the order of the ids", testScatterAddOrder},
	)
}

func testScatterAddRows(f *fixture, dst, src Dense, idx []int32, l layout) {
	d, s := f.matrix("dst", l, dst), f.matrix("src", l, src)
	i := elements(f, "idx", l, idx)
	f.ok(f.stream.ScatterAddRows(d.Matrix, s.Matrix, i.Buffer))
	ScatterAddRows(dst, src, idx)
	compare(f.t, f.what+": dst", dst.Cols, d.read(f), dst.Data, nil)
}

// testScatterAddOrder adds to one row what rounds differently in another order.
func testScatterAddOrder(f *fixture) {
	const n, cols = 1000, 5
	src, idx := f.normal(n, cols), f.ids(n, 3)
	want := make([]float32, 3*cols)
	for i, id := range idx {
		for j, v := range src.Row(i) {
			want[int(id)*cols+j] += float32(v)
		}
	}
	d, s := f.matrix("dst", padded, NewDense(3, cols)), f.matrix("src", padded, src)
	i := elements(f, "idx", padded, idx)
	f.ok(f.stream.ScatterAddRows(d.Matrix, s.Matrix, i.Buffer))
	compare(f.t, f.what+": dst", cols, d.read(f), DenseOf(3, cols, want).Data, nil)
}

// ids returns n ids below limit.
func (f *fixture) ids(n, limit int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(f.rng.IntN(limit))
	}
	return ids
}

func axpyCases() []testCase {
	cases := eachShape(func(f *fixture, rows, cols int, l layout) { testAxpy(f, rows, cols, -1.75, l) })
	for _, alpha := range []float32{0, 1, -1, 1e-3} {
		cases = append(cases, testCase{
			fmt.Sprintf("alpha %v", alpha),
			func(f *fixture) { testAxpy(f, 33, 17, alpha, padded) },
		})
	}
	return append(cases, testCase{"x and y are one view", func(f *fixture) {
		x := f.whole(33, 17, 100)
		d := f.matrix("x", padded, x)
		f.ok(f.stream.Axpy(3, d.Matrix, d.Matrix))
		Scale(4, x)
		compare(f.t, f.what+": x", 17, d.read(f), x.Data, nil)
	}}, testCase{"different strides", func(f *fixture) {
		x, y := f.whole(33, 17, 100), f.whole(33, 17, 100)
		dx, dy := f.matrix("x", tight, x), f.matrix("y", padded, y)
		f.ok(f.stream.Axpy(3, dx.Matrix, dy.Matrix))
		Axpy(3, x, y)
		compare(f.t, f.what+": y", 17, dy.read(f), y.Data, nil)
	}})
}

func testAxpy(f *fixture, rows, cols int, alpha float32, l layout) {
	x, y := f.normal(rows, cols), f.normal(rows, cols)
	dx, dy := f.matrix("x", l, x), f.matrix("y", l, y)
	f.ok(f.stream.Axpy(alpha, dx.Matrix, dy.Matrix))
	sums := absolute(y)
	Axpy(math.Abs(float64(alpha)), absolute(x), sums)
	Axpy(float64(alpha), x, y)
	compare(f.t, f.what+": y", cols, dy.read(f), y.Data, sumBounds(0, sums.Data))
}

func scaleCases() []testCase {
	cases := eachShape(func(f *fixture, rows, cols int, l layout) { testScale(f, f.normal(rows, cols), -1.1, l) })
	return append(cases,
		testCase{"alpha 0 writes zeros over NaN", func(f *fixture) { testScale(f, filled(33, 5, math.NaN()), 0, padded) }},
		testCase{"alpha 1 keeps NaN and infinity", func(f *fixture) {
			x := f.normal(33, 5)
			x.Set(7, 2, math.NaN())
			x.Set(8, 2, math.Inf(-1))
			testScale(f, x, 1, padded)
		}},
	)
}

func testScale(f *fixture, x Dense, alpha float32, l layout) {
	d := f.matrix("x", l, x)
	f.ok(f.stream.Scale(alpha, d.Matrix))
	Scale(float64(alpha), x)
	compare(f.t, f.what+": x", x.Cols, d.read(f), x.Data, nil)
}

func mulCases() []testCase {
	cases := eachShape(func(f *fixture, rows, cols int, l layout) {
		a, b := f.normal(rows, cols), f.normal(rows, cols)
		da, db, dc := f.matrix("a", l, a), f.matrix("b", l, b), f.matrix("c", l, filled(rows, cols, math.NaN()))
		f.ok(f.stream.Mul(dc.Matrix, da.Matrix, db.Matrix))
		compare(f.t, f.what+": c", cols, dc.read(f), Mul(a, b).Data, nil)
	})
	for _, same := range []string{"c is a", "c is b", "c is a and b"} {
		cases = append(cases, testCase{same, func(f *fixture) { testMulInPlace(f, same) }})
	}
	return cases
}

func testMulInPlace(f *fixture, same string) {
	a, b := f.normal(33, 17), f.normal(33, 17)
	da, db := f.matrix("a", padded, a), f.matrix("b", padded, b)
	switch same {
	case "c is a":
		f.ok(f.stream.Mul(da.Matrix, da.Matrix, db.Matrix))
		compare(f.t, f.what+": c", 17, da.read(f), Mul(a, b).Data, nil)
	case "c is b":
		f.ok(f.stream.Mul(db.Matrix, da.Matrix, db.Matrix))
		compare(f.t, f.what+": c", 17, db.read(f), Mul(a, b).Data, nil)
	default:
		f.ok(f.stream.Mul(da.Matrix, da.Matrix, da.Matrix))
		compare(f.t, f.what+": c", 17, da.read(f), Mul(a, a).Data, nil)
	}
}

func fillCases() []testCase {
	cases := eachShape(func(f *fixture, rows, cols int, l layout) { testFill(f, rows, cols, 2.5, l) })
	for _, v := range []float64{0, math.NaN(), math.Inf(-1)} {
		cases = append(cases, testCase{fmt.Sprint(v), func(f *fixture) { testFill(f, 33, 17, v, padded) }})
	}
	return cases
}

func testFill(f *fixture, rows, cols int, value float64, l layout) {
	d := f.matrix("x", l, f.normal(rows, cols))
	f.ok(f.stream.Fill(d.Matrix, float32(value)))
	compare(f.t, f.what+": x", cols, d.read(f), filled(rows, cols, value).Data, nil)
}

func copyMatrixCases() []testCase {
	cases := eachShape(func(f *fixture, rows, cols int, l layout) { testCopyMatrix(f, f.normal(rows, cols), l, l) })
	return append(cases,
		testCase{"from tight to padded", func(f *fixture) { testCopyMatrix(f, f.normal(33, 17), tight, padded) }},
		testCase{"from padded to tight", func(f *fixture) { testCopyMatrix(f, f.normal(33, 17), padded, tight) }},
		testCase{"between columns of one matrix", func(f *fixture) {
			x := f.normal(33, 16)
			d := f.matrix("x", padded, x)
			f.ok(f.stream.CopyMatrix(d.ColumnRange(8, 16), d.ColumnRange(0, 8)))
			for i := range x.Rows {
				copy(x.Row(i)[8:], x.Row(i)[:8])
			}
			compare(f.t, f.what+": x", 16, d.read(f), x.Data, nil)
		}},
	)
}

func testCopyMatrix(f *fixture, x Dense, from, to layout) {
	src, dst := f.matrix("src", from, x), f.matrix("dst", to, filled(x.Rows, x.Cols, math.NaN()))
	f.ok(f.stream.CopyMatrix(dst.Matrix, src.Matrix))
	compare(f.t, f.what+": dst", x.Cols, dst.read(f), x.Data, nil)
}

func columnSumsCases() []testCase {
	cases := eachShape(func(f *fixture, rows, cols int, l layout) {
		a := f.normal(rows, cols)
		testColumnSums(f, a, sumBounds(rows, ColumnSums(absolute(a))), l)
	})
	return append(cases,
		testCase{"long exact sums", func(f *fixture) { testColumnSums(f, f.whole(100_003, 7, 40), nil, padded) }},
		testCase{"NaN stays in its column", func(f *fixture) {
			a := f.whole(200, 33, 9)
			a.Set(150, 5, math.NaN())
			testColumnSums(f, a, nil, padded)
		}},
	)
}

func testColumnSums(f *fixture, a Dense, bound []float64, l layout) {
	da, d := f.matrix("a", l, a), elements(f, "dst", l, make([]float32, a.Cols))
	f.ok(f.stream.ColumnSums(d.Buffer, da.Matrix))
	compare(f.t, f.what+": dst", 0, d.read(f), ColumnSums(a), bound)
}

func rowNormsCases() []testCase {
	cases := eachShape(func(f *fixture, rows, cols int, l layout) { testRowNorms(f, f.normal(rows, cols), l) })
	return append(cases,
		testCase{"rows of zeros", func(f *fixture) { testRowNorms(f, NewDense(33, 5), padded) }},
		testCase{"NaN stays in its row", func(f *fixture) {
			a := f.normal(200, 33)
			a.Set(150, 5, math.NaN())
			testRowNorms(f, a, padded)
		}},
	)
}

func testRowNorms(f *fixture, a Dense, l layout) {
	da, d := f.matrix("a", l, a), elements(f, "dst", l, make([]float32, a.Rows))
	f.ok(f.stream.RowNorms(d.Buffer, da.Matrix))
	want := RowNorms(a)
	compare(f.t, f.what+": dst", 0, d.read(f), want, sumBounds(a.Cols, want))
}
