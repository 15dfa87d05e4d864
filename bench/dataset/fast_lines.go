package dataset

import (
	"encoding/binary"
	"math/bits"
)

// fastLines reads lines of the common form, eight bytes at a time (SWAR: Lamport 1975,
// Multiple byte processing with full-word instructions): user, item, rating and
// perhaps time in this order, ids of up to 8 digits, a rating as 3 or 3.5, a time of
// up to 15 digits. It takes no line that lineParser refuses, and reads the same from
// those it takes; every other line is for lineParser.
type fastLines struct {
	separator, mask uint16 // the separator, little-endian, and what it takes of two bytes
	width           int    // of the separator in bytes
	time            bool
}

// fastSlack is the number of bytes behind the text that fastLines may read.
const fastSlack = 32

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

// tenths are the ratings with one decimal, as parseValue reads them.
var tenths = func() (t [100]float32) {
	for i := range t {
		t[i] = float32(i) / 10
	}
	return t
}()

// parse reads lines from the start of the text, which ends with an end of line, up to
// the first that is not of the common form, as long as there is room in out. It
// returns the number of lines and their length in bytes. Behind the text there are
// fastSlack bytes more.
func (f fastLines) parse(text []byte, out *columns) (lines, length int) {
	end := len(text)
	text = text[:end+fastSlack]
	n := min(len(out.users), len(out.items), len(out.values), len(out.times))
	users, items, values, times := out.users[:n], out.items[:n], out.values[:n], out.times[:n]
	at := 0
	for lines < n && at < end {
		p := at
		size, x := digits(text[p : p+8])
		p += size
		if uint(size-1) > 7 || binary.LittleEndian.Uint16(text[p:p+2])&f.mask != f.separator {
			break
		}
		user := number(size, x)
		p += f.width
		size, x = digits(text[p : p+8])
		p += size
		if uint(size-1) > 7 || binary.LittleEndian.Uint16(text[p:p+2])&f.mask != f.separator {
			break
		}
		item := number(size, x)
		p += f.width

		rating := binary.LittleEndian.Uint32(text[p:p+4]) ^ '0'
		if rating&0xff > 9 {
			break
		}
		tenth := 10 * (rating & 0xff)
		p++
		if rating>>8&0xff == '.' {
			decimal := rating>>16&0xff - '0'
			if decimal > 9 {
				break
			}
			tenth += decimal
			p += 2
		}

		var time int64
		if f.time {
			if binary.LittleEndian.Uint16(text[p:p+2])&f.mask != f.separator {
				break
			}
			p += f.width
			size, x = digits(text[p : p+8])
			if size == 0 {
				break
			}
			p += size
			time = number(size, x)
			if size == 8 {
				size, x = digits(text[p : p+8])
				if size == 8 {
					break
				}
				if size > 0 {
					p += size
					time = time*wholePowersOfTen[size] + number(size, x)
				}
			}
		}
		if text[p] == '\r' {
			p++
		}
		if text[p] != '\n' {
			break
		}
		at = p + 1
		users[lines], items[lines], values[lines], times[lines] = user, item, tenths[tenth], time
		lines++
	}
	return lines, at
}

var wholePowersOfTen = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}
