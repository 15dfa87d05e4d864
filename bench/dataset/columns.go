package dataset

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Columns says which columns of a file the parts of a rating are in, each by its
// name in the header or the schema, or by its number, counted from 1. A column of
// that very name goes first, then one whose name differs in upper and lower case
// only, then the number.
//
// What is empty is found by the names that the Format CSV lists, or in a file
// without a header is 1, 2 and 3 for user, item and rating and, where there are
// just four columns and none else has it, 4 for the time.
type Columns struct {
	User, Item string

	Rating string // NoColumn: every rating is 1
	Time   string // NoColumn: there is no time
}

// NoColumn stands in Columns for a part of a rating that is not to be read.
const NoColumn = "-"

// WithColumns says which columns to read.
func WithColumns(c Columns) Option {
	return func(o *options) { o.columns = c }
}

// WithSeparator says what is between the fields of a line: one or two bytes, such
// as ";" or "::". Fields may be in quotes as the Format CSV has it, but for "::".
// The default is a tab or :: if the first line has them, else a comma. It means
// nothing for Parquet.
func WithSeparator(separator string) Option {
	return func(o *options) { o.separator = &separator }
}

// WithoutHeader says that the first line holds a rating, not the names of the
// columns. It means nothing for Parquet.
func WithoutHeader() Option {
	return func(o *options) { o.noHeader = true }
}

// validateColumns checks the options of this file.
func (o *options) validateColumns() error {
	if o.separator != nil {
		if s := *o.separator; len(s) < 1 || len(s) > 2 || strings.ContainsAny(s, "\"\r\n") {
			return configError("WithSeparator", "%q, want one or two bytes without quotes and ends of lines", s)
		}
	}
	if o.columns.User == NoColumn {
		return configError("Columns.User", "there is no rating without a user")
	}
	if o.columns.Item == NoColumn {
		return configError("Columns.Item", "there is no rating without an item")
	}
	return nil
}

// described reports whether the options say how the lines are laid out.
func (o *options) described() bool {
	return o.columns != Columns{} || o.separator != nil || o.noHeader
}

// describedLayout is the layout of a file whose options say how it is laid out,
// from its first line that is not empty. The line is overwritten.
func describedLayout(first []byte, o options) (layout, string) {
	l := layout{header: !o.noHeader}
	switch {
	case o.separator != nil:
		l.separator = *o.separator
	case bytes.IndexByte(first, '\t') >= 0:
		l.separator = "\t"
	case bytes.Contains(first, []byte("::")):
		l.separator = "::"
	default:
		l.separator = ","
	}
	switch l.separator {
	case "::":
		l.format, l.quotes = Dat, unquoted
	case "\t":
		l.format, l.quotes = TSV, quotedTSV
	default:
		l.format, l.quotes = CSV, quotedCSV
	}
	return l, l.place(first, o.columns)
}

// place finds the columns of a rating from the first line, which is overwritten.
func (l *layout) place(first []byte, c Columns) (reason string) {
	text := quote(first)
	fields, reason := l.fieldsOf(first)
	if reason != "" {
		return l.firstLine() + ": " + reason
	}
	l.columns = len(fields)
	names := fields
	if !l.header {
		names = nil
	}
	l.placed, reason = placeColumns(c, names, len(fields))
	if reason != "" {
		return l.firstLine() + " " + text + " " + reason
	}
	return ""
}

func (l *layout) firstLine() string {
	if l.header {
		return "the header"
	}
	return "the first line"
}

// fieldsOf cuts the first line.
func (l *layout) fieldsOf(line []byte) ([][]byte, string) {
	if l.quotes == unquoted {
		return bytes.Split(line, []byte(l.separator)), ""
	}
	return splitQuoted(line, []byte(l.separator), l.quotes, nil)
}

// placed is where the parts of a rating are, counted from 0.
type placed struct {
	user, item int
	value      int // -1: every rating is 1
	time       int // -1: there is none
}

// placeColumns finds the chosen columns among n with the names given, nil if they
// have none. The reason goes on from the name of what has the columns.
func placeColumns(c Columns, names [][]byte, n int) (p placed, reason string) {
	parts := [...]struct {
		what     string
		choice   string
		at       *int
		optional bool
	}{
		{"user", c.User, &p.user, false},
		{"item", c.Item, &p.item, false},
		{"rating", c.Rating, &p.value, false},
		{"time", c.Time, &p.time, true},
	}
	for i, part := range parts {
		at := -1
		switch {
		case part.choice == NoColumn:
		case part.choice != "":
			at, reason = chosenColumn(names, n, part.what, part.choice)
		case names != nil:
			at, reason = findColumn(names, part.what)
			if reason == "" && at < 0 && !part.optional {
				reason = noColumn(part.what)
			}
		case !part.optional:
			if at = i; at >= n {
				reason = fmt.Sprintf("has no column %d for the %s", at+1, part.what)
			}
		case n == 4 && p.user != 3 && p.item != 3 && p.value != 3:
			at = 3
		}
		if reason != "" {
			return p, reason
		}
		for _, other := range parts[:i] {
			if at >= 0 && *other.at == at {
				return p, fmt.Sprintf("has column %d for both the %s and the %s", at+1, other.what, part.what)
			}
		}
		*part.at = at
	}
	return p, ""
}

// chosenColumn finds the column that was asked for by name or number.
func chosenColumn(names [][]byte, n int, what, choice string) (at int, reason string) {
	for _, same := range []func(name string) bool{
		func(name string) bool { return name == choice },
		func(name string) bool { return strings.EqualFold(name, choice) },
	} {
		at = -1
		for i, name := range names {
			if !same(string(name)) {
				continue
			}
			if at >= 0 {
				return at, fmt.Sprintf("has two columns %s for the %s, %d and %d", quote([]byte(choice)), what, at+1, i+1)
			}
			at = i
		}
		if at >= 0 {
			return at, ""
		}
	}
	number, err := strconv.Atoi(choice)
	switch {
	case err == nil && 1 <= number && number <= n:
		return number - 1, ""
	case err == nil:
		return -1, fmt.Sprintf("has no column %d for the %s, but %d columns", number, what, n)
	case names == nil:
		return -1, fmt.Sprintf("is no header, and without one the column for the %s must be a number, not %s", what, quote([]byte(choice)))
	}
	return -1, fmt.Sprintf("has no column %s for the %s", quote([]byte(choice)), what)
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

// findColumn finds the column with one of the names of what, or -1.
func findColumn(names [][]byte, what string) (at int, reason string) {
	at = -1
	for i, name := range names {
		for _, known := range columnNames[what] {
			if !strings.EqualFold(string(name), known) {
				continue
			}
			if at >= 0 {
				return at, fmt.Sprintf("has two columns for the %s, %d and %d", what, at+1, i+1)
			}
			at = i
		}
	}
	return at, ""
}

func noColumn(what string) string {
	return fmt.Sprintf("has no column for the %s (%s)", what, strings.Join(columnNames[what], ", "))
}
