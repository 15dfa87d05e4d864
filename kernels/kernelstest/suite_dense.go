package kernelstest

import (
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// scalars are the pairs of alpha and beta that Gemm and SpMM are tested with.
var scalars = [][2]float64{{1, 0}, {-0.5, 0}, {2, 1}, {0, 0.5}, {1, -1}, {0, 0}, {0.25, 3}}

func gemmCases() []testCase {
	shapes := [][3]int{ // rows and columns of C, length of the sums
		{0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {1, 1, 1}, {1, 129, 33}, {129, 1, 127}, {2, 3, 129},
		{31, 33, 32}, {32, 31, 33}, {33, 32, 31}, {127, 129, 31}, {128, 128, 128}, {129, 127, 65},
	}
	var cases []testCase
	add := func(tA, tB kernels.Trans, m, n, k int, scalar [2]float64, l layout) {
		cases = append(cases, testCase{
			fmt.Sprintf("%v%v %d×%d sums of %d alpha %v beta %v %s", tA, tB, m, n, k, scalar[0], scalar[1], l.name),
			func(f *fixture) { testGemm(f, tA, tB, m, n, k, scalar, l) },
		})
	}
	for i, s := range shapes {
		for j, tA := range []kernels.Trans{kernels.NoTrans, kernels.Transpose} {
			for k, tB := range []kernels.Trans{kernels.NoTrans, kernels.Transpose} {
				for l, lay := range layouts {
					add(tA, tB, s[0], s[1], s[2], scalars[(i+j+3*k+2*l)%len(scalars)], lay)
				}
			}
		}
	}
	for _, s := range scalars {
		add(kernels.NoTrans, kernels.NoTrans, 33, 17, 40, s, padded)
	}
	return append(cases,
		testCase{"long exact sums", testGemmExact},
		testCase{"NaN in one row of A stays in that row of C", testGemmNaN},
		testCase{"views into one memory", testGemmOneMemory},
	)
}

func testGemm(f *fixture, tA, tB kernels.Trans, m, n, k int, scalar [2]float64, l layout) {
	alpha, beta := scalar[0], scalar[1]
	a, b, c := f.normal(m, k).transposed(bool(tA)), f.normal(k, n).transposed(bool(tB)), f.normal(m, n)
	old := c
	if beta == 0 {
		old = filled(m, n, math.NaN())
	}
	da, db, dc := f.matrix("a", l, a), f.matrix("b", l, b), f.matrix("c", l, old)
	f.ok(f.stream.Gemm(tA, tB, float32(alpha), da.Matrix, db.Matrix, float32(beta), dc.Matrix))

	sums := absolute(c)
	Gemm(tA, tB, math.Abs(alpha), absolute(a), absolute(b), math.Abs(beta), sums)
	Gemm(tA, tB, alpha, a, b, beta, c)
	compare(f.t, f.what+": c", n, dc.read(f), c.Data, sumBounds(k, sums.Data))
}

func testGemmExact(f *fixture) {
	const m, n, k = 5, 7, 40_000
	a, b, c := f.whole(m, k, 3), f.whole(k, n, 3), NewDense(m, n)
	da, db, dc := f.matrix("a", tight, a), f.matrix("b", padded, b), f.matrix("c", padded, filled(m, n, math.NaN()))
	f.ok(f.stream.Gemm(kernels.NoTrans, kernels.NoTrans, 1, da.Matrix, db.Matrix, 0, dc.Matrix))
	Gemm(kernels.NoTrans, kernels.NoTrans, 1, a, b, 0, c)
	compare(f.t, f.what+": c", n, dc.read(f), c.Data, nil)
}

func testGemmNaN(f *fixture) {
	a, b, c := f.whole(40, 9, 3), f.whole(9, 33, 3), NewDense(40, 33)
	a.Set(17, 4, math.NaN())
	da, db, dc := f.matrix("a", tight, a), f.matrix("b", tight, b), f.matrix("c", tight, c)
	f.ok(f.stream.Gemm(kernels.NoTrans, kernels.NoTrans, 1, da.Matrix, db.Matrix, 0, dc.Matrix))
	Gemm(kernels.NoTrans, kernels.NoTrans, 1, a, b, 0, c)
	compare(f.t, f.what+": c", 33, dc.read(f), c.Data, nil)
}

// testGemmOneMemory multiplies columns of a matrix into other columns of it.
func testGemmOneMemory(f *fixture) {
	all := f.whole(20, 60, 3)
	d := f.matrix("the matrix under a, b and c", padded, all)
	part := func(lo, hi int) Dense {
		p := NewDense(20, hi-lo)
		for i := range p.Rows {
			copy(p.Row(i), all.Row(i)[lo:hi])
		}
		return p
	}
	c := part(40, 60)
	f.ok(f.stream.Gemm(kernels.NoTrans, kernels.Transpose, 1, d.ColumnRange(0, 20), d.ColumnRange(20, 40), 1, d.ColumnRange(40, 60)))
	Gemm(kernels.NoTrans, kernels.Transpose, 1, part(0, 20), part(20, 40), 1, c)
	for i := range c.Rows {
		copy(all.Row(i)[40:], c.Row(i))
	}
	compare(f.t, f.what, 60, d.read(f), all.Data, nil)
}

func gramCases() []testCase {
	var cases []testCase
	for i, rows := range []int{0, 1, 31, 33, 127, 128, 129, 1000} {
		for j, cols := range []int{1, 2, 10, 31, 32, 33, 64, 127, 128, 129} {
			if rows == 1000 && cols > 33 {
				continue
			}
			l := layouts[(i+j)%2]
			cases = append(cases, testCase{
				fmt.Sprintf("%d×%d %s", rows, cols, l.name),
				func(f *fixture) { testGram(f, rows, cols, l) },
			})
		}
	}
	return append(cases, testCase{"long exact sums, both triangles", testGramExact})
}

func testGram(f *fixture, rows, cols int, l layout) {
	y := f.normal(rows, cols)
	dy, dg := f.matrix("y", l, y), f.matrix("g", l, filled(cols, cols, math.NaN()))
	f.ok(f.stream.Gram(dg.Matrix, dy.Matrix))
	compare(f.t, f.what+": g", cols, dg.read(f), Gram(y).Data, sumBounds(rows, Gram(absolute(y)).Data))
}

func testGramExact(f *fixture) {
	y := f.whole(50_003, 13, 3)
	dy, dg := f.matrix("y", padded, y), f.matrix("g", padded, filled(13, 13, math.NaN()))
	f.ok(f.stream.Gram(dg.Matrix, dy.Matrix))
	compare(f.t, f.what+": g", 13, dg.read(f), Gram(y).Data, nil)
}
