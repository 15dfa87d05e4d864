package kernelstest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// referenceProblems are problems of every convention, with and without a bias.
func referenceProblems(t *testing.T, each func(t *testing.T, p *Problem)) {
	t.Logf("seed %d", seed)
	for _, convention := range conventions {
		for _, exponent := range []float32{0, 1, 0.5} {
			for _, bias := range []bool{false, true} {
				f := &fixture{rng: rand.New(rand.NewPCG(seed, 1))}
				p := f.problem(problemCase{
					convention: convention, rank: 5, bias: bias, offset: bias, exponent: exponent, lengths: []int{1, 4, 0, 20, 30}, cols: 40,
				})
				p.SetTerms() // not rounded, as a device gets them
				t.Run(fmt.Sprintf("%v exponent %v bias %v", convention, exponent, bias), func(t *testing.T) { each(t, p) })
			}
		}
	}
}

// objective is what row i minimizes, written as the weighted squared error over
// all pairs that the convention is known for, and not as in Problem.
func objective(p *Problem, i int, x []float64) float64 {
	o, y := p.Objective, p.fixed()
	ratings := map[int32]float64{}
	n := 0.0
	for e, c := range rowColumns(p.R, i) {
		r := float64(rowValues(p.R, i)[e])
		ratings[c] = r
		if r > 0 || o.Convention == kernels.Explicit || o.Convention == kernels.IALS {
			n++
		}
	}
	sum := 0.0
	for c := range y.Rows {
		r, stored := ratings[int32(c)]
		s := dot(x, y.Row(c)) + p.offset(int32(c))
		preference := 0.0
		if r > 0 {
			preference = 1
		}
		confidence := 1.0
		switch {
		case o.Convention == kernels.Explicit && stored:
			sum += (r - s) * (r - s)
		case o.Convention == kernels.IALS:
			sum += float64(o.W0) * s * s
			if stored {
				sum += (r - s) * (r - s)
			}
		case o.Convention == kernels.Implicit || o.Convention == kernels.Confidence:
			if stored && o.Convention == kernels.Implicit {
				confidence += float64(o.Alpha) * math.Abs(r)
			} else if stored {
				confidence = math.Abs(r)
			}
			sum += confidence * (preference - s) * (preference - s)
		}
	}
	if o.Convention == kernels.IALS {
		n += float64(o.W0) * float64(p.R.Cols)
	}
	for j, v := range x {
		lambda := float64(o.Lambda)
		if o.Bias && j == len(x)-1 {
			lambda = float64(o.BiasLambda)
		}
		sum += lambda * math.Pow(n, float64(o.Exponent)) * v * v
	}
	return sum
}

func TestHalfStepMinimizesTheObjective(t *testing.T) {
	referenceProblems(t, func(t *testing.T, p *Problem) {
		for i, info := range HalfStep(p) {
			require.Zero(t, info)
			x := p.X.Row(i)
			if len(rowValues(p.R, i)) == 0 {
				require.Equal(t, make([]float64, len(x)), x)
				continue
			}
			// The objective is quadratic, so that central differences are exact.
			for j := range x {
				const h = 1e-3
				at := x[j]
				x[j] = at + h
				up := objective(p, i, x)
				x[j] = at - h
				down := objective(p, i, x)
				x[j] = at
				require.InDelta(t, 0, (up-down)/(2*h), 1e-9*objective(p, i, x)/h, "row %d: derivative by unknown %d", i, j)
			}
		}
	})
}

func TestNonNegativeMeetsTheConditions(t *testing.T) {
	referenceProblems(t, func(t *testing.T, p *Problem) {
		p.Solver.Method = kernels.NonNegative
		a, b := NormalEquations(p)
		for i, info := range HalfStep(p) {
			require.Zero(t, info)
			x := p.X.Row(i)
			for j, r := range residual(a[i], b.Row(i), x) {
				free := p.Objective.Bias && j == len(x)-1
				if !free {
					require.GreaterOrEqual(t, x[j], 0.0, "row %d unknown %d", i, j)
					require.LessOrEqual(t, r, 1e-9, "row %d: the gradient would have unknown %d grow", i, j)
				}
				if free || x[j] > 0 {
					require.InDelta(t, 0, r, 1e-9, "row %d: gradient of unknown %d", i, j)
				}
			}
		}
	})
}

// TestSolversAgree: conjugate gradients over as many steps as unknowns, and many
// sweeps over blocks, end where Cholesky does.
func TestSolversAgree(t *testing.T) {
	referenceProblems(t, func(t *testing.T, p *Problem) {
		start := p.X.Clone()
		HalfStep(p)
		want := p.X.Clone()
		for _, solver := range []kernels.Solver{
			{Method: kernels.CG, Steps: 5}, {Method: kernels.Subspace, Steps: 300, Block: 2}, {Method: kernels.Subspace, Steps: 1, Block: 5},
		} {
			p.Solver, p.X = solver, start.Clone()
			HalfStep(p)
			compareRows(t, fmt.Sprintf("%v %d: ", solver.Method, solver.Steps), p.X.Float32(), want, 1e-5)
		}
	})
}

// TestLossCompletesTheObjective: out[1] and the sum over all pairs are the
// objective without its regularization.
func TestLossCompletesTheObjective(t *testing.T) {
	referenceProblems(t, func(t *testing.T, p *Problem) {
		p.R = rowsOf(p.R, 3, 5)
		p.X = Dense{Rows: 2, Cols: 5, Data: p.X.Data[15:25]}
		p.Objective.Lambda, p.Objective.BiasLambda = 0, 0
		want, all := 0.0, 0.0
		for i := range p.X.Rows {
			want += objective(p, i, p.X.Row(i))
			for c := range p.Y.Rows {
				s := dot(p.X.Row(i), p.fixed().Row(c)) + p.offset(int32(c))
				all += s * s
			}
		}
		require.InEpsilon(t, want, Loss(p)[1]+allPairs(p.Objective)*all, 1e-12)
	})
}

func TestConditionOfDiagonals(t *testing.T) {
	a := NewDense(3, 3)
	for i, v := range []float64{2, 8, 0.5} {
		a.Set(i, i, v)
	}
	require.InDelta(t, 16, Condition(a), 1e-12)
	a.Set(1, 1, -8)
	require.True(t, math.IsInf(Condition(a), 1))
}
