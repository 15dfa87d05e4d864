package cuda

import (
	"fmt"
	"testing"

	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// TestHalfStepInParts solves rows that are cut into parts beside others, at each rank that
// kernels are compiled for and below it.
func TestHalfStepInParts(t *testing.T) {
	lib := emulator.Build(t)
	defer lib.SetOrder(emulator.Random, 1)
	conventions := []kernels.Convention{kernels.Explicit, kernels.Implicit, kernels.IALS, kernels.Confidence}
	orders := []emulator.Order{emulator.Forward, emulator.Reverse, emulator.Random}
	methods := []kernels.Method{kernels.Cholesky, kernels.NonNegative}
	for n, shape := range tileShapes {
		for i := range 2 * len(methods) {
			method, below, n := methods[i/2], i%2, n+i
			rank := shape.rank - 3*below
			objective := kernels.Objective{
				Convention: conventions[n%len(conventions)], Alpha: 1.5, W0: 0.25,
				Lambda: 1, Exponent: float32(n%2) / 2, Bias: below > 0, BiasLambda: 3,
			}
			order := orders[n%len(orders)]
			t.Run(fmt.Sprintf("%v %v rank %d %v", method, objective.Convention, rank, order), func(t *testing.T) {
				b := newRig(t, kernels.Options{})
				b.raw.partsLimit = (3 + 2*below) * shape.sumsBytes() // in two batches, or one
				most := shape.partLength()
				host, p := b.problemOf(objective, rank, []int{3, most, 0, most + 1, 2*most + 7, 40}, 2*most+10)
				s := newSchedule(host.R.Offsets, cut{length: most})
				require.Equal(t, []int64{0, 2, 5}, s.firstPart, "the case itself")
				lib.SetOrder(order, 1)
				host.Solver.Method, p.Solver.Method = method, method
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
