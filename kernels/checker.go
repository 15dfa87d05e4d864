package kernels

import (
	"fmt"
	"unsafe"
)

// checker checks the arguments of one call. The first error sticks; what is asked
// of it afterwards does nothing. Its methods that take a view return it with the
// wrapped device's own memory.
type checker struct {
	dev *checkedDevice
	err error
}

func (k *checker) failf(argument, format string, args ...any) {
	if k.err == nil {
		k.err = argumentf(argument, format, args...)
	}
}

// mem returns the wrapped device's memory under a view of n elements or bytes.
func (k *checker) mem(name string, m Mem) *checkedMem {
	own, ok := m.(*checkedMem)
	switch {
	case k.err != nil:
	case m == nil:
		k.failf(name, "no memory")
	case !ok || own.dev != k.dev:
		k.failf(name, "memory of another device")
	case own.freed.Load():
		k.err = fmt.Errorf("%s: %w", name, ErrFreed)
	default:
		return own
	}
	return nil
}

// bytes checks the range of n bytes from off on.
func (k *checker) bytes(name string, m Mem, off, n int) Mem {
	if k.err == nil && (off < 0 || n < 0) {
		k.failf(name, "%d bytes at %d", n, off)
	}
	if k.err != nil || n == 0 {
		return nil
	}
	own := k.mem(name, m)
	if own == nil {
		return nil
	}
	if n > own.bytes-off {
		k.failf(name, "%d bytes at %d of %d", n, off, own.bytes)
		return nil
	}
	return own.inner
}

// checkBuffer checks that the view lies within its memory. It is no method of
// checker because methods have no type parameters.
func checkBuffer[E Element](k *checker, name string, b Buffer[E]) Buffer[E] {
	if k.err == nil && (b.Off < 0 || b.N < 0) {
		k.failf(name, "%d elements at %d", b.N, b.Off)
	}
	if k.err != nil || b.N == 0 {
		return Buffer[E]{}
	}
	own := k.mem(name, b.Mem)
	if own == nil {
		return Buffer[E]{}
	}
	elements := own.bytes / int(unsafe.Sizeof(*new(E)))
	if b.N > elements-b.Off {
		k.failf(name, "elements [%d,%d) of %d", b.Off, b.Off+b.N, elements)
		return Buffer[E]{}
	}
	b.Mem = own.inner
	return b
}

// matrix checks that the matrix lies within its buffer and that within its
// memory.
func (k *checker) matrix(name string, m Matrix) Matrix {
	k.matrixInPlace(name, &m)
	return m
}

// matrixInPlace is matrix without the copies, which are most of what checking a small
// call takes.
func (k *checker) matrixInPlace(name string, m *Matrix) {
	if k.err != nil {
		return
	}
	if m.Rows < 0 || m.Cols < 0 || (m.Rows > 1 && m.Stride < m.Cols) {
		k.failf(name, "%d×%d stride %d is no matrix", m.Rows, m.Cols, m.Stride)
		return
	}
	if m.Rows == 0 || m.Cols == 0 {
		m.Buf = Buffer[float32]{}
		return
	}
	if m.Rows > 1 && m.Rows-1 > (maxInt-m.Cols)/m.Stride || (m.Rows-1)*m.Stride+m.Cols > m.Buf.N {
		k.failf(name, "%v needs more than its %d elements", *m, m.Buf.N)
		return
	}
	m.Buf.Mem = checkBuffer(k, name, m.Buf).Mem
}

