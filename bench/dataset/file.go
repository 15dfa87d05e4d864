package dataset

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/als"
)

// File is a file of ratings. It keeps nothing open between two calls and is safe
// for concurrent use.
type File struct {
	path    string
	name    string
	open    opener
	onDisk  bool   // path is one of the file system
	random  bool   // it is plain text that can be read at any place
	layout  layout // of a text file; of a Parquet file, the format alone
	options options
	strings bool // the first rating has an id that is not a whole number
	skipped atomic.Int64
}

// Option changes how a file is read.
type Option func(*options)

type options struct {
	progress func(read, total int64)
	skip     bool
	buffer   int

	columns   Columns
	separator *string // nil: to be detected
	noHeader  bool
}

// WithProgress has report called while a file is read, at most ten times a
// second and once at its end, with the bytes that were read and those of the
// whole file (compressed, if it is), which are those that were read where the size
// is not known. The call comes from the goroutine that reads.
func WithProgress(report func(read, total int64)) Option {
	return func(o *options) { o.progress = report }
}

// SkipBadLines passes over malformed lines or rows and counts them, where otherwise the
// first one is an error. A file in which no line is good is an ErrFormat all the
// same.
func SkipBadLines() Option {
	return func(o *options) { o.skip = true }
}

// WithBuffer sets the size of the buffer that a text file is read with, in bytes.
// A line that does not fit is malformed. The default is 1 MiB.
func WithBuffer(bytes int) Option {
	return func(o *options) { o.buffer = bytes }
}

func newOptions(opts []Option) (options, error) {
	o := options{buffer: 1 << 20}
	for _, set := range opts {
		set(&o)
	}
	if o.buffer < 16 {
		return o, configError("WithBuffer", "%d bytes, want at least 16", o.buffer)
	}
	return o, o.validateColumns()
}

// Open finds a file of ratings and its Format. The path is the file itself or a
// folder that has one of the names that MovieLens uses, u.data, ratings.dat,
// ratings_notime.dat or ratings.csv, perhaps one folder further in. A file may be
// compressed with gzip or zstd whatever its name is. Open reads the first lines;
// the rest is read, from the start, by every call of Each.
//
// The errors are ErrFormat for a file in no known format or a folder in which
// there is not exactly one, ErrConfig for an option, and those of the file
// system.
func Open(path string, opts ...Option) (*File, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	path, err = find(path, ratingFiles)
	if err != nil {
		return nil, err
	}
	f, err := inspect(path, openerOf(path), o)
	if err != nil {
		return nil, err
	}
	f.name, f.onDisk = nameOf(path), true
	return f, nil
}

// FromReader is Open for what is not in a folder: an object of a store, a file
// within an archive. It calls open once, Each calls it again, every time for the
// content from its start, and both close what they got. The name stands for the
// path in errors and, where the content says nothing, for its format.
//
// If what is opened has the method Stat of fs.File, the size given to WithProgress
// is from there. A Parquet file is read into memory unless there is the method
// ReadAt as well.
func FromReader(name string, open func() (io.ReadCloser, error), opts ...Option) (*File, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	return inspect(name, sizing(open), o)
}

