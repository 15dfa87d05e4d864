package dataset

import (
	"bytes"
	"fmt"
	"io"

	"github.com/halfstep-ml/halfstep/bench/dataset/internal/scan"
)

// chunkLen is the number of bytes of a file that are parsed at once. They, and what
// comes of them, stay in the second cache.
const chunkLen = 1 << 18

// chunkReader reads a text from base up to size in chunks, of which each has the lines
// that begin within its bytes. Several goroutines may read from one file.
type chunkReader struct {
	file       io.ReaderAt
	base, size int64 // base is the start of a line
	length     int64 // of a chunk
	longest    int   // a line has fewer bytes, without its \n

	mapped []byte // the file in memory, nil if it is not there
}

// chunks is the number of chunks.
func (r *chunkReader) chunks() int64 { return (r.size - r.base + r.length - 1) / r.length }

// guessLines is about the number of lines, somewhat more than less, from some places of
// the file.
func (r *chunkReader) guessLines() (int, error) {
	const places, length = 16, 1 << 13
	text := r.size - r.base
	if text < places*length {
		return 0, nil
	}
	buf := make([]byte, length)
	lines := 0
	for i := range int64(places) {
		n, err := r.file.ReadAt(buf, r.base+i*(text-length)/(places-1))
		if err != nil && err != io.EOF {
			return 0, err
		}
		lines += bytes.Count(buf[:n], []byte{'\n'})
	}
	return int(float64(lines) * float64(text) / (places * length) * 1.03), nil
}

// lineSearch is how far behind a chunk the end of its last line is looked for at once, in
// bytes.
const lineSearch = 1 << 12

// read returns the lines of chunk k, each with its \n, in buf, which is made longer
// where it has to be; fastSlack bytes behind the text are buf's as well. It says
// whether there is a line more, which is too long and left out.
func (r *chunkReader) read(k int64, buf *[]byte) (text []byte, overlong bool, err error) {
	from, end := r.base+k*r.length, min(r.base+(k+1)*r.length, r.size)
	if k > 0 {
		from-- // whether the first line begins here shows in the byte before it
	}
	own := int(end - from) // bytes; a line that begins behind them is another chunk's
	n, atEnd := 0, false
	for {
		want := min(max(n, own)+lineSearch, int(r.size-from))
		if len(*buf) < want+1+fastSlack {
			*buf = append(*buf, make([]byte, want+1+fastSlack-len(*buf))...)
		}
		m, err := r.file.ReadAt((*buf)[n:want], from+int64(n))
		n += m
		if err != nil && err != io.EOF {
			return nil, false, err
		}
		atEnd = err == io.EOF || from+int64(n) == r.size
		text = (*buf)[:n]
		own = min(own, n)
		if end := bytes.IndexByte(text[max(own-1, 0):], '\n'); end >= 0 {
			text = text[:own-1+end+1]
			break
		}
		last := bytes.LastIndexByte(text[:max(own-1, 0)], '\n') + 1
		if n-last >= r.longest {
			text, overlong = text[:last], last > 0 || k == 0
			break
		}
		if atEnd {
			if n > 0 {
				text = append(text, '\n')
			}
			break
		}
	}
	if k > 0 {
		first := bytes.IndexByte(text[:min(max(own-1, 0), len(text))], '\n')
		if first < 0 {
			return nil, false, nil
		}
		text = text[first+1:]
	}
	return text, overlong, nil
}

// chunk is what a chunk of text holds. Its memory is used again for the next one.
type chunk[I ID] struct {
	columns[I]
	tally
	second columns[I] // ratings of the text's second half, before they are appended
	lines  int64      // those that are no ratings included

	bad    int64 // the line, from 1, that ended parsing, 0 if there is none
	reason string
}

func (c *chunk[I]) reset() { c.tally, c.lines, c.bad, c.reason = tally{}, 0, 0, "" }

// ratings are those of the chunk.
func (c *chunk[I]) ratings() columns[I] { return c.columns.slice(0, int(c.found)) }

// chunkParser parses chunks of one file.
type chunkParser[I ID] struct {
	lineParser
	ids     ids[int64]
	timed   bool // times are kept
	fast    fastLines
	common  bool          // fast is of use
	scanner *scan.Scanner // nil if of no use
	skip    bool
	longest int
	rating  Rating // of the present line
	copied  []byte // a block of a mapped file
}

