package dataset

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The pages that lie within a slice are there before they are written, no others, and what
// was written stays.
func TestPopulate(t *testing.T) {
	const pages = 16
	page := unix.Getpagesize()
	memory, err := unix.Mmap(-1, 0, pages*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(memory)) }()
	if err := unix.Madvise(memory[:page], unix.MADV_POPULATE_WRITE); errors.Is(err, unix.EINVAL) {
		t.Skip("this kernel has no MADV_POPULATE_WRITE")
	}
	there := func() (list []int) {
		resident := make([]byte, pages)
		_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&memory[0])), uintptr(len(memory)), uintptr(unsafe.Pointer(&resident[0])))
		require.Zero(t, errno)
		for i, r := range resident {
			if r&1 != 0 {
				list = append(list, i)
			}
		}
		return list
	}
	words := unsafe.Slice((*uint32)(unsafe.Pointer(&memory[0])), len(memory)/4)
	words[5*page/4] = 7
	require.Equal(t, []int{0, 5}, there())
	populate(words[:0])
	populate(words[3*page/4+1 : 4*page/4+2]) // parts of two pages
	require.Equal(t, []int{0, 5}, there())
	populate(words[3*page/4+1 : 8*page/4-1])
	require.Equal(t, []int{0, 4, 5, 6}, there())
	populate(words[10*page/4 : 12*page/4])
	require.Equal(t, []int{0, 4, 5, 6, 10, 11}, there())
	require.EqualValues(t, 7, words[5*page/4])
}
