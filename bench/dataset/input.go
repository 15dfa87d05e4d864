package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
)

// opener opens a file for one reading and tells its size in bytes, 0 if that is
// not known.
type opener func() (in io.ReadCloser, size int64, err error)

func openerOf(path string) opener {
	return func() (io.ReadCloser, int64, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, 0, err
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, 0, err
		}
		return f, info.Size(), nil
	}
}

// sizing is an opener that asks what it opened for the size.
func sizing(open func() (io.ReadCloser, error)) opener {
	return func() (io.ReadCloser, int64, error) {
		in, err := open()
		if err != nil {
			return nil, 0, err
		}
		if f, ok := in.(fs.File); ok {
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
				return in, info.Size(), nil
			}
		}
		return in, 0, nil
	}
}

// input reads a file, unpacks it where it is compressed, and reports how far it
// is.
type input struct {
	path   string
	file   io.ReadCloser
	text   io.Reader // the file's text
	packed bool
	magic  string // the first bytes of the text, as many as magicBytes if there are

	broken   error // of the file itself
	size     int64 // bytes of the file
	read     int64 // bytes of the file that were read
	report   func(read, total int64)
	reported time.Time
}

// reportEvery is the least time between two reports of progress.
const reportEvery = 100 * time.Millisecond

// The bytes that files begin with.
const (
	gzipMagic    = "\x1f\x8b"         // RFC 1952, section 2.3.1
	zstdMagic    = "\x28\xb5\x2f\xfd" // RFC 8878, section 3.1.1
	zipMagic     = "PK\x03\x04"       // that of an archive with a file in it
	parquetMagic = "PAR1"

	magicBytes = 4 // the longest of them
)

// zstdWindow is the largest window that a file compressed with zstd may ask for,
// that is, memory: the limit of the program zstd without --long (its
// ZSTD_WINDOWLOG_LIMIT_DEFAULT is 27).
const zstdWindow = 1 << 27

// newInput opens a file. It fails with an ErrFormat for a compressed file that is
// damaged where it begins, and for a zip archive.
func newInput(path string, open opener, report func(read, total int64)) (*input, error) {
	file, size, err := open()
	if err != nil {
		return nil, err
	}
	in := &input{path: path, file: file, size: size, report: report, reported: time.Now()}
	if err := in.unpack(); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

func (in *input) unpack() error {
	// Reads larger than this buffer go past it.
	buffered := bufio.NewReaderSize(fileReader{in}, 1<<16)
	in.text = buffered
	start, err := buffered.Peek(magicBytes)
	if err != nil && err != io.EOF {
		return err
	}
	in.magic = string(start)
	switch {
	case bytes.HasPrefix(start, []byte(zipMagic)):
		return formatError(in.path, 0, "a zip archive: unpack it first")
	case bytes.HasPrefix(start, []byte(gzipMagic)):
		in.packed = true
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return in.failed(err)
		}
		in.peek(unpacked)
	case bytes.HasPrefix(start, []byte(zstdMagic)):
		in.packed = true
		// One at a time: it decodes when it is read, and starts no goroutine that
		// would have to be stopped.
		unpacked, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return in.failed(err)
		}
		in.peek(unpacked)
	}
	return nil
}

// peek looks at the first bytes of what was unpacked. An error comes again when it
// is read.
func (in *input) peek(unpacked io.Reader) {
	buffered := bufio.NewReaderSize(unpacked, 1<<12)
	start, _ := buffered.Peek(magicBytes)
	in.magic = string(start)
	in.text = buffered
}

func (in *input) isParquet() bool { return in.magic == parquetMagic }

// Read reads text.
func (in *input) Read(p []byte) (int, error) {
	n, err := in.text.Read(p)
	if err != nil && err != io.EOF {
		err = in.failed(err)
	}
	if err == nil {
		in.progress()
	}
	return n, err
}

// progress reports how far the file is, when the time for that has come.
func (in *input) progress() {
	if in.report != nil && time.Since(in.reported) >= reportEvery {
		in.report(in.read, max(in.size, in.read))
		in.reported = time.Now()
	}
}

// finish reports that the whole file was read.
func (in *input) finish() {
	if in.report != nil {
		in.report(in.read, in.read)
	}
}

func (in *input) Close() error { return in.file.Close() }

// failed says that a file could not be read. What the decompressor objects to is
// an ErrFormat, what the file system or a caller's reader objects to is not.
func (in *input) failed(err error) error {
	switch {
	case in.broken != nil:
		return in.broken
	case !in.packed:
		return err
	}
	reason := fmt.Sprintf("damaged: %v", err)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		reason = "the compressed file is cut off"
	}
	return &FileError{Path: in.path, Reason: reason, Err: fmt.Errorf("%w: %w", ErrFormat, err)}
}

// fileReader counts the bytes that come from the file itself.
type fileReader struct{ in *input }

func (r fileReader) Read(p []byte) (int, error) {
	n, err := r.in.file.Read(p)
	r.in.read += int64(n)
	r.in.note(err)
	return n, err
}

// note keeps an error that comes from the file itself.
func (in *input) note(err error) {
	if err != nil && err != io.EOF && in.broken == nil {
		in.broken = err
	}
}
