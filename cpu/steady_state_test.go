package cpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// TestRepeatedCallsAllocateNothing covers the operations, through the checks.
func TestRepeatedCallsAllocateNothing(t *testing.T) {
	for _, threads := range []int{1, 3} {
		lengths := giantLengths()
		lengths[3] = 8200
		b := newBench(t, threads, lengths, 10_000)
		s := b.stream
		requireNoAllocs := func(name string, call func() error) {
			t.Helper()
			require.NoError(t, call(), name)
			allocs := testing.AllocsPerRun(3, func() {
				if err := call(); err != nil {
					t.Error(err)
				}
			})
			require.Zero(t, allocs, "%s with %d threads", name, threads)
		}
		for _, c := range solveCases() {
			p := b.problem(t, c)
			requireNoAllocs("HalfStep "+c.name, func() error { return s.HalfStep(p) })
			requireNoAllocs("Loss "+c.name, func() error { return s.Loss(b.sums, p) })
		}
		plain := b.problem(t, solveCases()[4])
		a, err := kernels.AllocBatch(s, b.host.Rows, benchRank)
		require.NoError(t, err)
		requireNoAllocs("NormalEquations", func() error { return s.NormalEquations(a, b.sparse, plain) })
		requireNoAllocs("SolveSPD", func() error { return s.SolveSPD(a, b.sparse, b.p.Info) })
		requireNoAllocs("Predict", func() error { return s.Predict(b.scores, b.r, b.p.X, plain.Y) })

		top := newMatrix(t, s, b.host.Rows, 20)
		ids, err := kernels.AllocBuffer[int32](s, b.host.Rows*20)
		require.NoError(t, err)
		allow := kernels.Buffer[uint32]{}
		requireNoAllocs("ScoreTopK", func() error { return s.ScoreTopK(ids, top, b.p.X, plain.Y, b.r, allow) })
		one := b.p.X.RowRange(0, 1)
		requireNoAllocs("ScoreTopK, one row", func() error {
			return s.ScoreTopK(ids.Slice(0, 20), top.RowRange(0, 1), one, plain.Y, nil, allow)
		})

		x, y, z := newMatrix(t, s, 700, 300), newMatrix(t, s, 700, 300), newMatrix(t, s, 700, 300)
		square := newMatrix(t, s, 300, 300)
		index, err := kernels.AllocBuffer[int32](s, 700)
		require.NoError(t, err)
		require.NoError(t, s.Zero(index.Mem, 0, 2800))
		columns, err := kernels.AllocBuffer[float32](s, 300)
		require.NoError(t, err)
		rows, err := kernels.AllocBuffer[float32](s, 700)
		require.NoError(t, err)
		requireNoAllocs("Gemm NN", func() error { return s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, x, square, 0, y) })
		requireNoAllocs("Gemm TN", func() error { return s.Gemm(kernels.Transpose, kernels.NoTrans, 1, x, y, 1, square) })
		requireNoAllocs("Gram", func() error { return s.Gram(square, x) })
		requireNoAllocs("SpMM", func() error { return s.SpMM(1, b.r, plain.Y, 0, b.sparse) })
		requireNoAllocs("GatherRows", func() error { return s.GatherRows(y, x, index) })
		requireNoAllocs("ScatterAddRows", func() error { return s.ScatterAddRows(y, x, index) })
		requireNoAllocs("Axpy", func() error { return s.Axpy(2, x, y) })
		requireNoAllocs("Scale", func() error { return s.Scale(1, x) })
		requireNoAllocs("Mul", func() error { return s.Mul(z, x, y) })
		requireNoAllocs("Fill", func() error { return s.Fill(z, 1) })
		requireNoAllocs("CopyMatrix", func() error { return s.CopyMatrix(z, x) })
		requireNoAllocs("ColumnSums", func() error { return s.ColumnSums(columns, x) })
		requireNoAllocs("RowNorms", func() error { return s.RowNorms(rows, x) })
	}
}
