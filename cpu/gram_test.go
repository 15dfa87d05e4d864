package cpu_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// TestGramWide has so many columns that pieces are used where there is AMX, in blocks of
// which the last is short; one of them may have a number that pieces do not represent, or
// consist of such. The bits are those of one thread.
func TestGramWide(t *testing.T) {
	const seed, rows, columns, stride = 7, 2048 + 300, 261, 270
	t.Logf("seed %d", seed)
	for name, change := range map[string]func(y []float32){
		"normal":   func([]float32) {},
		"NaN":      func(y []float32) { y[140*stride+30] = float32(math.NaN()) },
		"infinity": func(y []float32) { y[200*stride+260] = float32(math.Inf(1)) },
		"small": func(y []float32) {
			multiply(y, 0x1p-70)
			multiply(y[128*stride:], 0)
		},
		"small block": func(y []float32) { multiply(y[128*stride:256*stride], 0x1p-80) },
	} {
		rng := rand.New(rand.NewPCG(seed, seed))
		y := make([]float32, rows*stride)
		for i := range y {
			y[i] = float32(rng.NormFloat64())
		}
		change(y)
		var first []float32
		for _, threads := range []int{1, 3} {
			got := gramOnce(t, threads, y, rows, columns, stride)
			if first == nil {
				first = got
				requireGram(t, name, y, rows, columns, stride, got)
			}
			require.Equal(t, bitsOf(first), bitsOf(got), "%s: %d threads", name, threads)
		}
	}
}

func gramOnce(t *testing.T, threads int, y []float32, rows, columns, stride int) []float32 {
	t.Helper()
	d := open(t, kernels.Options{Threads: threads})
	s, err := d.NewStream()
	require.NoError(t, err)
	defer func() {
		require.NoError(t, s.Close())
		require.NoError(t, d.Close())
	}()
	m, err := kernels.AllocMatrix(s, rows, stride)
	require.NoError(t, err)
	require.NoError(t, kernels.Upload(s, m.Buf, y))
	g, err := kernels.AllocMatrix(s, columns, columns)
	require.NoError(t, err)
	require.NoError(t, s.Gram(g, m.ColumnRange(0, columns)))
	got := make([]float32, columns*columns)
	require.NoError(t, kernels.Download(s, got, g.Buf))
	require.NoError(t, m.Buf.Mem.Free())
	require.NoError(t, g.Buf.Mem.Free())
	return got
}

// requireGram compares with sums in float64, for some columns.
func requireGram(t *testing.T, name string, y []float32, rows, columns, stride int, got []float32) {
	t.Helper()
	var want, bound []float64
	var some []float32
	for i := 0; i < columns; i += 10 {
		for j := range columns {
			sum, size := products(y[i:], stride, y[j:], stride, rows)
			want, bound = append(want, sum), append(bound, 300*(size/(1<<24)+math.SmallestNonzeroFloat32))
			some = append(some, got[i*columns+j])
			require.Equal(t, math.Float32bits(got[i*columns+j]), math.Float32bits(got[j*columns+i]), "%s: symmetry", name)
		}
	}
	requireProduct(t, name, columns, some, want, bound)
}
