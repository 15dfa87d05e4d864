package als

import (
	"context"
	"math/bits"
)

// division is the rows of a matrix in ranges, the buckets, of about as many entries each:
// popular rows, which often are neighbours, share theirs with few others. A bucket is
// made of cells, which have 1<<shift rows each.
type division struct {
	shift  int
	of     [maxCells]uint8       // the bucket of each cell
	rows   [maxBuckets + 1]int   // the first row of each bucket, and the number of rows
	starts [maxBuckets + 1]int64 // the first entry of each bucket, and the number of entries
}

// The buffers of so many buckets leave room for other things in the first cache, see
// staging; so many cells have 64 KB of counters.
const (
	maxBuckets = 256
	maxCells   = 1 << 14
)

// cellCounts are the entries of each cell in a part of them.
type cellCounts [maxCells]uint32

// add counts entries by their rows.
func (c *cellCounts) add(rows []int32, shift int) {
	shift &= 31 // so that the compiler knows
	for _, row := range rows {
		c[uint32(row)>>shift%maxCells]++
	}
}

// cellShift is the number of low bits of a row that tell the rows of a cell apart.
func cellShift(rows int) (shift int) {
	for rows > maxCells<<shift {
		shift++
	}
	return shift
}

// A row weighs as much as a third of the mean number of entries of a row, so that a bucket
// of rows with few entries has some four times the rows it would have if all had as many.
const rowWeight = 1. / 3

// maxBucketRows is a bound for the rows of a bucket.
func maxBucketRows(rows int) int {
	share := (1 + 1/rowWeight) / (maxBuckets - 1)
	return int(share*float64(rows)) + 2<<cellShift(rows)
}

// divide divides so many rows, whose entries are counted in parts.
func divide(rows int, counts []cellCounts) *division {
	d := &division{shift: cellShift(rows)}
	var entries [maxCells]int64
	n := int64(0)
	for p := range counts {
		for c, count := range counts[p] {
			entries[c] += int64(count)
			n += int64(count)
		}
	}
	cells := (rows + 1<<d.shift - 1) >> d.shift
	weight := max(rowWeight*float64(n)/float64(cells), 1) // of a cell's rows
	share := (float64(n) + float64(cells)*weight) / (maxBuckets - 1)
	at, before, bucket := int64(0), 0., 0
	for c := range cells {
		for ; bucket < int(before/share); bucket++ {
			d.rows[bucket+1], d.starts[bucket+1] = c<<d.shift, at
		}
		d.of[c] = uint8(bucket)
		at += entries[c]
		before += float64(entries[c]) + weight
	}
	for b := bucket + 1; b <= maxBuckets; b++ {
		d.rows[b], d.starts[b] = rows, n
	}
	return d
}

// largest is the number of rows of the bucket that has most, and of entries of the one
// that has most of them.
func (d *division) largest() (rows, entries int) {
	for b := range maxBuckets {
		rows = max(rows, d.rows[b+1]-d.rows[b])
		entries = max(entries, int(d.starts[b+1]-d.starts[b]))
	}
	return rows, entries
}

// places are where the entries of each part begin in each bucket, which has the entries of
// one part after those of another, and after the last part the ends of the buckets.
func (d *division) places(counts []cellCounts) [][maxBuckets]int64 {
	places := make([][maxBuckets]int64, len(counts)+1)
	copy(places[0][:], d.starts[:])
	for p := range counts {
		places[p+1] = places[p]
		for c, count := range counts[p] {
			places[p+1][d.of[c]] += int64(count)
		}
	}
	return places
}

// countCells counts parts of entries.
func countCells(ctx context.Context, parts int, count func(part int, cells *cellCounts)) ([]cellCounts, error) {
	counts := make([]cellCounts, parts)
	err := parallel(ctx, parts, func(p int) error {
		count(p, &counts[p])
		return nil
	})
	return counts, err
}

// rowBits is the number of bits that number so many rows.
func rowBits(rows int) int { return bits.Len(uint(max(rows-1, 0))) }
