package kernelstest

import (
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

var conventions = []kernels.Convention{kernels.Explicit, kernels.Implicit, kernels.Confidence, kernels.IALS}

// problemCase describes a random problem.
type problemCase struct {
	convention kernels.Convention
	solver     kernels.Solver
	rank       int // columns of X, the bias included
	bias       bool
	offset     bool
	exponent   float32
	lengths    []int // ratings of each row
	cols       int
}

func (c problemCase) String() string {
	s := fmt.Sprintf("%v %v rank %d exponent %v", c.convention, c.solver.Method, c.rank, c.exponent)
	if c.bias {
		s += " bias"
	}
	if c.offset {
		s += " offset"
	}
	return s
}

// problem makes the problem in host memory. Its elements are float32 values. Y has
// rows of length about 1, which keeps the condition numbers low.
func (f *fixture) problem(c problemCase) *Problem {
	p := &Problem{
		Objective: kernels.Objective{
			Convention: c.convention, Alpha: 1.5, W0: 0.25, Lambda: 0.3, Exponent: c.exponent, Bias: c.bias, BiasLambda: 0.7,
		},
		Solver: c.solver,
	}
	stored := c.rank
	if c.bias {
		stored--
	}
	p.R = f.sparse(c.lengths, c.cols, func() float32 { return f.rating(c.convention) })
	// Without a positive rating the solution of a row can be zero, to which no
	// relative distance can be told. Cases of their own have such rows.
	for i, n := range c.lengths {
		if n > 0 {
			p.R.Values[p.R.Offsets[i]] = 2.5
		}
	}
	p.Y = f.normal(c.cols, stored)
	Scale(1/math.Sqrt(float64(c.rank)), p.Y)
	p.Y = rounded(p.Y)
	p.X = f.normal(len(c.lengths), c.rank)
	if c.offset {
		p.Offset = rounded(f.normal(1, c.cols)).Data
	}
	p.setRoundedTerms()
	return p
}

// setRoundedTerms sets the sums over all pairs to what a device is given.
func (p *Problem) setRoundedTerms() {
	p.SetTerms()
	p.Gram = rounded(p.Gram)
	p.OffsetGram = rounded(Dense{Rows: 1, Cols: len(p.OffsetGram), Data: p.OffsetGram}).Data
}

// rating returns a rating such as the convention has, negative ones and zero
// among them.
func (f *fixture) rating(c kernels.Convention) float32 {
	u := f.rng.Float32()
	if c == kernels.Explicit || c == kernels.IALS {
		return 5*u - 1
	}
	switch {
	case u < 0.15:
		return -1 - 2*f.rng.Float32()
	case u < 0.25:
		return 0
	}
	return 0.5 + 4*f.rng.Float32()
}

// rounded returns the matrix with its elements rounded to float32.
func rounded(d Dense) Dense { return DenseOf(d.Rows, d.Cols, d.Float32()) }

// deviceProblem is a problem with its operands on the device.
type deviceProblem struct {
	kernels.Problem
	x    matrix
	info buffer[int32]
}

// place puts a problem on the device, except for X, whose place holds start.
func (f *fixture) place(p *Problem, start Dense, l layout) *deviceProblem {
	f.t.Helper()
	d := &deviceProblem{x: f.matrix("p.X", l, start), info: elements(f, "p.Info", l, make([]int32, p.X.Rows))}
	d.Problem = kernels.Problem{
		X: d.x.Matrix, Y: f.matrix("p.Y", l, p.Y).Matrix, R: f.csr(p.R), Gram: f.matrix("p.Gram", l, p.Gram).Matrix,
		Objective: p.Objective, Solver: p.Solver,
		Offset:     elements(f, "p.Offset", l, floats(p.Offset)).Buffer,
		OffsetGram: elements(f, "p.OffsetGram", l, floats(p.OffsetGram)).Buffer,
		Info:       d.info.Buffer,
	}
	return d
}

func floats(values []float64) []float32 {
	return Dense{Rows: 1, Cols: len(values), Data: values}.Float32()
}

func normalEquationsCases() []testCase {
	var cases []testCase
	for i, convention := range conventions {
		for j, rank := range []int{1, 2, 7, 16, 31, 32, 33, 64, 128, 129} {
			for k, bias := range []bool{false, true} {
				c := problemCase{
					convention: convention, rank: rank, bias: bias, offset: bias, exponent: []float32{0, 1, 0.5}[(i+j+k)%3],
					lengths: mixedLengths, cols: 260,
				}
				if rank > 64 {
					c.lengths = []int{0, 33, 129}
				}
				l := layouts[(i+j+k)%2]
				cases = append(cases, testCase{
					fmt.Sprintf("%v rank %d exponent %v bias %v %s", convention, rank, c.exponent, bias, l.name),
					func(f *fixture) { testNormalEquations(f, f.problem(c), l) },
				})
			}
		}
		cases = append(cases, testCase{
			fmt.Sprintf("%v giant row, exact", convention),
			func(f *fixture) { testNormalEquations(f, f.exactProblem(convention, giantLengths, 110_000), padded) },
		}, testCase{
			fmt.Sprintf("%v offsets that begin late", convention),
			func(f *fixture) {
				p := f.exactProblem(convention, mixedLengths, 260)
				p.R = later(p.R, 55)
				testNormalEquations(f, p, padded)
			},
		}, testCase{
			fmt.Sprintf("%v bias without offset", convention),
			func(f *fixture) {
				c := problemCase{convention: convention, rank: 9, bias: true, exponent: 1, lengths: mixedLengths, cols: 260}
				testNormalEquations(f, f.problem(c), padded)
			},
		}, testCase{
			fmt.Sprintf("%v offset without bias", convention),
			func(f *fixture) {
				c := problemCase{convention: convention, rank: 9, offset: true, exponent: 1, lengths: mixedLengths, cols: 260}
				testNormalEquations(f, f.problem(c), padded)
			},
		})
	}
	return append(cases,
		testCase{"no rows", func(f *fixture) {
			testNormalEquations(f, f.problem(problemCase{rank: 4, cols: 9}), tight)
		}},
		testCase{"X is not touched and Info not used", testNormalEquationsInputs},
	)
}

// exactProblem makes a problem whose normal equations are exact in float32 in
// every order of summation: whole numbers, and weights that are powers of two.
func (f *fixture) exactProblem(convention kernels.Convention, lengths []int, cols int) *Problem {
	p := &Problem{
		Objective: kernels.Objective{
			Convention: convention, Alpha: 2, W0: 0.5, Lambda: 0.25, Exponent: 1, Bias: true, BiasLambda: 0.5,
		},
		R: f.wholeSparse(lengths, cols), Y: f.whole(cols, 5, 1), X: NewDense(len(lengths), 6), Offset: f.whole(1, cols, 2).Data,
	}
	p.SetTerms()
	return p
}

func testNormalEquations(f *fixture, p *Problem, l layout) {
	k := p.X.Cols
	start := filled(p.X.Rows, k, math.NaN())
	d := f.place(p, start, l)
	d.Info = kernels.Buffer[int32]{}
	a := f.batch("a", l, k, repeat(filled(k, k, math.NaN()), p.X.Rows))
	b := f.matrix("b", l, start)
	f.ok(f.stream.NormalEquations(a.Batch, b.Matrix, &d.Problem))

	wantA, wantB := NormalEquations(p)
	boundA, boundB := normalEquationsBounds(p)
	gotA, gotB := a.read(f), b.read(f)
	for i := range wantA {
		what := fmt.Sprintf("%s: a of row %d", f.what, i)
		compare(f.t, what, k, gotA[i*k*k:(i+1)*k*k], wantA[i].Data, boundA[i])
	}
	compare(f.t, f.what+": b", k, gotB, wantB.Data, boundB)
}

func testNormalEquationsInputs(f *fixture) {
	p := f.problem(problemCase{convention: kernels.Implicit, rank: 7, lengths: mixedLengths, cols: 260})
	d := f.place(p, f.normal(p.X.Rows, 7), padded)
	a, b := f.batch("a", padded, 7, repeat(NewDense(7, 7), p.X.Rows)), f.matrix("b", padded, NewDense(p.X.Rows, 7))
	f.ok(f.stream.NormalEquations(a.Batch, b.Matrix, &d.Problem))
	a.read(f)
	b.read(f)
}

func repeat(d Dense, n int) []Dense {
	all := make([]Dense, n)
	for i := range all {
		all[i] = d
	}
	return all
}

// normalEquationsBounds returns how far the elements of A, row by row, and of b may
// be off: eps times the number of terms times the sum of their absolute values;
// nil, which is exact, where the problem is one of whole numbers.
func normalEquationsBounds(p *Problem) (a [][]float64, b []float64) {
	y, k := absolute(p.fixed()), p.X.Cols
	a, b = make([][]float64, p.X.Rows), make([]float64, 0, p.X.Rows*k)
	for i := range p.X.Rows {
		m, v := NewDense(k, k), make([]float64, k)
		values, columns := rowValues(p.R, i), rowColumns(p.R, i)
		if p.Objective.Convention.AllPairs() && len(values) > 0 {
			axpy(allPairs(p.Objective), absolute(p.Gram).Data, m.Data)
			if len(p.OffsetGram) > 0 {
				axpy(allPairs(p.Objective), absolute(Dense{Rows: 1, Cols: k, Data: p.OffsetGram}).Data, v)
			}
		}
		for e, r := range values {
			weight, target := weightAndTarget(p.Objective, float64(r))
			weight, target = math.Abs(weight), math.Abs(target)
			row := y.Row(int(columns[e]))
			for j, w := range row {
				axpy(weight*w, row, m.Row(j))
			}
			axpy(target+weight*math.Abs(p.offset(columns[e])), row, v)
		}
		for j, d := range p.regularization(i) {
			if len(values) > 0 {
				m.Set(j, j, m.At(j, j)+d)
			}
		}
		// Two terms more than ratings, and the roundings of weight and power.
		a[i] = sumBounds(len(values)+4, m.Data)
		b = append(b, sumBounds(len(values)+4, v)...)
	}
	if p.wholeNumbers() {
		return make([][]float64, p.X.Rows), nil
	}
	return a, b
}

// wholeNumbers tells whether Y holds nothing else.
func (p *Problem) wholeNumbers() bool {
	for _, v := range p.Y.Data {
		if v != math.Trunc(v) {
			return false
		}
	}
	return len(p.Y.Data) > 0
}
