package kernels

import (
	"fmt"
	"unsafe"
)

// Mem is a block of memory on a device. Its address is a multiple of 64 bytes or
// more. It may be used through every stream of its device.
type Mem interface {
	// Bytes is the size that was asked for.
	Bytes() int

	// Free gives the memory back after every use already enqueued. A second
	// Free answers ErrFreed.
	Free() error
}

// Transfer moves bytes between the host and the device. Offsets and counts are
// in bytes. AllocBuffer, Upload and their like are the typed way to call it.
type Transfer interface {
	// Alloc returns memory of the given size with unspecified content. Zero
	// bytes are allowed. Where there is no room the error is a *MemoryError.
	Alloc(bytes int) (Mem, error)

	// Write copies src into dst from byte off on. It returns once src may be
	// reused.
	Write(dst Mem, off int, src []byte) error

	// Read fills dst from the bytes of src from off on. It waits for all that
	// was enqueued before it.
	Read(dst []byte, src Mem, off int) error

	// Copy copies n bytes within the device. The ranges may not overlap.
	Copy(dst Mem, dstOff int, src Mem, srcOff, n int) error

	// Zero sets n bytes from off on to zero.
	Zero(dst Mem, off, n int) error
}

// Element is a type that device memory can hold.
type Element interface {
	float32 | float64 | int32 | int64 | uint32 | uint64 | uint8
}

// Buffer is a view of N elements of a Mem, from element Off on. The zero Buffer
// is empty.
type Buffer[E Element] struct {
	Mem Mem
	Off int
	N   int
}

// Slice returns the view of elements lo to hi, as a slice expression would.
func (b Buffer[E]) Slice(lo, hi int) Buffer[E] {
	return Buffer[E]{Mem: b.Mem, Off: b.Off + lo, N: hi - lo}
}

// Free frees the memory under the view. It does nothing for the zero Buffer.
func (b Buffer[E]) Free() error {
	if b.Mem == nil {
		return nil
	}
	return b.Mem.Free()
}

// Matrix is a row-major view of float32 elements: element (i, j) is
// Buf[i*Stride+j]. The last row may end with its last column, so the view needs
// (Rows-1)*Stride+Cols elements.
type Matrix struct {
	Buf    Buffer[float32]
	Rows   int
	Cols   int
	Stride int
}

// RowRange returns the view of rows lo to hi.
func (m Matrix) RowRange(lo, hi int) Matrix {
	v := Matrix{Rows: hi - lo, Cols: m.Cols, Stride: m.Stride}
	v.Buf = m.Buf.Slice(lo*m.Stride, lo*m.Stride+v.span())
	return v
}

// ColumnRange returns the view of columns lo to hi.
func (m Matrix) ColumnRange(lo, hi int) Matrix {
	v := Matrix{Rows: m.Rows, Cols: hi - lo, Stride: m.Stride}
	v.Buf = m.Buf.Slice(lo, lo+v.span())
	return v
}

// Empty reports whether the matrix has no elements.
func (m Matrix) Empty() bool { return m.Rows == 0 || m.Cols == 0 }

// Free frees the memory under the view. It does nothing for the zero Matrix.
func (m Matrix) Free() error { return m.Buf.Free() }

// String gives the shape: "4096×64", and the stride where rows are padded.
func (m Matrix) String() string {
	if m.Stride == m.Cols || m.Rows < 2 {
		return fmt.Sprintf("%d×%d", m.Rows, m.Cols)
	}
	return fmt.Sprintf("%d×%d stride %d", m.Rows, m.Cols, m.Stride)
}

// span is the number of elements between the first and the last one.
func (m Matrix) span() int {
	if m.Empty() {
		return 0
	}
	return (m.Rows-1)*m.Stride + m.Cols
}

// Batch is a view of Count square matrices of order N: element (i, j) of matrix
// b is Buf[b*Step+i*Stride+j].
type Batch struct {
	Buf    Buffer[float32]
	Count  int
	N      int
	Stride int // elements from one row to the next
	Step   int // elements from one matrix to the next
}

// At returns matrix b of the batch.
func (b Batch) At(i int) Matrix {
	v := Matrix{Rows: b.N, Cols: b.N, Stride: b.Stride}
	v.Buf = b.Buf.Slice(i*b.Step, i*b.Step+v.span())
	return v
}

// Free frees the memory under the view. It does nothing for the zero Batch.
func (b Batch) Free() error { return b.Buf.Free() }

// String gives the shape: "4096×(64×64)".
func (b Batch) String() string { return fmt.Sprintf("%d×(%d×%d)", b.Count, b.N, b.N) }

// AllocBuffer allocates n elements, ordered on the stream t. They are not zeroed.
func AllocBuffer[E Element](t Transfer, n int) (Buffer[E], error) {
	size := int(unsafe.Sizeof(*new(E)))
	if n < 0 || n > maxInt/size {
		return Buffer[E]{}, argumentf("n", "%d elements cannot be allocated", n)
	}
	m, err := t.Alloc(n * size)
	if err != nil {
		return Buffer[E]{}, err
	}
	return Buffer[E]{Mem: m, N: n}, nil
}

// AllocMatrix allocates a rows×cols matrix without padding. It is not zeroed.
func AllocMatrix(t Transfer, rows, cols int) (Matrix, error) {
	if rows < 0 || cols < 0 || (cols > 0 && rows > maxInt/cols) {
		return Matrix{}, argumentf("shape", "a %d×%d matrix cannot be allocated", rows, cols)
	}
	b, err := AllocBuffer[float32](t, rows*cols)
	if err != nil {
		return Matrix{}, err
	}
	return Matrix{Buf: b, Rows: rows, Cols: cols, Stride: max(cols, 1)}, nil
}

// AllocBatch allocates count matrices of order n without padding. They are not
// zeroed.
func AllocBatch(t Transfer, count, n int) (Batch, error) {
	if count < 0 || n < 0 || (n > 0 && count > maxInt/n/n) {
		return Batch{}, argumentf("shape", "%d matrices of order %d cannot be allocated", count, n)
	}
	b, err := AllocBuffer[float32](t, count*n*n)
	if err != nil {
		return Batch{}, err
	}
	return Batch{Buf: b, Count: count, N: n, Stride: max(n, 1), Step: max(n*n, 1)}, nil
}

// Upload copies src into dst, which must have exactly as many elements. It
// returns once src may be reused.
func Upload[E Element](t Transfer, dst Buffer[E], src []E) error {
	if dst.N != len(src) {
		return argumentf("dst", "%d elements, want %d as in src", dst.N, len(src))
	}
	if len(src) == 0 {
		return nil
	}
	return t.Write(dst.Mem, dst.Off*int(unsafe.Sizeof(src[0])), bytesOf(src))
}

// Download fills dst from src, which must have exactly as many elements. It
// waits for all that was enqueued before it.
func Download[E Element](t Transfer, dst []E, src Buffer[E]) error {
	if src.N != len(dst) {
		return argumentf("src", "%d elements, want %d as in dst", src.N, len(dst))
	}
	if len(dst) == 0 {
		return nil
	}
	return t.Read(bytesOf(dst), src.Mem, src.Off*int(unsafe.Sizeof(dst[0])))
}

const maxInt = int(^uint(0) >> 1)

func bytesOf[E Element](s []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}
