package cuda

import (
	"fmt"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
	"github.com/stretchr/testify/require"
)

// TestHalfStepWide has rows of more and fewer ratings than panels, and giants, at ranks that
// fill their tiles or blocks and at others.
func TestHalfStepWide(t *testing.T) {
	biased := kernels.Objective{Lambda: 1, Bias: true, BiasLambda: 0.5}
	weighted := biased
	weighted.Convention, weighted.Alpha = kernels.Implicit, 0.5
	for _, c := range []struct {
		rank      int
		objective kernels.Objective
	}{
		{129, biased}, {160, kernels.Objective{Convention: kernels.IALS, W0: 0.1, Lambda: 1}}, {256, weighted},
		{300, weighted}, {384, biased},
	} {
		t.Run(fmt.Sprint(c.rank, " ", c.objective.Convention), func(t *testing.T) {
			b := newRig(t, kernels.Options{})
			length := wideShapes[0].partLength()
			lengths := []int{1, 7, 0, 8, 9, 15, 16, 17, 50, length + 1, 2*length + 3}
			host, p := b.problem(c.rank, lengths, 2*length+5)
			host.Objective, p.Objective, p.Gram = c.objective, c.objective, kernels.Matrix{}
			if c.objective.Bias {
				host.Y = columnsOf(host.Y, c.rank-1)
				host.Offset = b.dense(1, host.R.Cols, 1).Data
				p.Offset = b.upload(kernelstest.Dense{Rows: 1, Cols: host.R.Cols, Data: host.Offset}).Buf
				p.Y = b.upload(host.Y)
			}
			host.SetTerms()
			if c.objective.Convention.AllPairs() {
				p.Gram = b.upload(host.Gram)
			}
			if n := len(host.OffsetGram); n > 0 {
				p.OffsetGram = b.upload(kernelstest.Dense{Rows: 1, Cols: n, Data: host.OffsetGram}).Buf
			}
			info := kernelstest.HalfStep(host)
			require.NoError(t, b.stream.HalfStep(p))
			got := make([]int32, len(info))
			require.NoError(t, kernels.Download(b.stream, got, p.Info))
			require.Equal(t, info, got)
			requireRows(t, b.download(p.X), host.X)
		})
	}
}

// TestPivotsOfBlocks gives Implicit a Gram matrix that is not positive definite, in a pivot
// of each block, so that rows with few ratings fail and others do not.
func TestPivotsOfBlocks(t *testing.T) {
	const rank = 300
	for _, pivot := range []int{1, 128, 129, 256, 257, 300} {
		t.Run(fmt.Sprint(pivot), func(t *testing.T) {
			b := newRig(t, kernels.Options{})
			host, p := b.problem(rank, []int{1, 60, 0, 2, 50}, 60)
			host.Objective = kernels.Objective{Convention: kernels.Implicit, Alpha: 1}
			host.Gram = kernelstest.NewDense(rank, rank)
			for i := range rank {
				host.Gram.Set(i, i, 4)
			}
			host.Gram.Set(pivot-1, pivot-1, -8)
			for i := range host.Y.Rows {
				host.Y.Set(i, pivot-1, 1)
			}
			p.Objective, p.Gram, p.Y = host.Objective, b.upload(host.Gram), b.upload(host.Y)
			info := kernelstest.HalfStep(host)
			require.Equal(t, []int32{int32(pivot), 0, 0, int32(pivot), 0}, info, "the case itself")
			require.NoError(t, b.stream.HalfStep(p))
			got := make([]int32, len(info))
			require.NoError(t, kernels.Download(b.stream, got, p.Info))
			require.Equal(t, info, got)
			requireRows(t, b.download(p.X), host.X)
		})
	}
}

// columnsOf returns the first columns of a matrix.
func columnsOf(d kernelstest.Dense, cols int) kernelstest.Dense {
	part := kernelstest.NewDense(d.Rows, cols)
	for i := range d.Rows {
		copy(part.Row(i), d.Row(i)[:cols])
	}
	return part
}
