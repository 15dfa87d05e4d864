package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetFile is an open Parquet file with the columns of a rating.
type parquetFile struct {
	in   *input
	file *parquet.File

	user, item  *parquetColumn
	value, time *parquetColumn // nil if they are not read
}

// inspectParquet checks that a Parquet file has the columns of a rating, and
// reports whether an id of it is text.
func inspectParquet(in *input, c Columns) (text bool, err error) {
	p, err := openParquet(context.Background(), in, c)
	if err != nil {
		return false, err
	}
	return p.user.kind == parquet.ByteArray || p.item.kind == parquet.ByteArray, nil
}

// openParquet reads the footer of a Parquet file, which has the schema and the
// places of the columns.
func openParquet(ctx context.Context, in *input, c Columns) (*parquetFile, error) {
	r, size, err := in.randomAccess(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkFooter(in, r, size); err != nil {
		return nil, err
	}
	p := &parquetFile{in: in}
	err = p.guard(func() (err error) {
		p.file, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, p.guard(func() error { return p.choose(c) })
}

// checkFooter checks the length of the footer, for which the library allocates
// memory before it looks: the file ends with the footer, its length in four bytes,
// and the magic.
func checkFooter(in *input, r io.ReaderAt, size int64) error {
	const frame = 2*len(parquetMagic) + 4
	var end [4 + len(parquetMagic)]byte
	if size < int64(frame) {
		return formatError(in.path, 0, "the Parquet file is cut off")
	}
	if _, err := r.ReadAt(end[:], size-int64(len(end))); err != nil && err != io.EOF {
		return err
	}
	switch footer := int64(binary.LittleEndian.Uint32(end[:])); {
	case string(end[4:]) != parquetMagic:
		return formatError(in.path, 0, "the Parquet file is cut off: it does not end with %s", parquetMagic)
	case footer > size-int64(frame):
		return formatError(in.path, 0, "damaged: a footer of %d bytes in a file of %d", footer, size)
	}
	return nil
}

// guard calls read, which calls the Parquet library. That panics on some files
// that are damaged; here this is an error as every other.
func (p *parquetFile) guard(read func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = p.damaged(fmt.Errorf("%v", cause))
		}
	}()
	err = read()
	switch {
	case err == nil:
		return nil
	case p.in.broken != nil:
		return p.in.broken
	case errors.As(err, new(*FileError)):
		return err
	}
	return p.damaged(err)
}

func (p *parquetFile) damaged(err error) error {
	const most = 200 // bytes of the library's words
	words := err.Error()
	if len(words) > most {
		words = words[:most] + "…"
	}
	reason := "damaged: " + strings.ToValidUTF8(words, "\ufffd")
	return &FileError{Path: p.in.path, Reason: reason, Err: fmt.Errorf("%w: %w", ErrFormat, err)}
}

// choose finds the columns of a rating.
func (p *parquetFile) choose(c Columns) error {
	columns := p.file.Root().Columns()
	names := make([][]byte, len(columns))
	for i, column := range columns {
		names[i] = []byte(column.Name())
	}
	at, reason := placeColumns(c, names, len(names))
	if reason != "" {
		return formatError(p.in.path, 0, "the schema %s %s", quote(bytes.Join(names, comma)), reason)
	}
	for _, part := range []struct {
		what  string
		at    int
		into  **parquetColumn
		check func(*parquetColumn) (want string)
	}{
		{"user", at.user, &p.user, (*parquetColumn).checkID},
		{"item", at.item, &p.item, (*parquetColumn).checkID},
		{"rating", at.value, &p.value, (*parquetColumn).checkValue},
		{"timestamp", at.time, &p.time, (*parquetColumn).checkTime},
	} {
		if part.at < 0 {
			continue
		}
		column := columns[part.at]
		if !column.Leaf() || column.Repeated() {
			return formatError(p.in.path, 0, "the column %s for the %s has more than one value in a row",
				quote(names[part.at]), part.what)
		}
		known := newParquetColumn(part.what, column)
		if want := part.check(known); want != "" {
			return formatError(p.in.path, 0, "the column %s for the %s is of type %v, want %s",
				quote(names[part.at]), part.what, column.Type(), want)
		}
		*part.into = known
		for i := range p.file.Metadata().RowGroups {
			if err := p.checkChunk(&p.file.Metadata().RowGroups[i].Columns[known.index], part.what); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkChunk refuses the values of a column in a row group where the library would
// not end on damaged ones.
func (p *parquetFile) checkChunk(chunk *format.ColumnChunk, what string) error {
	// Its decoder takes every error for that of a buffer which is too short, and
	// makes the next one twice as long.
	if codec := chunk.MetaData.Codec; codec == format.Lz4Raw {
		return formatError(p.in.path, 0, "the column for the %s is compressed with %v; those that are read are SNAPPY, GZIP, BROTLI and ZSTD", what, codec)
	}
	return nil
}

// randomAccess gives the content as Parquet is read, from its end: the file
// itself where it is on a disk and not compressed as a whole, else a copy of it in
// memory.
func (in *input) randomAccess(ctx context.Context) (io.ReaderAt, int64, error) {
	if r, ok := in.file.(io.ReaderAt); ok && !in.packed && in.size > 0 {
		return notingReaderAt{in, r}, in.size, nil
	}
	var content bytes.Buffer
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		_, err := io.CopyN(&content, in, 1<<20)
		if err == io.EOF {
			return bytes.NewReader(content.Bytes()), int64(content.Len()), nil
		}
		if err != nil {
			return nil, 0, err
		}
	}
}

// notingReaderAt keeps the errors of the file apart from those of its format.
type notingReaderAt struct {
	in *input
	r  io.ReaderAt
}

func (r notingReaderAt) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.r.ReadAt(p, at)
	r.in.note(err)
	return n, err
}

// eachRow is eachLine for Parquet.
func eachRow[K als.Key](ctx context.Context, f *File, in *input, ids ids[K], yield func(RatingOf[K]) error, t *tally) error {
	p, err := openParquet(ctx, in, f.options.columns)
	if err != nil {
		return err
	}
	rows := &rowReader{parquetFile: p}
	defer rows.close()
	var r RatingOf[K]
	for number := int64(1); ; number++ {
		if number%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if err := rows.next(); err == io.EOF {
			in.read = max(in.read, in.size) // columns may have been left out
			return nil
		} else if err != nil {
			return err
		}
		if reason := parseRow(rows, ids, &r); reason != "" {
			if !f.options.skip {
				return &FileError{Path: f.path, Row: number, Reason: reason, Err: ErrMalformed}
			}
			t.skipped++
			continue
		}
		t.found++
		if err := yield(r); err != nil {
			return err
		}
	}
}

// parseRow reads a rating from the present row.
func parseRow[K als.Key](rows *rowReader, ids ids[K], r *RatingOf[K]) (reason string) {
	if r.User, reason = idOf(ids, rows.user); reason != "" {
		return reason
	}
	if r.Item, reason = idOf(ids, rows.item); reason != "" {
		return reason
	}
	r.Value, r.Time = 1, 0
	if rows.value != nil {
		if r.Value, reason = rows.value.rating(); reason != "" {
			return reason
		}
	}
	if rows.time != nil {
		r.Time, reason = rows.time.seconds()
	}
	return reason
}
