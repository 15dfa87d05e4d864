package dataset

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

// Format is a layout of the lines of a file.
type Format uint8

const (
	// UData is that of MovieLens 100K: user, item, rating and time with tabs
	// between them. The time may be missing.
	UData Format = iota

	// Dat is that of MovieLens 1M and 10M: user::item::rating::time. The time may
	// be missing.
	Dat

	// CSV is that of MovieLens 20M, 25M, 32M and latest: a header that names the
	// columns, then fields with commas between them, in quotes or not. The
	// header decides where each column is; columns that it does not name as below
	// are passed over, as WithColumns has it. The time may be missing. With
	// WithSeparator there is something else between the fields.
	//
	//	user    userId, user_id, user
	//	item    movieId, movie_id, movie, itemId, item_id, item
	//	rating  rating, value
	//	time    timestamp, time
	//
	// Upper and lower case are the same.
	CSV

	// TSV is CSV with tabs for commas. A quote that is not closed before a tab or
	// the end of the line is text.
	TSV

	// Parquet is a Parquet file (https://parquet.apache.org) whose columns have
	// the names above, or those of WithColumns:
	//
	//	user, item  INT32 or INT64, or text
	//	rating      FLOAT, DOUBLE, INT32 or INT64
	//	time        INT32 or INT64: seconds, or a timestamp in any unit
	//
	// They are neither repeated nor within groups. A null is malformed.
	Parquet
)

// String gives "u.data", "dat", "csv", "tsv" or "parquet".
func (f Format) String() string {
	switch f {
	case UData:
		return "u.data"
	case Dat:
		return "dat"
	case CSV:
		return "csv"
	case TSV:
		return "tsv"
	case Parquet:
		return "parquet"
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// layout says where the fields of a rating are in a line.
type layout struct {
	format    Format
	separator string
	quotes    quoting
	header    bool // the first line names the columns
	columns   int  // fields of a line
	placed
}

// detectLayout finds the layout of a file of ratings from its first line that is
// not empty and, where that says nothing, from its name. The line is overwritten.
func detectLayout(path string, first []byte) (layout, string) {
	name := withoutPacking(filepath.Base(path))
	switch {
	case bytes.Contains(first, []byte("::")):
		return separatedLayout(Dat, "::", first)
	case bytes.IndexByte(first, '\t') >= 0:
		l := layout{format: TSV, separator: "\t", quotes: quotedTSV, header: true}
		if reason := l.place(bytes.Clone(first), Columns{}); reason == "" {
			return l, ""
		}
		return separatedLayout(UData, "\t", first)
	case bytes.IndexByte(first, ',') >= 0, strings.HasSuffix(name, ".csv"):
		l := layout{format: CSV, separator: ",", quotes: quotedCSV, header: true}
		return l, l.place(first, Columns{})
	case strings.HasSuffix(name, ".dat"):
		return separatedLayout(Dat, "::", first)
	case name == "u.data":
		return separatedLayout(UData, "\t", first)
	}
	return layout{}, "not in a known format: the first line is " + quote(first)
}

// separatedLayout is that of a file without a header and quotes.
func separatedLayout(f Format, separator string, first []byte) (layout, string) {
	l := layout{format: f, separator: separator, columns: 1 + bytes.Count(first, []byte(separator))}
	l.placed = placed{user: 0, item: 1, value: 2, time: 3}
	if l.columns == 3 {
		l.time = -1
	}
	if l.columns != 3 && l.columns != 4 {
		return l, fmt.Sprintf("%d fields in the first line, want user, item, rating and perhaps time", l.columns)
	}
	return l, ""
}

// lineParser reads the ratings of lines, without allocating.
type lineParser struct {
	layout
	fields [][]byte // of the present line
}

// parse reads a line with whole numbers for ids. The line may be overwritten. The
// answer is a reason in words, "" if r holds the rating.
func (p *lineParser) parse(line []byte, r *Rating) (reason string) {
	if reason = p.cut(line); reason != "" {
		return reason
	}
	if r.User, reason = parseID("user", p.fields[p.user]); reason != "" {
		return reason
	}
	if r.Item, reason = parseID("item", p.fields[p.item]); reason != "" {
		return reason
	}
	r.Value, r.Time, reason = p.rest()
	return reason
}

// cut fills the fields. The line may be overwritten.
func (p *lineParser) cut(line []byte) (reason string) {
	if p.quotes != unquoted && bytes.IndexByte(line, '"') >= 0 {
		p.fields, reason = splitQuoted(line, []byte(p.separator), p.quotes, p.fields)
		if reason != "" {
			return reason
		}
	} else {
		p.split(line)
	}
	switch n := len(p.fields); {
	case n > p.columns:
		return fmt.Sprintf("more than %d fields", p.columns)
	case n < p.columns:
		return fmt.Sprintf("%d fields, want %d", n, p.columns)
	}
	return ""
}

// rest reads what is not an id.
func (p *lineParser) rest() (value float32, time int64, reason string) {
	value = 1
	if p.value >= 0 {
		if value, reason = parseValue(p.fields[p.value]); reason != "" {
			return 0, 0, reason
		}
	}
	if p.time >= 0 {
		time, reason = parseID("timestamp", p.fields[p.time])
	}
	return value, time, reason
}

// split cuts a line at the separators, those of one field too many included. The
// fields are a few bytes long, too short for bytes.Index to be worth its calls.
func (p *lineParser) split(line []byte) {
	p.fields = p.fields[:0]
	first, last := p.separator[0], p.separator[len(p.separator)-1]
	width := len(p.separator)
	start := 0
	for i := 0; i+width <= len(line) && len(p.fields) <= p.columns; i++ {
		if line[i] == first && line[i+width-1] == last {
			p.fields = append(p.fields, line[start:i])
			start = i + width
			i = start - 1
		}
	}
	p.fields = append(p.fields, line[start:])
}
