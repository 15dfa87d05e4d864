package cuda

import (
	"fmt"
	"math"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
	"github.com/stretchr/testify/require"
)

// TestProductsWithoutBLAS multiplies whole numbers, so that results are exact, on a
// device that is held to too little memory for cuBLAS.
func TestProductsWithoutBLAS(t *testing.T) {
	b := newRig(t, kernels.Options{MemoryLimit: blasLimit - 1})
	require.Contains(t, b.dev.Info().Path, "no cuBLAS", "the case itself")
	shape := func(transposed kernels.Trans, rows, cols int) kernelstest.Dense {
		if transposed {
			rows, cols = cols, rows
		}
		return b.whole(rows, cols)
	}
	large := 128*b.processors() - 61 // rows that make large tiles
	for _, s := range [][3]int{
		{1, 1, 1}, {65, 63, 17}, {64, 128, 16}, {130, 5, 33}, {3, 200, 1}, {4, 4, 0}, {large, 65, 19}, {large, 132, 8},
	} {
		for n := range 4 {
			tA, tB := kernels.Trans(n&1 != 0), kernels.Trans(n&2 != 0)
			t.Run(fmt.Sprint(s, tA, tB), func(t *testing.T) {
				ha, hb, hc := shape(tA, s[0], s[2]), shape(tB, s[2], s[1]), b.whole(s[0], s[1])
				beta := float64(n % 2)
				old := hc.Clone()
				if beta == 0 {
					for i := range old.Data {
						old.Data[i] = math.NaN()
					}
				}
				c := b.upload(old)
				require.NoError(t, b.stream.Gemm(tA, tB, 2, b.upload(ha), b.upload(hb), float32(beta), c))
				kernelstest.Gemm(tA, tB, 2, ha, hb, beta, hc)
				require.Equal(t, hc.Float32(), b.download(c))
			})
		}
	}
	// More than one slice, and a last one that is shorter; one tile, and some that are
	// left out.
	for _, rank := range []int{35, 150} {
		y := b.whole(2*sliceRows+77, rank)
		g := b.upload(kernelstest.NewDense(rank, rank))
		require.NoError(t, b.stream.Gram(g, b.upload(y)))
		require.Equal(t, kernelstest.Gram(y).Float32(), b.download(g))
	}
}

// TestTileOf: large tiles only where they fill the GPU and are not mostly empty.
func TestTileOf(t *testing.T) {
	c := func(rows, cols, count int) *product { return &product{c: dense{rows: rows, cols: cols}, count: count} }
	require.Equal(t, largeTile, tileOf(c(1280, 1280, 1), 100))
	require.Equal(t, smallTile, tileOf(c(1280, 1152, 1), 100))
	require.Equal(t, largeTile, tileOf(c(128, 128, 100), 100))
	require.Equal(t, smallTile, tileOf(c(64, 100_000, 1), 100))
	require.Equal(t, smallTile, tileOf(c(100_000, 64, 1), 100))
}
