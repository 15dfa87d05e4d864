package als_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// reference is ALS in float64, one side at a time.
type reference struct {
	t    *testing.T
	cfg  als.Config
	mean float64
}

// halfStep returns the rows of one side from those of the other, whose last
// column is the bias if there are biases. It requires that the systems are far
// from singular, so that the comparison with float32 says something.
func (r reference) halfStep(side als.Side, ratings kernels.HostCSR, start, fixed kernelstest.Dense) kernelstest.Dense {
	rank := r.cfg.Rank
	p := &kernelstest.Problem{
		X:         start,
		Y:         kernelstest.NewDense(fixed.Rows, rank),
		R:         ratings,
		Objective: r.cfg.Objective(side),
		Solver:    r.cfg.KernelSolver(),
	}
	for i := range fixed.Rows {
		copy(p.Y.Row(i), fixed.Row(i)[:rank])
		if r.cfg.Biases {
			p.Offset = append(p.Offset, r.mean+fixed.At(i, rank))
		}
	}
	p.SetTerms()
	a, _ := kernelstest.NormalEquations(p)
	for i := range a {
		require.Less(r.t, kernelstest.Condition(a[i]), 1e4, "row %d", i)
	}
	for i, info := range kernelstest.HalfStep(p) {
		require.Zero(r.t, info, "row %d", i)
	}
	return p.X
}

// TestIterationEqualsReference compares every convention and solver, with and
// without biases, with the float64 reference after one iteration from the same
// start.
func TestIterationEqualsReference(t *testing.T) {
	ratings := lowRank(t, 41, 120, 90, 2500)
	dev := open(t, kernels.Options{})
	worst := 0.0
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			cfg.Iterations, cfg.Rank, cfg.Lambda = 1, 10, 0.2
			factors, mean := cfg.Start(ratings)
			ref := reference{t: t, cfg: cfg, mean: mean}
			items := kernelstest.DenseOf(ratings.Items(), cfg.Width(), factors)
			users := ref.halfStep(als.Users, ratings.ByUser(), kernelstest.NewDense(ratings.Users(), cfg.Width()), items)
			items = ref.halfStep(als.Items, ratings.ByItem(), items, users)

			model, err := als.Train(t.Context(), dev, ratings, cfg)
			require.NoError(t, err)
			for u := range model.Users() {
				worst = max(worst, requireRow(t, "user", u, users.Row(u), model.UserFactors(u), model.UserBias(u)))
			}
			for i := range model.Items() {
				worst = max(worst, requireRow(t, "item", i, items.Row(i), model.ItemFactors(i), model.ItemBias(i)))
			}
		})
	}
	t.Logf("largest relative distance of a row: %.2g", worst)
}

// requireRow compares a row by ‖x-x̂‖/‖x̂‖, which it returns.
func requireRow(t *testing.T, side string, row int, want []float64, factors []float32, bias float32) float64 {
	t.Helper()
	const bound = 1e-4
	got := make([]float64, 0, len(factors)+1)
	for _, f := range factors {
		got = append(got, float64(f))
	}
	if len(want) > len(got) {
		got = append(got, float64(bias))
	}
	distance, length := 0.0, 0.0
	for k := range want {
		distance += (got[k] - want[k]) * (got[k] - want[k])
		length += want[k] * want[k]
	}
	distance, length = math.Sqrt(distance), math.Sqrt(length)
	require.LessOrEqual(t, distance, bound*length, "%s %d: got %v, want %v", side, row, got, want)
	if length == 0 {
		return 0
	}
	return distance / length
}

// TestChunksDoNotChangeTheModel trains in chunks of a row or two and whole.
func TestChunksDoNotChangeTheModel(t *testing.T) {
	ratings := lowRank(t, 42, 120, 90, 2500)
	dev := open(t, kernels.Options{})
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			whole, err := als.Train(t.Context(), dev, ratings, cfg, als.WithLoss())
			require.NoError(t, err)
			chunks, err := als.Train(t.Context(), dev, ratings, cfg, als.WithLoss(), als.WithChunkOps(1500))
			require.NoError(t, err)
			require.Equal(t, whole, chunks)
		})
	}
}
