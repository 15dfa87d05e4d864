package als

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// TestSortRows sorts rows of all lengths up to several digits' worth, of columns that few
// and many bits tell apart, with and without columns that come twice.
func TestSortRows(t *testing.T) {
	type entry struct {
		row, column int32
		value       float32
	}
	const seed = 11
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, cols := range []int{1, 2, 300, 62_000, 1<<31 - 1} {
		for _, distinct := range []bool{false, true} {
			m := emptyCSR(0, cols)
			var want []entry
			repeated := false
			for _, n := range []int{0, 1, 2, 23, 24, 25, 26, 64, 200, 0, 5000} {
				taken := map[int32]bool{}
				start := len(want)
				for range n {
					column := int32(random.IntN(cols))
					if taken[column] && distinct {
						continue
					}
					repeated = repeated || taken[column]
					taken[column] = true
					m.Columns, m.Values = append(m.Columns, column), append(m.Values, random.Float32()-0.5)
					want = append(want, entry{int32(m.Rows), column, m.Values[len(want)]})
				}
				slices.SortStableFunc(want[start:], func(a, b entry) int { return cmp.Compare(a.column, b.column) })
				m.Offsets = append(m.Offsets, int64(len(want)))
				m.Rows++
			}
			got, err := sortRows(t.Context(), m)
			require.NoError(t, err)
			require.Equal(t, repeated, got, "%d columns", cols)
			for i, e := range want {
				require.Equal(t, e.column, m.Columns[i], "row %d of %d columns", e.row, cols)
				require.Equal(t, e.value, m.Values[i], "row %d of %d columns", e.row, cols)
			}
		}
	}
}

// TestRowParts cuts matrices where they have enough ratings and where they have enough
// rows, empty ones included.
func TestRowParts(t *testing.T) {
	m := kernels.HostCSR{Rows: 10, Cols: 1, Offsets: []int64{0, 0, 0, 0, 1, blockLen + 1, blockLen + 1, 2 * blockLen, 2 * blockLen, 5 * blockLen, 5 * blockLen}}
	cut := func(most int) (ends []int) {
		lo := 0
		for _, p := range rowParts(m, most) {
			require.Equal(t, lo, p.lo)
			ends = append(ends, p.hi)
			lo = p.hi
		}
		return ends
	}
	require.Equal(t, []int{5, 9, 10}, cut(10))
	require.Equal(t, []int{2, 4, 5, 7, 9, 10}, cut(2))
	require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, cut(1))
}
