package cpu_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// TestShortRows reads rows that a copy brings to lines of the cache, often enough for
// one, and rows that are there already. The results have the same bits.
func TestShortRows(t *testing.T) {
	const rows, columns = 400, 9
	t.Log("seed 3")
	rng := rand.New(rand.NewPCG(3, 3))
	d := open(t, kernels.Options{Threads: 2})
	s := stream(t, d)
	lengths := make([]int, rows)
	for i := range lengths {
		lengths[i] = columns
	}
	host := ratingsOf(rng, lengths, columns)
	r, err := d.NewCSR(host)
	require.NoError(t, err)
	for _, rank := range []int{1, 3, 7, 10, 15} {
		x := newMatrix(t, s, rows, rank)
		y := newMatrix(t, s, columns, rank)
		apart := newMatrix(t, s, columns, 16).ColumnRange(0, rank)
		require.NoError(t, kernels.Upload(s, x.Buf, normal(rng, rows*rank)))
		require.NoError(t, kernels.Upload(s, y.Buf, normal(rng, columns*rank)))
		require.NoError(t, s.CopyMatrix(apart, y))
		scores, err := kernels.AllocBuffer[float32](s, rows*columns)
		require.NoError(t, err)
		sums, err := kernels.AllocBuffer[float64](s, 2)
		require.NoError(t, err)
		both := func(y kernels.Matrix) ([]float32, []float64) {
			require.NoError(t, s.Predict(scores, r, x, y))
			require.NoError(t, s.Loss(sums, &kernels.Problem{X: x, Y: y, R: r}))
			return download(t, s, scores), download(t, s, sums)
		}
		gotScores, gotSums := both(y)
		wantScores, wantSums := both(apart)
		require.Equal(t, wantScores, gotScores, "rank %d", rank)
		require.Equal(t, wantSums, gotSums, "rank %d", rank)
	}
	require.NoError(t, r.Free())
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}
