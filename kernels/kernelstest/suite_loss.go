package kernelstest

import (
	"fmt"
	"math"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
)

func lossCases() []testCase {
	var cases []testCase
	for i, convention := range conventions {
		for j, rank := range []int{1, 2, 10, 31, 33, 64, 128} {
			for k, bias := range []bool{false, true} {
				c := problemCase{convention: convention, rank: rank, bias: bias, offset: bias, lengths: mixedLengths, cols: 260}
				l := layouts[(i+j+k)%2]
				cases = append(cases, testCase{
					fmt.Sprintf("%v rank %d bias %v %s", convention, rank, bias, l.name),
					func(f *fixture) { p := f.problem(c); testLoss(f, p, lossBounds(p), l) },
				})
			}
		}
		c := problemCase{convention: convention, rank: 5, lengths: mixedLengths, cols: 260}
		exact := func(name string, change func(p *Problem)) testCase {
			return testCase{fmt.Sprintf("%v exact %s", convention, name), func(f *fixture) {
				p := f.exactProblem(convention, mixedLengths, 260)
				p.X = f.whole(p.X.Rows, p.X.Cols, 3)
				change(p)
				testLoss(f, p, nil, padded)
			}}
		}
		cases = append(cases,
			testCase{fmt.Sprintf("%v bias without offset", convention), func(f *fixture) {
				c.bias = true
				p := f.problem(c)
				testLoss(f, p, lossBounds(p), padded)
			}},
			testCase{fmt.Sprintf("%v offset without bias", convention), func(f *fixture) {
				c.offset = true
				p := f.problem(c)
				testLoss(f, p, lossBounds(p), padded)
			}},
			testCase{fmt.Sprintf("%v giant row, exact", convention), func(f *fixture) {
				p := f.exactProblem(convention, giantLengths, 110_000)
				p.X = f.whole(p.X.Rows, p.X.Cols, 3)
				testLoss(f, p, nil, padded)
			}},
			exact("without Gram, OffsetGram and Info", func(p *Problem) { p.Gram, p.OffsetGram = Dense{}, nil }),
			exact("offsets that begin late", func(p *Problem) { p.R = later(p.R, 99) }),
			exact("no ratings", func(p *Problem) {
				p.R = kernels.HostCSR{Rows: p.R.Rows, Cols: p.R.Cols, Offsets: make([]int64, p.R.Rows+1), Values: []float32{}}
			}),
			exact("no rows", func(p *Problem) { p.R, p.X = rowsOf(p.R, 3, 3), NewDense(0, 6) }),
		)
	}
	return append(cases, testCase{"the sums are in float64", testLossFloat64})
}

func testLoss(f *fixture, p *Problem, bound []float64, l layout) {
	d := f.place(p, p.X, l)
	out := elements(f, "out", l, []float64{math.NaN(), math.NaN()})
	f.ok(f.stream.Loss(out.Buffer, &d.Problem))
	want := Loss(p)
	compare(f.t, f.what+": out", 0, out.read(f), want[:], bound)
}

// lossBounds returns how far the sums may be off where scores are float32 sums.
func lossBounds(p *Problem) []float64 {
	y := p.fixed()
	bounds := []float64{1e-12, 1e-12}
	for i := range p.X.Rows {
		for e, r := range rowValues(p.R, i) {
			column := rowColumns(p.R, i)[e]
			row := y.Row(int(column))
			score, size := p.offset(column), math.Abs(p.offset(column))
			for j, x := range p.X.Row(i) {
				score += x * row[j]
				size += math.Abs(x * row[j])
			}
			off := eps32 * float64(p.X.Cols+3) * size
			fitted, confidence := fittedAndConfidence(p.Objective, float64(r))
			square := (2*math.Abs(fitted-score) + off) * off
			bounds[0] += square
			bounds[1] += confidence*square + (2*math.Abs(score)+off)*off + eps32*confidence*(fitted-score)*(fitted-score)
		}
	}
	if p.Objective.Convention == kernels.Explicit || p.Objective.Convention == kernels.IALS {
		bounds[1] = bounds[0]
	}
	return bounds
}

// testLossFloat64 adds many squares that a float32 sum could not hold: 1 after
// 2²⁴.
func testLossFloat64(f *fixture) {
	const n = 3000
	p := &Problem{X: filled(1, 1, 1), Y: filled(n, 1, 1), R: f.sparse([]int{n}, n, func() float32 { return 2 })}
	p.R.Values[0] = 4097 // (4097-1)² is 2²⁴
	testLoss(f, p, nil, tight)
}

func predictCases() []testCase {
	var cases []testCase
	for i, rank := range []int{0, 1, 2, 10, 31, 32, 33, 64, 127, 128, 129} {
		l := layouts[i%2]
		cases = append(cases, testCase{fmt.Sprintf("rank %d %s", rank, l.name), func(f *fixture) {
			r := f.wholeSparse(mixedLengths, 260)
			x, y := f.normal(r.Rows, rank), f.normal(260, rank)
			testPredict(f, r, x, y, sumBounds(rank, Predict(r, absolute(x), absolute(y))), l)
		}})
	}
	exact := func(name string, r func(f *fixture) kernels.HostCSR) testCase {
		return testCase{name, func(f *fixture) {
			r := r(f)
			testPredict(f, r, f.whole(r.Rows, 9, 9), f.whole(r.Cols, 9, 9), nil, padded)
		}}
	}
	return append(cases,
		exact("giant row", func(f *fixture) kernels.HostCSR { return f.wholeSparse(giantLengths, 110_000) }),
		exact("offsets that begin late", func(f *fixture) kernels.HostCSR { return later(f.wholeSparse(mixedLengths, 200), 99) }),
		exact("no entries", func(f *fixture) kernels.HostCSR { return f.wholeSparse([]int{0, 0}, 5) }),
		exact("no rows", func(f *fixture) kernels.HostCSR { return f.wholeSparse(nil, 5) }),
		exact("a pattern without values", func(f *fixture) kernels.HostCSR {
			r := f.wholeSparse(mixedLengths, 200)
			r.Values = nil
			return r
		}),
		exact("many short rows", func(f *fixture) kernels.HostCSR {
			return f.wholeSparse(slices.Repeat([]int{1, 0, 3, 2}, 500), 40)
		}),
		testCase{"a slice", func(f *fixture) {
			r := f.wholeSparse(mixedLengths, 200)
			part, err := f.csr(r).Slice(kernels.Span{Lo: 3, Hi: 9})
			f.ok(err)
			f.free(part.Free)
			x, y := f.whole(6, 9, 9), f.whole(200, 9, 9)
			want := Predict(rowsOf(r, 3, 9), x, y)
			out := elements(f, "out", padded, make([]float32, len(want)))
			f.ok(f.stream.Predict(out.Buffer, part, f.matrix("x", padded, x).Matrix, f.matrix("y", padded, y).Matrix))
			compare(f.t, f.what+": out", 0, out.read(f), want, nil)
		}},
	)
}

func testPredict(f *fixture, r kernels.HostCSR, x, y Dense, bound []float64, l layout) {
	dx, dy := f.matrix("x", l, x), f.matrix("y", l, y)
	out := elements(f, "out", l, slices.Repeat([]float32{7}, int(r.Entries())))
	f.ok(f.stream.Predict(out.Buffer, f.csr(r), dx.Matrix, dy.Matrix))
	compare(f.t, f.what+": out", 0, out.read(f), Predict(r, x, y), bound)
}
