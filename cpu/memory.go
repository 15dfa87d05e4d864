package cpu

import (
	"sync"
	"unsafe"

	"github.com/halfstep-ml/halfstep/kernels"
)

// alignment of allocated memory in bytes: a cache line, and the width of the
// widest vector register.
const alignment = 64

// unknownTotal stands for the machine's memory where it is not known: more than
// most machines have, less than what the Go runtime ends the program for.
const unknownTotal int64 = 1 << 40

const maxInt = int(^uint(0) >> 1)

// ledger counts the bytes that a device holds.
type ledger struct {
	total int64 // bytes the device may hold; 0 where there is no known limit

	mu      sync.Mutex
	live    int64 // allocated and not freed
	scratch int64 // of the streams
}

func (l *ledger) held() (live, scratch int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live, l.scratch
}

// take counts bytes into one of the ledger's sums, or answers a *MemoryError.
func (l *ledger) take(sum *int64, bytes int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := l.total
	if limit == 0 {
		limit = unknownTotal
	}
	limit = min(limit, int64(maxInt-alignment))
	if free := max(limit-l.live-l.scratch, 0); int64(bytes) > free {
		return &kernels.MemoryError{Wanted: int64(bytes), Free: free}
	}
	*sum += int64(bytes)
	return nil
}

// give counts bytes out again.
func (l *ledger) give(sum *int64, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*sum -= int64(bytes)
}

// memory is a block that a stream has allocated.
type memory struct {
	block
	ledger *ledger
}

func (m *memory) Bytes() int { return len(m.data) }

func (m *memory) Free() error {
	m.ledger.give(&m.ledger.live, len(m.data))
	return m.block.free()
}

// block is aligned memory of its own, of unspecified content. A large one is not
// touched: it comes from the system as it is, and goes back there.
type block struct {
	data    []byte
	release func() error // nil for memory of the Go runtime
}

// newBlock returns n bytes, or a *MemoryError where the system does not give them.
func newBlock(n int) (block, error) {
	if n >= mappedLeast {
		b, err := mapMemory(n)
		if err != nil {
			return b, &kernels.MemoryError{Wanted: int64(n)}
		}
		return b, nil
	}
	b := make([]byte, n+alignment-1)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (alignment - 1))
	return block{data: b[off : off+n : off+n]}, nil
}

func (b *block) free() error {
	release := b.release
	*b = block{}
	if release == nil {
		return nil
	}
	return release()
}

// elements views aligned bytes as elements of another type.
func elements[E kernels.Element](b []byte) []E {
	return unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(*new(E))))
}

// slice returns the elements of a view, nil for an empty one.
func slice[E kernels.Element](b kernels.Buffer[E]) []E {
	if b.N == 0 {
		return nil
	}
	return elements[E](b.Mem.(*memory).data)[b.Off : b.Off+b.N : b.Off+b.N]
}

// matrix is a kernels.Matrix as host memory.
type matrix struct {
	data       []float32 // element (i, j) is data[i*stride+j]
	rows, cols int
	stride     int
}

func view(m kernels.Matrix) (v matrix) {
	v.view(&m)
	return v
}

// view makes v what view returns, without the copies that a small call would notice.
func (v *matrix) view(m *kernels.Matrix) {
	v.data, v.rows, v.cols, v.stride = nil, m.Rows, m.Cols, 0
	if m.Rows > 0 && m.Cols > 0 {
		v.data, v.stride = slice(m.Buf), m.Stride
	}
}

func (m matrix) row(i int) []float32 {
	at := i * m.stride
	return m.data[at : at+m.cols : at+m.cols]
}
