package cuda

import (
	"testing"

	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
	"github.com/stretchr/testify/require"
)

// TestScoreTopKShares divides the work in every way: few rows in blocks and in ranges of
// the columns that are put together, and more rows than the blocks take at once.
func TestScoreTopKShares(t *testing.T) {
	b := newRig(t, kernels.Options{})
	for _, c := range []struct{ k, rows, columns int }{
		{1, 1, 10_000},
		{fewBest, fewRows, 10_001},
		{fewBest, fewRows, fewColumns},
		{fewBest + 1, fewRows, 10_001},
		{400, 2, 10_000},
		{400, 70, 10_000},
		{10, topRows*blocksPerProcessor*b.processors() + 5, 150},
	} {
		x, y := kernelstest.NewDense(c.rows, 3), kernelstest.NewDense(c.columns, 3)
		for i := range y.Data {
			y.Data[i] = float64(b.rng.IntN(19) - 9)
		}
		for i := range c.columns {
			y.Set(i, 0, float64(i)) // the first row's best are all in the last range
		}
		for i := range x.Data {
			x.Data[i] = float64(b.rng.IntN(19) - 9)
		}
		copy(x.Row(0), []float64{1, 0, 0})
		ids, top := ints(b, c.rows*c.k), b.upload(kernelstest.NewDense(c.rows, c.k))
		require.NoError(t, b.stream.ScoreTopK(ids, top, b.upload(x), b.upload(y), nil, kernels.Buffer[uint32]{}))
		wantIDs, want := kernelstest.ScoreTopK(c.k, x, y, nil, nil)
		got := make([]int32, c.rows*c.k)
		require.NoError(t, kernels.Download(b.stream, got, ids))
		require.Equal(t, wantIDs, got, "%v", c)
		require.Equal(t, want.Float32(), b.download(top), "%v", c)
	}
}

// TestSeenOfFewRows has seen columns on both sides of where a block of columns begins, and
// the best column of all last in its block: next to the first of the row after it.
func TestSeenOfFewRows(t *testing.T) {
	lib := emulator.Build(t)
	defer lib.SetOrder(emulator.Random, 1)
	const k, columns = 3, 2*fewColumns + 50
	seen := []int32{5, fewColumns - 2, fewColumns - 1, fewColumns, columns - 1}
	host := kernels.HostCSR{Rows: fewRows, Cols: columns, Offsets: []int64{0}}
	x, y := kernelstest.NewDense(fewRows, 1), kernelstest.NewDense(columns, 1)
	for row := range fewRows {
		x.Set(row, 0, 1)
		host.Columns = append(host.Columns, seen...)
		host.Offsets = append(host.Offsets, int64(len(host.Columns)))
	}
	for i := range columns {
		y.Set(i, 0, float64(i))
	}
	y.Set(2*fewColumns-1, 0, columns)
	for _, order := range []emulator.Order{emulator.Forward, emulator.Reverse, emulator.Random} {
		lib.SetOrder(order, 1)
		b := newRig(t, kernels.Options{})
		r, err := b.dev.NewCSR(host)
		require.NoError(t, err)
		ids, top := ints(b, fewRows*k), b.upload(kernelstest.NewDense(fewRows, k))
		require.NoError(t, b.stream.ScoreTopK(ids, top, b.upload(x), b.upload(y), r, kernels.Buffer[uint32]{}))
		wantIDs, want := kernelstest.ScoreTopK(k, x, y, &host, nil)
		got := make([]int32, fewRows*k)
		require.NoError(t, kernels.Download(b.stream, got, ids))
		require.Equal(t, wantIDs, got, "%v", order)
		require.Equal(t, want.Float32(), b.download(top), "%v", order)
		require.NoError(t, r.Free())
	}
}
