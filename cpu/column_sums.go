package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// sumSlices is how many slices of rows a sum over the rows of a matrix has
	// at most, and sliceRows how many rows a slice has at least.
	sumSlices = 64
	sliceRows = 1024

	// sumElements bounds the partial sums of all slices together.
	sumElements = 1 << 20
)

// slicesOf cuts the rows of a matrix into slices whose sums, of so many elements
// each, are held at the same time.
func slicesOf(rows, size int) chunks {
	most := min(sumSlices, max(sumElements/max(size, 1), 1))
	return chunks{rows, max((rows+most-1)/most, sliceRows)}
}

// columnSums has a task for each slice of rows, which it sums in float64.
type columnSums struct {
	noScratch
	chunks
	a    matrix
	sums []float64 // slices×columns
}

func (s *stream) ColumnSums(dst kernels.Buffer[float32], a kernels.Matrix) error {
	sums := slice(dst)
	clear(sums)
	if a.Empty() {
		return nil
	}
	c := &s.columnSums
	defer func() { *c = columnSums{} }()
	*c = columnSums{a: view(a), chunks: slicesOf(a.Rows, a.Cols)}

	var measure arena
	carve[float64](&measure, c.count()*a.Cols)
	if err := s.shared.reserve(&s.dev.ledger, measure.used); err != nil {
		return err
	}
	c.sums = carve[float64](&s.shared, c.count()*a.Cols)
	if err := s.run(c, c.count(), float64(a.Rows)*float64(a.Cols)); err != nil {
		return err
	}
	total := c.sums[:a.Cols]
	for i := 1; i < c.count(); i++ {
		for j, v := range c.sums[i*a.Cols : (i+1)*a.Cols] {
			total[j] += v
		}
	}
	for j, v := range total {
		sums[j] = float32(v)
	}
	return nil
}

func (c *columnSums) task(_, i int) {
	sums := c.sums[i*c.a.cols : (i+1)*c.a.cols]
	clear(sums)
	lo, hi := c.at(i)
	simd.AddColumns(sums, c.a.data[lo*c.a.stride:], c.a.stride, hi-lo)
}
