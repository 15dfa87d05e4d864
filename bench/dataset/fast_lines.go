package dataset

import (
	"encoding/binary"
	"math/bits"

	"github.com/halfstep-ml/halfstep/bench/dataset/internal/scan"
)

// fastLines reads lines of the common form, eight bytes at a time (SWAR: Lamport 1975,
// Multiple byte processing with full-word instructions): user, item, rating and
// perhaps time in this order, ids of up to 8 digits, a rating as 3 or 3.5, a time of
// up to 15 digits. It takes no line that lineParser refuses, and reads the same from
// those it takes; every other line is for lineParser.
//
// Floor: the text and 20 bytes a rating, in the second cache. GB/s on one core
// (Sapphire Rapids, lines of 27 bytes): 1.2 line by line, where each waits for the end
// of the one before; 1.9 with lines of two halves in turn. What limits is some 100
// instructions a line. Package scan takes most of these lines where it can.
type fastLines struct {
	separator, mask uint16 // the separator, little-endian, and what it takes of two bytes
	width           int    // of the separator in bytes
	time            bool
}

// fastSlack is the number of bytes behind the text that fastLines, of which 32 suffice,
// and scan.Scanner may read.
const fastSlack = scan.Slack

// newFastLines says false if no line of the layout is of the common form.
func newFastLines(l layout) (fastLines, bool) {
	f := fastLines{width: len(l.separator), separator: uint16(l.separator[0]), mask: 0xff, time: l.time == 3}
	if f.width == 2 {
		f.separator |= uint16(l.separator[1]) << 8
		f.mask = 0xffff
	}
	columns := 3
	if f.time {
		columns = 4
	}
	common := l.columns == columns && l.user == 0 && l.item == 1 && l.value == 2 && (f.time || l.time < 0)
	for _, c := range []byte(l.separator) {
		common = common && (c < '0' || c > '9') && c != '.'
	}
	return f, common
}

// scanner reads such lines, or is nil if it reads none of the layout.
func (f *fastLines) scanner() *scan.Scanner {
	if f.width != 1 || !f.time {
		return nil
	}
	return scan.New(byte(f.separator))
}

const (
	bytesOf0x01 = 0x0101010101010101
	bytesOf0x0f = 0x0f * bytesOf0x01
	bytesOf0x30 = '0' * bytesOf0x01
	bytesOf0x76 = 0x76 * bytesOf0x01
	bytesOf0x80 = 0x80 * bytesOf0x01
)

// digits is the number of digits that the 8 bytes begin with, and the bytes with the
// digits as numbers from 0 to 9.
func digits(text []byte) (n int, x uint64) {
	x = binary.LittleEndian.Uint64(text) ^ bytesOf0x30
	// A sum carries over only behind the first byte that is no digit.
	other := (x + bytesOf0x76 | x) & bytesOf0x80
	return bits.TrailingZeros64(other) / 8, x
}

// number is the value of the first n of 8 digits, 1 to 8.
func number(n int, x uint64) int64 {
	x <<= uint(64-8*n) & 63
	x = (x*10 + x>>8) & 0x00ff00ff00ff00ff
	x = (x*100 + x>>16) & 0x0000ffff0000ffff
	return int64((x*10000 + x>>32) & 0xffffffff)
}

// span is some bytes of a text.
type span struct{ at, size int }

// time is the value of up to 15 digits of a text, behind which there are fastSlack bytes
// more. It is 0 if there are none.
func (s span) time(text []byte) int64 {
	upper := s.size
	if s.size > 8 {
		upper = s.size - 8
	}
	if upper == 0 {
		return 0
	}
	v := number(upper, binary.LittleEndian.Uint64(text[s.at:s.at+8])^bytesOf0x30)
	if s.size > 8 {
		at := s.at + upper
		v = v*1e8 + number(8, binary.LittleEndian.Uint64(text[at:at+8])^bytesOf0x30)
	}
	return v
}

