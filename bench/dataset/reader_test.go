package dataset

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// packZstd compresses with zstd.
func packZstd(t testing.TB, content string, opts ...zstd.EOption) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, opts...)
	require.NoError(t, err)
	_, err = io.WriteString(w, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestZstd(t *testing.T) {
	folder := t.TempDir()
	write(t, packZstd(t, sampleMoviesDat), folder, "ml-x/movies.dat.zst")
	path := write(t, packZstd(t, sampleDat), folder, "ml-x/ratings.dat.zst")
	f, err := Open(folder)
	require.NoError(t, err)
	require.Equal(t, path, f.Path())
	require.Equal(t, "ml-x", f.Name())
	require.Equal(t, Dat, f.Format())
	require.Equal(t, sampleRatings, collect(t, f))
	require.Equal(t, sampleRatings, collect(t, f), "a second time")
	movies, err := f.Movies()
	require.NoError(t, err)
	require.Equal(t, sampleMovies, movies)

	// Two frames, one behind the other, are one file (RFC 8878, section 3.1).
	f, err = inMemory("ratings.dat", packZstd(t, sampleDat)+packZstd(t, sampleDat), defaults(t))
	require.NoError(t, err)
	require.Len(t, collect(t, f), 2*len(sampleRatings))
}

func TestDamagedZstd(t *testing.T) {
	whole := packZstd(t, strings.Repeat(sampleDat, 1000))
	flipped := []byte(whole)
	flipped[len(flipped)-1] ^= 1 // in the checksum
	for _, test := range []struct{ name, content, reason string }{
		{"within the data", whole[:len(whole)-20], "the compressed file is cut off"},
		{"within the checksum", whole[:len(whole)-3], "the compressed file is cut off"},
		{"changed", string(flipped), "damaged"},
		{"text behind it", whole + "1::2::3::4\n", "damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := inMemory("ratings.dat", test.content, defaults(t, SkipBadLines()))
			if err == nil {
				err = f.Each(context.Background(), func(Rating) error { return nil })
			}
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, "ratings.dat: "+test.reason)
		})
	}
	_, err := inMemory("ratings.dat", packZstd(t, ""), defaults(t))
	require.ErrorContains(t, err, "the file is empty")

	// A header that asks for 256 MiB: descriptor without a size, window 2²⁸ (RFC 8878,
	// section 3.1.1.1).
	_, err = inMemory("ratings.dat", zstdMagic+"\x00\x90\x01\x00\x00", defaults(t))
	require.ErrorIs(t, err, ErrFormat)
	require.ErrorContains(t, err, "window")
}

// closing counts what is open.
type closing struct {
	io.Reader
	open *int
}

func (c closing) Close() error { *c.open--; return nil }

func TestFromReader(t *testing.T) {
	for name, content := range map[string]string{
		"plain": sampleCSV, "gzip": pack(t, sampleCSV), "zstd": packZstd(t, sampleCSV),
		"parquet": sampleParquet(t), "parquet in gzip": pack(t, sampleParquet(t)),
	} {
		t.Run(name, func(t *testing.T) {
			var opens, open int
			f, err := FromReader("bucket/a.csv", func() (io.ReadCloser, error) {
				opens++
				open++
				return closing{strings.NewReader(content), &open}, nil
			})
			require.NoError(t, err)
			require.Equal(t, "bucket/a.csv", f.Name())
			require.Equal(t, "bucket/a.csv", f.Path())
			require.Equal(t, sampleRatings, collect(t, f))
			require.Equal(t, sampleRatings, collect(t, f))
			require.Equal(t, 3, opens)
			require.Zero(t, open, "readers are closed")
			_, err = f.Movies()
			require.ErrorIs(t, err, fs.ErrNotExist)
			d, err := Load(context.Background(), f, WithMovies())
			require.NoError(t, err)
			require.EqualValues(t, 3, d.Train.Len())
		})
	}
}

// A file of an fs.FS has a size, which progress reports, and can be read as
// Parquet without a copy.
func TestFromFS(t *testing.T) {
	fsys := fstest.MapFS{
		"a.csv":     {Data: []byte(sampleCSV)},
		"b.parquet": {Data: []byte(sampleParquet(t))},
	}
	for name, file := range fsys {
		var last, all int64
		f, err := FromReader(name, func() (io.ReadCloser, error) { return fsys.Open(name) },
			WithProgress(func(read, total int64) { last, all = read, total }))
		require.NoError(t, err)
		require.Equal(t, sampleRatings, collect(t, f))
		require.EqualValues(t, len(file.Data), last)
		require.EqualValues(t, len(file.Data), all)
	}
}

// The name is not a path: what lies beside a file of that name is another's.
func TestFromReaderHasNoMovies(t *testing.T) {
	folder := t.TempDir()
	write(t, sampleMoviesCSV, folder, "movies.csv")
	f, err := FromReader(filepath.Join(folder, "ratings.csv"), func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(sampleCSV)), nil
	})
	require.NoError(t, err)
	_, err = f.Movies()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFromReaderFails(t *testing.T) {
	absent := errors.New("no such object")
	_, err := FromReader("a", func() (io.ReadCloser, error) { return nil, absent })
	require.Same(t, absent, err)
	_, err = FromReader("a", func() (io.ReadCloser, error) { return nil, absent }, WithBuffer(1))
	require.ErrorIs(t, err, ErrConfig)

	// An error of the reader stays what it is, also below a decompressor.
	for name, content := range map[string]string{
		"plain": strings.Repeat(sampleDat, 9000), "gzip": pack(t, strings.Repeat(sampleDat, 100_000)),
		"zstd": packZstd(t, strings.Repeat(sampleDat, 100_000), zstd.WithEncoderCRC(false)), "parquet": sampleParquet(t),
	} {
		cut := len(content)
		f, err := FromReader(name, func() (io.ReadCloser, error) {
			lost := readerFunc(func([]byte) (int, error) { return 0, absent })
			return io.NopCloser(io.MultiReader(strings.NewReader(content[:cut]), lost)), nil
		}, SkipBadLines())
		if name == "parquet" {
			require.Same(t, absent, err)
			continue
		}
		require.NoError(t, err)
		cut = len(content) / 2
		err = f.Each(context.Background(), func(Rating) error { return nil })
		require.Same(t, absent, err, name)
	}
}

// The content may change between two readings; what was found in the first then
// need not hold.
func TestFromReaderThatChanges(t *testing.T) {
	contents := []string{sampleCSV, sampleParquet(t)}
	for i := range contents {
		next := i
		f, err := FromReader("a", func() (io.ReadCloser, error) {
			c := contents[next%2]
			next++
			return io.NopCloser(strings.NewReader(c)), nil
		})
		require.NoError(t, err)
		err = f.Each(context.Background(), func(Rating) error { return nil })
		require.Error(t, err)
		var at *FileError
		require.ErrorAs(t, err, &at)
	}
}
