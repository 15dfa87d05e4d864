package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/stretchr/testify/require"
)

// parquetOf writes rows as a Parquet file.
func parquetOf[T any](t testing.TB, rows []T, opts ...parquet.WriterOption) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, opts...)
	_, err := w.Write(rows)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

type parquetRow struct {
	UserID  int64   `parquet:"userId"`
	MovieID int32   `parquet:"movieId"`
	Rating  float32 `parquet:"rating"`
	Time    int64   `parquet:"timestamp"`
}

func sampleParquet(t testing.TB) string {
	var rows []parquetRow
	for _, r := range sampleRatings {
		rows = append(rows, parquetRow{r.User, int32(r.Item), r.Value, r.Time})
	}
	return parquetOf(t, rows)
}

func ptr[T any](v T) *T { return &v }

func TestParquet(t *testing.T) {
	type extra struct {
		Note   []string `parquet:"note"`
		Nested struct {
			User string `parquet:"user"`
		} `parquet:"nested"`
		User   string  `parquet:"user,dict"`
		Item   uint32  `parquet:"item"`
		Rating float64 `parquet:"rating"`
	}
	type optional struct {
		Rating *int32     `parquet:"rating,optional"`
		User   *int64     `parquet:"user_id,optional"`
		Item   *uint64    `parquet:"item_id,optional"`
		Time   *time.Time `parquet:"time,optional,timestamp(microsecond)"`
	}
	type millis struct {
		User   int8      `parquet:"user"`
		Item   string    `parquet:"item,enum"`
		Rating int64     `parquet:"rating"`
		Time   time.Time `parquet:"time,timestamp(millisecond)"`
	}
	type named struct {
		When  time.Time `parquet:"when,timestamp(nanosecond)"`
		Stars float32   `parquet:"stars,split"`
		Who   int64     `parquet:"who,delta"`
		What  string    `parquet:"what,delta"`
	}
	var extras []extra
	var optionals []optional
	var milliseconds []millis
	var names []named
	for _, r := range sampleRatings {
		at := time.Unix(r.Time, 999_999_999)
		extras = append(extras, extra{Note: []string{"a", "b"}, User: fmt.Sprint(r.User), Item: uint32(r.Item), Rating: float64(r.Value)})
		optionals = append(optionals, optional{ptr(int32(r.Value)), &r.User, ptr(uint64(r.Item)), &at})
		milliseconds = append(milliseconds, millis{int8(r.User), fmt.Sprint(r.Item), int64(r.Value), at})
		names = append(names, named{at, r.Value, r.User, fmt.Sprint(r.Item)})
	}
	for _, test := range []struct {
		name, content string
		columns       Columns
		strings       bool
		want          []Rating
	}{
		{"numbers", sampleParquet(t), Columns{}, false, sampleRatings},
		{"other columns, text", parquetOf(t, extras), Columns{}, true, withoutTime(sampleRatings)},
		{"optional", parquetOf(t, optionals), Columns{}, false, sampleRatings},
		{"milliseconds", parquetOf(t, milliseconds), Columns{}, true, sampleRatings},
		{"by name", parquetOf(t, names), Columns{User: "who", Item: "WHAT", Rating: "stars", Time: "when"}, true, sampleRatings},
		{"by number", parquetOf(t, names), Columns{User: "3", Item: "4", Rating: "2"}, true, withoutTime(sampleRatings)},
		{"no rating", parquetOf(t, names), Columns{User: "who", Item: "what", Rating: NoColumn}, true, allOnes(withoutTime(sampleRatings))},
	} {
		t.Run(test.name, func(t *testing.T) {
			// The name does not matter.
			f, err := Open(write(t, test.content, t.TempDir(), "mine.csv"), WithColumns(test.columns))
			require.NoError(t, err)
			require.Equal(t, Parquet, f.Format())
			require.Equal(t, "parquet", f.Format().String())
			require.Equal(t, "mine", f.Name())
			require.Equal(t, test.strings, f.HasStrings())
			require.Equal(t, test.want, collect(t, f))
			require.Equal(t, test.want, collect(t, f), "a second time")
			var asStrings []RatingOf[string]
			for _, r := range test.want {
				asStrings = append(asStrings, RatingOf[string]{fmt.Sprint(r.User), fmt.Sprint(r.Item), r.Value, r.Time})
			}
			require.Equal(t, asStrings, collectStrings(t, f.Strings()))
		})
	}
}

