package als

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDivide divides rows of which all have entries, few have almost all, one has all, or
// none has any.
func TestDivide(t *testing.T) {
	const seed = 12
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, rows := range []int{0, 1, 2, 255, 256, 1000, maxCells - 1, maxCells, maxCells + 1, 100_000, 3_000_000} {
		for name, draw := range map[string]func() int{
			"even":   func() int { return random.IntN(rows) },
			"skewed": func() int { return int(float64(rows) * min(random.ExpFloat64()/1000, 0.999)) },
			"one":    func() int { return rows / 2 },
			"none":   nil,
		} {
			counts := make([]cellCounts, 3)
			var entries [3][]int32
			for p := range entries {
				for range 20_000 {
					if draw != nil && rows > 0 {
						entries[p] = append(entries[p], int32(draw()))
					}
				}
				counts[p].add(entries[p], cellShift(rows))
			}
			d := divide(rows, counts)
			inBucket := func(row int32) int {
				b := int(d.of[row>>d.shift])
				if int(row) < d.rows[b] || int(row) >= d.rows[b+1] {
					require.Fail(t, "not in its bucket", "%d rows, %s: row %d, bucket %d", rows, name, row, b)
				}
				return b
			}
			for row := range rows {
				inBucket(int32(row))
			}
			require.Zero(t, d.rows[0])
			require.Equal(t, rows, d.rows[maxBuckets])
			mostRows, mostEntries := d.largest()
			require.LessOrEqual(t, mostRows, maxBucketRows(rows), "%d rows, %s", rows, name)
			if rows >= maxCells && name == "even" {
				require.LessOrEqual(t, mostEntries, 3*20_000*3/2/maxBuckets, "%d rows", rows)
			}

			// A rating's place is after those of its part and bucket that were before it.
			next := d.places(counts)
			taken := map[int64]bool{}
			for p := range entries {
				for _, row := range entries[p] {
					b := inBucket(row)
					at := next[p][b]
					next[p][b]++
					if taken[at] || at < d.starts[b] || at >= d.starts[b+1] {
						require.Fail(t, "no place of its own in the bucket", "%d rows, %s: row %d, place %d", rows, name, row, at)
					}
					taken[at] = true
				}
				if p > 0 {
					require.Equal(t, d.places(counts)[p][:], next[p-1][:], "the ends of a part are the places of the next")
				}
			}
			require.Equal(t, len(taken), int(d.starts[maxBuckets]))
		}
	}
}

// TestSort sorts ratings by user whose parts and blocks have all lengths, with keys of
// either size, twice with the memory of one sorter, and transposes the result.
func TestSort(t *testing.T) {
	const seed = 13
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	type entry struct {
		row, column int32
		value       float32
	}
	for _, rows := range []int{1, 40, 1000, 50_000} {
		s := newSorter(t.Context())
		for _, cols := range []int{1, 700, 1<<31 - 1} {
			var want []entry
			var parts []part
			for _, n := range []int{0, 1, 15, 16, 17, 64, 1000, 40_000} {
				p := part{}
				for range 2 {
					b := block{}
					for range n {
						row := int32(random.IntN(1 + random.IntN(rows))) // low ones more often
						e := entry{row, int32(random.IntN(cols)), random.Float32()}
						want = append(want, e)
						b.users, b.items, b.values = append(b.users, e.row), append(b.items, e.column), append(b.values, e.value)
					}
					p = append(p, b)
				}
				parts = append(parts, p)
			}
			got := emptyCSR(rows, cols)
			reads := 0
			require.NoError(t, s.sort(&got, parts, func() {
				reads++
				allocate(&got, int64(len(want)))
			}))
			require.Equal(t, 1, reads)
			slices.SortStableFunc(want, func(a, b entry) int { return cmp.Compare(a.row, b.row) })
			require.Equal(t, len(want), int(got.Offsets[rows]))
			at := 0
			for row := range rows {
				columns, values := rowOf(got, row)
				for j, column := range columns {
					if e := (entry{int32(row), column, values[j]}); e != want[at] {
						require.Equal(t, want[at], e, "rating %d of %d by %d", at, rows, cols)
					}
					at++
				}
			}
			if cols == 1<<31-1 {
				continue
			}
			slices.SortStableFunc(want, func(a, b entry) int { return cmp.Compare(a.column, b.column) })
			transposed := emptyCSR(cols, rows)
			allocate(&transposed, int64(len(want)))
			require.NoError(t, s.transpose(&transposed, got))
			at = 0
			for row := range cols {
				columns, values := rowOf(transposed, row)
				for j, column := range columns {
					if e := (entry{column, int32(row), values[j]}); e != want[at] {
						require.Equal(t, want[at], e, "entry %d of the transpose, %d by %d", at, cols, rows)
					}
					at++
				}
			}
		}
	}
}
