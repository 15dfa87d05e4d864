package dataset

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
)

// checkParquet holds what is true of every content: an error that says where, or
// ratings within bounds.
func checkParquet(t *testing.T, content string) {
	f, err := inMemory("x.parquet", content, options{buffer: fuzzBuffer})
	if err != nil {
		checkError(t, err, math.MaxInt64)
		return
	}
	var n int64
	err = f.Each(context.Background(), func(r Rating) error {
		n++
		if r.User < 0 || r.Item < 0 || r.Time < 0 || r.Value-r.Value != 0 {
			t.Fatalf("%+v", r)
		}
		return nil
	})
	if err != nil {
		checkError(t, err, math.MaxInt64)
	}
	if at := (*FileError)(nil); errors.As(err, &at) && f.layout.format == Parquet && errors.Is(err, ErrMalformed) {
		require.Equal(t, n+1, at.Row)
	}
}

func FuzzParquet(f *testing.F) {
	whole := sampleParquet(f)
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)/2]))
	type row struct {
		User   *string  `parquet:"user,optional,dict"`
		Item   int64    `parquet:"item,delta"`
		Rating *float64 `parquet:"rating,optional"`
	}
	rows := []row{{ptr("a"), 1, ptr(2.0)}, {nil, 2, nil}, {ptr("a"), 3, ptr(4.5)}}
	f.Add([]byte(parquetOf(f, rows)))
	f.Add([]byte(parquetOf(f, rows, parquet.DataPageVersion(1), parquet.Compression(&parquet.Snappy))))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<12 {
			t.Skip("small files reach everything")
		}
		checkParquet(t, string(content))
	})
}

// Rows of a file that is whole come back as they are, or their row is named.
func FuzzParquetRows(f *testing.F) {
	f.Add("ann", int64(3), 4.0, int64(9), uint8(3))
	f.Add("", int64(-3), math.NaN(), int64(-9), uint8(0))
	f.Add("12", int64(3), 1e39, int64(9), uint8(15))
	f.Fuzz(func(t *testing.T, user string, item int64, rating float64, at int64, missing uint8) {
		type row struct {
			User   *string  `parquet:"user,optional"`
			Item   *int64   `parquet:"item,optional"`
			Rating *float64 `parquet:"rating,optional"`
			Time   *int64   `parquet:"time,optional"`
		}
		r := row{&user, &item, &rating, &at}
		if missing&1 != 0 {
			r.User = nil
		}
		if missing&2 != 0 {
			r.Item = nil
		}
		if missing&4 != 0 {
			r.Rating = nil
		}
		if missing&8 != 0 {
			r.Time = nil
		}
		good := user != "" && at >= 0 && !math.IsInf(float64(float32(rating)), 0) && rating == rating && missing&15 == 0
		file, err := inMemory("x.parquet", parquetOf(t, []row{r}), defaults(t))
		require.NoError(t, err)
		var all []RatingOf[string]
		err = file.Strings().Each(context.Background(), func(r RatingOf[string]) error {
			all = append(all, r)
			return nil
		})
		if !good {
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, "row 1: ")
			return
		}
		require.NoError(t, err)
		id, _ := interned{}.number("item", item)
		require.Equal(t, []RatingOf[string]{{User: user, Item: id, Value: float32(rating), Time: at}}, all)
	})
}

func FuzzTSV(f *testing.F) {
	for _, seed := range []string{strings.ReplaceAll(sampleCSV, ",", "\t"), "user\titem\trating\n\"1\"\t2\t3\n", "item\tx\trating\tuser\n1\t\"a\tb\"\t2\t3\r\n",
		"user\titem\trating\n\"1\t2\t3\n", "\"user\"\titem\trating\n1\t2\t\"\"\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) { checkRatings(t, "ratings.tsv", content) })
}

// Every description of the columns of every text gives an error that says where,
// or the same ratings by numbers and by strings.
func FuzzColumns(f *testing.F) {
	f.Add(sampleCSV, "userId", "movieId", "rating", "timestamp", ",", false)
	f.Add(strings.ReplaceAll(sampleCSV, ",", ";"), "1", "2", "3", "-", ";", false)
	f.Add(sampleUData, "1", "", "-", "4", "\t", true)
	f.Add(sampleDat, "2", "1", "", "", "::", true)
	f.Add("ann|\"x\"\"|y\"|3\n", "", "", "", "", "|", true)
	f.Fuzz(func(t *testing.T, content, user, item, rating, at, separator string, noHeader bool) {
		opts := []Option{WithColumns(Columns{user, item, rating, at}), WithSeparator(separator), WithBuffer(fuzzBuffer)}
		if noHeader {
			opts = append(opts, WithoutHeader())
		}
		o, err := newOptions(opts)
		if err != nil {
			require.ErrorIs(t, err, ErrConfig)
			return
		}
		lines := int64(strings.Count(content, "\n")) + 1
		file, err := inMemory("mine.txt", content, o)
		if err != nil {
			checkError(t, err, lines)
			return
		}
		var numbers []Rating
		numbersErr := file.Each(context.Background(), func(r Rating) error {
			numbers = append(numbers, r)
			return nil
		})
		if numbersErr != nil {
			checkError(t, numbersErr, lines)
		}
		var all []RatingOf[string]
		err = file.Strings().Each(context.Background(), func(r RatingOf[string]) error {
			all = append(all, r)
			return nil
		})
		if err != nil {
			checkError(t, err, lines)
		}
		// Strings take all that numbers take.
		require.GreaterOrEqual(t, len(all), len(numbers))
		for i, n := range numbers {
			id, reason := parseID("user", []byte(all[i].User))
			require.Empty(t, reason)
			require.Equal(t, n.User, id)
			require.Equal(t, n.Value, all[i].Value)
			require.Equal(t, n.Time, all[i].Time)
		}
		if numbersErr == nil {
			require.NoError(t, err)
			require.Len(t, all, len(numbers))
		}
		// None of them needs a separator to be read again, in quotes.
		if len(all) == 0 || file.layout.format == Dat {
			return
		}
		var again strings.Builder
		for _, r := range all {
			again.WriteString(quoteCSV(r.User) + ";" + quoteCSV(r.Item) + ";1\n")
		}
		back, err := inMemory("again.txt", again.String(), defaults(t, WithSeparator(";"), WithoutHeader()))
		require.NoError(t, err)
		same := slices.EqualFunc(all, collectStrings(t, back.Strings()), func(a, b RatingOf[string]) bool {
			return a.User == b.User && a.Item == b.Item
		})
		require.True(t, same)
	})
}

func FuzzZstd(f *testing.F) {
	whole := packZstd(f, sampleDat)
	for _, seed := range []string{whole, whole[:len(whole)-4], whole + whole, whole + "x", zstdMagic, zstdMagic + "\x00", packZstd(f, "")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		if len(content) > 1<<12 {
			t.Skip("may unpack to very much")
		}
		file, err := inMemory("ratings.dat", content, options{buffer: fuzzBuffer})
		if err != nil {
			checkError(t, err, math.MaxInt64)
			return
		}
		if err := file.Each(context.Background(), func(Rating) error { return nil }); err != nil {
			checkError(t, err, math.MaxInt64)
		}
	})
}
