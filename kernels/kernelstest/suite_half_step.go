package kernelstest

import (
	"fmt"
	"math"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// solvers are the methods, with parameters for a rank.
func solvers(rank int) []kernels.Solver {
	return []kernels.Solver{
		{Method: kernels.Cholesky},
		{Method: kernels.CG, Steps: 3},
		{Method: kernels.Subspace, Steps: 2, Block: (rank + 2) / 3},
		{Method: kernels.NonNegative},
	}
}

func halfStepCases() []testCase {
	cases := halfStepProducts()
	cases = append(cases, halfStepParameters()...)
	for _, solver := range solvers(7) {
		m := solver.Method
		cases = append(cases,
			testCase{fmt.Sprintf("%v giant row", m), func(f *fixture) { testGiantRow(f, solver, 10) }},
			testCase{fmt.Sprintf("%v rows without a positive rating", m), func(f *fixture) { testWithoutPositive(f, solver) }},
			testCase{fmt.Sprintf("%v row without ratings beside the others", m), func(f *fixture) { testEmptyRows(f, solver) }},
			testCase{fmt.Sprintf("%v slice equals the same rows of the whole, bit for bit", m), func(f *fixture) { testHalfStepSlice(f, solver) }},
			testCase{fmt.Sprintf("%v offsets that begin late", m), func(f *fixture) { testLateOffsets(f, solver) }},
			testCase{fmt.Sprintf("%v NaN in Y fails only the rows that use it", m), func(f *fixture) { testNaNInY(f, solver) }},
			testCase{fmt.Sprintf("%v singular system", m), func(f *fixture) { testSingular(f, solver) }},
			testCase{fmt.Sprintf("%v no rows", m), func(f *fixture) {
				testHalfStep(f, problemCase{solver: solver, rank: 7, cols: 9}, tight)
			}},
			testCase{fmt.Sprintf("%v many short rows", m), func(f *fixture) {
				lengths := slices.Repeat([]int{1, 0, 5, 2, 30}, 100)
				testHalfStep(f, problemCase{solver: solver, rank: 7, exponent: 1, lengths: lengths, cols: 60}, tight)
			}},
		)
	}
	return append(cases,
		testCase{"cholesky giant row of rank 33", func(f *fixture) { testGiantRow(f, kernels.Solver{}, 33) }},
		testCase{"cholesky rank-deficient rows without regularization", testRankDeficient},
		testCase{"cholesky pivots between sound rows", testPivotsBetweenRows},
		testCase{"cholesky equals SolveSPD after NormalEquations", testFusedEqualsParts},
		testCase{"nonnegative mixed active sets", testActiveSets},
		testCase{"nonnegative bias is free of sign", testFreeBias},
		testCase{"cg starts at the present row", testWarmStart},
		testCase{"cg stops at the solution", testCGStops},
		testCase{"cg with nothing on the right-hand side", testCGZero},
		testCase{"cg direction without curvature", testNoCurvature},
		testCase{"equal ids are separate entries", testDuplicateEntries},
		testCase{"the count of lambda", testCounts},
	)
}

// halfStepProducts are all conventions with all methods, with and without biases,
// at all ranks, each exponent in turn; higher ranks with fewer rows.
func halfStepProducts() []testCase {
	var cases []testCase
	n := 0
	for _, rank := range []int{1, 2, 7, 10, 16, 33, 64, 128} {
		for _, convention := range conventions {
			for _, solver := range solvers(rank) {
				for _, bias := range []bool{false, true} {
					c := problemCase{
						convention: convention, solver: solver, rank: rank, bias: bias, offset: bias,
						exponent: []float32{0, 1, 0.5}[n%3], lengths: mixedLengths, cols: 260,
					}
					if rank >= 64 {
						c.lengths = []int{0, 5, 129}
					}
					l := layouts[n%2]
					n++
					cases = append(cases, testCase{
						fmt.Sprintf("%v %s", c, l.name),
						func(f *fixture) { testHalfStep(f, c, l) },
					})
				}
			}
		}
	}
	return cases
}

// halfStepParameters vary what the products hold fixed.
func halfStepParameters() []testCase {
	var cases []testCase
	add := func(name string, c problemCase) {
		c.lengths, c.cols = mixedLengths, 260
		cases = append(cases, testCase{fmt.Sprintf("%v %s", c, name), func(f *fixture) { testHalfStep(f, c, padded) }})
	}
	for i, exponent := range []float32{0, 1, 0.5, 0.75} {
		for _, convention := range conventions {
			add("in turn", problemCase{convention: convention, rank: 9, exponent: exponent, bias: i%2 == 0, offset: i < 2})
		}
	}
	for i, rank := range []int{129, 150, 200, 256, 257} {
		for j, convention := range conventions {
			c := problemCase{
				convention: convention, rank: rank, exponent: 1, bias: (i+j)%2 == 0, offset: i%2 == 0,
				lengths: []int{3, 0, 21}, cols: 40,
			}
			l := layouts[j%2]
			cases = append(cases, testCase{fmt.Sprintf("%v %s", c, l.name), func(f *fixture) { testHalfStep(f, c, l) }})
		}
	}
	for i, solver := range solvers(130) {
		c := problemCase{
			convention: conventions[i%len(conventions)], solver: solver, rank: 130, exponent: 1,
			lengths: []int{3, 0, 21}, cols: 40,
		}
		cases = append(cases, testCase{fmt.Sprint(c), func(f *fixture) { testHalfStep(f, c, padded) }})
	}
	for _, convention := range conventions {
		for _, solver := range solvers(9) {
			add("bias without offset", problemCase{convention: convention, solver: solver, rank: 9, bias: true, exponent: 1})
			add("offset without bias", problemCase{convention: convention, solver: solver, rank: 9, offset: true, exponent: 1})
		}
	}
	// No bias: its column of ones alone raises the condition number by the number
	// of columns, and the rounding errors of CG grow with it from step to step.
	for _, steps := range []int{1, 2, 3, 5, 9} {
		add(fmt.Sprintf("%d steps", steps), problemCase{
			convention: kernels.Implicit, solver: kernels.Solver{Method: kernels.CG, Steps: steps}, rank: 33,
		})
	}
	for _, block := range []int{1, 2, 5, 8, 16, 17, 31, 32, 33} {
		add(fmt.Sprintf("block %d", block), problemCase{
			convention: kernels.IALS, solver: kernels.Solver{Method: kernels.Subspace, Steps: 2, Block: block}, rank: 33, bias: true, offset: true,
		})
	}
	for _, sweeps := range []int{1, 4} {
		add(fmt.Sprintf("%d sweeps", sweeps), problemCase{
			convention: kernels.Explicit, solver: kernels.Solver{Method: kernels.Subspace, Steps: sweeps, Block: 4}, rank: 10,
		})
	}
	return cases
}

func testHalfStep(f *fixture, c problemCase, l layout) { solveAndCompare(f, f.problem(c), l) }

// solveAndCompare compares a half-step with the reference, by rows. Methods that
// have no use for the present X, and rows without ratings, start from NaN.
func solveAndCompare(f *fixture, p *Problem, l layout) *Problem {
	f.t.Helper()
	want := *p
	want.X = p.X.Clone()
	wantInfo := HalfStep(&want)
	requireCondition(f, p, wantInfo)

	d := f.place(p, startOf(p), l)
	f.ok(f.stream.HalfStep(&d.Problem))
	compareInts(f.t, f.what+": info", 0, d.info.read(f), wantInfo)
	compareRows(f.t, f.what+": x ", d.x.read(f), want.X, solverTolerance)
	return &want
}

// startOf returns X with NaN where a solver may not look.
func startOf(p *Problem) Dense {
	start := p.X.Clone()
	warm := p.Solver.Method == kernels.CG || p.Solver.Method == kernels.Subspace
	for i := range start.Rows {
		if !warm || len(rowValues(p.R, i)) == 0 {
			copy(start.Row(i), filled(1, start.Cols, math.NaN()).Data)
		}
	}
	return start
}

// requireCondition holds the case itself to the condition number that the
// tolerance is stated for.
func requireCondition(f *fixture, p *Problem, info []int32) {
	f.t.Helper()
	a, _ := NormalEquations(p)
	for i := range a {
		if info[i] == 0 {
			require.Less(f.t, Condition(a[i]), maxCondition, "%s: the case itself: condition of row %d", f.what, i)
		}
	}
}

// testGiantRow has a row that a device sums in parts. Y and the ratings are whole
// numbers of both signs, so that A and b are exact and one rating left out moves
// the solution by more than the tolerance.
func testGiantRow(f *fixture, solver kernels.Solver, rank int) {
	p := &Problem{
		Objective: kernels.Objective{Lambda: 0.25, Exponent: 1}, Solver: solver,
		R: f.wholeSparse(giantLengths, 110_000), Y: f.whole(110_000, rank, 1), X: f.whole(len(giantLengths), rank, 1),
	}
	for i, n := range giantLengths {
		if n > 0 {
			p.R.Values[p.R.Offsets[i]] = 3 // no row's solution is zero
		}
	}
	solveAndCompare(f, p, padded)
}

// testWithoutPositive has rows whose ratings are all negative or zero: in Implicit
// and Confidence they count no rating, and 0^0 is 1.
func testWithoutPositive(f *fixture, solver kernels.Solver) {
	for _, convention := range conventions {
		for _, exponent := range []float32{0, 1} {
			// An offset keeps the right-hand sides from being zero.
			p := f.problem(problemCase{
				convention: convention, solver: solver, rank: 7, offset: true, exponent: exponent, lengths: []int{1, 2, 9, 40}, cols: 60,
			})
			for i := range p.R.Values {
				p.R.Values[i] = -2 * float32(i%2)
			}
			solveAndCompare(f, p, padded)
		}
	}
}

func testEmptyRows(f *fixture, solver kernels.Solver) {
	for _, convention := range conventions {
		for _, lengths := range [][]int{{0}, {0, 0, 0}, {0, 5}, {5, 0}, {5, 0, 0, 0, 7}} {
			testHalfStep(f, problemCase{
				convention: convention, solver: solver, rank: 7, bias: true, offset: true, lengths: lengths, cols: 60,
			}, padded)
		}
	}
}

func testHalfStepSlice(f *fixture, solver kernels.Solver) {
	lengths := append(slices.Clone(mixedLengths), 20_000, 3, 70)
	p := f.problem(problemCase{
		convention: kernels.Explicit, solver: solver, rank: 10, bias: true, offset: true, exponent: 1, lengths: lengths, cols: 21_000,
	})
	whole := f.place(p, startOf(p), padded)
	f.ok(f.stream.HalfStep(&whole.Problem))
	x := whole.x.read(f)
	for _, s := range []kernels.Span{{Lo: 0, Hi: 5}, {Lo: 5, Hi: 13}, {Lo: 12, Hi: 13}, {Lo: 13, Hi: 15}} {
		part, err := whole.R.Slice(s)
		f.ok(err)
		f.free(part.Free)
		rows := startOf(p)
		rows.Rows, rows.Data = s.Hi-s.Lo, rows.Data[s.Lo*10:s.Hi*10]
		px := f.matrix("p.X", tight, rows)
		q := whole.Problem
		q.R, q.X, q.Info.N = part, px.Matrix, rows.Rows
		f.ok(f.stream.HalfStep(&q))
		want := DenseOf(rows.Rows, 10, x[s.Lo*10:s.Hi*10])
		compare(f.t, fmt.Sprintf("%s: rows [%d,%d): x", f.what, s.Lo, s.Hi), 10, px.read(f), want.Data, nil)
	}
	whole.info.read(f)
}

func testLateOffsets(f *fixture, solver kernels.Solver) {
	p := f.problem(problemCase{solver: solver, rank: 7, exponent: 1, lengths: mixedLengths, cols: 260})
	p.R = later(p.R, 123)
	solveAndCompare(f, p, padded)
}

func testNaNInY(f *fixture, solver kernels.Solver) {
	p := f.problem(problemCase{solver: solver, rank: 7, lengths: []int{3, 4, 5, 6, 0, 7}, cols: 60})
	// Rows 1 and 3 rate the last column, which the others leave out.
	for i := range p.R.Rows {
		for e := range rowColumns(p.R, i) {
			p.R.Columns[p.R.Offsets[i]+int64(e)] = int32(e)
		}
	}
	p.R.Columns[p.R.Offsets[2]-1], p.R.Columns[p.R.Offsets[4]-1] = 59, 59
	p.Y.Set(59, 2, math.NaN())

	sound := *p
	sound.X = p.X.Clone()
	HalfStep(&sound)
	clear(sound.X.Row(1))
	clear(sound.X.Row(3))
	d := f.place(p, startOf(p), padded)
	f.ok(f.stream.HalfStep(&d.Problem))
	compareRows(f.t, f.what+": x ", d.x.read(f), sound.X, solverTolerance)
	info := d.info.read(f)
	for i, got := range info {
		switch {
		case i != 1 && i != 3:
			require.Zero(f.t, got, "%s: info[%d]", f.what, i)
		case solver.Method != kernels.NonNegative:
			require.Positive(f.t, got, "%s: info[%d]", f.what, i)
		}
	}
}

// testSingular has a row that no solver but CG can solve: two equal columns in Y
// and no regularization.
func testSingular(f *fixture, solver kernels.Solver) {
	p := &Problem{
		Solver: solver, Y: DenseOf(3, 2, []float32{1, 1, 2, 2, 1, 0}), X: NewDense(2, 2),
		R: kernels.HostCSR{Rows: 2, Cols: 3, Offsets: []int64{0, 2, 4}, Columns: []int32{0, 1, 0, 2}, Values: []float32{1, 3, 2, 1}},
	}
	p.Solver.Block = 2
	d := f.place(p, startOf(p), padded)
	f.ok(f.stream.HalfStep(&d.Problem))
	info, x := d.info.read(f), d.x.read(f)
	require.Zero(f.t, info[1], "%s: info[1], the regular system", f.what)
	if solver.Method == kernels.CG {
		// b lies in the range of A, so that one step solves: x = (0.7, 0.7).
		require.Zero(f.t, info[0], "%s: info[0]", f.what)
		compareRows(f.t, f.what+": x ", x[:2], DenseOf(1, 2, []float32{0.7, 0.7}), solverTolerance)
		return
	}
	require.Equal(f.t, int32(2), info[0], "%s: info[0], the failed pivot", f.what)
	require.Equal(f.t, []float32{0, 0}, x[:2], "%s: x of the failed row", f.what)
	compareRows(f.t, f.what+": x ", x[2:], DenseOf(1, 2, []float32{1, 1}), solverTolerance)
}

// testRankDeficient has rows with fewer ratings than unknowns and λ = 0. Their rows
// of Y are unit upper triangular whole numbers, so that all pivots before the
// failing one are 1, without rounding.
func testRankDeficient(f *fixture) {
	const rank = 33
	p := &Problem{Y: NewDense(rank, rank), X: NewDense(rank, rank)}
	p.R = kernels.HostCSR{Rows: rank, Cols: rank, Offsets: []int64{0}}
	for i := range rank {
		p.Y.Set(i, i, 1)
		for j := i + 1; j < min(i+3, rank); j++ {
			p.Y.Set(i, j, float64(1+(i+j)%3))
		}
		for c := range i + 1 {
			p.R.Columns, p.R.Values = append(p.R.Columns, int32(c)), append(p.R.Values, float32(1+c%5))
		}
		p.R.Offsets = append(p.R.Offsets, int64(len(p.R.Columns)))
	}
	// The last row has as many ratings as unknowns, which makes it another case.
	p.R, p.X = rowsOf(p.R, 0, rank-1), NewDense(rank-1, rank)
	want := HalfStep(p)
	for i, pivot := range want {
		require.Equal(f.t, int32(i+2), pivot, "%s: the case itself: row %d", f.what, i)
	}
	d := f.place(p, startOf(p), padded)
	f.ok(f.stream.HalfStep(&d.Problem))
	compareInts(f.t, f.what+": info", 0, d.info.read(f), want)
	compareRows(f.t, f.what+": x ", d.x.read(f), NewDense(rank-1, rank), 0)
}

// testPivotsBetweenRows gives Implicit a Gram matrix that is not positive definite,
// so that rows with few ratings fail and others do not.
func testPivotsBetweenRows(f *fixture) {
	const rank = 16
	p := f.problem(problemCase{convention: kernels.Implicit, rank: rank, lengths: []int{1, 200, 0, 2, 200, 1}, cols: 260})
	p.Objective.Lambda = 0
	p.Gram = chainWith(rank, 5, -8)
	info := HalfStep(&Problem{X: p.X.Clone(), Y: p.Y, R: p.R, Gram: p.Gram, Objective: p.Objective})
	require.Equal(f.t, []int32{5, 0, 0, 5, 0, 5}, info, "%s: the case itself", f.what)
	solveAndCompare(f, p, padded)
}

func testFusedEqualsParts(f *fixture) {
	for _, convention := range conventions {
		p := f.problem(problemCase{convention: convention, rank: 33, bias: true, offset: true, lengths: mixedLengths, cols: 260})
		d := f.place(p, startOf(p), padded)
		a, b := f.batch("a", padded, 33, repeat(NewDense(33, 33), p.X.Rows)), f.matrix("b", padded, NewDense(p.X.Rows, 33))
		info := elements(f, "info", padded, make([]int32, p.X.Rows))
		f.ok(f.stream.NormalEquations(a.Batch, b.Matrix, &d.Problem))
		f.ok(f.stream.SolveSPD(a.Batch, b.Matrix, info.Buffer))
		f.ok(f.stream.HalfStep(&d.Problem))
		a.read(f)
		compareInts(f.t, f.what+": info", 0, d.info.read(f), info.read(f))
		want := DenseOf(p.X.Rows, 33, b.read(f))
		compareRows(f.t, fmt.Sprintf("%s: %v: x ", f.what, convention), d.x.read(f), want, solverTolerance)
	}
}

// testDuplicateEntries has a row that rates one column three times.
func testDuplicateEntries(f *fixture) {
	for _, solver := range solvers(4) {
		p := f.problem(problemCase{convention: kernels.Implicit, solver: solver, rank: 4, bias: true, exponent: 1, lengths: []int{3, 5, 2}, cols: 20})
		for e := range int64(3) {
			p.R.Columns[e] = 7
		}
		solveAndCompare(f, p, padded)
	}
}

// testCounts tells λ, λ·n, λ·n⁺ and λ(n+w₀N)^ν apart where they differ most: one
// unknown, many ratings of which few are positive.
func testCounts(f *fixture) {
	for _, convention := range conventions {
		for _, exponent := range []float32{0, 0.5, 1} {
			for _, solver := range solvers(2) {
				p := f.problem(problemCase{
					convention: convention, solver: solver, rank: 2, bias: true, offset: true, exponent: exponent,
					lengths: []int{100, 50, 1}, cols: 100,
				})
				for i := range p.R.Values {
					p.R.Values[i] = float32(-1 - i%2)
					if i%10 == 0 {
						p.R.Values[i] = 2
					}
				}
				p.Objective.Lambda, p.Objective.BiasLambda = 3, 5
				solveAndCompare(f, p, padded)
			}
		}
	}
}
