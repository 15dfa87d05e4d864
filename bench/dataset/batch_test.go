package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// batched is what EachBatch gives, by chunks of length bytes where the file is read in
// chunks, put in order.
func batched[I ID](t *testing.T, f *File, length int64, o batchOptions) (all []Rating, err error) {
	t.Helper()
	var mu sync.Mutex
	var batches []Batch[I]
	yield := func(b Batch[I]) error {
		n := len(b.Values)
		if n == 0 || len(b.Users) != n || len(b.Items) != n || (b.Times != nil) != o.times || o.times && len(b.Times) != n {
			return errors.New("a batch of columns of other lengths")
		}
		b.Users, b.Items, b.Values, b.Times = slices.Clone(b.Users), slices.Clone(b.Items), slices.Clone(b.Values), slices.Clone(b.Times)
		mu.Lock()
		defer mu.Unlock()
		batches = append(batches, b)
		return nil
	}
	if f.random {
		err = eachChunk(context.Background(), f, length, o, yield)
	} else {
		err = EachBatch(context.Background(), f, yield, func(to *batchOptions) { *to = o })
	}
	if o.concurrent {
		slices.SortFunc(batches, func(a, b Batch[I]) int { return int(a.First - b.First) })
	}
	for _, b := range batches {
		require.EqualValues(t, len(all), b.First)
		for j := range b.Values {
			r := Rating{User: int64(b.Users[j]), Item: int64(b.Items[j]), Value: b.Values[j]}
			if o.times {
				r.Time = b.Times[j]
			}
			all = append(all, r)
		}
	}
	return all, err
}

// requireSameInBatches holds EachBatch to what Each gives: the same ratings, up to the same
// error.
func requireSameInBatches[I ID](t *testing.T, f *File, how []batchOptions, lengths ...int64) {
	t.Helper()
	var want []Rating
	wantErr := f.Each(context.Background(), func(r Rating) error {
		want = append(want, r)
		return nil
	})
	wantSkipped := f.Skipped()
	if ^I(0) > 0 && slices.ContainsFunc(want, func(r Rating) bool { return max(r.User, r.Item) > math.MaxUint32 }) {
		return
	}
	for _, length := range lengths {
		for _, o := range how {
			got, err := batched[I](t, f, length, o)
			require.Equal(t, wantErr, err, "chunks of %d bytes, %+v", length, o)
			require.Equal(t, wantSkipped, f.Skipped())
			if o.times {
				require.Equal(t, want, got, "chunks of %d bytes, %+v", length, o)
			} else {
				require.Equal(t, withoutTime(want), got, "chunks of %d bytes, %+v", length, o)
			}
		}
	}
}

// Whatever a file is packed in, it gives the same batches, and the same columns.
func TestEachBatch(t *testing.T) {
	var csv bytes.Buffer
	require.NoError(t, WriteCSV(context.Background(), &csv, Synthetic{Users: 300, Items: 500, Ratings: 12_000, Seed: 3}))
	_, rows, _ := strings.Cut(csv.String(), "\n")
	for name, content := range map[string]string{
		"ratings.csv": csv.String(), "ratings.csv.gz": pack(t, csv.String()), "ratings.csv.zst": packZstd(t, csv.String()),
		"u.data": strings.ReplaceAll(rows, ",", "\t"), "ratings.dat": strings.ReplaceAll(rows, ",", "::"),
		"small.csv": sampleCSV, "ratings.parquet": sampleParquet(t),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Open(write(t, content, t.TempDir(), name))
			require.NoError(t, err)
			all := []batchOptions{{}, {times: true}, {concurrent: true}, {times: true, concurrent: true}}
			requireSameInBatches[uint32](t, f, all, chunkLen, 1<<12)
			requireSameInBatches[int64](t, f, all, chunkLen, 1<<12)
			requireSameColumns[uint32](t, f)
			requireSameColumns[int64](t, f)
		})
	}
}

func requireSameColumns[I ID](t *testing.T, f *File) {
	t.Helper()
	want := collect(t, f)
	for _, opts := range [][]BatchOption{nil, {WithTimes()}} {
		b, err := ReadColumns[I](context.Background(), f, opts...)
		require.NoError(t, err)
		require.Zero(t, b.First)
		require.Len(t, b.Users, len(b.Values))
		require.Len(t, b.Items, len(b.Values))
		require.Equal(t, opts != nil, b.Times != nil)
		var got []Rating
		for j, v := range b.Values {
			r := Rating{User: int64(b.Users[j]), Item: int64(b.Items[j]), Value: v}
			if opts != nil {
				r.Time = b.Times[j]
			}
			got = append(got, r)
		}
		if opts == nil {
			require.Equal(t, withoutTime(want), got)
		} else {
			require.Equal(t, want, got)
		}
	}
}

