package dataset

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/als"
)

// chunkLoader reads a text file into a builder: several goroutines read and parse a
// chunk each and then, in the order of the file, number its users and items.
type chunkLoader struct {
	ctx     context.Context
	file    *File
	in      *input
	reader  chunkReader
	builder *als.Builder[int64, int64]
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
	users, items := make([]int32, n), make([]int32, n)
	values := slices.Clone(c.values[:n])
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.next != k && l.failed == nil {
		l.turn.Wait()
	}
	if l.failed != nil {
		return false
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
		err = errors.Join(
			l.builder.Users.AddAll(c.users[:n], users),
			l.builder.Items.AddAll(c.items[:n], items),
			l.builder.AddRows(users, items, values))
	}
	l.next++
	l.failed = err
	return err == nil
}
