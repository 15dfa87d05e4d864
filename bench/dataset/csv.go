package dataset

import "bytes"

// splitCSV cuts a line at its commas into fields, taking the quotes off those
// that have them and halving the doubled quotes within (RFC 4180). A field does
// not go on over the end of a line. The line is overwritten; fields is used for
// the result.
func splitCSV(line []byte, fields [][]byte) (_ [][]byte, reason string) {
	fields = fields[:0]
	for {
		if len(line) == 0 || line[0] != '"' {
			field, rest, more := bytes.Cut(line, []byte{','})
			if bytes.IndexByte(field, '"') >= 0 {
				return fields, "a quote inside the field " + quote(field) + ", which has none around it"
			}
			fields = append(fields, field)
			if !more {
				return fields, ""
			}
			line = rest
			continue
		}
		field, rest, closed := unquoteCSV(line)
		switch {
		case !closed:
			return fields, "the quote before " + quote(field) + " is not closed"
		case len(rest) > 0 && rest[0] != ',':
			return fields, "text after the closing quote of " + quote(field)
		}
		fields = append(fields, field)
		if len(rest) == 0 {
			return fields, ""
		}
		line = rest[1:]
	}
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
