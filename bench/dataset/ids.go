package dataset

import (
	"context"
	"math"
	"strconv"

	"github.com/halfstep-ml/halfstep/als"
)

// ids reads ids of type K from a file. The answers of its methods are reasons in
// words, "" for none.
type ids[K als.Key] interface {
	// parse reads a line, which it may overwrite.
	parse(p *lineParser, line []byte, r *RatingOf[K]) (reason string)

	// number and text read an id of a Parquet file, of the column that what names.
	number(what string, v int64) (id K, reason string)
	text(what string, v []byte) (id K, reason string)
}

// integers reads whole numbers of at least 0.
type integers struct{}

func (integers) parse(p *lineParser, line []byte, r *Rating) string { return p.parse(line, r) }

func (integers) number(what string, v int64) (int64, string) {
	if v < 0 {
		return 0, "the " + what + " " + strconv.FormatInt(v, 10) + " is not at least 0"
	}
	return v, ""
}

func (integers) text(what string, v []byte) (int64, string) { return parseID(what, v) }

// below2To32 reads whole numbers of at least 0 that a uint32 holds.
type below2To32 struct{ integers }

func (b below2To32) parse(p *lineParser, line []byte, r *Rating) (reason string) {
	if reason = p.parse(line, r); reason != "" {
		return reason
	}
	if r.User > math.MaxUint32 {
		return "the user " + quote(p.fields[p.user]) + " is not below 2³²"
	}
	if r.Item > math.MaxUint32 {
		return "the item " + quote(p.fields[p.item]) + " is not below 2³²"
	}
	return ""
}

func (b below2To32) number(what string, v int64) (int64, string) {
	v, reason := b.integers.number(what, v)
	if reason == "" && v > math.MaxUint32 {
		reason = "the " + what + " " + strconv.FormatInt(v, 10) + " is not below 2³²"
	}
	return v, reason
}

func (b below2To32) text(what string, v []byte) (int64, string) {
	id, reason := parseID(what, v)
	if reason == "" && id > math.MaxUint32 {
		reason = "the " + what + " " + quote(v) + " is not below 2³²"
	}
	return id, reason
}

// isNumber reports whether an id is a whole number written as integers would
// write it, so that two different ones are different numbers.
func isNumber(id []byte) bool {
	_, reason := parseID("", id)
	return reason == "" && (id[0] != '0' || len(id) == 1)
}

// StringFile is a File whose users and items go by strings, as they stand in it.
// It is a SourceOf[string] and safe for concurrent use.
type StringFile struct{ file *File }

// Strings gives the same ratings with ids as they stand in the file, of any kind:
// "ann", "007". One that is empty is malformed.
func (f *File) Strings() StringFile { return StringFile{f} }

// HasStrings reports whether Each would refuse the first rating, or might take two
// users for one, because an id is not a whole number without leading zeros, or in
// a Parquet file is not of such a type. Then Strings is for the file.
func (f *File) HasStrings() bool { return f.strings }

// Name is that of the File.
func (f StringFile) Name() string { return f.file.Name() }

// Each is File.Each for ids of any kind. Each string is allocated once and held
// until the call ends.
func (f StringFile) Each(ctx context.Context, yield func(RatingOf[string]) error) error {
	return each(ctx, f.file, interned{}, yield)
}

// interned reads ids as strings and holds them, so that one that comes again is
// not allocated again.
type interned map[string]string

func (s interned) parse(p *lineParser, line []byte, r *RatingOf[string]) (reason string) {
	if reason = p.cut(line); reason != "" {
		return reason
	}
	if r.User, reason = s.text("user", p.fields[p.user]); reason != "" {
		return reason
	}
	if r.Item, reason = s.text("item", p.fields[p.item]); reason != "" {
		return reason
	}
	r.Value, r.Time, reason = p.rest()
	return reason
}

func (s interned) text(what string, v []byte) (string, string) {
	if len(v) == 0 {
		return "", "the " + what + " is missing"
	}
	if id, ok := s[string(v)]; ok { // allocates nothing
		return id, ""
	}
	id := string(v)
	s[id] = id
	return id, ""
}

func (s interned) number(what string, v int64) (string, string) {
	var digits [20]byte
	return s.text(what, strconv.AppendInt(digits[:0], v, 10))
}
