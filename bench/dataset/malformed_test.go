package dataset

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMalformedLines(t *testing.T) {
	long := strings.Repeat("9", 200)
	for _, test := range []struct {
		name, line, reason string // the line in the format of ratings.dat
	}{
		{"text for a user", "seven::31::4::9", `the user "seven" is not a whole number`},
		{"no user", "::31::4::9", "the user is missing"},
		{"negative user", "-7::31::4::9", `the user "-7" is not a whole number of at least 0`},
		{"user of 2⁶³", "9223372036854775808::31::4::9", "is not below 2⁶³"},
		{"user beyond 2⁶⁴", "18446744073709551617::31::4::9", "is not below 2⁶³"},
		{"item with a fraction", "7::31.0::4::9", `the item "31.0"`},
		{"no item", "7::::4::9", "the item is missing"},
		{"item with a blank", "7:: 31::4::9", `the item " 31"`},
		{"text for a rating", "7::31::four::9", `the rating "four" is not a number`},
		{"no rating", "7::31::::9", "the rating is missing"},
		{"two points", "7::31::4.0.0::9", `the rating "4.0.0"`},
		{"NaN", "7::31::NaN::9", `the rating "NaN" is not finite`},
		{"infinity", "7::31::-Inf::9", `the rating "-Inf" is not finite`},
		{"beyond float32", "7::31::4e38::9", `the rating "4e38" is not finite`},
		{"hexadecimal", "7::31::0x4p0::9", `the rating "0x4p0" is not a number`},
		{"time with a fraction", "7::31::4::9.5", `the timestamp "9.5"`},
		{"time beyond 2⁶³", "7::31::4::99999999999999999999", "the timestamp"},
		{"no time", "7::31::4::", "the timestamp is missing"},
		{"too few fields", "7::31::4", "3 fields, want 4"},
		{"too many fields", "7::31::4::9::9", "more than 4 fields"},
		{"another separator", "7,31,4,9", "1 fields, want 4"},
		{"a zero byte", "7::3\x001::4::9", `the item "3\x001"`},
		{"blanks only", "   ", "1 fields, want 4"},
		{"a long field", "7::31::4::" + long, `9"…`},
	} {
		t.Run(test.name, func(t *testing.T) {
			content := "\n7::30::4::9\n" + test.line + "\n8::30::2::9\n"
			path := write(t, content, t.TempDir(), "ratings.dat")
			f, err := Open(path)
			require.NoError(t, err)
			err = f.Each(context.Background(), func(Rating) error { return nil })
			require.ErrorIs(t, err, ErrMalformed)
			var at *FileError
			require.ErrorAs(t, err, &at)
			require.Equal(t, path, at.Path)
			require.EqualValues(t, 3, at.Line)
			require.Contains(t, at.Reason, test.reason)
			require.Equal(t, path+":3: "+at.Reason, err.Error())
			require.Less(t, len(at.Reason), 150)

			f, err = Open(path, SkipBadLines())
			require.NoError(t, err)
			require.Equal(t, []Rating{{7, 30, 4, 9}, {8, 30, 2, 9}}, collect(t, f))
			require.EqualValues(t, 1, f.Skipped())
		})
	}
}

func TestMalformedCSV(t *testing.T) {
	for line, reason := range map[string]string{
		`7,"31,4,9`:         `the quote before "31,4,9" is not closed`,
		`7,"31"x,4,9`:       `text after the closing quote of "31"`,
		`7,3"1,4,9`:         `a quote inside the field "3\"1"`,
		`7,"3""1",4,9`:      `the item "3\"1" is not a whole number`,
		`7,"31,4",9`:        "3 fields, want 4",
		`7,31,4,"9",""`:     "more than 4 fields",
		`7,31,4,9,`:         "more than 4 fields",
		`userId,movieId,r,`: `the user "userId"`,
	} {
		f, err := inMemory("ratings.csv", sampleCSV+line+"\n", defaults(t))
		require.NoError(t, err)
		err = f.Each(context.Background(), func(Rating) error { return nil })
		require.ErrorIs(t, err, ErrMalformed, line)
		require.ErrorContains(t, err, "ratings.csv:5: ", line)
		require.ErrorContains(t, err, reason, line)
	}
}

