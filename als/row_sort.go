package als

import (
	"context"
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/kernels"
)

// sortRows sorts each row of m by column, in place and stable, and reports whether a row
// has a column twice.
func sortRows(ctx context.Context, m kernels.HostCSR) (repeated bool, err error) {
	parts := rowParts(m, m.Rows)
	var found atomic.Bool
	err = parallel(ctx, len(parts), func(p int) error {
		longest := int64(0)
		for row := parts[p].lo; row < parts[p].hi; row++ {
			longest = max(longest, m.Offsets[row+1]-m.Offsets[row])
		}
		s := newRowSort(int(longest), m.Cols)
		for row := parts[p].lo; row < parts[p].hi; row++ {
			s.sort(rowOf(m, row))
		}
		if s.repeated {
			found.Store(true)
		}
		return nil
	})
	return found.Load(), err
}

// rowSort sorts rows in memory of its own, which for most rows the first cache holds:
// short ones by insertion, others by a radix sort from the lowest digit of the column
// up.
//
// Floor: 8 bytes a rating are read and 8 written, less than 1 ns. 162,000 rows of 155
// ratings in random order of 62,000 columns take 212 ms on one core and 111 on two, 8.5 ns
// a rating: what limits is the instructions, four loops over a row for each of its three
// digits and two around them.
type rowSort struct {
	keys, others []uint64 // of an entry: its column, and below that its value's bits
	width        int      // bits of a column
	counts       [1 << maxDigit]uint32
	repeated     bool // a row had a column twice
}

// Digits are small for short rows, so that going over the counts of a digit costs no
// more than going over the row.
const (
	insertionRow = 24
	maxDigit     = 11
)

func newRowSort(longest, cols int) *rowSort {
	return &rowSort{
		keys: make([]uint64, longest), others: make([]uint64, longest),
		width: max(bits.Len(uint(cols-1)), 1),
	}
}

func (s *rowSort) sort(columns []int32, values []float32) {
	if inOrder(columns) {
		return
	}
	values = values[:len(columns)]
	keys := s.keys[:len(columns)]
	for j, column := range columns {
		keys[j] = uint64(uint32(column))<<32 | uint64(math.Float32bits(values[j]))
	}
	if len(keys) <= insertionRow {
		insert(keys)
	} else {
		keys = s.radix(keys)
	}
	last := int32(-1)
	for j, key := range keys {
		column := int32(key >> 32)
		if column == last {
			s.repeated = true
		}
		last = column
		columns[j], values[j] = column, math.Float32frombits(uint32(key))
	}
}

// inOrder reports whether each column is above the one before.
func inOrder(columns []int32) bool {
	for j := 1; j < len(columns); j++ {
		if columns[j] <= columns[j-1] {
			return false
		}
	}
	return true
}

// insert sorts a few keys by their columns.
func insert(keys []uint64) {
	for i := 1; i < len(keys); i++ {
		key := keys[i]
		j := i
		for ; j > 0 && keys[j-1]>>32 > key>>32; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = key
	}
}

// radix returns the keys sorted by their columns.
func (s *rowSort) radix(keys []uint64) []uint64 {
	digit := min(bits.Len(uint(len(keys)))-1, maxDigit)
	passes := (s.width + digit - 1) / digit
	digit = (s.width + passes - 1) / passes
	others := s.others[:len(keys)]
	mask := uint64(1)<<digit - 1
	for pass := range passes {
		shift := 32 + pass*digit
		counts := s.counts[:mask+1]
		clear(counts)
		for _, key := range keys {
			counts[key>>shift&mask]++
		}
		at := uint32(0)
		for d, count := range counts {
			counts[d], at = at, at+count
		}
		for _, key := range keys {
			next := &counts[key>>shift&mask]
			others[*next] = key
			*next++
		}
		keys, others = others, keys
	}
	return keys
}
