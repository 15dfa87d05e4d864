package dataset

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
)

// File is a file of ratings. It keeps nothing open between two calls and is safe
// for concurrent use.
type File struct {
	path    string
	open    opener
	layout  layout
	options options
	skipped atomic.Int64
}

// Option changes how a file is read.
type Option func(*options)

type options struct {
	progress func(read, total int64)
	skip     bool
	buffer   int
}

// WithProgress has report called while a file is read, at most ten times a
// second and once at its end, with the bytes that were read and those of the
// whole file (compressed, if it is). The call comes from the goroutine that reads.
func WithProgress(report func(read, total int64)) Option {
	return func(o *options) { o.progress = report }
}

// SkipBadLines passes over malformed lines and counts them, where otherwise the
// first one is an error. A file in which no line is good is an ErrFormat all the
// same.
func SkipBadLines() Option {
	return func(o *options) { o.skip = true }
}

// WithBuffer sets the size of the buffer that a file is read with, in bytes.
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
	return o, nil
}

// Open finds a file of ratings and its Format. The path is the file itself or a
// folder that has one of the names that MovieLens uses, u.data, ratings.dat,
// ratings_notime.dat or ratings.csv, perhaps one folder further in. A file may be
// compressed with gzip whatever its name is. Open reads the first line; the rest
// is read, from the start, by every call of Each.
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
	return inspect(path, openerOf(path), o)
}

// inspect reads the first line of a file.
func inspect(path string, open opener, o options) (*File, error) {
	in, err := newInput(path, open, nil)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	lines := newLineReader(context.Background(), path, in, o.buffer)
	first, err := lines.next()
	switch {
	case err == io.EOF:
		return nil, formatError(path, 0, "the file is empty")
	case errors.Is(err, ErrMalformed):
		return nil, formatError(path, 1, "not in a known format: the first line is longer than %d bytes", o.buffer)
	case err != nil:
		return nil, err
	}
	layout, reason := detectLayout(path, first)
	if reason != "" {
		return nil, formatError(path, lines.number, "%s", reason)
	}
	return &File{path: path, open: open, layout: layout, options: o}, nil
}

// Name is the name of the file's folder for the file names of MovieLens, as in
// "ml-1m", else that of the file without its endings.
func (f *File) Name() string { return nameOf(f.path) }

// Path is the path of the file, also where Open was given a folder.
func (f *File) Path() string { return f.path }

// Format is the layout of the file's lines.
func (f *File) Format() Format { return f.layout.format }

// Skipped is the number of malformed lines that SkipBadLines passed over, in the
// call of Each that ended last.
func (f *File) Skipped() int64 { return f.skipped.Load() }

// Each reads the file and calls yield with every rating. It holds one buffer, see
// WithBuffer, and allocates nothing for a line. Next to the errors of yield and
// of the context there are ErrMalformed for a line and ErrFormat for a file
// without ratings or one that is damaged or cut off; yield may have been called
// before that shows.
func (f *File) Each(ctx context.Context, yield func(Rating) error) error {
	in, err := newInput(f.path, f.open, f.options.progress)
	if err != nil {
		return err
	}
	defer in.Close()
	var found, skipped int64
	defer func() { f.skipped.Store(skipped) }()

	lines := newLineReader(ctx, f.path, in, f.options.buffer)
	if f.layout.format == CSV {
		if _, err := lines.next(); err != nil && err != io.EOF {
			return err
		}
	}
	parser := lineParser{layout: f.layout}
	var r Rating
	for {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			if reason := parser.parse(line, &r); reason != "" {
				err = malformed(f.path, lines.number, reason)
			}
		}
		if err != nil {
			if f.options.skip && errors.Is(err, ErrMalformed) {
				skipped++
				continue
			}
			return err
		}
		found++
		if err := yield(r); err != nil {
			return err
		}
	}
	if found == 0 {
		return nothingFound(f.path, "ratings", skipped)
	}
	in.finish()
	return nil
}

// Movies reads the titles that lie beside the file: u.item, movies.dat or
// movies.csv, as its Format has it, perhaps with .gz behind it. Where there is
// none the error is fs.ErrNotExist.
func (f *File) Movies() (map[int64]Movie, error) {
	name := [...]string{UData: "u.item", Dat: "movies.dat", CSV: "movies.csv"}[f.layout.format]
	path := filepath.Join(filepath.Dir(f.path), name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path += ".gz"
	}
	return movies(path, openerOf(path), f.options)
}
