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
	// columns, then numbers with commas between them, in quotes or not. The
	// header decides where each column is; columns that it does not name as below
	// are passed over. The time may be missing.
	//
	//	user    userId, user_id, user
	//	item    movieId, movie_id, movie, itemId, item_id, item
	//	rating  rating, value
	//	time    timestamp, time
	//
	// Upper and lower case are the same.
	CSV
)

// String gives "u.data", "dat" or "csv".
func (f Format) String() string {
	switch f {
	case UData:
		return "u.data"
	case Dat:
		return "dat"
	case CSV:
		return "csv"
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// layout says where the fields of a rating are in a line.
type layout struct {
	format    Format
	separator string
	columns   int // fields of a line

	// The field of each, counted from 0; time is -1 if there is none.
	user, item, value, time int
}

// detectLayout finds the layout of a file of ratings from its first line that is
// not empty and, where that says nothing, from its name. The line of a CSV file is
// its header. The line is overwritten.
func detectLayout(path string, first []byte) (layout, string) {
	separated := func(f Format, separator string) (layout, string) {
		l := layout{format: f, separator: separator, columns: 1 + bytes.Count(first, []byte(separator))}
		l.user, l.item, l.value, l.time = 0, 1, 2, 3
		if l.columns == 3 {
			l.time = -1
		}
		if l.columns != 3 && l.columns != 4 {
			return l, fmt.Sprintf("%d fields in the first line, want user, item, rating and perhaps time", l.columns)
		}
		return l, ""
	}
	name := strings.TrimSuffix(filepath.Base(path), ".gz")
	switch {
	case bytes.Contains(first, []byte("::")):
		return separated(Dat, "::")
	case bytes.IndexByte(first, '\t') >= 0:
		return separated(UData, "\t")
	case bytes.IndexByte(first, ',') >= 0, strings.HasSuffix(name, ".csv"):
		return headerLayout(first)
	case strings.HasSuffix(name, ".dat"):
		return separated(Dat, "::")
	case name == "u.data":
		return separated(UData, "\t")
	}
	return layout{}, "not in a known format: the first line is " + quote(first)
}

// columnNames lists, in lower case, what the header of a CSV file may call its
// columns.
var columnNames = map[string][]string{
	"user":   {"userid", "user_id", "user"},
	"item":   {"movieid", "movie_id", "movie", "itemid", "item_id", "item"},
	"rating": {"rating", "value"},
	"time":   {"timestamp", "time"},
	"title":  {"title"},
	"genres": {"genres"},
}

func headerLayout(header []byte) (layout, string) {
	text := quote(header)
	names, reason := splitCSV(header, nil)
	if reason != "" {
		return layout{}, "the header: " + reason
	}
	l := layout{format: CSV, separator: ",", columns: len(names)}
	for _, c := range []struct {
		at       *int
		name     string
		optional bool
	}{{&l.user, "user", false}, {&l.item, "item", false}, {&l.value, "rating", false}, {&l.time, "time", true}} {
		*c.at, reason = findColumn(names, c.name)
		if reason == "" && *c.at < 0 && !c.optional {
			reason = noColumn(c.name, text)
		}
		if reason != "" {
			return layout{}, reason
		}
	}
	return l, ""
}

// findColumn finds the column with one of the names of what, or -1.
func findColumn(names [][]byte, what string) (at int, reason string) {
	at = -1
	for i, name := range names {
		for _, known := range columnNames[what] {
			if !strings.EqualFold(string(name), known) {
				continue
			}
			if at >= 0 {
				return at, fmt.Sprintf("the header has two columns for the %s, %d and %d", what, at+1, i+1)
			}
			at = i
		}
	}
	return at, ""
}

func noColumn(what, header string) string {
	return fmt.Sprintf("the header %s has no column for the %s (%s)", header, what, strings.Join(columnNames[what], ", "))
}

// lineParser reads the ratings of lines, without allocating.
type lineParser struct {
	layout
	fields [][]byte // of the present line
}

// parse reads a line. The line may be overwritten. The answer is a reason in
// words, "" if r holds the rating.
func (p *lineParser) parse(line []byte, r *Rating) (reason string) {
	if p.format == CSV && bytes.IndexByte(line, '"') >= 0 {
		p.fields, reason = splitCSV(line, p.fields)
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
	if r.User, reason = parseID("user", p.fields[p.user]); reason != "" {
		return reason
	}
	if r.Item, reason = parseID("item", p.fields[p.item]); reason != "" {
		return reason
	}
	if r.Value, reason = parseValue(p.fields[p.value]); reason != "" {
		return reason
	}
	r.Time = 0
	if p.time >= 0 {
		r.Time, reason = parseID("timestamp", p.fields[p.time])
	}
	return reason
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