// Many rows: pages and row groups of different lengths in each column, every
// compression, nulls in a column that is not read.
func TestParquetPages(t *testing.T) {
	type row struct {
		User   string   `parquet:"user,dict"`
		Note   *float64 `parquet:"note,optional"`
		Item   int64    `parquet:"item,delta"`
		Rating *float64 `parquet:"rating,optional"`
	}
	var rows []row
	var want []RatingOf[string]
	for i := range 5000 {
		user := strings.Repeat("u", i%40) + fmt.Sprint(i%700)
		rows = append(rows, row{User: user, Item: int64(i), Rating: ptr(float64(i % 9))})
		want = append(want, RatingOf[string]{User: user, Item: fmt.Sprint(i), Value: float32(i % 9)})
	}
	for name, opts := range map[string][]parquet.WriterOption{
		"plain":      {parquet.PageBufferSize(1000), parquet.MaxRowsPerRowGroup(1777)},
		"version 1":  {parquet.PageBufferSize(1000), parquet.MaxRowsPerRowGroup(1777), parquet.DataPageVersion(1)},
		"snappy":     {parquet.Compression(&parquet.Snappy), parquet.PageBufferSize(3000)},
		"gzip":       {parquet.Compression(&parquet.Gzip), parquet.MaxRowsPerRowGroup(512)},
		"zstd":       {parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(511)},
		"brotli":     {parquet.Compression(&parquet.Brotli)},
		"a row each": {parquet.MaxRowsPerRowGroup(1), parquet.SkipPageStatistics("user")},
	} {
		t.Run(name, func(t *testing.T) {
			rows, want := rows, want
			if name == "a row each" {
				rows, want = rows[:60], want[:60]
			}
			f, err := inMemory("x", parquetOf(t, rows, opts...), defaults(t))
			require.NoError(t, err)
			require.Equal(t, want, collectStrings(t, f.Strings()))
		})
	}
}

// Each null and number out of range is malformed, and named by its row.
func TestMalformedRows(t *testing.T) {
	type row struct {
		User   *string    `parquet:"user,optional"`
		Item   *int64     `parquet:"item,optional"`
		Rating *float64   `parquet:"rating,optional"`
		Time   *time.Time `parquet:"time,optional,timestamp"`
	}
	good := row{ptr("1"), ptr[int64](2), ptr(3.0), ptr(time.Unix(4, 0))}
	for _, test := range []struct {
		reason string
		spoil  func(*row)
	}{
		{"the user is missing", func(r *row) { r.User = nil }},
		{"the user is missing", func(r *row) { r.User = ptr("") }},
		{`the user "ann" is not a whole number`, func(r *row) { r.User = ptr("ann") }},
		{"the item is missing", func(r *row) { r.Item = nil }},
		{"the item -5 is not at least 0", func(r *row) { r.Item = ptr[int64](-5) }},
		{"the rating is missing", func(r *row) { r.Rating = nil }},
		{"the rating NaN is not finite", func(r *row) { r.Rating = ptr(math.NaN()) }},
		{"the rating -Inf is not finite", func(r *row) { r.Rating = ptr(math.Inf(-1)) }},
		{"the rating 1e+39 is not finite", func(r *row) { r.Rating = ptr(1e39) }},
		{"the timestamp is missing", func(r *row) { r.Time = nil }},
		{"the timestamp -1000 is not at least 0", func(r *row) { r.Time = ptr(time.Unix(-1, 0)) }},
	} {
		t.Run(test.reason, func(t *testing.T) {
			rows := make([]row, 1000)
			for i := range rows {
				rows[i] = good
			}
			test.spoil(&rows[700])
			content := parquetOf(t, rows, parquet.MaxRowsPerRowGroup(300))
			f, err := inMemory("x.parquet", content, defaults(t))
			require.NoError(t, err)
			calls := 0
			err = f.Each(context.Background(), func(Rating) error { calls++; return nil })
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, "x.parquet: row 701: "+test.reason)
			var at *FileError
			require.ErrorAs(t, err, &at)
			require.EqualValues(t, 701, at.Row)
			require.Zero(t, at.Line)
			require.Equal(t, 700, calls)

			f, err = inMemory("x.parquet", content, defaults(t, SkipBadLines()))
			require.NoError(t, err)
			require.Len(t, collect(t, f), 999)
			require.EqualValues(t, 1, f.Skipped())
		})
	}

	type unsigned struct {
		User   uint64
		Item   uint32
		Rating uint64
	}
	f, err := inMemory("x.parquet", parquetOf(t, []unsigned{{1<<63 - 1, 1<<32 - 1, 1}}), defaults(t))
	require.NoError(t, err)
	require.Equal(t, []Rating{{User: 1<<63 - 1, Item: 1<<32 - 1, Value: 1}}, collect(t, f))
	f, err = inMemory("x.parquet", parquetOf(t, []unsigned{{1 << 63, 1, 1}}), defaults(t))
	require.NoError(t, err)
	err = f.Each(context.Background(), func(Rating) error { return nil })
	require.ErrorContains(t, err, "row 1: the user 9223372036854775808 is not below 2⁶³")
}