// The parts of a collector that was given too low a guess, or none, come out as one.
func TestCollector(t *testing.T) {
	for _, guess := range []int{0, 1, 10, 1000} {
		for _, timed := range []bool{false, true} {
			a := collector[uint32]{guess: guess, timed: timed}
			require.Zero(t, a.whole())
			for n := range 20 {
				to := a.extend(n)
				for j := range n {
					x := int64(n*(n-1)/2 + j)
					to.set(j, Rating{x, x + 1, float32(x + 2), x + 3})
				}
			}
			all := a.whole()
			require.Len(t, all.values, 190)
			for j := range all.values {
				require.EqualValues(t, j, all.users[j])
				require.EqualValues(t, j+1, all.items[j])
				require.EqualValues(t, j+2, all.values[j])
				if timed {
					require.EqualValues(t, j+3, all.times[j])
				}
			}
		}
	}
}

// An id that a uint32 does not hold is malformed, and one that it just holds is not.
func TestEachBatchIDsOf32Bits(t *testing.T) {
	const content = "user,item,rating\n1,2,3\n4294967295,4294967295,4\n%s\n5,6,1\n"
	for line, reason := range map[string]string{
		"4294967296,2,3": `the user "4294967296" is not below 2³²`,
		"2,4294967296,3": `the item "4294967296" is not below 2³²`,
		"-1,2,3":         `the user "-1" is not a whole number of at least 0`,
	} {
		text := fmt.Sprintf(content, line)
		for name, content := range map[string]string{"plain": text, "gzip": pack(t, text)} {
			f, err := Open(write(t, content, t.TempDir(), "ratings.csv"))
			require.NoError(t, err)
			before := []Rating{{1, 2, 3, 0}, {math.MaxUint32, math.MaxUint32, 4, 0}}
			got, err := batched[uint32](t, f, 8, batchOptions{})
			require.EqualError(t, err, f.Path()+":4: "+reason, name)
			require.ErrorIs(t, err, ErrMalformed)
			require.Equal(t, before, got)
			b, err := ReadColumns[uint32](context.Background(), f)
			require.EqualError(t, err, f.Path()+":4: "+reason, name)
			require.Zero(t, b)

			f, err = Open(f.Path(), SkipBadLines())
			require.NoError(t, err)
			got, err = batched[uint32](t, f, 8, batchOptions{})
			require.NoError(t, err)
			require.Equal(t, append(before, Rating{5, 6, 1, 0}), got)
			require.EqualValues(t, 1, f.Skipped())
		}
	}
	for _, row := range []any{parquetRow{math.MaxUint32 + 1, 2, 3, 0}, textRow{"7", "4294967296", 1}} {
		var content, reason string
		switch row := row.(type) {
		case parquetRow:
			content, reason = parquetOf(t, []parquetRow{row}), "the user 4294967296 is not below 2³²"
		case textRow:
			content, reason = parquetOf(t, []textRow{row}), `the item "4294967296" is not below 2³²`
		}
		f, err := inMemory("ratings.parquet", content, defaults(t))
		require.NoError(t, err)
		_, err = ReadColumns[uint32](context.Background(), f)
		require.EqualError(t, err, "ratings.parquet: row 1: "+reason)
	}
}

type textRow struct {
	User   string `parquet:"user"`
	Item   string `parquet:"item"`
	Rating int32  `parquet:"rating"`
}

var errEnough = errors.New("enough")