func (k *checker) batch(name string, b Batch) Batch {
	if k.err != nil {
		return b
	}
	if b.Count < 0 || b.N < 0 || (b.N > 1 && b.Stride < b.N) {
		k.failf(name, "%v stride %d is no batch", b, b.Stride)
		return b
	}
	if b.Count == 0 || b.N == 0 {
		b.Buf = Buffer[float32]{}
		return b
	}
	if b.N > 1 && b.N-1 > (maxInt-b.N)/b.Stride {
		k.failf(name, "%v stride %d is no batch", b, b.Stride)
		return b
	}
	one := (b.N-1)*b.Stride + b.N
	if b.Count > 1 && b.Step < one {
		k.failf(name, "matrices of %d elements, %d apart, overlap", one, b.Step)
		return b
	}
	if b.Count > 1 && b.Count-1 > (maxInt-one)/b.Step || (b.Count-1)*b.Step+one > b.Buf.N {
		k.failf(name, "%v needs more than its %d elements", b, b.Buf.N)
		return b
	}
	b.Buf = checkBuffer(k, name, b.Buf)
	return b
}

// csr returns the wrapped device's matrix. A matrix that is not optional must be
// there.
func (k *checker) csr(name string, m CSR) CSR {
	own, ok := m.(*checkedCSR)
	switch {
	case k.err != nil:
	case m == nil:
		k.failf(name, "no matrix")
	case !ok || own.dev != k.dev:
		k.failf(name, "a matrix of another device")
	case own.freed.Load():
		k.err = fmt.Errorf("%s: %w", name, ErrFreed)
	default:
		return own.inner
	}
	return nil
}

// values checks that every entry of the matrix has a value.
func (k *checker) values(name string, m CSR) {
	if k.err == nil && !m.HasValues() && m.Entries() > 0 {
		k.failf(name, "a pattern without values")
	}
}

func (k *checker) shape(name string, m Matrix, rows, cols int) {
	if k.err == nil && (m.Rows != rows || m.Cols != cols) {
		k.failf(name, "%v, want %d×%d", m, rows, cols)
	}
}

func (k *checker) length(name string, n, want int) {
	if k.err == nil && n != want {
		k.failf(name, "%d elements, want %d", n, want)
	}
}

// disjoint checks that a destination does not share elements with a source.
func (k *checker) disjoint(dstName string, dst extent, srcName string, src extent) {
	if k.err == nil && dst.overlaps(src) {
		k.failf(dstName, "overlaps %s", srcName)
	}
}

// disjointMatrices is disjoint for matrices that have been checked.
func (k *checker) disjointMatrices(dstName string, dst *Matrix, srcName string, src *Matrix) {
	if dst.Buf.Mem == src.Buf.Mem {
		k.disjoint(dstName, matrixExtent(*dst), srcName, matrixExtent(*src))
	}
}

// extent is what a view occupies: rows of width bytes, stride bytes apart, from
// lo on and ending at hi.
type extent struct {
	mem           Mem
	lo, hi        int
	width, stride int
}

func bufferExtent[E Element](b Buffer[E]) extent {
	size := int(unsafe.Sizeof(*new(E)))
	lo, hi := b.Off*size, (b.Off+b.N)*size
	return extent{mem: b.Mem, lo: lo, hi: hi, width: hi - lo, stride: hi - lo}
}

func matrixExtent(m Matrix) extent {
	if m.Empty() {
		return extent{}
	}
	e := extent{mem: m.Buf.Mem, lo: 4 * m.Buf.Off, width: 4 * m.Cols, stride: 4 * m.Stride}
	e.hi = e.lo + 4*m.span()
	return e
}

func batchExtent(b Batch) extent {
	if b.Count == 0 || b.N == 0 {
		return extent{}
	}
	lo := 4 * b.Buf.Off
	hi := lo + 4*((b.Count-1)*b.Step+(b.N-1)*b.Stride+b.N)
	return extent{mem: b.Buf.Mem, lo: lo, hi: hi, width: hi - lo, stride: hi - lo}
}

func (e extent) overlaps(o extent) bool {
	if e.mem == nil || e.mem != o.mem || e.hi <= o.lo || o.hi <= e.lo {
		return false
	}
	if e.stride != o.stride || e.stride == 0 {
		return true
	}
	// Two ranges of columns of one matrix: compare where they begin in its rows.
	between := (o.lo - e.lo) % e.stride
	if between < 0 {
		between += e.stride
	}
	return between < e.width || between+o.width > e.stride
}