func TestParquetRefused(t *testing.T) {
	type ids struct {
		User   float64 `parquet:"user"`
		Item   int64   `parquet:"item"`
		Rating float64 `parquet:"rating"`
	}
	type decimal struct {
		User   int64 `parquet:"user"`
		Item   int64 `parquet:"item"`
		Rating int64 `parquet:"rating,decimal(2:10)"`
	}
	type dated struct {
		User   int64   `parquet:"user"`
		Item   int64   `parquet:"item"`
		Rating float64 `parquet:"rating"`
		Time   int32   `parquet:"time,date"`
	}
	type lists struct {
		User   []int64 `parquet:"user"`
		Item   int64   `parquet:"item"`
		Rating float64 `parquet:"rating"`
	}
	type group struct {
		User struct {
			ID int64 `parquet:"id"`
		} `parquet:"user"`
		Item   int64   `parquet:"item"`
		Rating float64 `parquet:"rating"`
	}
	type uuids struct {
		User   [16]byte `parquet:"user,uuid"`
		Item   int64    `parquet:"item"`
		Rating float64  `parquet:"rating"`
	}
	whole := sampleParquet(t)
	for _, test := range []struct{ name, content, reason string }{
		{"numbers with fractions for ids", parquetOf(t, []ids{{}}), `the column "user" for the user is of type DOUBLE, want INT32, INT64 or text`},
		{"decimal ratings", parquetOf(t, []decimal{{}}), `the column "rating" for the rating is of type DECIMAL(10,2), want FLOAT`},
		{"days", parquetOf(t, []dated{{}}), `the column "time" for the timestamp is of type DATE, want`},
		{"lists", parquetOf(t, []lists{{}}), `the column "user" for the user has more than one value in a row`},
		{"groups", parquetOf(t, []group{{}}), `the column "user" for the user has more than one value in a row`},
		{"UUIDs", parquetOf(t, []uuids{{}}), `want INT32, INT64 or text`},
		{"a codec that is not read", parquetOf(t, []parquetRow{{}}, parquet.Compression(&parquet.Lz4Raw)), "the column for the user is compressed with LZ4_RAW"},
		{"no column", parquetOf(t, []struct{ User, Item int64 }{{}}), `the schema "User,Item" has no column for the rating`},
		{"the end missing", whole[:len(whole)-9], "cut off"},
		{"the magic alone", parquetMagic, "cut off"},
		{"a footer beyond the file", whole[:len(whole)-8] + "\xff\xff\xff\x7fPAR1", "damaged: a footer of 2147483647 bytes"},
		{"a footer of something else", whole[:len(whole)-8] + "\x03\x00\x00\x00PAR1", "damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := inMemory("x.parquet", test.content, defaults(t))
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, "x.parquet: ")
			require.ErrorContains(t, err, test.reason)
		})
	}
}

func TestParquetWithoutRatings(t *testing.T) {
	f, err := inMemory("x.parquet", parquetOf(t, []parquetRow{}), defaults(t))
	require.NoError(t, err)
	require.EqualError(t, f.Each(context.Background(), func(Rating) error { return nil }), "x.parquet: the file has no ratings")

	bad := []parquetRow{{UserID: -1}, {MovieID: -1}}
	f, err = inMemory("x.parquet", parquetOf(t, bad), defaults(t, SkipBadLines()))
	require.NoError(t, err)
	require.EqualError(t, f.Each(context.Background(), func(Rating) error { return nil }), "x.parquet: the file has no ratings; 2 rows are malformed")
}

