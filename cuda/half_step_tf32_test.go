package cuda_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// TestReducedPrecision holds half-steps in TF32 to the reference for factors that are
// rounded beforehand, of which an unweighted row is the exact solution.
func TestReducedPrecision(t *testing.T) {
	lib := emulator.Build(t)
	for _, rank := range []int{33, 64, 65, 96, 100, 128} {
		for _, objective := range []kernels.Objective{
			{Lambda: 0.5, Exponent: 1},
			{Convention: kernels.IALS, W0: 0.1, Lambda: 2},
			{Convention: kernels.Implicit, Alpha: 2, Lambda: 5},
		} {
			dev := open(t, kernels.Options{ReducedPrecision: true})
			require.Contains(t, dev.Info().Path, "TF32")
			got, host := halfStep(t, dev, rank, objective)
			require.NoError(t, dev.Close())

			for i, v := range host.Y.Data {
				host.Y.Data[i] = roundTF32(v)
			}
			kernelstest.HalfStep(host)
			worst := 0.0
			for i := range host.X.Rows {
				worst = max(worst, difference(got[i*rank:(i+1)*rank], host.X.Row(i)))
			}
			t.Logf("%v, rank %d: off by %.2g", objective.Convention, rank, worst)
			// A weight is multiplied in before a second rounding, to 2⁻¹² of the factor.
			bound := 1e-5
			if objective.Convention == kernels.Implicit {
				bound = 5e-4
			}
			require.Less(t, worst, bound)
		}
	}
	lib.CheckReports(t)
}

// TestFullPrecisionIsTheDefault finds that the two differ.
func TestFullPrecisionIsTheDefault(t *testing.T) {
	emulator.Build(t)
	objective := kernels.Objective{Lambda: 0.5, Exponent: 1}
	full := open(t, kernels.Options{})
	want, _ := halfStep(t, full, 64, objective)
	require.NotContains(t, full.Info().Path, "TF32")
	require.NoError(t, full.Close())
	reduced := open(t, kernels.Options{ReducedPrecision: true})
	got, _ := halfStep(t, reduced, 64, objective)
	require.NoError(t, reduced.Close())
	exact := make([]float64, len(want))
	for i, v := range want {
		exact[i] = float64(v)
	}
	off := difference(got, exact)
	require.Greater(t, off, 1e-5)
	require.Less(t, off, 5e-3)
}

// halfStep solves some rows on a device, an empty one and one longer than a panel
// among them, and returns the result with the problem for the reference. All pairs
// have no Gram from rounded factors, so it is made of those that are uploaded.
func halfStep(t *testing.T, dev kernels.Device, rank int, objective kernels.Objective) ([]float32, *kernelstest.Problem) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(rank)))
	const columns = 150
	host := &kernelstest.Problem{Objective: objective, R: kernels.HostCSR{Rows: 5, Cols: columns, Offsets: []int64{0}}}
	for _, n := range []int{90, 0, 3, 41, 16} {
		for j := range n {
			host.R.Columns = append(host.R.Columns, int32(j*columns/n))
			host.R.Values = append(host.R.Values, float32(rng.IntN(5)))
		}
		host.R.Offsets = append(host.R.Offsets, int64(len(host.R.Columns)))
	}
	y := make([]float32, columns*rank)
	for i := range y {
		y[i] = float32(rng.NormFloat64() / math.Sqrt(float64(rank)))
	}
	host.Y = kernelstest.DenseOf(columns, rank, y)
	host.X = kernelstest.NewDense(host.R.Rows, rank)
	host.SetTerms()

	stream, err := dev.NewStream()
	require.NoError(t, err)
	p := &kernels.Problem{Objective: objective}
	p.R, err = dev.NewCSR(host.R)
	require.NoError(t, err)
	place := func(rows int, values []float32) kernels.Matrix {
		m, err := kernels.AllocMatrix(stream, rows, rank)
		require.NoError(t, err)
		require.NoError(t, kernels.Upload(stream, m.Buf, values))
		return m
	}
	p.Y = place(columns, y)
	p.X = place(host.R.Rows, make([]float32, host.R.Rows*rank))
	if objective.Convention.AllPairs() {
		p.Gram = place(rank, host.Gram.Float32())
	}
	p.Info, err = kernels.AllocBuffer[int32](stream, host.R.Rows)
	require.NoError(t, err)
	require.NoError(t, stream.HalfStep(p))
	got := make([]float32, host.R.Rows*rank)
	require.NoError(t, kernels.Download(stream, got, p.X.Buf))
	for _, free := range []func() error{p.X.Free, p.Y.Free, p.Gram.Free, p.Info.Free, p.R.Free, stream.Close} {
		require.NoError(t, free())
	}
	return got, host
}

// roundTF32 rounds to 11 significant bits, halves away from zero.
func roundTF32(v float64) float64 {
	return float64(math.Float32frombits((math.Float32bits(float32(v)) + 0x1000) &^ 0x1fff))
}

// difference is ‖x-x̂‖/‖x̂‖, 0 where both are zeros.
func difference(got []float32, want []float64) float64 {
	norm, distance := 0.0, 0.0
	for i, w := range want {
		norm += w * w
		distance += (float64(got[i]) - w) * (float64(got[i]) - w)
	}
	if distance == 0 {
		return 0
	}
	return math.Sqrt(distance / norm)
}
