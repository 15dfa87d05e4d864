package dataset

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/als"
)

// chunkLoader reads a text file into a builder: several goroutines read and parse a
// chunk each, look up the rows of its users and items, and then, in the order of the file,
// number those that are new.
type chunkLoader struct {
	ctx     context.Context
	file    *File
	in      *input
	reader  chunkReader
	builder *als.Builder[int64, int64]

	userRows, itemRows rowTable

	claimed atomic.Int64 // chunks that somebody reads or has read

	mu     sync.Mutex
	turn   sync.Cond
	next   int64 // the chunk whose turn it is
	lines  int64 // of the file before it
	failed error // set once, before all have ended
	tally
}

// loadChunks adds the ratings of a file to a builder as Each gives them, with the same
// errors. The file's text can be read at any place. The chunks are of length bytes.
func loadChunks(ctx context.Context, f *File, b *als.Builder[int64, int64], length int64) error {
	in, err := newInput(f.path, f.open, f.options.progress)
	if err != nil {
		return err
	}
	defer in.Close()
	l := &chunkLoader{
		ctx: ctx, file: f, in: in, builder: b,
		reader: chunkReader{file: in.file.(io.ReaderAt), size: in.size, length: length, longest: f.options.buffer},
	}
	l.turn.L = &l.mu
	defer func() { f.skipped.Store(l.skipped) }()
	if f.layout.header {
		lines := newLineReader(ctx, f.path, in, f.options.buffer)
		if _, err := lines.next(); err != nil && err != io.EOF {
			return err
		}
		l.reader.base, l.lines = lines.position(), lines.number
	}
	return l.load()
}

func (l *chunkLoader) load() error {
	if l.builder.Users == nil {
		l.builder.Users = &als.Index[int64]{}
	}
	if l.builder.Items == nil {
		l.builder.Items = &als.Index[int64]{}
	}
	ids := min(l.reader.size/8, tabledIDs) // some times the lines of a small file
	l.userRows.init(l.builder.Users, ids)
	l.itemRows.init(l.builder.Items, ids)
	guess, err := l.reader.guessLines()
	if err != nil {
		return err
	}
	l.builder.Grow(guess)
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), int(l.reader.chunks())) - 1 {
		helpers.Go(func() { l.work(nil) })
	}
	l.work(func(read int64) {
		l.in.read = read
		l.in.progress()
	})
	helpers.Wait()
	if l.failed != nil {
		return l.failed
	}
	if l.found == 0 {
		return nothingFound(l.file.path, "ratings", l.skipped, "lines")
	}
	l.in.read = l.in.size
	l.in.finish()
	return nil
}

// work reads chunks until there are none. It reports how far the file is after each.
func (l *chunkLoader) work(report func(read int64)) {
	parser := newChunkParser(l.file)
	var buf []byte
	var c chunk
	for {
		k := l.claimed.Add(1) - 1
		if k >= l.reader.chunks() {
			return
		}
		err := l.ctx.Err()
		if err == nil {
			var text []byte
			var overlong bool
			if text, overlong, err = l.reader.read(k, &buf); err == nil {
				parser.parseChunk(&c, text, k == 0 && l.reader.base == 0, overlong)
			}
		}
		if !l.add(k, &c, err) {
			return
		}
		if report != nil {
			report(min(l.reader.base+k*l.reader.length, l.in.size))
		}
	}
}

// add waits until all chunks before k have been added and adds chunk k, or fails with
// err. It reports whether to go on.
func (l *chunkLoader) add(k int64, c *chunk, err error) bool {
	n := int(c.found)
	if err == nil {
		c.userRows.find(&l.userRows, c.users[:n])
		c.itemRows.find(&l.itemRows, c.items[:n])
	}
	users, items, values, ok := l.extend(k, c, err)
	if !ok {
		return false
	}
	copy(users, c.userRows.rows)
	copy(items, c.itemRows.rows)
	copy(values, c.values[:n])
	return true
}

// extend adds the ratings of chunk k to the builder when it is their turn, yet to be
// written, and gives rows to the users and items that are new. It reports whether to go
// on.
func (l *chunkLoader) extend(k int64, c *chunk, err error) (users, items []int32, values []float32, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.next != k && l.failed == nil {
		l.turn.Wait()
	}
	if l.failed != nil {
		return nil, nil, nil, false
	}
	defer l.turn.Broadcast()
	if err == nil {
		l.skipped += c.skipped
		l.found += c.found
		if c.bad > 0 {
			err = malformed(l.file.path, l.lines+c.bad, c.reason)
		}
		l.lines += c.lines
	}
	if err == nil {
		err = errors.Join(c.userRows.add(&l.userRows), c.itemRows.add(&l.itemRows))
	}
	if err == nil {
		users, items, values, err = l.builder.Extend(int(c.found))
	}
	l.next++
	l.failed = err
	return users, items, values, err == nil
}
