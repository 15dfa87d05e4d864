package workload

import (
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// rowTolerance bounds ‖x-x̂‖/‖x̂‖ of a row of results. It is above what float32 sums
// over some thousand terms and systems of the conditions of ALS are off by, and far
// below what a term too few makes.
const rowTolerance = 1e-3

// compareRows downloads the rows from lo on and holds them to those wanted.
func (w *Work) compareRows(got kernels.Matrix, lo int, want kernelstest.Dense) error {
	part := got.RowRange(lo, lo+want.Rows)
	values := make([]float32, want.Rows*want.Cols)
	if err := kernels.Download(w.stream, values, part.Buf.Slice(0, len(values))); err != nil {
		return err
	}
	for i := range want.Rows {
		if err := compare(values[i*want.Cols:(i+1)*want.Cols], want.Row(i)); err != nil {
			return fmt.Errorf("row %d: %w", lo+i, err)
		}
	}
	return nil
}

func compare[E float32 | float64](got []E, want []float64) error {
	norm, distance := 0.0, 0.0
	for i, v := range want {
		d := float64(got[i]) - v
		norm += v * v
		distance += d * d
	}
	if off := math.Sqrt(distance / norm); !(off <= rowTolerance) && distance != 0 {
		return fmt.Errorf("the result is off by %.2g of its length, more than %g", off, rowTolerance)
	}
	return nil
}
