package simd

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDotEntries begins and ends within rows and meets empty ones. Every product has the
// bits that DotRows gives it.
func TestDotEntries(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		const columns, skipped = 40, 1000
		lengths := []int{0, 3, 16, 0, 0, 17, 1, 33, 8, 0}
		ends, total := make([]int64, len(lengths)), 0
		for r, n := range lengths {
			total += n
			ends[r] = skipped + int64(total)
		}
		for _, k := range []int{0, 1, 8, 10, 16, 33, 64, entryPiece/20 + 1} {
			ldx, ldy := k+1, k+2
			x, checkX := guarded(t, (len(lengths)-1)*ldx+k)
			y, checkY := guarded(t, (columns-1)*ldy+k)
			copy(x, random(rng, len(x)))
			copy(y, random(rng, len(y)))
			ids := randomIDs(rng, total, columns)
			for _, part := range []span{{0, total}, {2, 3}, {3, 19}, {5, total - 5}, {total - 1, total}, {19, 20}} {
				what := fmt.Sprintf("rank %d, entries %v", k, part)
				first := 0
				for ends[first] <= skipped+int64(part.lo) {
					first++
				}
				dst, check := guarded(t, part.hi-part.lo)
				DotEntries(dst, x[first*ldx:], ldx, k, y, ldy, ids[part.lo:part.hi], dst, ends[first:], skipped+int64(part.lo))
				check(what)
				row := 0
				for j := part.lo; j < part.hi; j++ {
					for ends[row] <= skipped+int64(j) {
						row++
					}
					want := make([]float32, 1)
					DotRows(want, x[row*ldx:row*ldx+k], y, ldy, ids[j:j+1])
					require.Equal(t, want[0], dst[j-part.lo], "%s: entry %d of row %d", what, j, row)
				}
			}
			checkX(fmt.Sprint("x, rank ", k))
			checkY(fmt.Sprint("y, rank ", k))
		}
	})
}

type span struct{ lo, hi int }
