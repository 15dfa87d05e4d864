// Package scan reads the most common lines of ratings in vectors: user, item, rating
// and time, between separators of one byte.
//
// There are implementations in assembly for AVX-512 with VBMI2 and for AVX2, which the
// module _gen generates (make generate). Elsewhere, and with the build tag noasm, there is
// none, and the caller reads the lines itself.
//
// # Speed
//
// Floor: the text and 12 or 20 bytes a rating, in the second cache. GB/s of lines of 27
// bytes on one core (Sapphire Rapids, chunks of 256 KB), with ids of uint32, of int64, and
// with times as well:
//
//	AVX-512              9.5  9.4  7.1   some 25 instructions a line
//	AVX2                 5.9  5.8  4.8   the starts of fields one by one
//	plain Go (fastLines) 1.9  1.8  1.4
//
// Text in memory is read at 3.2 GB/s, and at 4.9 where the next block is fetched meanwhile.
// Ratings by multiply-adds for a division made no difference.
package scan

import "bytes"

// Slack is the number of bytes behind a text that Lines may read.
const Slack = 64

// blockLen is the most bytes that are read at once. They, with the scratch of as many
// lines, fit the first cache.
const blockLen = 1 << 12

// Scanner reads lines of ids of 1 to 8 digits, a rating as 3 or 3.5, and a time of 1 to
// 16 digits, each line with a \n. It is not safe for concurrent use.
type Scanner struct {
	separator byte
	path      path

	// The starts of fields from that of a block, the first eight bytes of each id and the
	// first four of each rating. A line has four starts, and those of 15 lines behind the
	// block follow, in whole vectors.
	starts  [1 + blockLen + 64]uint32
	fields  [2 * (blockLen/4 + 16)]uint64
	ratings [blockLen/4 + 16]uint32
}

// New returns a Scanner for a separator that is no digit, dot or end of line, or nil if
// this program or processor has none.
func New(separator byte) *Scanner {
	if len(paths) == 0 {
		return nil
	}
	return &Scanner{separator: separator, path: paths[0]}
}

// path is an implementation. The variable paths has those of this program and processor,
// the fastest first.
type path string

const (
	avx512 path = "avx512"
	avx2   path = "avx2"
)

// ID is a type that users and items are read as.
type ID interface{ uint32 | int64 }

// Lines reads blocks of lines from the start of a text, behind which there are Slack
// bytes more, up to the first block with a line of another form, or for which there is
// no room. It returns the number of lines and their length in bytes. Times that are nil
// are checked and not kept. The slices are of one length otherwise; up to 15 elements
// behind those of the lines are overwritten.
func Lines[I ID](s *Scanner, text []byte, users, items []I, values []float32, times []int64) (lines, length int) {
	for length < len(text) {
		size := Block(text[length:])
		var rest []int64
		if times != nil {
			rest = times[lines:]
		}
		n := block(s, text[length:length+size], users[lines:], items[lines:], values[lines:], rest)
		if n == 0 {
			break
		}
		lines += n
		length += size
	}
	return lines, length
}

// Block is the length of the first block of a text: whole lines, or as much of one as
// Lines never takes. The text has an end of line, its last byte.
func Block(text []byte) int {
	if len(text) <= blockLen {
		return len(text)
	}
	if end := bytes.LastIndexByte(text[:blockLen], '\n') + 1; end > 0 {
		return end
	}
	return bytes.IndexByte(text, '\n') + 1
}
