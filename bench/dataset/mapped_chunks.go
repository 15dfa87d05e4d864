package dataset

import (
	"bytes"
	"runtime/debug"
	"unsafe"

	"github.com/halfstep-ml/halfstep/bench/dataset/internal/scan"
)

// A mapped file may change or be cut off while it is read, so that only what can bear that
// reads it: the scanner, whose loads and stores stay within bounds whatever the bytes are,
// and searches for ends of lines. Any other line is copied first. Where a page is missing,
// the chunk is read anew, into a buffer, which tells what is wrong.

// releaseEvery is the number of chunks whose pages are let go of at once: each time, the
// other cores have to be told.
const releaseEvery = 8

// parseMapped fills c with the lines of chunk k of a mapped file, or returns false if it is
// to be read in another way.
func (p *chunkParser[I]) parseMapped(c *chunk[I], r *chunkReader, k int64) (ok bool) {
	if p.scanner == nil || r.mapped == nil {
		return false
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if err := recover(); err != nil {
			fault, is := err.(interface{ Addr() uintptr })
			if !is || fault.Addr()-uintptr(unsafe.Pointer(&r.mapped[0])) >= uintptr(len(r.mapped)) {
				panic(err)
			}
			ok = false
		}
	}()
	text := r.view(k)
	return text != nil && p.parseShared(c, text)
}

// parseShared is parseChunk for text that others may write to at any time. It returns false
// where the scanner does not take the first block, or the text has changed.
func (p *chunkParser[I]) parseShared(c *chunk[I], text []byte) bool {
	c.reset()
	c.columns.reserve(len(text)/16, p.timed)
	n := p.scan(c, text)
	if n == 0 {
		return false
	}
	for text = text[n:]; len(text) > 0 && c.bad == 0; {
		size := scan.Block(text)
		p.copied = append(p.copied[:0], text[:size]...)
		p.copied = append(p.copied, make([]byte, fastSlack)...)
		if size == 0 || p.copied[size-1] != '\n' {
			return false
		}
		p.parseRest(c, p.copied[:size], false)
		text = text[size:]
		if c.bad == 0 {
			text = text[p.scan(c, text):]
		}
	}
	return true
}

// view returns the lines of chunk k of a mapped file, or nil where that takes more than a
// look: those at the file's end, long ones.
func (r *chunkReader) view(k int64) []byte {
	from, end := r.base+k*r.length, r.base+(k+1)*r.length
	behind := end + lineSearch
	if behind+fastSlack > int64(len(r.mapped)) {
		return nil
	}
	last := bytes.IndexByte(r.mapped[end-1:behind], '\n')
	if last < 0 {
		return nil
	}
	if k > 0 {
		first := bytes.IndexByte(r.mapped[from-1:end-1], '\n')
		if first < 0 {
			return nil
		}
		from += int64(first)
	}
	return r.mapped[from : end+int64(last)]
}

// taken is told that all chunks up to k have been parsed.
func (r *chunkReader) taken(k int64) {
	if r.mapped != nil && (k+1)%releaseEvery == 0 {
		release(r.mapped, r.base+(k+1-releaseEvery)*r.length, min(r.base+(k+1)*r.length, r.size))
	}
}
