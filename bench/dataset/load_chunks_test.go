package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/stretchr/testify/require"
)

// atAnyPlace is a file in memory.
type atAnyPlace struct{ *bytes.Reader }

func (atAnyPlace) Close() error { return nil }

// inChunks opens content as a file that can be read at any place.
func inChunks(path, content string, o options) (*File, error) {
	return inspect(path, func() (io.ReadCloser, int64, error) {
		return atAnyPlace{bytes.NewReader([]byte(content))}, int64(len(content)), nil
	}, o)
}

// loaded is what a builder holds, by the ids of the source.
func loaded(t *testing.T, b *als.Builder[int64, int64]) (users, items []int64, ratings *als.Ratings) {
	t.Helper()
	b.Duplicates = als.KeepLast
	for _, k := range b.Users.All() {
		users = append(users, k)
	}
	for _, k := range b.Items.All() {
		items = append(items, k)
	}
	ratings, err := b.Ratings(context.Background())
	require.NoError(t, err)
	return users, items, ratings
}

// requireSameInChunks holds loadChunks and EachBatch to what Each gives: the same ratings,
// under the same rows, or the same error, and as many lines skipped.
func requireSameInChunks(t *testing.T, path, content string, o options, lengths ...int64) {
	t.Helper()
	f, err := inChunks(path, content, o)
	if err != nil || f.layout.format == Parquet || !f.random {
		return
	}
	requireSameInBatches[int64](t, f, []batchOptions{{times: true}}, lengths...)
	requireSameInBatches[uint32](t, f, []batchOptions{{times: true, concurrent: true}}, lengths...)
	want := als.NewBuilder[int64, int64]()
	wantErr := f.Each(context.Background(), func(r Rating) error { return want.Add(r.User, r.Item, r.Value) })
	wantSkipped := f.Skipped()
	for _, length := range lengths {
		got := als.NewBuilder[int64, int64]()
		err := loadChunks(context.Background(), f, got, length)
		require.Equal(t, wantErr, err, "chunks of %d bytes", length)
		require.Equal(t, wantSkipped, f.Skipped(), "chunks of %d bytes", length)
		if err != nil {
			continue
		}
		require.Equal(t, want.Len(), got.Len())
		gotUsers, gotItems, gotRatings := loaded(t, got)
		again := als.NewBuilder[int64, int64]()
		require.NoError(t, f.Each(context.Background(), func(r Rating) error { return again.Add(r.User, r.Item, r.Value) }))
		wantUsers, wantItems, wantRatings := loaded(t, again)
		require.Equal(t, wantUsers, gotUsers)
		require.Equal(t, wantItems, gotItems)
		require.Equal(t, wantRatings.ByUser(), gotRatings.ByUser())
		require.Equal(t, wantRatings.ByItem(), gotRatings.ByItem())
	}
}

func TestLoadInChunks(t *testing.T) {
	long := strings.Repeat("9", 300)
	for i, content := range []string{
		sampleCSV, sampleDat, sampleUData, sampleDatNoTime,
		byteOrderMark + sampleCSV,
		byteOrderMark + "1::2::3::4\n",
		strings.ReplaceAll(sampleCSV, "\n", "\r\n"),
		strings.TrimSuffix(sampleDat, "\n"),
		"\n\n" + sampleCSV + "\n\n\r\n\n",
		"user,item,rating\n1,2,3\n\"4\",\"5\",\"1e1\"\n6,7,-.5\n8,9,4.25\n",
		"user,item,rating\n1,2,3\nx,2,3\n4,2,3\n,,\n5,2,3\n",
		"user,item,rating\n1,2,3\n" + long + ",1,1\n4,2,3\n" + long,
		"user,item,rating\n1,2,3\n4,2," + strings.Repeat("0", 252) + "\n",
		"user,item,rating\n" + long + "\n",
		"user,item,rating\n\n1,2,3\n\r\n\n4,5,1\n1,2\n7,8,2\nx,y,z\n",
		"user,item,rating\n",
		"user,item,rating",
		"item,user,title,rating\n1,2,\"a,\"\"b\",3\n4,5,c,2\n",
	} {
		for _, skip := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/%v", i, skip), func(t *testing.T) {
				requireSameInChunks(t, "ratings.csv", content, options{buffer: 256, skip: skip}, 1, 2, 3, 7, 13, 20, 64, 255, 256, 257, 1<<20)
			})
		}
	}
}

