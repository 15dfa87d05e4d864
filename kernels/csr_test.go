package kernels_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// sound is 3×5: two entries, none, and two.
func sound() kernels.HostCSR {
	return kernels.HostCSR{
		Rows: 3, Cols: 5, Offsets: []int64{0, 2, 2, 4}, Columns: []int32{1, 3, 0, 4}, Values: []float32{1, 2, 3, 4},
	}
}

func TestHostCSRCheckAccepts(t *testing.T) {
	for name, change := range map[string]func(h *kernels.HostCSR){
		"as it is":                   func(*kernels.HostCSR) {},
		"a pattern":                  func(h *kernels.HostCSR) { h.Values = nil },
		"equal ids":                  func(h *kernels.HostCSR) { h.Columns[1] = 1 },
		"ids that fall between rows": func(h *kernels.HostCSR) { h.Columns[1] = 4 },
		"no rows":                    func(h *kernels.HostCSR) { *h = kernels.HostCSR{Cols: 5, Offsets: []int64{0}} },
		"no columns":                 func(h *kernels.HostCSR) { *h = kernels.HostCSR{Rows: 2, Offsets: []int64{0, 0, 0}} },
		"a part of the rows":         func(h *kernels.HostCSR) { h.Rows, h.Offsets = 1, h.Offsets[2:] },
		"more entries than are used": func(h *kernels.HostCSR) {
			h.Columns, h.Values = append(h.Columns, -9), append(h.Values, float32(math.NaN()))
		},
	} {
		h := sound()
		change(&h)
		require.NoError(t, h.Check(), name)
	}
}

func TestHostCSRCheckRejects(t *testing.T) {
	for message, change := range map[string]func(h *kernels.HostCSR){
		"host: -1×5 is no shape of a sparse matrix":                  func(h *kernels.HostCSR) { h.Rows = -1 },
		"host: 3×-1 is no shape of a sparse matrix":                  func(h *kernels.HostCSR) { h.Cols = -1 },
		"host.Offsets: 4 offsets, want 5 for 4 rows":                 func(h *kernels.HostCSR) { h.Rows = 4 },
		"host.Offsets: offset 0 is -1":                               func(h *kernels.HostCSR) { h.Offsets[0] = -1 },
		"host.Offsets: offset 2 is 1, below the offset before it, 2": func(h *kernels.HostCSR) { h.Offsets[2] = 1 },
		"host.Offsets: the last offset is 5, there are 4 column ids": func(h *kernels.HostCSR) { h.Offsets[3] = 5 },
		"host.Values: 3 values for 4 column ids":                     func(h *kernels.HostCSR) { h.Values = h.Values[:3] },
		"host.Columns: entry 3 in row 2: column 5 of 5":              func(h *kernels.HostCSR) { h.Columns[3] = 5 },
		"host.Columns: entry 0 in row 0: column -1 of 5":             func(h *kernels.HostCSR) { h.Columns[0] = -1 },
		"host.Columns: entry 3 in row 2: column 2 after column 4":    func(h *kernels.HostCSR) { h.Columns[2], h.Columns[3] = 4, 2 },
		"host.Values: entry 2 in row 2 is NaN":                       func(h *kernels.HostCSR) { h.Values[2] = float32(math.NaN()) },
		"host.Values: entry 1 in row 0 is -Inf":                      func(h *kernels.HostCSR) { h.Values[1] = float32(math.Inf(-1)) },
		"host.Columns: entry 2 in row 0: column 9 of 5":              func(h *kernels.HostCSR) { h.Rows, h.Offsets, h.Columns[2] = 1, h.Offsets[2:], 9 },
	} {
		h := sound()
		change(&h)
		err := h.Check()
		require.ErrorIs(t, err, kernels.ErrArgument, message)
		require.EqualError(t, err, "kernels: wrong argument "+message)
	}
}

// TestHostCSRCheckNamesTheFirst has many entries, which several goroutines check, and two
// that are wrong; some rows have none.
func TestHostCSRCheckNamesTheFirst(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	const rows, each = 300_000, 7
	h := kernels.HostCSR{Rows: rows, Cols: each, Offsets: make([]int64, rows+1)}
	for i := range rows {
		if i%3 > 0 {
			for c := range each {
				h.Columns = append(h.Columns, int32(c))
			}
		}
		h.Offsets[i+1] = int64(len(h.Columns))
	}
	require.NoError(t, h.Check())
	n := len(h.Columns)
	h.Columns[n-1] = each
	for at := n - 2; at >= 0; at -= n / 11 {
		was := h.Columns[at]
		h.Columns[at] = -1
		row := sort.Search(rows, func(i int) bool { return h.Offsets[i+1] > int64(at) })
		require.EqualError(t, h.Check(), fmt.Sprintf("kernels: wrong argument host.Columns: entry %d in row %d: column -1 of %d", at, row, each))
		h.Columns[at] = was
	}
}

// TestHostCSRCheckRejectsWhatInt32CannotCount has a column too many for the type of
// column ids, where an int can count so far.
func TestHostCSRCheckRejectsWhatInt32CannotCount(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("an int of 32 bits counts no further than a column id")
	}
	h := sound()
	h.Cols = math.MaxInt32
	require.NoError(t, h.Check())
	h.Cols++
	require.EqualError(t, h.Check(), "kernels: wrong argument host: 3×2147483648 is no shape of a sparse matrix")
}

func TestHostCSREntries(t *testing.T) {
	require.Zero(t, kernels.HostCSR{}.Entries())
	require.Equal(t, int64(4), sound().Entries())
	part := sound()
	part.Rows, part.Offsets = 1, part.Offsets[2:]
	require.Equal(t, int64(2), part.Entries())
}

func TestNewCSRRefusesWhatCheckRefuses(t *testing.T) {
	fake := newFake()
	dev := kernels.Checked(fake)
	h := sound()
	h.Columns = slices.Clone(h.Columns)
	h.Columns[3] = 5
	_, err := dev.NewCSR(h)
	require.EqualError(t, err, "fake: NewCSR 3×5, 4 entries: kernels: wrong argument host.Columns: entry 3 in row 2: column 5 of 5")
	require.False(t, fake.called("NewCSR"))
	require.NoError(t, dev.Close(), "what was refused is no leak")
}