func TestParquetCancel(t *testing.T) {
	f, err := inMemory("x.parquet", parquetOf(t, make([]parquetRow, 20_000)), defaults(t))
	require.NoError(t, err)
	stop := errors.New("stop")
	require.Same(t, stop, f.Each(context.Background(), func(Rating) error { return stop }))
	for _, after := range []int{1, 1000, 19_000} {
		ctx, cancel := context.WithCancel(context.Background())
		calls := 0
		err := f.Each(ctx, func(Rating) error {
			if calls++; calls == after {
				cancel()
			}
			return nil
		})
		require.Equal(t, context.Canceled, err)
		require.LessOrEqual(t, calls, after+checkEvery)
	}
}

func TestParquetProgress(t *testing.T) {
	content := parquetOf(t, make([]parquetRow, 20_000), parquet.MaxRowsPerRowGroup(1000))
	var last int64
	calls, inTheSecondHalf := 0, false
	f, err := Open(write(t, content, t.TempDir(), "x.parquet"), WithProgress(func(read, total int64) {
		require.EqualValues(t, len(content), total)
		require.GreaterOrEqual(t, read, last)
		last = read
		calls++
		inTheSecondHalf = inTheSecondHalf || total/2 < read && read < total
	}))
	require.NoError(t, err)
	slow := 0
	require.NoError(t, f.Each(context.Background(), func(Rating) error {
		if slow++; slow%4000 == 0 {
			time.Sleep(60 * time.Millisecond)
		}
		return nil
	}))
	require.GreaterOrEqual(t, calls, 3)
	require.True(t, inTheSecondHalf, "a report on the way")
	require.EqualValues(t, len(content), last)
}

// Footers that count other rows than the columns have.
func TestParquetRowCounts(t *testing.T) {
	whole := sampleParquet(t)
	file, err := parquet.OpenFile(strings.NewReader(whole), int64(len(whole)))
	require.NoError(t, err)
	pages := whole[:len(whole)-8-int(binary.LittleEndian.Uint32([]byte(whole[len(whole)-8:])))]
	for _, counts := range [][2]int64{{2, 3}, {4, 3}, {4, 4}, {-1, -1}} {
		meta := file.Metadata()
		meta.RowGroups[0].NumRows = counts[0]
		for i := range meta.RowGroups[0].Columns {
			meta.RowGroups[0].Columns[i].MetaData.NumValues = counts[1]
		}
		footer, err := thrift.Marshal(new(thrift.CompactProtocol), meta)
		require.NoError(t, err)
		f, err := inMemory("x.parquet", pages+string(binary.LittleEndian.AppendUint32(footer, uint32(len(footer))))+parquetMagic, defaults(t))
		if err == nil {
			err = f.Each(context.Background(), func(Rating) error { return nil })
		}
		require.ErrorIs(t, err, ErrFormat, counts)
	}
}

// brokenDisk fails after some reads.
type brokenDisk struct {
	*os.File
	reads int
}

func (b *brokenDisk) ReadAt(p []byte, at int64) (int, error) {
	if b.reads--; b.reads < 0 {
		return 0, &fs.PathError{Op: "read", Path: b.Name(), Err: syscall.EIO}
	}
	return b.File.ReadAt(p, at)
}

// An error of the disk is not one of the format, wherever it comes.
func TestParquetReadError(t *testing.T) {
	path := write(t, parquetOf(t, make([]parquetRow, 3000), parquet.MaxRowsPerRowGroup(1000)), t.TempDir(), "x.parquet")
	for reads := 0; ; reads++ {
		f, err := FromReader(path, func() (io.ReadCloser, error) {
			file, err := os.Open(path)
			return &brokenDisk{file, reads}, err
		})
		if err == nil {
			err = f.Each(context.Background(), func(Rating) error { return nil })
		}
		if err == nil {
			require.Greater(t, reads, 6, "it was never read")
			return
		}
		require.ErrorIs(t, err, syscall.EIO)
		require.NotErrorIs(t, err, ErrFormat)
	}
}

// A byte that is changed gives ratings or an error, never a panic.
func TestDamagedParquet(t *testing.T) {
	whole := sampleParquet(t)
	for at := range whole {
		for _, bit := range []byte{1, 0x10, 0x80} {
			b := []byte(whole)
			b[at] ^= bit
			checkParquet(t, string(b))
		}
		checkParquet(t, whole[:at])
	}
}