// Rows that users and items have already are theirs in a file too.
func TestLoadChunksContinues(t *testing.T) {
	content := "user,item,rating\n" + strings.Repeat("1,2,3\n2,7,3.5\n900,2,4\n3,1,5\n", 100)
	f, err := inChunks("ratings.csv", content, defaults(t))
	require.NoError(t, err)
	b := als.NewBuilder[int64, int64]()
	b.Users, err = als.NewIndex[int64](900, 3, 40)
	require.NoError(t, err)
	b.Items, err = als.NewIndex[int64](7)
	require.NoError(t, err)
	require.NoError(t, loadChunks(context.Background(), f, b, 64))
	users, items, ratings := loaded(t, b)
	require.Equal(t, []int64{900, 3, 40, 1, 2}, users)
	require.Equal(t, []int64{7, 2, 1}, items)
	require.Equal(t, []int64{0, 1, 2, 2, 3, 4}, ratings.ByUser().Offsets)
	require.Equal(t, []int32{1, 2, 1, 0}, ratings.ByUser().Columns)
	require.Equal(t, []float32{4, 5, 3, 3.5}, ratings.ByUser().Values)
}

// A file of several chunks of the usual length, with one bad line in the last of them.
func TestLoadLargeFile(t *testing.T) {
	var csv bytes.Buffer
	require.NoError(t, WriteCSV(context.Background(), &csv, Synthetic{Users: 300, Items: 500, Ratings: 60_000, Seed: 3}))
	requireSameInChunks(t, "ratings.csv", csv.String(), defaults(t), chunkLen, 1<<16)
	csv.WriteString("1,2,3.5\n")
	requireSameInChunks(t, "ratings.csv", csv.String(), defaults(t), chunkLen)
	f, err := inChunks("ratings.csv", csv.String(), defaults(t))
	require.NoError(t, err)
	err = loadChunks(context.Background(), f, als.NewBuilder[int64, int64](), chunkLen)
	require.EqualError(t, err, "ratings.csv:60002: 3 fields, want 4")
}

// brokenAt is a file that fails from a place on.
type brokenAt struct {
	atAnyPlace
	place int64
}

var errBroken = errors.New("broken")

func (b brokenAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.place {
		return 0, errBroken
	}
	return b.atAnyPlace.ReadAt(p, off)
}

func TestLoadChunksFails(t *testing.T) {
	content := "user,item,rating\n" + strings.Repeat("1,2,3\n", 1000)
	f, err := inspect("ratings.csv", func() (io.ReadCloser, int64, error) {
		return brokenAt{atAnyPlace{bytes.NewReader([]byte(content))}, 3000}, int64(len(content)), nil
	}, defaults(t))
	require.NoError(t, err)
	require.ErrorIs(t, loadChunks(context.Background(), f, als.NewBuilder[int64, int64](), 64), errBroken)

	f, err = inChunks("ratings.csv", content, defaults(t))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, loadChunks(ctx, f, als.NewBuilder[int64, int64](), 64), context.Canceled)
}

func TestLoadReportsProgress(t *testing.T) {
	content := "user,item,rating\n" + strings.Repeat("1,2,3\n", 1000)
	var last, all int64
	f, err := inChunks("ratings.csv", content, defaults(t, WithProgress(func(read, total int64) { last, all = read, total })))
	require.NoError(t, err)
	require.NoError(t, loadChunks(context.Background(), f, als.NewBuilder[int64, int64](), 64))
	require.EqualValues(t, len(content), last)
	require.EqualValues(t, len(content), all)
}

// largeFile is a file in the page cache, which HALFSTEP_CSV names, as WriteCSV writes it;
// the figures are of 25 million ratings.
func largeFile(b *testing.B) (f *File, size int64) {
	path := os.Getenv("HALFSTEP_CSV")
	if path == "" {
		b.Skip("HALFSTEP_CSV is not set: a large file of ratings")
	}
	f, err := Open(path)
	require.NoError(b, err)
	info, err := os.Stat(path)
	require.NoError(b, err)
	return f, info.Size()
}

// BenchmarkLoadFile reads a large file: numbered and in memory, not yet sorted.
func BenchmarkLoadFile(b *testing.B) {
	f, size := largeFile(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, loadChunks(context.Background(), f, als.NewBuilder[int64, int64](), chunkLen))
	}
}

// BenchmarkParseChunk parses a chunk of text over and over.
func BenchmarkParseChunk(b *testing.B) {
	b.Run("uint32", func(b *testing.B) { benchmarkParse[uint32](b, false) })
	b.Run("int64", func(b *testing.B) { benchmarkParse[int64](b, false) })
	b.Run("int64 and times", func(b *testing.B) { benchmarkParse[int64](b, true) })
}

func benchmarkParse[I ID](b *testing.B, timed bool) {
	var csv bytes.Buffer
	require.NoError(b, WriteCSV(context.Background(), &csv, Synthetic{Users: 300, Items: 50_000, Ratings: 20_000, Seed: 3}))
	f, err := inChunks("ratings.csv", csv.String(), defaults(b))
	require.NoError(b, err)
	text := csv.Bytes()[bytes.IndexByte(csv.Bytes(), '\n')+1:]
	text = text[:bytes.LastIndexByte(text[:chunkLen], '\n')+1]
	p := newChunkParser[I](f, timed)
	var c chunk[I]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		p.parseChunk(&c, text, false, false)
	}
	require.Zero(b, c.bad)
}
