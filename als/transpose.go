package als

import (
	"math"
	"sort"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Transposing a matrix is a radix sort of two levels like that of radix.go, in the memory
// of the result: the first level puts into a rating's place in Columns the low bits of its
// row in the result and its row in the matrix, counted from its part's first, and the
// second makes columns of them, bucket by bucket.
//
// Floor: 8 bytes a rating are read and 8 written on each level, and what is written on the
// first is read before: 40 bytes, 4 ns on one core.
//
// 25 million sorted ratings, 162,000 by 62,000, on one core that others load too: 350 ms,
// of them 45 for counting, 205 on the first level and 100 on the second; with entries of
// 12 bytes in memory of their own as many, and up to 75 for the first touch of it. What
// limits the first level is the loads that fetch ahead, since each holds up all behind it;
// 16 to 256 of them first and their stores after took as long.

// transpose fills t, whose Columns and Values have room for all entries, with the
// transpose of m. Columns are ascending in every row of t.
func (s *sorter) transpose(t *kernels.HostCSR, m kernels.HostCSR) error {
	b := &transposition{sorter: s, to: t, shift: shiftFor(t.Rows), keys: reinterpret[uint32](t.Columns)}
	b.parts = rowParts(m, 1<<(32-b.shift))
	buckets := t.Rows>>b.shift + 1
	counts := make([][]int64, len(b.parts))
	err := parallel(s.ctx, len(b.parts), func(p int) error {
		counts[p] = make([]int64, buckets)
		b.parts[p].count(b.shift, counts[p])
		return nil
	})
	if err != nil {
		return err
	}
	b.ranges, b.starts = places(counts, buckets)
	err = parallel(s.ctx, len(b.parts), func(p int) error {
		b.parts[p].scatter(b.shift, b.ranges[p], b.keys, t.Values)
		return nil
	})
	if err != nil {
		return err
	}
	most := mostCached(b.starts)
	return parallel(s.ctx, buckets, func(i int) error {
		n := int(b.starts[i+1] - b.starts[i])
		c := s.take(n, max(n, most))
		b.bucket(i, c)
		if n <= most {
			s.giveBack(c)
		}
		return nil
	})
}

// transposition is the state of transpose.
type transposition struct {
	*sorter
	to     *kernels.HostCSR
	shift  int
	keys   []uint32 // to.Columns before they are made
	parts  []matrixRows
	ranges [][]span // of each part in each bucket
	starts []int64  // of the buckets, and the end of the last
}

// bucket sorts the entries of a bucket by row, in the cache.
func (t *transposition) bucket(i int, c *cache) {
	lo := i << t.shift
	hi := min(lo+1<<t.shift, t.to.Rows)
	start, end := t.starts[i], t.starts[i+1]
	keys, values := t.keys[start:end], t.to.Values[start:end]
	mask := uint32(1)<<t.shift - 1
	// Where the next entry of a row goes is kept where the row's end will stand.
	next := t.to.Offsets[lo+1 : hi+1]
	clear(next)
	for _, key := range keys {
		next[key&mask]++
	}
	at := int64(0)
	for row, count := range next {
		next[row], at = at, at+count
	}
	columns, sorted := c.columns[:len(keys)], c.values[:len(keys)]
	from := int64(0)
	for p, part := range t.parts {
		to := t.ranges[p][i].next - start
		first, values := int32(part.lo), values[from:to]
		for j, key := range keys[from:to] {
			row := &next[key&mask]
			at := *row
			columns[at], sorted[at] = first+int32(key>>t.shift), values[j]
			*row = at + 1
		}
		from = to
	}
	copy(t.to.Columns[start:end], columns)
	copy(values, sorted)
	for row := range next {
		next[row] += start
	}
}

// matrixRows are rows of a matrix as a part of its transpose.
type matrixRows struct {
	kernels.HostCSR
	lo, hi int
}

// rowParts cuts a matrix into parts of some blockLen entries, of so many whole rows at
// most.
func rowParts(m kernels.HostCSR, most int) (parts []matrixRows) {
	for lo := 0; lo < m.Rows; {
		end := min(lo+most, m.Rows)
		n := sort.Search(end-lo, func(i int) bool { return m.Offsets[lo+1+i]-m.Offsets[lo] >= blockLen })
		hi := min(lo+1+n, end)
		parts = append(parts, matrixRows{m, lo, hi})
		lo = hi
	}
	return parts
}

func (m matrixRows) count(shift int, counts []int64) {
	for _, column := range m.Columns[m.Offsets[m.lo]:m.Offsets[m.hi]] {
		counts[column>>shift]++
	}
}

// scatter puts each entry into its bucket's range, which it moves on. It returns what it
// has touched ahead, so that touching is no dead code.
func (m matrixRows) scatter(shift int, ranges []span, keys []uint32, sorted []float32) (touched uint32) {
	mask := uint32(1)<<shift - 1
	sorted = sorted[:len(keys)]
	for row := m.lo; row < m.hi; row++ {
		columns, values := rowOf(m.HostCSR, row)
		values = values[:len(columns)]
		local := uint32(row-m.lo) << shift
		for j, column := range columns {
			r := &ranges[column>>shift]
			at := r.next
			soon := min(at+ahead, r.last)
			touched += keys[soon] + math.Float32bits(sorted[soon])
			keys[at], sorted[at] = local|uint32(column)&mask, values[j]
			r.next = at + 1
		}
	}
	return touched
}
