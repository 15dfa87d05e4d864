package simd

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// TestDotEntriesOfLargeMatrix takes rows of Y from beyond the cache, which are fetched
// ahead, by ids that end where the memory does. Every product has the bits that DotRows
// gives it for the row alone.
func TestDotEntriesOfLargeMatrix(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		const columns, total = 60_000, 150
		ids := beforeTheEnd(t, total)
		copy(ids, randomIDs(rng, total, columns))
		ends := []int64{20, 31, 110, total}
		for _, k := range []int{10, 16, 24, 32, 40, 64, 100, 112, 128} {
			y := random(rng, columns*k)
			x := random(rng, len(ends)*k)
			dst := make([]float32, total)
			for _, first := range []int{0, 1, 100, 102, 103, 104, total - 1} {
				row := 0
				for ends[row] <= int64(first) {
					row++
				}
				DotEntries(dst[first:], x[row*k:], k, k, y, k, ids[first:], dst[first:], ends[row:], int64(first))
				for j := first; j < total; j++ {
					for ends[row] <= int64(j) {
						row++
					}
					one := make([]float32, 1)
					DotRows(one, x[row*k:][:k], y[int(ids[j])*k:][:k], k, []int32{0})
					require.Equal(t, one[0], dst[j], fmt.Sprintf("rank %d from %d, entry %d", k, first, j))
				}
			}
		}
	})
}

// beforeTheEnd returns memory after which a read is a fault.
func beforeTheEnd(t *testing.T, n int) []int32 {
	t.Helper()
	page := os.Getpagesize()
	used := (4*n + page - 1) / page * page
	memory, err := syscall.Mmap(-1, 0, used+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(memory)) })
	require.NoError(t, syscall.Mprotect(memory[used:], syscall.PROT_NONE))
	return unsafe.Slice((*int32)(unsafe.Pointer(&memory[used-4*n])), n)
}
