package dataset

import (
	"context"

	"github.com/halfstep-ml/halfstep/bench/dataset/internal/scan"
)

// ID is a type for ids that are whole numbers: int64 holds all that a File takes, uint32
// those below 2³² in half the memory.
type ID interface{ scan.ID }

// Batch is ratings of a File that stand one after the other in it, as columns of one
// length.
type Batch[I ID] struct {
	First        int64 // the number of ratings before them in the file
	Users, Items []I
	Values       []float32
	Times        []int64 // as Rating.Time; nil unless asked for with WithTimes
}

// BatchOption changes what EachBatch and ReadColumns do.
type BatchOption func(*batchOptions)

type batchOptions struct {
	times      bool
	concurrent bool
}

// WithTimes also gives the times, which are checked in any case.
func WithTimes() BatchOption {
	return func(o *batchOptions) { o.times = true }
}

// Concurrently lets EachBatch call yield from several goroutines at once, with batches in
// any order. Batch.First says where each belongs.
func Concurrently() BatchOption {
	return func(o *batchOptions) { o.concurrent = true }
}

// EachBatch reads a file as File.Each does, with the same errors after the same ratings,
// and calls yield with many of them at a time, some thousands of a text file. An id that
// is too large for its type is malformed as well.
//
// A batch's memory is used again when yield has returned. Text that is not compressed is
// read in chunks of whole lines by as many goroutines as there are cores, which call yield
// in turn, in the order of the file, one at a time. It stops when yield fails and returns
// the error; with Concurrently, that of the first batch in the file that failed, while
// later ones may have been given. A batch allocates nothing.
func EachBatch[I ID](ctx context.Context, f *File, yield func(Batch[I]) error, opts ...BatchOption) error {
	o := newBatchOptions(opts)
	if f.random {
		return eachChunk(ctx, f, chunkLen, o, yield)
	}
	return collectBatches(ctx, f, o.times, yield)
}

func newBatchOptions(opts []BatchOption) (o batchOptions) {
	for _, set := range opts {
		set(&o)
	}
	return o
}

// eachChunk is EachBatch for text that can be read at any place, in chunks of length bytes.
func eachChunk[I ID](ctx context.Context, f *File, length int64, o batchOptions, yield func(Batch[I]) error) error {
	return readChunks(ctx, f, length, o.times, func(*chunkReader) (newTaker[I], error) {
		return func() chunkTaker[I] {
			return &yieldTaker[I]{yield: yield, concurrent: o.concurrent}
		}, nil
	})
}

// yieldTaker gives chunks to a function.
type yieldTaker[I ID] struct {
	yield      func(Batch[I]) error
	concurrent bool
	first      int64
}

func (y *yieldTaker[I]) prepare(columns[I]) {}

func (y *yieldTaker[I]) take(c columns[I], first int64) error {
	y.first = first
	if y.concurrent {
		return nil
	}
	return y.give(c)
}

func (y *yieldTaker[I]) finish(c columns[I]) error {
	if y.concurrent {
		return y.give(c)
	}
	return nil
}

func (y *yieldTaker[I]) give(c columns[I]) error {
	if len(c.values) == 0 {
		return nil
	}
	return y.yield(Batch[I]{First: y.first, Users: c.users, Items: c.items, Values: c.values, Times: c.times})
}

// batchLen is the number of ratings in a batch of a file that is not read in chunks.
const batchLen = 1 << 13

// collectBatches is EachBatch by way of Each.
func collectBatches[I ID](ctx context.Context, f *File, timed bool, yield func(Batch[I]) error) error {
	b := columns[I]{}
	b.reserve(batchLen, timed)
	var first int64
	n := 0
	give := func() error {
		c := b.slice(0, n)
		err := yield(Batch[I]{First: first, Users: c.users, Items: c.items, Values: c.values, Times: c.times})
		first += int64(n)
		n = 0
		return err
	}
	err := each(ctx, f, idsOf[I](), func(r Rating) error {
		b.set(n, r)
		if n++; n < batchLen {
			return nil
		}
		return give()
	})
	if n > 0 && ctx.Err() == nil {
		if stopped := give(); stopped != nil {
			return stopped
		}
	}
	return err
}

// idsOf reads ids of a type.
func idsOf[I ID]() ids[int64] {
	if ^I(0) > 0 {
		return below2To32{}
	}
	return integers{}
}

// ReadColumns returns all ratings of a file as one Batch, in memory of its own. It reads as
// EachBatch does, and has nothing where that fails.
//
// A rating takes 12 bytes with uint32 and 20 with int64, and 8 more with WithTimes.
func ReadColumns[I ID](ctx context.Context, f *File, opts ...BatchOption) (Batch[I], error) {
	o := newBatchOptions(opts)
	all := collector[I]{timed: o.times}
	var err error
	if f.random {
		err = readChunks(ctx, f, chunkLen, o.times, all.start)
	} else {
		err = collectBatches(ctx, f, o.times, func(b Batch[I]) error {
			c := columns[I]{b.Users, b.Items, b.Values, b.Times}
			all.extend(len(b.Values)).copy(c)
			return nil
		})
	}
	if err != nil {
		return Batch[I]{}, err
	}
	c := all.whole()
	return Batch[I]{Users: c.users, Items: c.items, Values: c.values, Times: c.times}, nil
}