func newChunkParser[I ID](f *File, timed bool) *chunkParser[I] {
	p := &chunkParser[I]{lineParser: lineParser{layout: f.layout}, ids: idsOf[I](), timed: timed, skip: f.options.skip, longest: f.options.buffer}
	p.fast, p.common = newFastLines(f.layout)
	// A line of the common form is not as long, whatever the separator.
	p.common = p.common && p.longest >= 64
	if p.common {
		p.scanner = p.fast.scanner()
	}
	return p
}

// parseChunk fills c with the lines of a text, which it overwrites. The text is the
// start of the file if start is set. A line too long comes last where there is one.
func (p *chunkParser[I]) parseChunk(c *chunk[I], text []byte, start, overlong bool) {
	c.reset()
	c.columns.reserve(len(text)/16, p.timed) // a line has some 24 bytes
	// Where the scanner does not even take the first block, it is not tried again.
	if n := p.scan(c, text); n > 0 {
		p.parseBlocks(c, text[n:])
	} else {
		p.parseHalves(c, text, start)
	}
	if overlong && c.bad == 0 {
		c.lines++
		p.refuse(c, p.tooLong())
	}
}

// scan adds the lines of the blocks that the scanner takes, and returns their length.
func (p *chunkParser[I]) scan(c *chunk[I], text []byte) (length int) {
	if p.scanner == nil {
		return 0
	}
	n := int(c.found)
	free := c.columns.slice(n, len(c.values))
	lines, length := scan.Lines(p.scanner, text, free.users, free.items, free.values, free.times)
	c.found += int64(lines)
	c.lines += int64(lines)
	return length
}

// parseBlocks adds the lines of a text, the blocks that the scanner does not take in
// another way.
func (p *chunkParser[I]) parseBlocks(c *chunk[I], text []byte) {
	for len(text) > 0 && c.bad == 0 {
		block := scan.Block(text)
		p.parseRest(c, text[:block], false)
		text = text[block:]
		if c.bad == 0 {
			text = text[p.scan(c, text):]
		}
	}
}

// parseHalves adds the lines of a text, which is the file's start if start is set,
// without the scanner.
func (p *chunkParser[I]) parseHalves(c *chunk[I], text []byte, start bool) {
	if half := bytes.LastIndexByte(text[:len(text)/2], '\n') + 1; p.common && half > 0 {
		c.second.reserve(len(text)/32, p.timed)
		lines, length, otherLength := parseTwo(&p.fast, text[:half], text[half:], &c.columns, &c.second)
		c.found, c.lines = int64(lines), int64(lines)
		p.parseRest(c, text[length:half], start)
		if c.bad > 0 {
			return
		}
		n := int(c.found)
		c.columns.reserve(n+lines, p.timed)
		c.columns.slice(n, n+lines).copy(c.second)
		c.found += int64(lines)
		c.lines += int64(lines)
		text, start = text[half+otherLength:], false
	}
	p.parseRest(c, text, start)
}

// parseRest adds the lines of a text, which is the rest of the file's start if start
// is set.
func (p *chunkParser[I]) parseRest(c *chunk[I], text []byte, start bool) {
	for len(text) > 0 && c.bad == 0 {
		n := int(c.found)
		c.columns.reserve(n+1, p.timed)
		if p.common {
			free := c.columns.slice(n, len(c.values))
			lines, length := parseFast(&p.fast, text, &free)
			c.found += int64(lines)
			c.lines += int64(lines)
			text = text[length:]
			if lines == len(free.values) || len(text) == 0 {
				continue
			}
		}
		end := bytes.IndexByte(text, '\n')
		p.parseLine(c, text[:end], start && c.lines == 0)
		text = text[end+1:]
	}
}

// parseLine adds a line, without its \n, which may be the first of the file.
func (p *chunkParser[I]) parseLine(c *chunk[I], line []byte, first bool) {
	c.lines++
	if len(line) >= p.longest {
		p.refuse(c, p.tooLong())
		return
	}
	line = trimLine(line, first)
	if len(line) == 0 {
		return
	}
	if reason := p.ids.parse(&p.lineParser, line, &p.rating); reason != "" {
		p.refuse(c, reason)
		return
	}
	c.columns.set(int(c.found), p.rating)
	c.found++
}

func (p *chunkParser[I]) tooLong() string { return tooLong(p.longest) }

// refuse deals with the present line, which is malformed.
func (p *chunkParser[I]) refuse(c *chunk[I], reason string) {
	if p.skip {
		c.skipped++
		return
	}
	c.bad, c.reason = c.lines, reason
}

// tooLong is the reason to refuse a line.
func tooLong(buffer int) string { return fmt.Sprintf("the line is longer than %d bytes", buffer) }
