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
)

// opener opens a file for one reading and tells its size in bytes.
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

// input reads a file, unpacks it where it is compressed, and reports how far it
// is.
type input struct {
	path   string
	file   io.ReadCloser
	text   io.Reader // the file's text
	packed bool

	size     int64 // bytes of the file
	read     int64 // bytes of the file that were read
	report   func(read, total int64)
	reported time.Time
}

// reportEvery is the least time between two reports of progress.
const reportEvery = 100 * time.Millisecond

// gzipMagic begins every gzip file (RFC 1952, section 2.3.1), zipMagic every zip
// archive with a file in it.
const (
	gzipMagic = "\x1f\x8b"
	zipMagic  = "PK\x03\x04"
)

// newInput opens a file. It fails with an ErrFormat for a gzip file that is
// damaged where it begins, and for a zip archive.
func newInput(path string, open opener, report func(read, total int64)) (*input, error) {
	file, size, err := open()
	if err != nil {
		return nil, err
	}
	in := &input{path: path, file: file, size: size, report: report, reported: time.Now()}
	if err := in.unpack(); err != nil {
		file.Close()
		return nil, err
	}
	return in, nil
}

func (in *input) unpack() error {
	// Reads larger than this buffer go past it.
	buffered := bufio.NewReaderSize(fileReader{in}, 1<<16)
	in.text = buffered
	start, err := buffered.Peek(len(zipMagic))
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(start, []byte(zipMagic)):
		return formatError(in.path, 0, "a zip archive: unpack it first")
	case bytes.HasPrefix(start, []byte(gzipMagic)):
		in.packed = true
		in.text, err = gzip.NewReader(buffered)
		if err != nil {
			return in.failed(err)
		}
	}
	return nil
}

// Read reads text.
func (in *input) Read(p []byte) (int, error) {
	n, err := in.text.Read(p)
	if err != nil && err != io.EOF {
		err = in.failed(err)
	}
	if in.report != nil && err == nil && time.Since(in.reported) >= reportEvery {
		in.report(in.read, max(in.size, in.read))
		in.reported = time.Now()
	}
	return n, err
}

// finish reports that the whole file was read.
func (in *input) finish() {
	if in.report != nil {
		in.report(in.read, in.read)
	}
}

func (in *input) Close() error { return in.file.Close() }

// failed says that a file could not be read. What the decompressor objects to is
// an ErrFormat, what the file system objects to is not.
func (in *input) failed(err error) error {
	var fromDisk *fs.PathError
	if !in.packed || errors.As(err, &fromDisk) {
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
	return n, err
}
