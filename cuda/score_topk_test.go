package cuda

import (
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
	"github.com/stretchr/testify/require"
)

// TestScoreTopKInScratch selects so many that the lists do not fit shared memory: for
// few rows in ranges of the columns that are put together, for many with fewer blocks
// than there are groups of rows.
func TestScoreTopKInScratch(t *testing.T) {
	b := newRig(t, kernels.Options{})
	const k, columns = 400, 10_000
	y := kernelstest.NewDense(columns, 3)
	for i := range y.Data {
		y.Data[i] = float64(b.rng.IntN(19) - 9)
	}
	for i := range columns {
		y.Set(i, 0, float64(i)) // the first row's best are all in the last range
	}
	for _, rows := range []int{2, 20, 70} {
		x := kernelstest.NewDense(rows, 3)
		for i := range x.Data {
			x.Data[i] = float64(b.rng.IntN(19) - 9)
		}
		copy(x.Row(0), []float64{1, 0, 0})
		ids, top := ints(b, rows*k), b.upload(kernelstest.NewDense(rows, k))
		require.NoError(t, b.stream.ScoreTopK(ids, top, b.upload(x), b.upload(y), nil, kernels.Buffer[uint32]{}))
		wantIDs, want := kernelstest.ScoreTopK(k, x, y, nil, nil)
		got := make([]int32, rows*k)
		require.NoError(t, kernels.Download(b.stream, got, ids))
		require.Equal(t, wantIDs, got, "%d rows", rows)
		require.Equal(t, want.Float32(), b.download(top), "%d rows", rows)
	}
}
