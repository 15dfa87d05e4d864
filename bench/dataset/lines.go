package dataset

import (
	"bytes"
	"context"
	"io"
)

// lineReader goes through the lines of a text in one buffer, which is also the
// longest line it takes.
type lineReader struct {
	ctx  context.Context
	path string
	in   io.Reader

	buf        []byte
	start, end int   // buf[start:end] was read and not yet returned
	err        error // why nothing more comes from in; io.EOF at the end
	number     int64 // of the line that was returned last, from 1
	passed     int64 // bytes of the text before buf
	overlong   bool  // the rest of the present line is still to be passed over
}

func newLineReader(ctx context.Context, path string, in io.Reader, buffer int) *lineReader {
	return &lineReader{ctx: ctx, path: path, in: in, buf: make([]byte, buffer)}
}

const byteOrderMark = "\ufeff"

// next returns the next line that is not empty, without its end (\n or \r\n) and
// without a byte order mark. It is valid until the call after. At the end it
// returns io.EOF. After an ErrMalformed, the error of a line that is longer than
// the buffer, it goes on with the line after that one.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.raw()
		if err != nil {
			return nil, err
		}
		if l.number%checkEvery == 0 {
			if err := l.ctx.Err(); err != nil {
				return nil, err
			}
		}
		if line = trimLine(line, l.number == 1); len(line) > 0 {
			return line, nil
		}
	}
}

// trimLine takes the \r off the end of a line and, if it is the first of its file, a
// byte order mark off its start.
func trimLine(line []byte, first bool) []byte {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if first {
		line = bytes.TrimPrefix(line, []byte(byteOrderMark))
	}
	return line
}

// position is where the next line begins.
func (l *lineReader) position() int64 { return l.passed + int64(l.start) }

// raw returns the next line without its \n.
func (l *lineReader) raw() ([]byte, error) {
	for {
		unread := l.buf[l.start:l.end]
		if n := bytes.IndexByte(unread, '\n'); n >= 0 {
			l.start += n + 1
			if l.overlong {
				l.overlong = false
				continue
			}
			l.number++
			return unread[:n], nil
		}
		switch {
		case l.overlong:
			l.passed += int64(l.end)
			l.start, l.end = 0, 0
		case l.err == io.EOF && len(unread) > 0:
			l.start = l.end
			l.number++
			return unread, nil
		case len(unread) == len(l.buf):
			l.overlong = true
			l.number++
			return nil, malformed(l.path, l.number, tooLong(len(l.buf)))
		}
		if l.err != nil {
			return nil, l.err
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads on behind what is unread. It fails if the context is cancelled; an
// error of the reader is kept for when the lines before it have been returned.
func (l *lineReader) fill() error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if l.start > 0 {
		l.passed += int64(l.start)
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	var n int
	n, l.err = l.in.Read(l.buf[l.end:])
	l.end += n
	return nil
}
