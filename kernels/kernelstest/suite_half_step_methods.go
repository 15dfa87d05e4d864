package kernelstest

import (
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// testActiveSets has problems whose solutions are zero in some unknowns and
// positive in others.
func testActiveSets(f *fixture) {
	for _, rank := range []int{2, 10, 33, 64} {
		p := f.problem(problemCase{
			solver: kernels.Solver{Method: kernels.NonNegative}, rank: rank, lengths: []int{1, 5, 40, 129, 200, 200, 200, 200}, cols: 260,
		})
		x := solveAndCompare(f, p, padded).X
		zeros := 0
		for _, v := range x.Data {
			require.GreaterOrEqual(f.t, v, 0.0, "%s: the case itself", f.what)
			if v == 0 {
				zeros++
			}
		}
		require.Greater(f.t, zeros, len(x.Data)/8, "%s: the case itself: zeros among %d unknowns", f.what, len(x.Data))
		require.Less(f.t, zeros, len(x.Data)*7/8, "%s: the case itself: zeros among %d unknowns", f.what, len(x.Data))
	}
}

// testFreeBias has ratings below the offsets, which only a negative bias fits.
func testFreeBias(f *fixture) {
	p := f.problem(problemCase{
		solver: kernels.Solver{Method: kernels.NonNegative}, rank: 7, bias: true, offset: true, lengths: []int{1, 9, 40}, cols: 60,
	})
	for i := range p.Offset {
		p.Offset[i] = 8
	}
	x := solveAndCompare(f, p, padded).X
	for i := range x.Rows {
		require.Negative(f.t, x.At(i, 6), "%s: the case itself: the bias of row %d", f.what, i)
	}
}

// testWarmStart gives CG a start so far away that one step shows where it began.
func testWarmStart(f *fixture) {
	for _, method := range []kernels.Solver{{Method: kernels.CG, Steps: 1}, {Method: kernels.Subspace, Steps: 1, Block: 3}} {
		p := f.problem(problemCase{solver: method, rank: 16, lengths: mixedLengths, cols: 260})
		Scale(100, p.X)
		solveAndCompare(f, p, padded)
	}
}

// testCGStops starts CG at the solution, and lets it run longer than there are
// unknowns. A residual of zero must not become 0/0.
func testCGStops(f *fixture) {
	// Every number is a power of two or zero: the start is the exact solution.
	p := &Problem{
		Objective: kernels.Objective{Lambda: 0.5}, Solver: kernels.Solver{Method: kernels.CG, Steps: 40},
		Y: DenseOf(2, 2, []float32{1, 0, 0, 1}), X: DenseOf(2, 2, []float32{2, 4, 0, 0}),
		R: kernels.HostCSR{Rows: 2, Cols: 2, Offsets: []int64{0, 2, 4}, Columns: []int32{0, 1, 0, 1}, Values: []float32{3, 6, 3, 6}},
	}
	x := solveAndCompare(f, p, padded).X
	require.Equal(f.t, []float64{2, 4, 2, 4}, x.Data, "%s: the case itself", f.what)

	long := f.problem(problemCase{solver: p.Solver, rank: 7, lengths: mixedLengths, cols: 260})
	solveAndCompare(f, long, padded)
}

// testCGZero gives CG rows whose ratings are all negative, far from their solution,
// which is zero, and more steps than rounding bears.
func testCGZero(f *fixture) {
	p := &Problem{
		Objective: kernels.Objective{Convention: kernels.Implicit, Alpha: 1, Lambda: 0.5},
		Solver:    kernels.Solver{Method: kernels.CG, Steps: 200},
		Y:         DenseOf(2, 3, []float32{1, 0.3, -2, 0.7, 5, 1}), X: DenseOf(1, 3, []float32{100, -3, 7}),
		R: kernels.HostCSR{Rows: 1, Cols: 2, Offsets: []int64{0, 2}, Columns: []int32{0, 1}, Values: []float32{-1, -3}},
	}
	p.SetTerms()
	d := f.place(p, p.X, padded)
	f.ok(f.stream.HalfStep(&d.Problem))
	compareInts(f.t, f.what+": info", 0, d.info.read(f), []int32{0})
	compareRows(f.t, f.what+": x ", d.x.read(f), NewDense(1, 3), 0)
}

// testNoCurvature gives CG systems that are not positive definite, by their Gram
// matrix: with y = (1, 1), r = 1 and α = 1, A is Gram + yyᵀ and b is 2y.
func testNoCurvature(f *fixture) {
	for _, c := range []struct {
		name string
		gram []float32
		step int32
	}{
		{"negative at once", []float32{-5, 0, 0, 0}, 1}, // bᵀAb = -4
		{"zero at once", []float32{-4, 0, 0, 0}, 1},     // bᵀAb = 0
		{"second step", []float32{2, 0, 0, -2}, 2},      // pᵀAp = 16, and then p = (0, 4) with -16
		{"NaN", []float32{1, float32(math.NaN()), 0, 1}, 1},
	} {
		p := &Problem{
			Objective: kernels.Objective{Convention: kernels.Implicit, Alpha: 1}, Solver: kernels.Solver{Method: kernels.CG, Steps: 5},
			Y: DenseOf(1, 2, []float32{1, 1}), X: NewDense(2, 2), Gram: DenseOf(2, 2, c.gram),
			R: kernels.HostCSR{Rows: 2, Cols: 1, Offsets: []int64{0, 1, 1}, Columns: []int32{0}, Values: []float32{1}},
		}
		d := f.place(p, p.X, padded)
		f.ok(f.stream.HalfStep(&d.Problem))
		compareInts(f.t, f.what+": "+c.name+": info", 0, d.info.read(f), []int32{c.step, 0})
		compareRows(f.t, f.what+": "+c.name+": x ", d.x.read(f), NewDense(2, 2), 0)
	}
}