// tenths are the ratings with one decimal, as parseValue reads them.
var tenths = func() (t [100]float32) {
	for i := range t {
		t[i] = float32(i) / 10
	}
	return t
}()

// line reads the line at a place of the text, behind which there are fastSlack bytes
// more. It returns where the next line begins, or 0 if this one is not of the common
// form, and where the digits of the time are, which are checked.
func (f *fastLines) line(text []byte, at int) (next int, user, item int64, value float32, time span) {
	size, x := digits(text[at : at+8])
	at += size
	if uint(size-1) > 7 || binary.LittleEndian.Uint16(text[at:at+2])&f.mask != f.separator {
		return 0, 0, 0, 0, span{}
	}
	user = number(size, x)
	at += f.width
	size, x = digits(text[at : at+8])
	at += size
	if uint(size-1) > 7 || binary.LittleEndian.Uint16(text[at:at+2])&f.mask != f.separator {
		return 0, 0, 0, 0, span{}
	}
	item = number(size, x)
	at += f.width

	rating := binary.LittleEndian.Uint32(text[at:at+4]) ^ '0'
	if rating&0xff > 9 {
		return 0, 0, 0, 0, span{}
	}
	tenth := 10 * (rating & 0xff)
	at++
	if rating>>8&0xff == '.' {
		decimal := rating>>16&0xff - '0'
		if decimal > 9 {
			return 0, 0, 0, 0, span{}
		}
		tenth += decimal
		at += 2
	}

	if f.time {
		if binary.LittleEndian.Uint16(text[at:at+2])&f.mask != f.separator {
			return 0, 0, 0, 0, span{}
		}
		at += f.width
		size, _ = digits(text[at : at+8])
		if size == 8 {
			more, _ := digits(text[at+8 : at+16])
			size += more
		}
		if uint(size-1) > 14 {
			return 0, 0, 0, 0, span{}
		}
		time = span{at, size}
		at += size
	}
	if text[at] == '\r' {
		at++
	}
	if text[at] != '\n' {
		return 0, 0, 0, 0, span{}
	}
	return at + 1, user, item, tenths[tenth], time
}

// parseFast reads lines from the start of the text, which ends with an end of line, up to
// the first that is not of the common form, as long as there is room in out. It
// returns the number of lines and their length in bytes.
func parseFast[I ID](f *fastLines, text []byte, out *columns[I]) (lines, length int) {
	end := len(text)
	text = text[:end+fastSlack]
	for lines < len(out.values) && length < end {
		next, user, item, value, time := f.line(text, length)
		if next == 0 {
			break
		}
		out.users[lines], out.items[lines], out.values[lines] = I(user), I(item), value
		if out.times != nil {
			out.times[lines] = time.time(text)
		}
		lines++
		length = next
	}
	return lines, length
}

// parseTwo is parseFast for two texts at once, as many lines of each. Where a line begins
// is known only when the one before it has been read, so that the processor would
// wait; it reads a line of the other text meanwhile.
func parseTwo[I ID](f *fastLines, first, second []byte, out, other *columns[I]) (lines, length, otherLength int) {
	end, otherEnd := len(first), len(second)
	first, second = first[:end+fastSlack], second[:otherEnd+fastSlack]
	n := min(len(out.values), len(other.values))
	for lines < n && length < end && otherLength < otherEnd {
		next, user, item, value, time := f.line(first, length)
		otherNext, otherUser, otherItem, otherValue, otherTime := f.line(second, otherLength)
		if next == 0 || otherNext == 0 {
			break
		}
		out.users[lines], out.items[lines], out.values[lines] = I(user), I(item), value
		other.users[lines], other.items[lines], other.values[lines] = I(otherUser), I(otherItem), otherValue
		if out.times != nil {
			out.times[lines], other.times[lines] = time.time(first), otherTime.time(second)
		}
		lines++
		length, otherLength = next, otherNext
	}
	return lines, length, otherLength
}
