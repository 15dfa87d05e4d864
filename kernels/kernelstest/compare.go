package kernelstest

import (
	"fmt"
	"math"
	"testing"
)

// solverTolerance bounds ‖x-x̂‖/‖x̂‖ of every row that a solver finds, where the
// condition number of its system is below maxCondition.
const (
	solverTolerance = 1e-4
	maxCondition    = 1e4
)

// compare checks every element of got against want. Element i may differ by
// bound[i]; with no bounds it must be want rounded to its type. NaN equals NaN. It
// reports the first difference and how many there are.
func compare[E float32 | float64](t testing.TB, what string, cols int, got []E, want, bound []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	first, differ := -1, 0
	for i, g := range got {
		if !matches(g, want[i], bound, i) {
			differ++
			if first < 0 {
				first = i
			}
		}
	}
	if differ > 0 {
		b := 0.0
		if bound != nil {
			b = bound[first]
		}
		mismatch(t, what, at(first, cols), got[first], want[first], b)
		t.Logf("%s: %d of %d elements differ", what, differ, len(got))
	}
}

func matches[E float32 | float64](got E, want float64, bound []float64, i int) bool {
	switch {
	case math.IsNaN(want):
		return math.IsNaN(float64(got))
	case bound == nil || math.IsInf(want, 0):
		return got == E(want)
	}
	return math.Abs(float64(got)-want) <= bound[i]
}

// compareRows checks every row of got by ‖x-x̂‖/‖x̂‖ ≤ tolerance. A row of zeros
// must be exact.
func compareRows(t testing.TB, what string, got []float32, want Dense, tolerance float64) {
	t.Helper()
	for i := range want.Rows {
		norm, distance, worst := 0.0, 0.0, 0
		for j, w := range want.Row(i) {
			d := float64(got[i*want.Cols+j]) - w
			norm += w * w
			distance += d * d
			worstSoFar := float64(got[i*want.Cols+worst]) - want.At(i, worst)
			if math.Abs(d) > math.Abs(worstSoFar) || math.IsNaN(d) {
				worst = j
			}
		}
		bound := tolerance * math.Sqrt(norm)
		if !(math.Sqrt(distance) <= bound) {
			j := i*want.Cols + worst
			mismatch(t, what, fmt.Sprintf("row %d (%d unknowns, off by %.3g·‖x‖) %s", i, want.Cols,
				math.Sqrt(distance/norm), at(j, want.Cols)), got[j], want.At(i, worst), bound)
			return
		}
	}
}

// compareInts checks integers, such as ids or Problem.Info.
func compareInts(t testing.TB, what string, cols int, got, want []int32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			mismatch(t, what, at(i, cols), got[i], want[i], 0)
			return
		}
	}
}

// mismatch is how every difference between numbers is reported.
func mismatch(t testing.TB, what, index string, got, want, bound any) {
	t.Helper()
	t.Errorf("%s%s: got %v, want %v ± %.3g", what, index, got, want, bound)
}

// at names element i of something with the given number of columns.
func at(i, cols int) string {
	if cols == 0 {
		return fmt.Sprintf("[%d]", i)
	}
	return fmt.Sprintf("[%d,%d]", i/cols, i%cols)
}

// sumBounds turns sums of absolute values into the bounds that float32 sums of so
// many terms keep: the rounding of each term and of each addition.
func sumBounds(terms int, sums []float64) []float64 {
	bounds := make([]float64, len(sums))
	for i, s := range sums {
		bounds[i] = eps32 * float64(terms+2) * s
	}
	return bounds
}
