package dataset

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetColumn is a column of a Parquet file, with one value in a row or none,
// and its cursor.
type parquetColumn struct {
	what     string // a rating has there
	index    int    // among the columns of a row group
	kind     parquet.Kind
	logical  format.LogicalTypeValue // nil if there is none
	unsigned bool
	unit     time.Duration // of a timestamp

	pages  parquet.Pages // of the present row group
	page   parquet.Page
	values parquet.ValueReader // of the page
	buffer []parquet.Value
	at     int // buffer[at] is the present value; those before it were used
}

// columnBuffer is the number of values that are decoded at a time.
const columnBuffer = 512

func newParquetColumn(what string, column *parquet.Column) *parquetColumn {
	t := column.Type()
	c := &parquetColumn{what: what, index: column.Index(), kind: t.Kind(), unit: time.Second}
	if logical := t.LogicalType(); logical != nil {
		c.logical = logical.Value
	}
	switch logical := c.logical.(type) {
	case *format.IntType:
		c.unsigned = !logical.IsSigned
	case *format.TimestampType:
		if logical.Unit.Value != nil {
			c.unit = logical.Unit.Value.Duration()
		}
	}
	return c
}

// isInteger reports whether the values are whole numbers and mean nothing else,
// such as days or the digits of a decimal number.
func (c *parquetColumn) isInteger() bool {
	if c.kind != parquet.Int32 && c.kind != parquet.Int64 {
		return false
	}
	_, isInt := c.logical.(*format.IntType)
	return isInt || c.logical == nil
}

// checkID, checkValue and checkTime answer what the type should be, "" if it is.

func (c *parquetColumn) checkID() (want string) {
	text := false
	if c.kind == parquet.ByteArray {
		switch c.logical.(type) {
		case nil, *format.StringType, *format.EnumType:
			text = true
		}
	}
	if !text && !c.isInteger() {
		return "INT32, INT64 or text"
	}
	return ""
}

func (c *parquetColumn) checkValue() (want string) {
	if c.kind != parquet.Float && c.kind != parquet.Double && !c.isInteger() {
		return "FLOAT, DOUBLE, INT32 or INT64"
	}
	return ""
}

func (c *parquetColumn) checkTime() (want string) {
	_, isTimestamp := c.logical.(*format.TimestampType)
	if !c.isInteger() && !(isTimestamp && c.kind == parquet.Int64) {
		return "INT32, INT64 or a timestamp"
	}
	return ""
}

// idOf reads the present value as an id.
func idOf[K als.Key](ids ids[K], c *parquetColumn) (id K, reason string) {
	v := &c.buffer[c.at]
	if v.Kind() == parquet.ByteArray {
		return ids.text(c.what, v.ByteArray())
	}
	number, reason := c.integer()
	if reason != "" {
		return id, reason
	}
	return ids.number(c.what, number)
}

// integer reads the present value as a whole number.
func (c *parquetColumn) integer() (n int64, reason string) {
	v := &c.buffer[c.at]
	switch v.Kind() {
	case parquet.Int32:
		if c.unsigned {
			return int64(v.Uint32()), ""
		}
		return int64(v.Int32()), ""
	case parquet.Int64:
		if n = v.Int64(); c.unsigned && n < 0 {
			return 0, "the " + c.what + " " + strconv.FormatUint(v.Uint64(), 10) + " is not below 2⁶³"
		}
		return n, ""
	}
	return 0, "the " + c.what + " is missing"
}

// rating reads the present value as a finite number, to the nearest float32.
func (c *parquetColumn) rating() (value float32, reason string) {
	v := &c.buffer[c.at]
	switch v.Kind() {
	case parquet.Float:
		value = v.Float()
	case parquet.Double:
		value = float32(v.Double())
	default:
		n, reason := c.integer()
		return float32(n), reason
	}
	if value-value != 0 { // NaN or infinite
		return 0, fmt.Sprintf("the rating %v is not finite", v)
	}
	return value, ""
}

// seconds reads the present value as a time, and rounds it down.
func (c *parquetColumn) seconds() (s int64, reason string) {
	s, reason = c.integer()
	if reason == "" && s < 0 {
		reason = "the " + c.what + " " + strconv.FormatInt(s, 10) + " is not at least 0"
	}
	return s / int64(time.Second/c.unit), reason
}

// rowReader goes through the rows of a file, in all columns at once.
type rowReader struct {
	*parquetFile
	columns []*parquetColumn
	group   int   // the row groups before it are done or in reading
	left    int64 // rows of the present one, this one included
	done    int64 // rows before this one
}

// next goes to the next row. At the end it returns io.EOF.
func (r *rowReader) next() error {
	if r.columns == nil {
		for _, c := range []*parquetColumn{r.user, r.item, r.value, r.time} {
			if c != nil {
				r.columns = append(r.columns, c)
			}
		}
	} else {
		r.left--
		r.done++
	}
	for r.left <= 0 {
		if err := r.nextGroup(); err != nil {
			return err
		}
	}
	for _, c := range r.columns {
		if c.at++; c.at < len(c.buffer) {
			continue
		}
		if err := r.fill(c); err != nil {
			return err
		}
	}
	return nil
}

// nextGroup goes to the next row group.
func (r *rowReader) nextGroup() error {
	groups := r.file.RowGroups()
	if r.group == len(groups) {
		return io.EOF
	}
	r.close()
	return r.guard(func() error {
		group := groups[r.group]
		r.group++
		r.left = group.NumRows()
		chunks := group.ColumnChunks()
		for _, c := range r.columns {
			if n := chunks[c.index].NumValues(); n != r.left {
				return fmt.Errorf("%d values of the %s in %d rows", n, c.what, r.left)
			}
			c.pages = chunks[c.index].Pages()
		}
		return nil
	})
}

// fill decodes the next values of a column.
func (r *rowReader) fill(c *parquetColumn) error {
	if total := r.file.NumRows(); total > 0 && r.in.size > 0 {
		share := float64(r.done) / float64(total)
		r.in.read = max(r.in.read, min(r.in.size, int64(share*float64(r.in.size))))
	}
	r.in.progress()
	return r.guard(func() error {
		if c.buffer == nil {
			c.buffer = make([]parquet.Value, columnBuffer)
		}
		c.at, c.buffer = 0, c.buffer[:cap(c.buffer)]
		for {
			if c.values == nil {
				if err := c.nextPage(); err != nil {
					return err
				}
			}
			n, err := c.values.ReadValues(c.buffer)
			if err != nil && err != io.EOF {
				return err
			}
			if err == io.EOF {
				c.values = nil
			}
			if n > 0 {
				c.buffer = c.buffer[:n]
				return nil
			}
			if err == nil {
				return io.ErrNoProgress
			}
		}
	})
}

// nextPage decodes a page. The values of the one before must not be used again.
func (c *parquetColumn) nextPage() error {
	parquet.Release(c.page)
	c.page = nil
	page, err := c.pages.ReadPage()
	if err == io.EOF {
		return errors.New("there are fewer values of the " + c.what + " than rows")
	}
	if err != nil {
		return err
	}
	c.page, c.values = page, page.Values()
	return nil
}

// close lets go of the present row group.
func (r *rowReader) close() {
	_ = r.guard(func() error {
		for _, c := range r.columns {
			parquet.Release(c.page)
			c.page, c.values, c.buffer, c.at = nil, nil, c.buffer[:0], 0
			if c.pages != nil {
				pages := c.pages
				c.pages = nil
				pages.Close()
			}
		}
		return nil
	})
}
