package als

import (
	"unsafe"

	"github.com/halfstep-ml/halfstep/als/internal/lines"
)

// key is what an entry is sorted by, its row counted from the first of its bucket, in the
// low bits, and above them its column.
type key interface{ uint32 | uint64 }

// staging is where the entries of a part wait for others of their bucket until they fill
// lines of cache, which are written whole, past the caches.
//
// Stores leave the processor in order, so that one which misses the caches holds up all,
// and the hardware fetches ahead for some 32 streams of stores. Of 25 million entries,
// sorted within rows, the first level took on one core (Sapphire Rapids), in ms:
//
//	each stored at its place                        187
//	the same, key and value as one store of 8 bytes 158
//	lines staged and copied                         243
//	lines staged and written past the caches         97
//	lines staged and not written                     90
//
// What limits is the instructions.
type staging[K key] struct {
	streams [maxBuckets]stream[K]
	lines   [maxBuckets]stagedLine[K]
	keys    []K // to which the lines are written
	values  []float32
}

// stream is where the next entry of a bucket goes.
type stream[K key] struct {
	next  int64
	first int64 // where the part's first went
	row   K     // the first of the bucket
}

// stagedLine is entries that wait, each at its place modulo lineLen.
type stagedLine[K key] struct {
	keys   [lineLen]K
	values [lineLen]float32
}

// lineLen is the number of values in a line of cache, and that of keys in one or two.
const lineLen = 16

// newStaging returns the staging of a part.
func newStaging[K key](b *buckets[K], part int) *staging[K] {
	s := &staging[K]{keys: b.keys, values: b.values}
	for i, at := range b.places[part] {
		s.streams[i] = stream[K]{at, at, K(b.rows[i])}
	}
	return s
}

// flush writes the line of a bucket that has become full.
func (s *staging[K]) flush(bucket uint8) {
	stream, line := &s.streams[bucket], &s.lines[bucket]
	at := stream.next - lineLen
	if at < stream.first {
		s.flushSome(bucket) // the line begins with entries of another part
		return
	}
	write(s.keys[at:], &line.keys)
	write(s.values[at:], &line.values)
}

// flushSome writes what waits in a bucket.
func (s *staging[K]) flushSome(bucket uint8) {
	stream, line := &s.streams[bucket], &s.lines[bucket]
	if stream.next == stream.first {
		return
	}
	at := (stream.next - 1) &^ (lineLen - 1)
	begin := max(at, stream.first)
	copy(s.keys[begin:stream.next], line.keys[begin-at:])
	copy(s.values[begin:stream.next], line.values[begin-at:])
}

// finish writes the lines that are not full.
func (s *staging[K]) finish() {
	for b := range s.streams {
		if s.streams[b].next%lineLen != 0 {
			s.flushSome(uint8(b))
		}
	}
	lines.Fence()
}

// write copies a line, or two of them.
func write[E key | float32](to []E, from *[lineLen]E) {
	to = to[:lineLen]
	each := len(lines.Line{}) / int(unsafe.Sizeof(from[0]))
	for i := 0; i < lineLen; i += each {
		lines.Write((*lines.Line)(unsafe.Pointer(&to[i])), (*lines.Line)(unsafe.Pointer(&from[i])))
	}
}