// A line longer than the buffer is an error; with SkipBadLines reading goes on
// after it.
func TestOverlongLines(t *testing.T) {
	const buffer = 64
	long := strings.Repeat("1", 10*buffer+3)
	for _, test := range []struct {
		name, content string
		line          int64
		want          []Rating
	}{
		{"in the middle", sampleDatNoTime + long + "\n1::2::3\n", 4, append(withoutTime(sampleRatings), Rating{1, 2, 3, 0})},
		{"at the end", sampleDatNoTime + long, 4, withoutTime(sampleRatings)},
		{"a line of the buffer's size and its end", sampleDatNoTime + strings.Repeat("1", buffer) + "\n1::2::3\n", 4,
			append(withoutTime(sampleRatings), Rating{1, 2, 3, 0})},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := inMemory("ratings.dat", test.content, defaults(t, WithBuffer(buffer)))
			require.NoError(t, err)
			err = f.Each(context.Background(), func(Rating) error { return nil })
			var at *FileError
			require.ErrorAs(t, err, &at)
			require.ErrorIs(t, err, ErrMalformed)
			require.Equal(t, test.line, at.Line)
			require.Equal(t, "the line is longer than 64 bytes", at.Reason)

			f, err = inMemory("ratings.dat", test.content, defaults(t, WithBuffer(buffer), SkipBadLines()))
			require.NoError(t, err)
			require.Equal(t, test.want, collect(t, f))
			require.EqualValues(t, 1, f.Skipped())
		})
	}
	_, err := inMemory("ratings.dat", long, defaults(t, WithBuffer(buffer)))
	require.ErrorIs(t, err, ErrFormat)
}

func TestBadFiles(t *testing.T) {
	for _, test := range []struct{ name, file, content, reason string }{
		{"empty", "ratings.csv", "", "the file is empty"},
		{"empty lines only", "ratings.csv", "\r\n\n", "the file is empty"},
		{"empty, packed", "ratings.csv", pack(t, ""), "the file is empty"},
		{"prose", "notes.txt", "Call me anything.\n", "not in a known format"},
		{"bytes", "ratings.bin", "\x00\x01\x02\n", "not in a known format"},
		{"UTF-16", "ratings.txt", "\xff\xfeu\x00s\x00e\x00r\x00", "not in a known format"},
		{"zip", "ratings.csv", zipMagic + "rest", "unpack it first"},
		{"no header", "ratings.csv", "7,31,4.0,9\n", "no column for the user"},
		{"header of movies", "ratings.csv", sampleMoviesCSV, "no column for the user"},
		{"header without rating", "ratings.csv", "userId,movieId,tag,timestamp\n7,31,4,9\n", "no column for the rating"},
		{"two columns for the user", "ratings.csv", "user,userId,item,rating\n", "two columns for the user, 1 and 2"},
		{"header with an open quote", "ratings.csv", "\"userId,movieId\n", "is not closed"},
		{"a column only", "ratings.csv", "ratings\n", "no column for the user"},
		{"five fields", "users.dat", "7::F::20::3::00000\n", "5 fields in the first line"},
		{"two fields", "u.data", "7\t31\n", "2 fields in the first line"},
		{"one field", "u.data", "7 31 4\n", "1 fields in the first line"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.content, t.TempDir(), test.file)
			_, err := Open(path)
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, path+":")
			require.ErrorContains(t, err, test.reason)
		})
	}
}

func TestFilesWithoutRatings(t *testing.T) {
	nothing := func(Rating) error { return errors.New("a rating") }
	header, err := inMemory("ratings.csv", "userId,movieId,rating\n\n", defaults(t))
	require.NoError(t, err)
	err = header.Each(context.Background(), nothing)
	require.ErrorIs(t, err, ErrFormat)
	require.EqualError(t, err, "ratings.csv: the file has no ratings")

	bad, err := inMemory("ratings.dat", "a::b::c\nd::e::f\n", defaults(t, SkipBadLines()))
	require.NoError(t, err)
	err = bad.Each(context.Background(), nothing)
	require.ErrorIs(t, err, ErrFormat)
	require.EqualError(t, err, "ratings.dat: the file has no ratings; 2 lines are malformed")
}

func TestDamagedGzip(t *testing.T) {
	whole := pack(t, strings.Repeat(sampleDat, 1000))
	flipped := []byte(whole)
	flipped[len(flipped)-8] ^= 1 // in the checksum
	for _, test := range []struct {
		name, content, reason string
		cause                 error
	}{
		{"within the data", whole[:len(whole)/2], "cut off", io.ErrUnexpectedEOF},
		{"within the checksum", whole[:len(whole)-3], "cut off", io.ErrUnexpectedEOF},
		{"changed", string(flipped), "damaged", nil},
		{"text behind it", whole + "1::2::3::4\n", "damaged", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := inMemory("ratings.dat", test.content, defaults(t, SkipBadLines()))
			require.NoError(t, err)
			err = f.Each(context.Background(), func(Rating) error { return nil })
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, "ratings.dat: ")
			require.ErrorContains(t, err, test.reason)
			if test.cause != nil {
				require.ErrorIs(t, err, test.cause)
			}
		})
	}
	for _, head := range []string{whole[:3], whole[:9], gzipMagic + "\x07garbage of some length"} {
		_, err := inMemory("ratings.dat", head, defaults(t))
		require.ErrorIs(t, err, ErrFormat)
	}

	// Two compressed files, one behind the other, are one (RFC 1952, section 2.2).
	f, err := inMemory("ratings.dat", pack(t, sampleDat)+pack(t, sampleDat), defaults(t))
	require.NoError(t, err)
	require.Len(t, collect(t, f), 2*len(sampleRatings))
}
