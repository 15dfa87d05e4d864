package als

import (
	"context"
	"math"
	"sync"
	"unsafe"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Sorting ratings by user is a stable radix sort of two levels: first into buckets of
// neighbouring rows, see division, then each bucket by row. The result is the same for any
// number of goroutines. transpose.go has the same for a matrix, row_sort.go the sort of a
// row.
//
// Floor: 4 bytes a rating are read to count, 12 read and 8 or 12 written on the first
// level, past the caches, see staging; as many are read on the second, and 8 written to lines
// that are read before: 48 to 56 bytes, of which the machine below moves about 10 GB/s with
// one core.
//
// 25 million shuffled ratings of 162,000 users (Sapphire Rapids, memory touched before),
// checking them and sorting: 290 ms on one core, 160 on two, of them on one core some 50 for
// checking, 35 for counting and 105 on each level. Since the order is looked for until there
// is none, it is 5 % less. With a survey that branched it was 344 and 182; with entries of 12
// bytes before that, stored in even ranges of rows one by one and the lines to come fetched
// by loads, 463 and 242. Such loads also take two page faults for each new page, which is
// mapped to zeros first.

// sorter sorts ratings, once or several times with the same memory.
type sorter struct {
	ctx    context.Context
	keys   []uint64 // of entries in buckets, or pairs of keys of half the size
	values []float32
	expect int64 // how many entries there will be, if more than at first

	mu     sync.Mutex
	caches [][]uint64 // not in use
}

func newSorter(ctx context.Context) *sorter { return &sorter{ctx: ctx} }

// reserve has room made for n entries when there are some to sort.
func (s *sorter) reserve(n int64) { s.expect = n }

// room returns memory for the keys and values of n entries.
func room[K key](s *sorter, n int64) (keys []K, values []float32) {
	words := func(n int64) int64 { return (n*int64(unsafe.Sizeof(K(0))) + 7) / 8 }
	if int64(len(s.keys)) < words(n) {
		s.keys = make([]uint64, words(max(n, s.expect)))
	}
	if int64(len(s.values)) < n {
		s.values = make([]float32, max(n, s.expect))
	}
	return unsafe.Slice((*K)(unsafe.Pointer(unsafe.SliceData(s.keys))), n), s.values[:n]
}

// take returns a cache for n entries.
func (s *sorter) take(n int) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.caches) - 1; last >= 0 {
		c := s.caches[last]
		s.caches = s.caches[:last]
		if len(c) >= n {
			return c
		}
	}
	return make([]uint64, n)
}

func (s *sorter) giveBack(c []uint64) {
	s.mu.Lock()
	s.caches = append(s.caches, c)
	s.mu.Unlock()
}

// partLen is how many of n entries a part has, or a few more.
func partLen(n int64) int64 { return max(blockLen, n/maxParts) }

// maxParts keeps the memory small that the counts of parts take, 64 KB each.
const maxParts = 256

// part is some of the ratings that are sorted by user.
type part []block

// sort fills m with the ratings of the parts by user, in the order of the parts within a
// row. It calls read when it has read the parts; from then on m's Columns and Values have
// room for all ratings.
func (s *sorter) sort(m *kernels.HostCSR, parts []part, read func()) error {
	shift := cellShift(m.Rows)
	counts, err := countCells(s.ctx, len(parts), func(p int, cells *cellCounts) {
		for _, b := range parts[p] {
			cells.add(b.users, shift)
		}
	})
	if err != nil {
		return err
	}
	d := divide(m.Rows, counts)
	rows, _ := d.largest()
	if rowBits(rows)+rowBits(m.Cols) <= 32 {
		return sortParts[uint32](s, m, d, d.places(counts), parts, read)
	}
	return sortParts[uint64](s, m, d, d.places(counts), parts, read)
}

// sortParts is sort with keys of one size.
func sortParts[K key](s *sorter, m *kernels.HostCSR, d *division, places [][maxBuckets]int64, parts []part, read func()) error {
	rows, _ := d.largest()
	b := &buckets[K]{division: d, places: places, rowBits: rowBits(rows)}
	b.keys, b.values = room[K](s, d.starts[maxBuckets])
	err := parallel(s.ctx, len(parts), func(p int) error {
		stageRatings(newStaging(b, p), b, parts[p])
		return nil
	})
	if err != nil {
		return err
	}
	read()
	return b.sort(s, m)
}

// stageRatings puts the ratings of a part into their buckets.
func stageRatings[K key](s *staging[K], b *buckets[K], p part) {
	shift, rowBits := b.shift&31, b.rowBits&63
	of := &b.of
	for _, ratings := range p {
		users := ratings.users
		items, values := ratings.items[:len(users)], ratings.values[:len(users)]
		for j, user := range users {
			bucket := of[uint32(user)>>shift%maxCells]
			stream, line := &s.streams[bucket], &s.lines[bucket]
			at := stream.next
			stream.next = at + 1
			place := at & (lineLen - 1)
			line.keys[place] = K(items[j])<<rowBits | (K(user) - stream.row)
			line.values[place] = values[j]
			if place == lineLen-1 {
				s.flush(bucket)
			}
		}
	}
	s.finish()
}

// buckets are entries sorted by bucket.
type buckets[K key] struct {
	*division
	places  [][maxBuckets]int64 // see there
	firsts  []int               // what the columns of each part are counted from; nil if 0
	rowBits int                 // of a key
	keys    []K
	values  []float32
}

// sort fills m with the entries, by row. Its Columns and Values may be the keys and values.
func (b *buckets[K]) sort(s *sorter, m *kernels.HostCSR) error {
	_, most := b.largest()
	return parallel(s.ctx, maxBuckets, func(i int) error {
		if b.rows[i] == b.rows[i+1] {
			return nil
		}
		cache := s.take(most)
		b.sortBucket(i, m, cache)
		s.giveBack(cache)
		return nil
	})
}

// sortBucket sorts the entries of a bucket by row, in the cache.
func (b *buckets[K]) sortBucket(i int, m *kernels.HostCSR, cache []uint64) {
	start, end := b.starts[i], b.starts[i+1]
	keys, values := b.keys[start:end], b.values[start:end]
	mask, rowBits := K(1)<<b.rowBits-1, b.rowBits&63
	// Where the next entry of a row goes is kept where the row's end will stand.
	next := m.Offsets[b.rows[i]+1 : b.rows[i+1]+1]
	clear(next)
	for _, key := range keys {
		next[key&mask]++
	}
	at := int64(0)
	for row, count := range next {
		next[row], at = at, at+count
	}
	for p := range b.places[1:] {
		from, to := b.places[p][i]-start, b.places[p+1][i]-start
		first := uint64(0)
		if b.firsts != nil {
			first = uint64(b.firsts[p])
		}
		values := values[from:to]
		for j, key := range keys[from:to] {
			row := &next[key&mask]
			at := *row
			cache[at] = first + uint64(key>>rowBits) | uint64(math.Float32bits(values[j]))<<32
			*row = at + 1
		}
	}
	columns, values := m.Columns[start:end], m.Values[start:end]
	cache = cache[:len(columns)]
	values = values[:len(columns)]
	for j, entry := range cache {
		columns[j], values[j] = int32(entry), math.Float32frombits(uint32(entry>>32))
	}
	for row := range next {
		next[row] += start
	}
}
