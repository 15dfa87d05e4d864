package dataset

import "bytes"

// quoting says what a quote in a line means.
type quoting uint8

const (
	// unquoted: nothing.
	unquoted quoting = iota

	// quotedCSV: a field may stand in quotes, within which there may be separators
	// and doubled quotes; a quote anywhere else is malformed (RFC 4180).
	quotedCSV

	// quotedTSV: as quotedCSV where a field is in quotes from one separator to the
	// next; every other quote is text. Some programs that write TSV quote, others
	// write text as it is, as text/tab-separated-values has it.
	quotedTSV
)

var comma = []byte{','}

// splitCSV cuts a line at its commas into fields, taking the quotes off those
// that have them and halving the doubled quotes within (RFC 4180). A field does
// not go on over the end of a line. The line is overwritten; fields is used for
// the result.
func splitCSV(line []byte, fields [][]byte) (_ [][]byte, reason string) {
	return splitQuoted(line, comma, quotedCSV, fields)
}

// splitQuoted is splitCSV for any separator, which has no quote in it.
func splitQuoted(line, separator []byte, quotes quoting, fields [][]byte) (_ [][]byte, reason string) {
	fields = fields[:0]
	for {
		var field []byte
		var more bool
		if len(line) > 0 && line[0] == '"' && (quotes == quotedCSV || isQuoted(line, separator)) {
			var rest []byte
			var closed bool
			field, rest, closed = unquoteCSV(line)
			if !closed {
				return fields, "the quote before " + quote(field) + " is not closed"
			}
			line, more = bytes.CutPrefix(rest, separator)
			if !more && len(rest) > 0 {
				return fields, "text after the closing quote of " + quote(field)
			}
		} else {
			field, line, more = bytes.Cut(line, separator)
			if quotes == quotedCSV && bytes.IndexByte(field, '"') >= 0 {
				return fields, "a quote inside the field " + quote(field) + ", which has none around it"
			}
		}
		fields = append(fields, field)
		if !more {
			return fields, ""
		}
	}
}

// isQuoted reports whether the quote at line[0] is closed before a separator or
// the end of the line.
func isQuoted(line, separator []byte) bool {
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		if i++; i == len(line) || line[i] != '"' {
			return i == len(line) || bytes.HasPrefix(line[i:], separator)
		}
	}
	return false
}

// unquoteCSV takes the field that begins with the quote at line[0]. It writes
// the field over the line.
func unquoteCSV(line []byte) (field, rest []byte, closed bool) {
	n := 0 // bytes of the field, at line[:n]; never ahead of i
	for i := 1; i < len(line); i++ {
		if line[i] == '"' {
			i++
			if i == len(line) || line[i] != '"' {
				return line[:n], line[i:], true
			}
		}
		line[n] = line[i]
		n++
	}
	return line[:n], nil, false
}
