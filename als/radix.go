package als

import (
	"context"
	"sync"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Sorting ratings by user is a stable radix sort of two levels: first into buckets of
// neighbouring rows, then each bucket by row. The result is the same for any number
// of goroutines. transpose.go has the same for a matrix, row_sort.go the sort of a row.
//
// Floor: 12 bytes a rating are read and 12 written on the first level, 12 read and 8
// written on the second, and every line that is written is read before: 64 bytes, of
// which the machine below moves 9 to 11 GB/s with one core and 18 with two: 3.6 ns a
// rating on two.
//
// 25 million sorted ratings to 62,000 rows (Sapphire Rapids, memory touched before), in ms on
// one core and on two:
//
//	counting sort alone                             450   225
//	64 buckets, each scattered to its place         332   177
//	256 buckets, the same                           493   222
//	256, and the lines to come touched              331   165
//	256, touched, each sorted in the second cache   266   147
//	512, touched, each sorted in the second cache   276   151
//	256, written through buffers of 16 ratings      480   250
//
// Stores leave the processor in order, so that one which misses the caches holds up
// all; the hardware fetches ahead for some 32 streams of stores and not for 256. What
// limits is memory on the first level and the second cache on the second.

// entry is a rating on its way to its row.
type entry struct {
	row, column int32
	value       float32
}

// part is some of the ratings that are sorted; its methods may be called for different
// parts at once.
type part []block

// span is the range of a part's ratings of one bucket: where the next goes, and the
// place of the last.
type span struct{ next, last int64 }

// ahead is the number of entries between a store and the load that fetches the lines
// of the stores to come: two lines and more.
const ahead = 12

// sorter sorts ratings, once or several times with the same memory.
type sorter struct {
	ctx     context.Context
	entries []entry

	mu     sync.Mutex
	caches []*cache // not in use
}

// cache is where a bucket is sorted.
type cache struct {
	columns []int32
	values  []float32
}

func newSorter(ctx context.Context) *sorter { return &sorter{ctx: ctx} }

// reserve makes room for n entries.
func (s *sorter) reserve(n int64) {
	if int64(cap(s.entries)) < n {
		s.entries = make([]entry, n)
	}
}

// take returns a cache with room for n entries, and for most if it has to be made.
func (s *sorter) take(n, most int) *cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.caches) - 1; last >= 0 {
		c := s.caches[last]
		s.caches = s.caches[:last]
		if len(c.columns) >= n {
			return c
		}
	}
	return &cache{make([]int32, most), make([]float32, most)}
}

func (s *sorter) giveBack(c *cache) {
	s.mu.Lock()
	s.caches = append(s.caches, c)
	s.mu.Unlock()
}

// There are at least half of minBuckets, and more where buckets would have above
// bucketRows rows, up to maxBuckets.
const (
	minBuckets = 256
	maxBuckets = 1024
	bucketRows = 4096
)

// cachedEntries is the size up to which a bucket is sorted in memory of its own, 8
// bytes an entry, which the second cache holds; larger ones are rare.
const cachedEntries = 1 << 18

// shiftFor is the number of low bits of a row that tell the rows of a bucket apart.
func shiftFor(rows int) (shift int) {
	want := min(max(rows/bucketRows, minBuckets), maxBuckets)
	for rows>>shift > want {
		shift++
	}
	return shift
}

// sort fills m with the ratings of the parts by user, in the order of the parts within a
// row. It calls read when it has read the parts; from then on m's Columns and Values have
// room for all ratings.
func (s *sorter) sort(m *kernels.HostCSR, parts []part, read func()) error {
	shift := shiftFor(m.Rows)
	buckets := m.Rows>>shift + 1
	counts := make([][]int64, len(parts))
	err := parallel(s.ctx, len(parts), func(p int) error {
		counts[p] = make([]int64, buckets)
		parts[p].count(shift, counts[p])
		return nil
	})
	if err != nil {
		return err
	}
	ranges, starts := places(counts, buckets)
	n := starts[buckets]
	s.reserve(n)
	s.entries = s.entries[:n]
	err = parallel(s.ctx, len(parts), func(p int) error {
		parts[p].scatter(shift, ranges[p], s.entries)
		return nil
	})
	if err != nil {
		return err
	}
	read()
	most := mostCached(starts)
	return parallel(s.ctx, buckets, func(b int) error {
		lo := b << shift
		entries := s.entries[starts[b]:starts[b+1]]
		if len(entries) > cachedEntries {
			bucket(m, lo, min(lo+1<<shift, m.Rows), starts[b], entries, nil)
			return nil
		}
		c := s.take(len(entries), most)
		bucket(m, lo, min(lo+1<<shift, m.Rows), starts[b], entries, c)
		s.giveBack(c)
		return nil
	})
}

// places are the ranges of all parts in all buckets, where a bucket has the ratings of one
// part after those of another, and the starts of the buckets and the end of the last.
func places(counts [][]int64, buckets int) (ranges [][]span, starts []int64) {
	starts = make([]int64, buckets+1)
	ranges = make([][]span, len(counts))
	for p := range ranges {
		ranges[p] = make([]span, buckets)
	}
	n := int64(0)
	for b := range buckets {
		starts[b] = n
		for p := range ranges {
			ranges[p][b].next = n
			n += counts[p][b]
			ranges[p][b].last = n - 1
		}
	}
	starts[buckets] = n
	return ranges, starts
}

// mostCached is the size of the largest bucket that is sorted in cache.
func mostCached(starts []int64) (most int) {
	for b, start := range starts[1:] {
		if n := int(start - starts[b]); n <= cachedEntries {
			most = max(most, n)
		}
	}
	return most
}

// bucket sorts the entries of the rows from lo up to hi, which go to m from start on,
// in the cache unless it is nil.
func bucket(m *kernels.HostCSR, lo, hi int, start int64, entries []entry, c *cache) {
	// Where the next entry of a row goes is kept where the row's end will stand.
	next := m.Offsets[lo+1 : hi+1]
	clear(next)
	for i := range entries {
		next[int(entries[i].row)-lo]++
	}
	at := int64(0)
	for row, count := range next {
		next[row], at = at, at+count
	}
	n := len(entries)
	columns, values := m.Columns[start:][:n], m.Values[start:][:n]
	if c == nil {
		scatterRows(columns, values, next, lo, entries)
	} else {
		scatterRows(c.columns[:n], c.values[:n], next, lo, entries)
		copy(columns, c.columns)
		copy(values, c.values)
	}
	for row := range next {
		next[row] += start
	}
}

// scatterRows puts each entry where next of its row says, which it moves on.
func scatterRows(columns []int32, values []float32, next []int64, lo int, entries []entry) {
	values = values[:len(columns)]
	for i := range entries {
		e := &entries[i]
		row := &next[int(e.row)-lo]
		at := *row
		columns[at], values[at] = e.column, e.value
		*row = at + 1
	}
}

// count adds the ratings to the counts of their buckets, user>>shift.
func (p part) count(shift int, counts []int64) {
	for _, b := range p {
		for _, user := range b.users {
			counts[user>>shift]++
		}
	}
}

// scatter puts each rating into its bucket's range, which it moves on. It returns what it
// has touched ahead, so that touching is no dead code.
func (p part) scatter(shift int, ranges []span, to []entry) (touched int32) {
	for _, b := range p {
		items, values := b.items[:len(b.users)], b.values[:len(b.users)]
		for j, user := range b.users {
			r := &ranges[user>>shift]
			at := r.next
			touched += to[min(at+ahead, r.last)].row
			to[at] = entry{user, items[j], values[j]}
			r.next = at + 1
		}
	}
	return touched
}
