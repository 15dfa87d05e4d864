package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFormats(t *testing.T) {
	quoted := "\"userId\",\"movieId\",\"rating\",\"timestamp\"\n\"7\",\"31\",\"4.0\",\"900000001\"\n7,5,1,900000002\n12,31,\"3\",900000003\n"
	reordered := "Rating,note,MOVIE_ID,time,user\n4,\"a, \"\"b\"\"\",31,900000001,7\n1,,5,900000002,7\n3,c,31,900000003,12\n"
	for _, test := range []struct {
		name, file, content string
		format              Format
		want                []Rating
	}{
		{"u.data", "u.data", sampleUData, UData, sampleRatings},
		{"dat", "ratings.dat", sampleDat, Dat, sampleRatings},
		{"dat without time", "ratings_notime.dat", sampleDatNoTime, Dat, withoutTime(sampleRatings)},
		{"csv", "ratings.csv", sampleCSV, CSV, sampleRatings},
		{"csv with quotes", "ratings.csv", quoted, CSV, sampleRatings},
		{"csv in another order", "ratings.csv", reordered, CSV, sampleRatings},
		{"csv without time", "ratings.csv", "user,item,rating\n7,31,4\n7,5,1\n12,31,3\n", CSV, withoutTime(sampleRatings)},
		{"byte order mark", "ratings.csv", byteOrderMark + sampleCSV, CSV, sampleRatings},
		{"byte order mark before numbers", "ratings.dat", byteOrderMark + sampleDat, Dat, sampleRatings},
		{"cr lf", "ratings.csv", strings.ReplaceAll(sampleCSV, "\n", "\r\n"), CSV, sampleRatings},
		{"no end of the last line", "u.data", strings.TrimSuffix(sampleUData, "\n"), UData, sampleRatings},
		{"empty lines", "ratings.dat", "\n" + sampleDat + "\n\r\n\n", Dat, sampleRatings},
		{"another name", "anything", sampleDat, Dat, sampleRatings},
		{"a name of another format", "ratings.csv", sampleUData, UData, sampleRatings},
		{"half stars", "ratings.dat", "1::2::0.5::3\n1::3::4.5::3\n", Dat, []Rating{{1, 2, 0.5, 3}, {1, 3, 4.5, 3}}},
	} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/packed=%v", test.name, packed), func(t *testing.T) {
				content := test.content
				if packed {
					content = pack(t, content)
				}
				f, err := Open(write(t, content, t.TempDir(), test.file))
				require.NoError(t, err)
				require.Equal(t, test.format, f.Format())
				require.Equal(t, test.want, collect(t, f))
				require.Equal(t, test.want, collect(t, f), "a second time")
				require.Zero(t, f.Skipped())
			})
		}
	}
}

// Lines fall across the ends of buffers of every size.
func TestSmallBuffers(t *testing.T) {
	for size := len("userId,movieId,rating,timestamp\n"); size < 140; size++ {
		f, err := inMemory("ratings.csv", sampleCSV, defaults(t, WithBuffer(size)))
		require.NoError(t, err)
		require.Equal(t, sampleRatings, collect(t, f), "a buffer of %d bytes", size)
	}
}

func TestFolders(t *testing.T) {
	for _, test := range []struct {
		name  string
		files []string
		want  string // "" if it is an error
	}{
		{"the folder itself", []string{"u.data", "readme"}, "u.data"},
		{"one further in", []string{"ml-x/ratings.dat", "readme"}, "ml-x/ratings.dat"},
		{"packed", []string{"ml-x/ratings.csv.gz"}, "ml-x/ratings.csv.gz"},
		{"outer before inner", []string{"ratings.csv", "old/ratings.csv"}, "ratings.csv"},
		{"two formats", []string{"ratings.csv", "ratings.dat"}, ""},
		{"plain and packed", []string{"ratings.csv", "ratings.csv.gz"}, ""},
		{"two folders", []string{"a/u.data", "b/ratings.dat"}, ""},
		{"too deep", []string{"a/b/u.data"}, ""},
		{"none", []string{"users.dat"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			for _, file := range test.files {
				write(t, sampleDat, folder, file)
			}
			f, err := Open(folder)
			if test.want != "" {
				require.NoError(t, err)
				require.Equal(t, filepath.Join(folder, filepath.FromSlash(test.want)), f.Path())
				return
			}
			require.ErrorIs(t, err, ErrFormat)
			if test.name == "too deep" || test.name == "none" {
				require.ErrorIs(t, err, fs.ErrNotExist)
				require.ErrorContains(t, err, "u.data, ratings.dat")
				return
			}
			for _, file := range test.files {
				require.ErrorContains(t, err, filepath.FromSlash(file))
			}
		})
	}
}

func TestNames(t *testing.T) {
	folder := t.TempDir()
	for _, test := range []struct{ path, want string }{
		{"ml-x/ratings.csv", "ml-x"},
		{"ml-y/u.data.gz", "ml-y"},
		{"mine.csv", "mine"},
		{"mine.csv.gz", "mine"},
	} {
		f, err := Open(write(t, sampleDat, folder, test.path))
		require.NoError(t, err)
		require.Equal(t, test.want, f.Name())
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	_, err := Open(filepath.Join(folder, "absent.csv"))
	require.ErrorIs(t, err, fs.ErrNotExist)

	_, err = Open(write(t, sampleCSV, folder, "ratings.csv"), WithBuffer(15))
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, "WithBuffer")
}

