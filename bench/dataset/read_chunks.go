package dataset

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// chunkTaker takes the chunks that one goroutine parses, each by its three methods in
// turn. Chunks without a rating are among them.
type chunkTaker[I ID] interface {
	// prepare is called while other goroutines do the same with other chunks.
	prepare(c columns[I])

	// take is called for one chunk at a time, in the order of the file; there are first
	// ratings before them.
	take(c columns[I], first int64) error

	// finish is prepare for what is left to do. Chunks behind this one may have been
	// taken.
	finish(c columns[I]) error
}

// newTaker makes the taker of one goroutine.
type newTaker[I ID] func() chunkTaker[I]

// chunkQueue is a text file that several goroutines read and parse, a chunk each.
//
// Floor: mapping the text, 18 ms of 664 MB, and parsing it in the second cache, 9.5 GB/s on
// one core (Sapphire Rapids, package scan), which would be 7.5; it reaches 4.0 to 4.3, and
// 7.1 on two cores, limited by memory. Reading into buffers was tried, 3.2 to 3.5 and 5.6 to
// 6.2 in the same runs; the copies alone run at 6 to 7.
type chunkQueue[I ID] struct {
	ctx    context.Context
	file   *File
	timed  bool
	in     *input
	reader chunkReader
	taker  newTaker[I]

	claimed atomic.Int64 // chunks that somebody reads or has read

	mu       sync.Mutex
	turn     sync.Cond
	next     int64 // the chunk whose turn it is
	lines    int64 // of the file before it
	failed   error
	failedAt int64 // the chunk that failed
	tally
}

// readChunks reads a file whose text can be read at any place, in chunks of length bytes,
// with times or without. start is called when the file is open, with what reads it. The
// errors are those of Each, after the same ratings, and those of the takers; of several,
// that of the first chunk.
func readChunks[I ID](ctx context.Context, f *File, length int64, timed bool, start func(*chunkReader) (newTaker[I], error)) error {
	in, err := newInput(f.path, f.open, f.options.progress)
	if err != nil {
		return err
	}
	defer in.Close()
	q := &chunkQueue[I]{
		ctx: ctx, file: f, timed: timed, in: in,
		reader: chunkReader{file: in.file.(io.ReaderAt), size: in.size, length: length, longest: f.options.buffer},
	}
	if mapped := mapFile(in.file, in.size); mapped != nil {
		q.reader.mapped = mapped
		defer unmapFile(mapped)
	}
	q.turn.L = &q.mu
	defer func() { f.skipped.Store(q.skipped) }()
	if f.layout.header {
		lines := newLineReader(ctx, f.path, in, f.options.buffer)
		if _, err := lines.next(); err != nil && err != io.EOF {
			return err
		}
		q.reader.base, q.lines = lines.position(), lines.number
	}
	if q.taker, err = start(&q.reader); err != nil {
		return err
	}
	return q.run()
}

func (q *chunkQueue[I]) run() error {
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), int(q.reader.chunks())) - 1 {
		helpers.Go(func() { q.work(nil) })
	}
	q.work(func(read int64) {
		q.in.read = read
		q.in.progress()
	})
	helpers.Wait()
	if q.failed != nil {
		return q.failed
	}
	if q.found == 0 {
		return nothingFound(q.file.path, "ratings", q.skipped, "lines")
	}
	q.in.read = q.in.size
	q.in.finish()
	return nil
}

// work reads chunks until there are none. It reports how far the file is after each.
func (q *chunkQueue[I]) work(report func(read int64)) {
	parser := newChunkParser[I](q.file, q.timed)
	taker := q.taker()
	var buf []byte
	var c chunk[I]
	for {
		k := q.claimed.Add(1) - 1
		if k >= q.reader.chunks() {
			return
		}
		err := q.ctx.Err()
		if err == nil {
			if err = q.parse(parser, &c, k, &buf); err == nil {
				taker.prepare(c.ratings())
			}
		}
		if !q.take(k, taker, &c, err) {
			return
		}
		q.reader.taken(k)
		if err := taker.finish(c.ratings()); err != nil {
			q.mu.Lock()
			q.fail(k, err)
			q.mu.Unlock()
			return
		}
		if report != nil {
			report(min(q.reader.base+k*q.reader.length, q.in.size))
		}
	}
}

// parse fills c with chunk k, by way of buf if need be.
func (q *chunkQueue[I]) parse(parser *chunkParser[I], c *chunk[I], k int64, buf *[]byte) error {
	if parser.parseMapped(c, &q.reader, k) {
		return nil
	}
	text, overlong, err := q.reader.read(k, buf)
	if err == nil {
		parser.parseChunk(c, text, k == 0 && q.reader.base == 0, overlong)
	}
	return err
}

// take has chunk k taken, unless err says why it was not read, when all chunks before it
// have been. It reports whether it was.
func (q *chunkQueue[I]) take(k int64, taker chunkTaker[I], c *chunk[I], err error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.next != k && q.failed == nil {
		q.turn.Wait()
	}
	if q.failed != nil {
		return false
	}
	defer q.turn.Broadcast()
	if err != nil {
		q.fail(k, err)
		return false
	}
	q.failed, q.failedAt = errAborted, k // so that nobody waits for a taker that panics
	err = taker.take(c.ratings(), q.found)
	q.failed = nil
	if err != nil {
		q.fail(k, err)
		return false
	}
	q.found += c.found
	q.skipped += c.skipped
	if c.bad > 0 {
		q.fail(k, malformed(q.file.path, q.lines+c.bad, c.reason))
	}
	q.lines += c.lines
	q.next++
	return true
}

// errAborted is the error of a chunk whose taker ended its goroutine.
var errAborted = errors.New("dataset: the goroutine ended while it was given ratings")

// fail ends the reading at chunk k, unless it ended at one before. A chunk that fails when
// it is finished takes precedence over its malformed line, which comes after its ratings.
func (q *chunkQueue[I]) fail(k int64, err error) {
	if q.failed == nil || k <= q.failedAt {
		q.failed, q.failedAt = err, k
	}
	q.turn.Broadcast()
}
