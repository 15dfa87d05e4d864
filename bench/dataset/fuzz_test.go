package dataset

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// fuzzBuffer is small, so that the fuzzer finds lines that are too long.
const fuzzBuffer = 256

func FuzzUData(f *testing.F) {
	for _, seed := range []string{sampleUData, "1\t2\t3\n", "1\t2\t3\t4", "\n\r\n1\t2\t-0.5e1\t4\r\n", "1\t2\n", "\t\t\t", sampleDat} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) { checkRatings(t, "u.data", content) })
}

func FuzzDat(f *testing.F) {
	for _, seed := range []string{sampleDat, sampleDatNoTime, "1::2::0.5::4", "1:2::3::4\n", ":::::::", "1::2::NaN\n", "a::b::c\n1::2::3\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) { checkRatings(t, "ratings.dat", content) })
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{sampleCSV, byteOrderMark + sampleCSV, "rating,user,item\n\"1\",\"2\",3\n", "item,x,rating,user\n1,\"a,\"\"b\",2,3\r\n",
		"user,item,rating\n", "user,item,rating\n1,2,\"3\n", "user,user,item,rating\n1,2,3,4\n", "\"user\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) { checkRatings(t, "ratings.csv", content) })
}

func FuzzGzip(f *testing.F) {
	whole := pack(f, sampleDat)
	for _, seed := range []string{whole, whole[:len(whole)-4], whole + whole, whole + "x", gzipMagic, gzipMagic + "\x08", pack(f, ""), zipMagic} {
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

// checkRatings holds what is true of every text: reading ends with ratings or
// with an error that says where; what was read is within bounds and, written out
// again, is read as the same; skipping and failing agree.
func checkRatings(t *testing.T, path, content string) {
	lines := int64(strings.Count(content, "\n")) + 1
	strict, err := inMemory(path, content, options{buffer: fuzzBuffer})
	if err != nil {
		checkError(t, err, lines)
		return
	}
	read := func(f *File) (all []Rating, err error) {
		err = f.Each(context.Background(), func(r Rating) error {
			all = append(all, r)
			return nil
		})
		return all, err
	}
	all, err := read(strict)
	if err != nil {
		checkError(t, err, lines)
	}
	for _, r := range all {
		if r.User < 0 || r.Item < 0 || r.Time < 0 || r.Value-r.Value != 0 {
			t.Fatalf("%+v", r)
		}
	}

	lenient, openErr := inMemory(path, content, options{buffer: fuzzBuffer, skip: true})
	require.NoError(t, openErr)
	some, skipErr := read(lenient)
	require.GreaterOrEqual(t, len(some), len(all))
	require.True(t, slices.Equal(all, some[:len(all)]))
	switch {
	case err == nil:
		require.NoError(t, skipErr)
		require.Zero(t, lenient.Skipped())
	case errors.Is(err, ErrMalformed):
		require.Positive(t, lenient.Skipped())
		require.LessOrEqual(t, lenient.Skipped()+int64(len(some)), lines)
	}

	if len(content) < 1<<10 {
		for _, skip := range []bool{false, true} {
			requireSameInChunks(t, path, content, options{buffer: fuzzBuffer, skip: skip}, 1, 5, 32, 200)
		}
	}

	if len(some) == 0 {
		return
	}
	again, err := inMemory("again.csv", string(writeRatings(some)), defaults(t))
	require.NoError(t, err)
	require.Equal(t, some, collect(t, again))
}

func writeRatings(all []Rating) []byte {
	out := []byte("userId,movieId,rating,timestamp\n")
	for _, r := range all {
		out = appendCSV(out, r)
	}
	return out
}

// checkError holds what is true of every error about a file of so many lines.
func checkError(t *testing.T, err error, lines int64) {
	var at *FileError
	require.ErrorAs(t, err, &at)
	require.NotEqual(t, errors.Is(err, ErrFormat), errors.Is(err, ErrMalformed), "%v is of one kind", err)
	require.NotEmpty(t, at.Path)
	require.NotEmpty(t, at.Reason)
	require.Less(t, len(at.Reason), 1000)
	require.True(t, utf8.ValidString(err.Error()))
	require.GreaterOrEqual(t, at.Line, int64(0))
	require.LessOrEqual(t, at.Line, lines)
	if errors.Is(err, ErrMalformed) {
		require.Positive(t, at.Line+at.Row)
	}
}

func FuzzUItem(f *testing.F) {
	for _, seed := range []string{sampleItem, strings.Repeat("|", 23), "1|T|||" + strings.Repeat("|1", 18), "1|T|01-Jan-1995||" + strings.Repeat("|1", 19)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) { checkMovies(t, "u.item", content) })
}

func FuzzMoviesDat(f *testing.F) {
	for _, seed := range []string{sampleMoviesDat, "1::T (1987)::A|B", "1::::", "1::a::b::c", "1::(1987)::\n", "1::\xff (1987)::\xfe", "1::\xa0 (1987)::\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) { checkMovies(t, "movies.dat", content) })
}

func FuzzMoviesCSV(f *testing.F) {
	for _, seed := range []string{sampleMoviesCSV, "title,genres,movieId\n\"a\"\"\",(no genres listed),1\n", "movieId,title,genres\n1,\"a", "movieId,title,genres\n1,\xff,|\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) { checkMovies(t, "movies.csv", content) })
}

// checkMovies holds what is true of every text: an error that says where, or
// movies whose titles are valid UTF-8 and which, written out as movies.csv, are
// read as the same.
func checkMovies(t *testing.T, path, content string) {
	lines := int64(strings.Count(content, "\n")) + 1
	all, err := movies(path, openMemory(content), options{buffer: fuzzBuffer})
	if err != nil {
		checkError(t, err, lines)
		if all, err = movies(path, openMemory(content), options{buffer: fuzzBuffer, skip: true}); err != nil {
			checkError(t, err, lines)
			return
		}
	}
	out := strings.Builder{}
	out.WriteString("movieId,title,genres\n")
	for id, m := range all {
		require.Equal(t, id, m.ID)
		require.NotEmpty(t, m.Title)
		require.True(t, utf8.ValidString(m.Title))
		require.True(t, 0 <= m.Year && m.Year <= 9999)
		genres := strings.Join(m.Genres, "|")
		if len(m.Genres) == 0 {
			genres = noGenres
		}
		title := m.String()
		if m.Year == 0 {
			title += " " // splitYear has nothing more to take off
		}
		fmt.Fprintf(&out, "%d,%s,%s\n", id, quoteCSV(title), quoteCSV(genres))
	}
	again, err := movies("again.csv", openMemory(out.String()), defaults(t))
	require.NoError(t, err)
	require.Equal(t, all, again)
}

func quoteCSV(field string) string { return `"` + strings.ReplaceAll(field, `"`, `""`) + `"` }

// Any field survives being quoted, between fields that have no quotes.
func FuzzSplitCSV(f *testing.F) {
	for _, seed := range []string{"", "a", `"`, `""`, `a,"b"`, ",,", "\x00\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		line := "1," + quoteCSV(field) + ",," + quoteCSV(field)
		fields, reason := splitCSV([]byte(line), nil)
		require.Empty(t, reason)
		require.Len(t, fields, 4)
		require.Equal(t, field, string(fields[1]))
		require.Empty(t, fields[2])
		require.Equal(t, field, string(fields[3]))
		splitCSV([]byte(field), fields) // must only not panic
	})
}

// A number is taken if strconv takes it, and then it is the same number.
func FuzzParseNumbers(f *testing.F) {
	for _, seed := range []string{"0", "3.5", "-1e-7", "1..", "9223372036854775808", "16777217.5", ".", "1234567", "12345.678"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, reason := parseID("user", []byte(text))
		want, err := strconv.ParseUint(text, 10, 63)
		require.Equal(t, err == nil, reason == "", "%q: %s", text, reason)
		if err == nil {
			require.Equal(t, int64(want), id)
		}
		value, reason := parseValue([]byte(text))
		wide, err := strconv.ParseFloat(text, 32)
		if strings.ContainsAny(text, "xXpP_") || math.IsInf(wide, 0) || math.IsNaN(wide) {
			err = strconv.ErrSyntax
		}
		require.Equal(t, err == nil, reason == "", "%q: %s", text, reason)
		if err == nil {
			require.Equal(t, math.Float32bits(float32(wide)), math.Float32bits(value), "%q", text)
		}
	})
}