// inspect reads the beginning of a file.
func inspect(path string, open opener, o options) (*File, error) {
	f := &File{path: path, name: path, open: open, options: o}
	in, err := newInput(path, open, nil)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if in.isParquet() {
		f.layout.format = Parquet
		f.strings, err = inspectParquet(in, o.columns)
	} else {
		_, at := in.file.(io.ReaderAt)
		f.random = at && !in.packed && in.size > 0
		err = f.inspectLines(in)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// inspectLines finds the layout of a text file, and what its ids are.
func (f *File) inspectLines(in *input) error {
	o := f.options
	lines := newLineReader(context.Background(), f.path, in, o.buffer)
	first, err := lines.next()
	switch {
	case err == io.EOF:
		return formatError(f.path, 0, "the file is empty")
	case errors.Is(err, ErrMalformed):
		return formatError(f.path, 1, "not in a known format: the first line is longer than %d bytes", o.buffer)
	case err != nil:
		return err
	}
	rating := bytes.Clone(first)
	var reason string
	if o.described() {
		f.layout, reason = describedLayout(first, o)
	} else {
		f.layout, reason = detectLayout(f.path, first)
	}
	if reason != "" {
		return formatError(f.path, lines.number, "%s", reason)
	}
	if f.layout.header {
		if rating, err = lines.next(); err != nil {
			return nil // Each finds it again
		}
	}
	parser := lineParser{layout: f.layout}
	f.strings = parser.cut(rating) == "" && !(isNumber(parser.fields[f.layout.user]) && isNumber(parser.fields[f.layout.item]))
	return nil
}

// Name is the name of the file's folder for the file names of MovieLens, as in
// "ml-1m", else that of the file without its endings. For FromReader it is the
// name given.
func (f *File) Name() string { return f.name }

// Path is the path of the file, also where Open was given a folder, or the name
// given to FromReader.
func (f *File) Path() string { return f.path }

// Format is the format of the file.
func (f *File) Format() Format { return f.layout.format }

// Skipped is the number of malformed lines or rows that SkipBadLines passed over, in the
// call of Each that ended last.
func (f *File) Skipped() int64 { return f.skipped.Load() }

// Each reads the file and calls yield with every rating. The ids must be whole
// numbers of at least 0; see Strings for others. It holds one buffer, see
// WithBuffer, and allocates nothing for a line; of a Parquet file it holds a page
// of each column. Next to the errors of yield and of the context there are
// ErrMalformed for a line or row and ErrFormat for a file without ratings or one
// that is damaged or cut off; yield may have been called before that shows.
func (f *File) Each(ctx context.Context, yield func(Rating) error) error {
	return each(ctx, f, integers{}, yield)
}

// each reads a file with ids of type K.
func each[K als.Key](ctx context.Context, f *File, ids ids[K], yield func(RatingOf[K]) error) error {
	in, err := newInput(f.path, f.open, f.options.progress)
	if err != nil {
		return err
	}
	defer in.Close()
	var t tally
	defer func() { f.skipped.Store(t.skipped) }()
	if f.layout.format == Parquet {
		err = eachRow(ctx, f, in, ids, yield, &t)
	} else {
		err = eachLine(ctx, f, in, ids, yield, &t)
	}
	if err != nil {
		return err
	}
	if t.found == 0 {
		places := "lines"
		if f.layout.format == Parquet {
			places = "rows"
		}
		return nothingFound(f.path, "ratings", t.skipped, places)
	}
	in.finish()
	return nil
}

// tally counts what became of lines or rows.
type tally struct{ found, skipped int64 }

func eachLine[K als.Key](ctx context.Context, f *File, in *input, ids ids[K], yield func(RatingOf[K]) error, t *tally) error {
	lines := newLineReader(ctx, f.path, in, f.options.buffer)
	if f.layout.header {
		if _, err := lines.next(); err != nil && err != io.EOF {
			return err
		}
	}
	parser := lineParser{layout: f.layout}
	var r RatingOf[K]
	for {
		line, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			if reason := ids.parse(&parser, line, &r); reason != "" {
				err = malformed(f.path, lines.number, reason)
			}
		}
		if err != nil {
			if f.options.skip && errors.Is(err, ErrMalformed) {
				t.skipped++
				continue
			}
			return err
		}
		t.found++
		if err := yield(r); err != nil {
			return err
		}
	}
}

// Movies reads the titles that lie beside the file: u.item, movies.dat or
// movies.csv, as its Format has it, perhaps with .gz or .zst behind it. Where
// there is none, as beside what comes FromReader, the error is fs.ErrNotExist.
func (f *File) Movies() (map[int64]Movie, error) {
	if !f.onDisk {
		return nil, &fs.PathError{Op: "open", Path: f.path, Err: fs.ErrNotExist}
	}
	name := "movies.csv"
	switch f.layout.format {
	case UData:
		name = "u.item"
	case Dat:
		name = "movies.dat"
	}
	path := filepath.Join(filepath.Dir(f.path), name)
	for _, packed := range []string{".gz", ".zst"} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if _, err := os.Stat(path + packed); err == nil {
			path += packed
		}
	}
	return movies(path, openerOf(path), f.options)
}
