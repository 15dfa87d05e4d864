package dataset

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// mappedFile is a file in memory with what reads and parses its chunks. Tests of it are
// skipped where files are not read in this way.
func mappedFile(t *testing.T, content string, length int64) (path string, r *chunkReader, p *chunkParser[uint32]) {
	t.Helper()
	path = write(t, content, t.TempDir(), "ratings.csv")
	f, err := Open(path)
	require.NoError(t, err)
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	size := int64(len(content))
	mapped := mapFile(file, size)
	p = newChunkParser[uint32](f, true)
	if mapped == nil || p.scanner == nil {
		t.Skip("files are not mapped, or there is no scanner for this processor")
	}
	t.Cleanup(func() { require.NoError(t, unmapFile(mapped)) })
	base := int64(strings.IndexByte(content, '\n') + 1)
	return path, &chunkReader{file: file, base: base, size: size, length: length, longest: 1 << 20, mapped: mapped}, p
}

// manyRatings is a file of more than 1 MB.
func manyRatings(t *testing.T) string {
	t.Helper()
	var csv bytes.Buffer
	require.NoError(t, WriteCSV(context.Background(), &csv, Synthetic{Users: 300, Items: 500, Ratings: 40_000, Seed: 3}))
	return csv.String()
}

// Every chunk but the last is read without a copy, and the same comes of it.
func TestMappedChunks(t *testing.T) {
	content := manyRatings(t)
	text := int64(len(content) - strings.IndexByte(content, '\n') - 1)
	// With the last, the bytes that a chunk needs behind it are 16 too few.
	for _, length := range []int64{5000, 1 << 16, chunkLen, (text - lineSearch - fastSlack + 16) / 5} {
		_, r, p := mappedFile(t, content, length)
		var buf []byte
		var got, want chunk[uint32]
		for k := range r.chunks() {
			text, overlong, err := r.read(k, &buf)
			require.NoError(t, err)
			newParser := *p
			newParser.parseChunk(&want, text, false, overlong)
			ok := p.parseMapped(&got, r, k)
			require.Equal(t, r.base+(k+1)*length+lineSearch+fastSlack <= r.size, ok, "chunk %d of %d", k, r.chunks())
			if ok {
				require.Equal(t, want.ratings(), got.ratings())
				require.Equal(t, want.lines, got.lines)
			}
			r.taken(k)
		}
	}
}

// Lines that are not for the scanner are among the others.
func TestMappedFileWithOddLines(t *testing.T) {
	odd := []string{
		"", "\r", "1,2,3,4\r", `"7","8",1.5,9`, "1,2,4.25,9", "4294967295,7,1,1", "bad", "1,2,3", "4294967296,2,3,4", "1,2,3,4,5\n6,7,8",
		"1,2,3," + strings.Repeat("0", 3000) + "4", "1,2,3," + strings.Repeat("0", 9000) + "4",
	}
	seed := uint64(7)
	t.Log("seed", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	lines := strings.Split(strings.TrimSuffix(manyRatings(t), "\n"), "\n")
	for i := range odd {
		for range 3 {
			lines[1+rnd.IntN(len(lines)-1)] = odd[i]
		}
	}
	path := write(t, strings.Join(lines, "\n"), t.TempDir(), "ratings.csv")
	for _, opts := range [][]Option{{SkipBadLines()}, {SkipBadLines(), WithBuffer(4096)}, nil} {
		f, err := Open(path, opts...)
		require.NoError(t, err)
		requireSameInBatches[uint32](t, f, []batchOptions{{times: true}, {concurrent: true}}, 6000, 1<<15, chunkLen)
		requireSameInBatches[int64](t, f, []batchOptions{{times: true}}, 6000, 1<<15, chunkLen)
	}
}

// A file that is cut off while it is read ends there.
func TestMappedFileCutOff(t *testing.T) {
	content := manyRatings(t)
	path, r, p := mappedFile(t, content, 1<<15)
	var c chunk[uint32]
	require.True(t, p.parseMapped(&c, r, 20))
	cut := strings.LastIndexByte(content[:len(content)/2], '\n') + 1
	require.NoError(t, os.Truncate(path, int64(cut)))
	require.False(t, p.parseMapped(&c, r, 20), "its pages are missing")
	require.True(t, p.parseMapped(&c, r, 0))

	require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	f, err := Open(path)
	require.NoError(t, err)
	var ratings int
	require.NoError(t, eachChunk(context.Background(), f, 1<<12, batchOptions{}, func(b Batch[int64]) error {
		if b.First == 0 {
			require.NoError(t, os.Truncate(path, int64(cut)))
		}
		ratings += len(b.Values)
		return nil
	}))
	require.Equal(t, strings.Count(content[:cut], "\n")-1, ratings)
}

// Whatever else writes to a file, no more is found in a chunk than there is room for.
func TestMappedFileThatChanges(t *testing.T) {
	content := manyRatings(t)
	path, r, p := mappedFile(t, content, 1<<15)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	seed := uint64(11)
	t.Log("seed", seed)
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		rnd := rand.New(rand.NewPCG(seed, 0))
		for {
			select {
			case <-done:
				return
			default:
			}
			at := r.base + rnd.Int64N(1<<15)
			if _, err := file.WriteAt([]byte("\n1,2\n,.7x,\n"[rnd.IntN(8):]), at); err != nil {
				panic(fmt.Sprint("writing to the file: ", err))
			}
			if _, err := file.WriteAt([]byte(content[at:at+12]), at); err != nil {
				panic(fmt.Sprint("writing to the file: ", err))
			}
		}
	})
	var c chunk[uint32]
	taken := 0
	for range 3000 {
		if p.parseMapped(&c, r, 0) {
			taken++
			require.LessOrEqual(t, int(c.found), len(c.values))
		}
	}
	close(done)
	writer.Wait()
	require.NoError(t, file.Close())
	t.Log(taken, "of 3000 were taken")
}
