package kernels

import (
	"math"
	"runtime"
	"sort"
	"sync"
)

// HostCSR is a sparse matrix in compressed sparse row form in host memory. The
// entries of row i are Columns[Offsets[i]:Offsets[i+1]], ascending, and their
// Values.
type HostCSR struct {
	Rows int
	Cols int

	// Offsets has Rows+1 entries. Offsets[0] need not be 0, so that a range of
	// rows of a larger matrix is a HostCSR too: the same Columns and Values
	// with a part of its Offsets.
	Offsets []int64

	// Columns are the column ids of the entries, each at least 0 and below
	// Cols, ascending within a row. Equal ids are separate entries.
	Columns []int32

	// Values are the entries' values. It may be nil for a pattern; operations
	// that need values then refuse the matrix.
	Values []float32
}

// Entries is the number of stored entries.
func (h HostCSR) Entries() int64 {
	if len(h.Offsets) == 0 {
		return 0
	}
	return h.Offsets[len(h.Offsets)-1] - h.Offsets[0]
}

// Check returns an error, an ErrArgument, that names the first offset, column id
// or value that breaks the rules of HostCSR. Values must be finite. Large matrices are
// checked by as many goroutines as GOMAXPROCS says.
func (h HostCSR) Check() error {
	if h.Rows < 0 || h.Cols < 0 || h.Cols > math.MaxInt32 {
		return argumentf("host", "%d×%d is no shape of a sparse matrix", h.Rows, h.Cols)
	}
	if len(h.Offsets) != h.Rows+1 {
		return argumentf("host.Offsets", "%d offsets, want %d for %d rows", len(h.Offsets), h.Rows+1, h.Rows)
	}
	if h.Offsets[0] < 0 {
		return argumentf("host.Offsets", "offset 0 is %d", h.Offsets[0])
	}
	for i := range h.Rows {
		if h.Offsets[i+1] < h.Offsets[i] {
			return argumentf("host.Offsets", "offset %d is %d, below the offset before it, %d", i+1, h.Offsets[i+1], h.Offsets[i])
		}
	}
	end := h.Offsets[h.Rows]
	if end > int64(len(h.Columns)) {
		return argumentf("host.Offsets", "the last offset is %d, there are %d column ids", end, len(h.Columns))
	}
	if h.Values != nil && end > int64(len(h.Values)) {
		return argumentf("host.Values", "%d values for %d column ids", len(h.Values), end)
	}
	return h.checkRows()
}

// checkPiece is for how many entries it is worth to begin a goroutine: some 0.5 ms.
const checkPiece = 1 << 18

// checkRows checks all rows, on as many goroutines as there are processors.
func (h HostCSR) checkRows() error {
	pieces := min(runtime.GOMAXPROCS(0), int(h.Entries()/checkPiece)+1)
	wrong := make([]error, pieces)
	check := func(piece int) {
		for i, end := h.pieceStart(piece, pieces), h.pieceStart(piece+1, pieces); i < end; i++ {
			if wrong[piece] = h.checkRow(i); wrong[piece] != nil {
				return
			}
		}
	}
	var helpers sync.WaitGroup
	for piece := 1; piece < pieces; piece++ {
		helpers.Go(func() { check(piece) })
	}
	check(0)
	helpers.Wait()
	for _, err := range wrong {
		if err != nil {
			return err
		}
	}
	return nil
}

// pieceStart is the first row of one of so many pieces of about as many entries each.
func (h HostCSR) pieceStart(piece, pieces int) int {
	if piece == pieces {
		return h.Rows
	}
	first := h.Offsets[0] + h.Entries()/int64(pieces)*int64(piece)
	return sort.Search(h.Rows, func(i int) bool { return h.Offsets[i] >= first })
}

// checkRow finds out without branches whether anything is wrong, since most of the
// time of NewCSR goes here, and what it is only then.
func (h HostCSR) checkRow(i int) error {
	lo, hi := h.Offsets[i], h.Offsets[i+1]
	columns := h.Columns[lo:hi]
	previous, signs := int64(0), int64(0)
	for _, c := range columns {
		signs |= int64(c) - previous // negative where c is, or is less than previous
		previous = int64(c)
	}
	if signs < 0 || previous >= int64(h.Cols) {
		return h.wrongColumn(i)
	}
	if h.Values == nil {
		return nil
	}
	values := h.Values[lo:hi]
	var exponents uint32
	for _, v := range values {
		// The exponent of what is not finite is all ones, and the sum carries.
		exponents |= math.Float32bits(v)&^(1<<31) + 1<<23
	}
	if exponents>>31 != 0 {
		return h.wrongValue(i)
	}
	return nil
}

// wrongColumn names the first column of row i that breaks the rules.
func (h HostCSR) wrongColumn(i int) error {
	lo, hi := h.Offsets[i], h.Offsets[i+1]
	previous := int32(0)
	for j, c := range h.Columns[lo:hi] {
		switch {
		case c < 0 || int(c) >= h.Cols:
			return argumentf("host.Columns", "entry %d in row %d: column %d of %d", lo+int64(j), i, c, h.Cols)
		case c < previous:
			return argumentf("host.Columns", "entry %d in row %d: column %d after column %d", lo+int64(j), i, c, previous)
		}
		previous = c
	}
	return nil
}

// wrongValue names the first value of row i that is not finite.
func (h HostCSR) wrongValue(i int) error {
	lo, hi := h.Offsets[i], h.Offsets[i+1]
	for j, v := range h.Values[lo:hi] {
		// x-x is 0 for a finite x and NaN for the others.
		if v-v != 0 {
			return argumentf("host.Values", "entry %d in row %d is %v", lo+int64(j), i, v)
		}
	}
	return nil
}

// Span is the range of rows from Lo up to, not including, Hi.
type Span struct {
	Lo, Hi int
}

// CSR is a sparse matrix on a device.
type CSR interface {
	Rows() int
	Cols() int
	Entries() int64
	HasValues() bool

	// Slice returns the rows of the span as a matrix of their own, whose rows
	// count from 0. It is a view, or is uploaded when it is used where the whole
	// matrix does not fit the device. The caller frees it.
	Slice(s Span) (CSR, error)

	// Free gives the device's copy back after every use already enqueued, the
	// uses of its slices included.
	Free() error
}
