package als

import (
	"sort"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Transposing a matrix is a radix sort of two levels like that of radix.go, in the memory
// of the result: the first level puts into a rating's place in Columns the low bits of its
// row in the result and its row in the matrix, counted from its part's first, and the
// second makes columns of them, bucket by bucket.
//
// Floor: 4 bytes a rating are read to count, 8 read and 8 written past the caches on the
// first level, 8 read and written on the second: 36 bytes, 3.6 ns on one core.
//
// 25 million sorted ratings, 162,000 by 62,000, memory touched before: 220 ms on one core,
// 129 on two; 350 and 187 where the first level stored entries one by one.

// transpose fills t, whose Columns and Values have room for all entries, with the
// transpose of m. Columns are ascending in every row of t.
func (s *sorter) transpose(t *kernels.HostCSR, m kernels.HostCSR) error {
	bits := rowBits(maxBucketRows(t.Rows))
	parts := rowParts(m, 1<<(32-bits))
	shift := cellShift(t.Rows)
	counts, err := countCells(s.ctx, len(parts), func(p int, cells *cellCounts) {
		cells.add(m.Columns[m.Offsets[parts[p].lo]:m.Offsets[parts[p].hi]], shift)
	})
	if err != nil {
		return err
	}
	d := divide(t.Rows, counts)
	b := &buckets[uint32]{
		division: d, places: d.places(counts), firsts: make([]int, len(parts)), rowBits: bits,
		keys: reinterpret[uint32](t.Columns), values: t.Values,
	}
	err = parallel(s.ctx, len(parts), func(p int) error {
		b.firsts[p] = parts[p].lo
		stageRows(newStaging(b, p), b, parts[p])
		return nil
	})
	if err != nil {
		return err
	}
	return b.sort(s, t)
}

// stageRows puts the entries of some rows of a matrix into the buckets of its transpose.
func stageRows(s *staging[uint32], b *buckets[uint32], m matrixRows) {
	shift, rowBits := b.shift&31, b.rowBits&31
	of := &b.of
	for row := m.lo; row < m.hi; row++ {
		columns, values := rowOf(m.HostCSR, row)
		values = values[:len(columns)]
		local := uint32(row-m.lo) << rowBits
		for j, column := range columns {
			bucket := of[uint32(column)>>shift%maxCells]
			stream, line := &s.streams[bucket], &s.lines[bucket]
			at := stream.next
			stream.next = at + 1
			place := at & (lineLen - 1)
			line.keys[place] = local | (uint32(column) - stream.row)
			line.values[place] = values[j]
			if place == lineLen-1 {
				s.flush(bucket)
			}
		}
	}
	s.finish()
}

// matrixRows are rows of a matrix as a part of its transpose.
type matrixRows struct {
	kernels.HostCSR
	lo, hi int
}

// rowParts cuts a matrix into parts of partLen entries or somewhat more, of so many whole rows at
// most.
func rowParts(m kernels.HostCSR, most int) (parts []matrixRows) {
	size := partLen(m.Entries())
	for lo := 0; lo < m.Rows; {
		end := min(lo+most, m.Rows)
		n := sort.Search(end-lo, func(i int) bool { return m.Offsets[lo+1+i]-m.Offsets[lo] >= size })
		hi := min(lo+1+n, end)
		parts = append(parts, matrixRows{m, lo, hi})
		lo = hi
	}
	return parts
}
