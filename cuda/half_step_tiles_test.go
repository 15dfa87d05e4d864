package cuda

import (
	"fmt"
	"testing"

	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
	"github.com/stretchr/testify/require"
)

// TestHalfStepInParts solves rows that are cut into parts beside others, at each rank that
// kernels are compiled for and below it.
func TestHalfStepInParts(t *testing.T) {
	lib := emulator.Build(t)
	defer lib.SetOrder(emulator.Random, 1)
	conventions := []kernels.Convention{kernels.Explicit, kernels.Implicit, kernels.IALS, kernels.Confidence}
	orders := []emulator.Order{emulator.Forward, emulator.Reverse, emulator.Random}
	solvers := []kernels.Solver{
		{Method: kernels.Cholesky}, {Method: kernels.NonNegative}, {Method: kernels.CG, Steps: 3},
		{Method: kernels.Subspace, Steps: 2, Block: 5}, {Method: kernels.Subspace, Steps: 1, Block: mostBlock},
	}
	for n, shape := range tileShapes {
		for i := range 2 * len(solvers) {
			solver, below, n := solvers[i/2], i%2, n+i
			rank := shape.rank - 3*below
			objective := kernels.Objective{
				Convention: conventions[n%len(conventions)], Alpha: 1.5, W0: 0.25,
				Lambda: 1, Exponent: float32(n%2) / 2, Bias: below > 0, BiasLambda: 3,
			}
			order := orders[n%len(orders)]
			solver.Block = min(solver.Block, rank)
			t.Run(fmt.Sprintf("%v block %d %v rank %d %v", solver.Method, solver.Block, objective.Convention, rank, order), func(t *testing.T) {
				b := newRig(t, kernels.Options{})
				b.raw.partsLimit = (3 + 2*below) * shape.sumsBytes() // in two batches, or one
				most := shape.partLength()
				// Between 81 and 257 ratings are too many to be gathered at one rank or other.
				host, p := b.problemOf(objective, rank, []int{3, most, 0, most + 1, 2*most + 7, 40, 81, 257}, 2*most+10)
				s := newSchedule(host.R.Offsets, cut{whole: most, length: most})
				require.Equal(t, []int64{0, 3, 5}, s.firstPart, "the case itself")
				lib.SetOrder(order, 1)
				host.Solver, p.Solver = solver, solver
				b.requireSolved(host, p)
			})
		}
	}
}

// TestReducedPrecisionOfGiants: rows in parts are solved in full precision.
func TestReducedPrecisionOfGiants(t *testing.T) {
	for _, rank := range []int{40, 96} {
		b := newRig(t, kernels.Options{ReducedPrecision: true})
		host, p := b.problem(rank, []int{0, 2100, 4500}, 5000)
		b.requireSolved(host, p)
	}
}

// TestOverflow: a solution that is not finite is zeros, and so is all else of its row,
// whichever thread finds it.
func TestOverflow(t *testing.T) {
	lib := emulator.Build(t)
	defer lib.SetOrder(emulator.Random, 1)
	const rank = 7
	// A is 0.6125 times the unit matrix in the first unknown, and b there 2.55e38: divided
	// by the root of the one it is finite yet, and divided by A no more.
	y := kernelstest.NewDense(rank, rank)
	host := kernels.HostCSR{Rows: 1, Cols: rank, Offsets: []int64{0, rank}}
	for i := range rank {
		y.Set(i, i, 0.75)
		host.Columns, host.Values = append(host.Columns, int32(i)), append(host.Values, 1)
	}
	host.Values[0] = 3.4e38
	for _, order := range []emulator.Order{emulator.Forward, emulator.Reverse, emulator.Random} {
		for _, method := range []kernels.Method{kernels.Cholesky, kernels.NonNegative} {
			t.Run(fmt.Sprintf("%v %v", method, order), func(t *testing.T) {
				b := newRig(t, kernels.Options{})
				r, err := b.dev.NewCSR(host)
				require.NoError(t, err)
				defer func() { require.NoError(t, r.Free()) }()
				p := &kernels.Problem{
					X: b.upload(b.dense(1, rank, 1)), Y: b.upload(y), R: r, Info: ints(b, 1),
					Objective: kernels.Objective{Lambda: 0.05}, Solver: kernels.Solver{Method: method},
				}
				lib.SetOrder(order, 1)
				require.NoError(t, b.stream.HalfStep(p))
				require.Equal(t, make([]float32, rank), b.download(p.X))
				info := make([]int32, 1)
				require.NoError(t, kernels.Download(b.stream, info, p.Info))
				require.Equal(t, []int32{rank}, info)
			})
		}
	}
}