func TestEachStopsAtAnError(t *testing.T) {
	f, err := inMemory("u.data", sampleUData, defaults(t))
	require.NoError(t, err)
	stop := errors.New("stop")
	calls := 0
	err = f.Each(context.Background(), func(Rating) error {
		calls++
		return stop
	})
	require.Same(t, stop, err)
	require.Equal(t, 1, calls)
}

func TestCancel(t *testing.T) {
	big, err := inMemory("ratings.dat", strings.Repeat("1::2::3::4\n", 100_000), defaults(t))
	require.NoError(t, err)
	for _, src := range []Source{big, Synthetic{Seed: 1}} {
		for _, after := range []int{1, 1000, 90_000} {
			ctx, cancel := context.WithCancel(context.Background())
			calls := 0
			err := src.Each(ctx, func(Rating) error {
				if calls++; calls == after {
					cancel()
				}
				return nil
			})
			require.Equal(t, context.Canceled, err, "%s", src.Name())
			require.LessOrEqual(t, calls, after+checkEvery, "%s", src.Name())
		}
	}
}

// A line that never ends must not keep a cancelled context waiting.
func TestCancelWithinALine(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reads := 0
	endless := readerFunc(func(p []byte) (int, error) {
		if reads++; reads == 100 {
			cancel()
		}
		for i := range p {
			p[i] = 'x'
		}
		return len(p), nil
	})
	lines := newLineReader(ctx, "endless", endless, 64)
	_, err := lines.next()
	require.ErrorIs(t, err, ErrMalformed)
	_, err = lines.next()
	require.Equal(t, context.Canceled, err)
	require.Equal(t, 100, reads)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestProgress(t *testing.T) {
	content := strings.Repeat("1::2::3::4\n", 50_000)
	for _, packed := range []bool{false, true} {
		file := content
		if packed {
			file = pack(t, content)
		}
		size := int64(len(file))
		var last int64
		var calls []time.Time
		report := func(read, total int64) {
			require.Equal(t, size, total)
			require.GreaterOrEqual(t, read, last)
			last = read
			calls = append(calls, time.Now())
		}
		f, err := inMemory("ratings.dat", file, defaults(t, WithProgress(report), WithBuffer(1<<16)))
		require.NoError(t, err)
		require.Empty(t, calls, "Open reports nothing")
		slow := 0
		require.NoError(t, f.Each(context.Background(), func(Rating) error {
			if slow++; slow%10_000 == 0 {
				time.Sleep(60 * time.Millisecond)
			}
			return nil
		}))
		require.Equal(t, size, last)
		// 300 ms: at least one report on the way and one at the end.
		require.GreaterOrEqual(t, len(calls), 2)
		for i := 1; i < len(calls)-1; i++ {
			require.GreaterOrEqual(t, calls[i].Sub(calls[i-1]), reportEvery-time.Millisecond)
		}
	}
}

// An error of the disk is not one of the format, within a compressed file as
// well.
func TestReadError(t *testing.T) {
	broken := &fs.PathError{Op: "read", Path: "ratings.dat", Err: syscall.EIO}
	content := strings.Repeat(sampleDat, 20_000)
	for _, file := range []string{content, pack(t, content)} {
		opens := 0
		open := func() (io.ReadCloser, int64, error) {
			opens++
			if opens == 1 {
				return io.NopCloser(strings.NewReader(file)), int64(len(file)), nil
			}
			half := io.MultiReader(strings.NewReader(file[:len(file)/2]), readerFunc(func([]byte) (int, error) { return 0, broken }))
			return io.NopCloser(half), int64(len(file)), nil
		}
		f, err := inspect("ratings.dat", open, defaults(t))
		require.NoError(t, err)
		err = f.Each(context.Background(), func(Rating) error { return nil })
		require.ErrorIs(t, err, syscall.EIO)
		require.NotErrorIs(t, err, ErrFormat)
	}
}

func TestEachAllocatesNothingForALine(t *testing.T) {
	for name, line := range map[string]string{
		"ratings.csv": "123456,7890,3.5,900000001\n",
		"quoted.csv":  "\"123456\",\"7890\",\"3.5\",\"900000001\"\n",
		"ratings.dat": "123456::7890::3.5::900000001\n",
		"u.data":      "123456\t7890\t3.25e0\t900000001\n",
	} {
		allocations := func(lines int) float64 {
			content := strings.Repeat(line, lines)
			if strings.HasSuffix(name, ".csv") {
				content = "userId,movieId,rating,timestamp\n" + content
			}
			f, err := inMemory(name, content, defaults(t, WithBuffer(4096)))
			require.NoError(t, err)
			return testing.AllocsPerRun(5, func() {
				if err := f.Each(context.Background(), func(Rating) error { return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		require.Equal(t, allocations(1), allocations(5000), name)
	}
}

// The handles of files are given back.
func TestEachClosesTheFile(t *testing.T) {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("open files cannot be counted here: %v", err)
	}
	folder := t.TempDir()
	path := write(t, sampleCSV, folder, "ratings.csv")
	write(t, sampleMoviesCSV, folder, "movies.csv")
	zip := write(t, zipMagic+"...", folder, "ratings.zip")
	for range 10 {
		f, err := Open(path)
		require.NoError(t, err)
		collect(t, f)
		_, err = f.Movies()
		require.NoError(t, err)
		_, err = Open(zip)
		require.ErrorIs(t, err, ErrFormat)
	}
	after, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	require.Len(t, after, len(open))
}
