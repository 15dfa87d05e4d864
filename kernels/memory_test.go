package kernels_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

func TestMatrixRanges(t *testing.T) {
	m := kernels.Matrix{Buf: kernels.Buffer[float32]{Off: 100, N: 47}, Rows: 5, Cols: 7, Stride: 10}
	rows := m.RowRange(1, 4)
	require.Equal(t, kernels.Matrix{Buf: kernels.Buffer[float32]{Off: 110, N: 27}, Rows: 3, Cols: 7, Stride: 10}, rows)
	columns := m.ColumnRange(2, 6)
	require.Equal(t, kernels.Matrix{Buf: kernels.Buffer[float32]{Off: 102, N: 44}, Rows: 5, Cols: 4, Stride: 10}, columns)
	corner := m.RowRange(4, 5).ColumnRange(6, 7)
	require.Equal(t, kernels.Matrix{Buf: kernels.Buffer[float32]{Off: 146, N: 1}, Rows: 1, Cols: 1, Stride: 10}, corner)
	require.Equal(t, m, m.RowRange(0, 5))
	require.Equal(t, m, m.ColumnRange(0, 7))

	require.False(t, m.Empty())
	for name, none := range map[string]kernels.Matrix{"rows": m.RowRange(5, 5), "columns": m.ColumnRange(3, 3)} {
		require.True(t, none.Empty(), name)
		require.Zero(t, none.Buf.N, name)
	}
}

func TestBatchAt(t *testing.T) {
	b := kernels.Batch{Buf: kernels.Buffer[float32]{Off: 10, N: 62}, Count: 3, N: 3, Stride: 5, Step: 20}
	require.Equal(t, kernels.Matrix{Buf: kernels.Buffer[float32]{Off: 50, N: 13}, Rows: 3, Cols: 3, Stride: 5}, b.At(2))
}

func TestShapesAsText(t *testing.T) {
	require.Equal(t, "4096×64", kernels.Matrix{Rows: 4096, Cols: 64, Stride: 64}.String())
	require.Equal(t, "4096×64 stride 72", kernels.Matrix{Rows: 4096, Cols: 64, Stride: 72}.String())
	require.Equal(t, "1×64", kernels.Matrix{Rows: 1, Cols: 64, Stride: 72}.String())
	require.Equal(t, "4096×(64×64)", kernels.Batch{Count: 4096, N: 64}.String())
	require.Equal(t, "NT", kernels.NoTrans.String()+kernels.Transpose.String())
}

func TestAllocShapes(t *testing.T) {
	s, _ := openStream(t, newFake())
	m, err := kernels.AllocMatrix(s, 3, 5)
	require.NoError(t, err)
	require.Equal(t, []int{3, 5, 5, 60}, []int{m.Rows, m.Cols, m.Stride, m.Buf.Mem.Bytes()})
	require.NoError(t, m.Free())
	b, err := kernels.AllocBatch(s, 2, 3)
	require.NoError(t, err)
	require.Equal(t, []int{2, 3, 3, 9, 72}, []int{b.Count, b.N, b.Stride, b.Step, b.Buf.Mem.Bytes()})
	require.NoError(t, b.Free())
	d, err := kernels.AllocBuffer[float64](s, 3)
	require.NoError(t, err)
	require.Equal(t, []int{3, 24}, []int{d.N, d.Mem.Bytes()})
	require.NoError(t, d.Free())

	for name, none := range map[string]func() error{
		"matrix of no columns": func() error {
			m, err := kernels.AllocMatrix(s, 3, 0)
			require.Equal(t, 1, m.Stride)
			_ = m.Free()
			return err
		},
		"batch of order 0": func() error { b, err := kernels.AllocBatch(s, 3, 0); _ = b.Free(); return err },
		"zero matrix":      kernels.Matrix{}.Free,
		"zero batch":       kernels.Batch{}.Free,
		"zero buffer":      kernels.Buffer[uint8]{}.Free,
	} {
		require.NoError(t, none(), name)
	}
}

func TestAllocRefusesWhatOverflows(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	for name, alloc := range map[string]func() error{
		"negative buffer": func() error { _, err := kernels.AllocBuffer[int32](s, -1); return err },
		"huge buffer":     func() error { _, err := kernels.AllocBuffer[float64](s, math.MaxInt/8+1); return err },
		"negative rows":   func() error { _, err := kernels.AllocMatrix(s, -1, 4); return err },
		"negative cols":   func() error { _, err := kernels.AllocMatrix(s, 4, -1); return err },
		"huge matrix": func() error {
			_, err := kernels.AllocMatrix(s, 1<<(strconv.IntSize/2), 1<<(strconv.IntSize/2))
			return err
		},
		"wide matrix":    func() error { _, err := kernels.AllocMatrix(s, 2, math.MaxInt/4); return err },
		"negative batch": func() error { _, err := kernels.AllocBatch(s, -1, 4); return err },
		"huge batch":     func() error { _, err := kernels.AllocBatch(s, 1<<22, 1<<22); return err },
	} {
		require.ErrorIs(t, alloc(), kernels.ErrArgument, name)
	}
	require.False(t, fake.called("Alloc"))
}

func TestUploadAndDownloadCompareLengths(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	b, err := kernels.AllocBuffer[float32](s, 3)
	require.NoError(t, err)
	require.NoError(t, kernels.Upload(s, b, []float32{1, 2, 3}))
	require.NoError(t, kernels.Download(s, make([]float32, 2), b.Slice(1, 3)))
	require.EqualError(t, kernels.Upload(s, b, []float32{1, 2}), "kernels: wrong argument dst: 3 elements, want 2 as in src")
	require.EqualError(t, kernels.Download(s, make([]float32, 4), b), "kernels: wrong argument src: 3 elements, want 4 as in dst")
	require.NoError(t, kernels.Upload(s, kernels.Buffer[float32]{}, nil), "nothing to nowhere")
	require.NoError(t, b.Free())
}