// What yield returns ends the reading; in order, nothing is given after it.
func TestEachBatchStops(t *testing.T) {
	content := "user,item,rating\n" + strings.Repeat("1,2,3\n", 1000)
	for name, open := range map[string]func() (*File, error){
		"in chunks": func() (*File, error) { return inChunks("ratings.csv", content, defaults(t)) },
		"as it comes": func() (*File, error) {
			return inMemory("ratings.csv", strings.Repeat(content, 1)+strings.Repeat("1,2,3\n", 3*batchLen), defaults(t))
		},
		"ends with bad": func() (*File, error) { return inMemory("ratings.csv", content+"bad", defaults(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := open()
			require.NoError(t, err)
			yield := func(given *int) func(Batch[int64]) error {
				return func(b Batch[int64]) error {
					*given++
					if b.First > 100 || len(b.Values) > 100 {
						return errEnough
					}
					return nil
				}
			}
			var given int
			if f.random {
				require.Same(t, errEnough, eachChunk(context.Background(), f, 64, batchOptions{}, yield(&given)))
				require.Equal(t, 11, given, "64 bytes have 10 lines and two thirds")
			} else {
				require.Same(t, errEnough, EachBatch(context.Background(), f, yield(&given)))
				require.Equal(t, 1, given)
			}
		})
	}
}

// Of several batches that fail at once, the error is that of the first in the file.
func TestEachBatchConcurrently(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	content := strings.Repeat("1,2,3\n", 40) + "bad\n"
	f, err := inChunks("ratings.csv", content, defaults(t, WithoutHeader()))
	require.NoError(t, err)
	var both sync.WaitGroup
	both.Add(4)
	err = eachChunk(context.Background(), f, 60, batchOptions{concurrent: true}, func(b Batch[int64]) error {
		both.Done()
		both.Wait() // until four are here, which only several goroutines can be
		return fmt.Errorf("batch at %d", b.First)
	})
	require.EqualError(t, err, "batch at 0")
	_, err = batched[int64](t, f, 60, batchOptions{concurrent: true})
	require.EqualError(t, err, "ratings.csv:41: 1 fields, want 3")
}

// A goroutine that ends within yield leaves no other one waiting.
func TestEachBatchAborted(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	f, err := inChunks("ratings.csv", "user,item,rating\n"+strings.Repeat("1,2,3\n", 1000), defaults(t))
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	done := make(chan error)
	go func() {
		err := errAborted // if it is this goroutine that ends
		defer func() { done <- err }()
		err = eachChunk(context.Background(), f, 64, batchOptions{}, func(b Batch[int64]) error {
			if b.First > 100 {
				runtime.Goexit()
			}
			return nil
		})
	}()
	require.ErrorIs(t, <-done, errAborted)
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		require.Less(t, time.Now(), end, "goroutines are left over")
	}
}

func TestEachBatchFails(t *testing.T) {
	content := "user,item,rating\n" + strings.Repeat("1,2,3\n", 1000)
	f, err := inspect("ratings.csv", func() (io.ReadCloser, int64, error) {
		return brokenAt{atAnyPlace{bytes.NewReader([]byte(content))}, 5000}, int64(len(content)), nil
	}, defaults(t))
	require.NoError(t, err)
	got, err := batched[int64](t, f, 64, batchOptions{})
	require.ErrorIs(t, err, errBroken)
	require.NotEmpty(t, got)

	for _, open := range []func(string, string, options) (*File, error){inChunks, inMemory} {
		f, err = open("ratings.csv", content, defaults(t))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, EachBatch(ctx, f, func(Batch[int64]) error { return errEnough }), context.Canceled)
		_, err = ReadColumns[uint32](ctx, f)
		require.ErrorIs(t, err, context.Canceled)
	}
	f, err = inChunks("ratings.csv", content, defaults(t))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	read := 0
	require.ErrorIs(t, eachChunk(ctx, f, 64, batchOptions{}, func(b Batch[int64]) error {
		read += len(b.Values)
		cancel()
		return nil
	}), context.Canceled)
	require.Less(t, read, 1000, "it goes on after it was cancelled")

	f, err = inChunks("ratings.csv", "user,item,rating\n", defaults(t))
	require.NoError(t, err)
	_, err = ReadColumns[uint32](context.Background(), f)
	require.EqualError(t, err, "ratings.csv: the file has no ratings")
}

// Batches take no memory of their own: a file ten times as long takes no more.
func TestEachBatchAllocates(t *testing.T) {
	allocated := func(lines int, o batchOptions) float64 {
		f, err := inChunks("ratings.csv", "user,item,rating,time\n"+strings.Repeat("1,2,3.5,900000001\n7,\"8\",1,1\n4294967295,8,1,1\n", lines), defaults(t))
		require.NoError(t, err)
		return testing.AllocsPerRun(5, func() {
			require.NoError(t, eachChunk(context.Background(), f, 1<<12, o, func(Batch[uint32]) error { return nil }))
		})
	}
	for _, o := range []batchOptions{{}, {times: true}, {concurrent: true}} {
		require.Equal(t, allocated(2_000, o), allocated(20_000, o))
	}
}

// BenchmarkEachBatch goes through the file of BenchmarkLoadFile.
func BenchmarkEachBatch(b *testing.B) {
	f, size := largeFile(b)
	for _, bench := range []struct {
		name string
		opts []BatchOption
	}{{"in order", nil}, {"concurrently", []BatchOption{Concurrently()}}, {"with times", []BatchOption{WithTimes()}}} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, EachBatch(context.Background(), f, func(Batch[uint32]) error { return nil }, bench.opts...))
			}
		})
	}
}

// BenchmarkReadColumns has it in memory.
func BenchmarkReadColumns(b *testing.B) {
	f, size := largeFile(b)
	b.Run("uint32", func(b *testing.B) { benchmarkColumns[uint32](b, f, size) })
	b.Run("int64", func(b *testing.B) { benchmarkColumns[int64](b, f, size) })
}

func benchmarkColumns[I ID](b *testing.B, f *File, size int64) {
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		_, err := ReadColumns[I](context.Background(), f)
		require.NoError(b, err)
	}
}
