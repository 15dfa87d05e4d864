package kernelstest

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/halfstep-ml/halfstep/kernels"
)

// layout says how a view lies in its memory.
type layout struct {
	name   string
	before int // elements before the view
	pad    int // elements between one row and the next, or between matrices
}

var (
	tight   = layout{name: "tight"}
	padded  = layout{name: "padded", before: 3, pad: 5}
	layouts = []layout{tight, padded}
)

// trailing is the number of elements that every view is followed by.
const trailing = 7

// operand is the memory under one view. Everything in it outside of the view is a
// sentinel: for floats a NaN, so that a kernel which reads it gives itself away,
// with a payload that no kernel writes.
type operand[E kernels.Element] struct {
	name   string
	whole  kernels.Buffer[E]
	image  []E   // what the host knows to be in the memory
	at     []int // where the elements of the view are, row by row
	output bool
}

type matrix struct {
	kernels.Matrix
	*operand[float32]
}

type batch struct {
	kernels.Batch
	*operand[float32]
}

type buffer[E kernels.Element] struct {
	kernels.Buffer[E]
	*operand[E]
}

// matrix places a matrix on the device. An operand that is not read back with
// read must be as it was when the case ends.
func (f *fixture) matrix(name string, l layout, d Dense) matrix {
	f.t.Helper()
	m := kernels.Matrix{Rows: d.Rows, Cols: d.Cols, Stride: max(d.Cols+l.pad, 1)}
	o := place(f, name, l, positions(l, 1, d.Rows, d.Cols, m.Stride, 0), d.Float32())
	m.Buf = o.whole.Slice(l.before, o.end())
	return matrix{m, o}
}

// batch places matrices of one order on the device.
func (f *fixture) batch(name string, l layout, n int, matrices []Dense) batch {
	f.t.Helper()
	b := kernels.Batch{Count: len(matrices), N: n, Stride: max(n+l.pad, 1)}
	b.Step = max(n*b.Stride+l.pad, 1)
	var values []float32
	for _, d := range matrices {
		values = append(values, d.Float32()...)
	}
	o := place(f, name, l, positions(l, b.Count, n, n, b.Stride, b.Step), values)
	b.Buf = o.whole.Slice(l.before, o.end())
	return batch{b, o}
}

// elements places a buffer on the device.
func elements[E kernels.Element](f *fixture, name string, l layout, values []E) buffer[E] {
	f.t.Helper()
	o := place(f, name, l, positions(l, 1, 1, len(values), 0, 0), values)
	return buffer[E]{o.whole.Slice(l.before, o.end()), o}
}

// positions returns where the elements of count matrices lie.
func positions(l layout, count, rows, cols, stride, step int) []int {
	at := make([]int, 0, count*rows*cols)
	for b := range count {
		for i := range rows {
			for j := range cols {
				at = append(at, l.before+b*step+i*stride+j)
			}
		}
	}
	return at
}

func place[E kernels.Element](f *fixture, name string, l layout, at []int, values []E) *operand[E] {
	f.t.Helper()
	o := &operand[E]{name: name, at: at}
	n := l.before + trailing
	if len(at) > 0 {
		n = at[len(at)-1] + 1 + trailing
	}
	o.image = slices.Repeat([]E{sentinel[E]()}, n)
	for i, p := range at {
		o.image[p] = values[i]
	}
	var err error
	o.whole, err = kernels.AllocBuffer[E](f.stream, n)
	f.ok(err)
	f.free(o.whole.Free)
	f.ok(kernels.Upload(f.stream, o.whole, o.image))
	f.onEnd(func() {
		if !o.output {
			o.untouched(f)
		}
	})
	return o
}

// end is the position after the last element of the view.
func (o *operand[E]) end() int { return len(o.image) - trailing }

// read returns the elements of a view that the device wrote, row by row. It fails
// the test if anything around them has changed.
func (o *operand[E]) read(f *fixture) []E {
	f.t.Helper()
	o.output = true
	got := make([]E, len(o.image))
	f.ok(kernels.Download(f.stream, got, o.whole))
	values := make([]E, len(o.at))
	for i, p := range o.at {
		values[i] = got[p]
		o.image[p] = got[p]
	}
	o.same(f.t, f.what, got, "wrote outside of")
	return values
}

// untouched fails the test if an input has changed.
func (o *operand[E]) untouched(f *fixture) {
	f.t.Helper()
	got := make([]E, len(o.image))
	f.ok(kernels.Download(f.stream, got, o.whole))
	o.same(f.t, f.what, got, "changed")
}

func (o *operand[E]) same(t *testing.T, what string, got []E, did string) {
	t.Helper()
	if bytes.Equal(bytesOf(got), bytesOf(o.image)) {
		return
	}
	for i := range got {
		if !bytes.Equal(bytesOf(got[i:i+1]), bytesOf(o.image[i:i+1])) {
			t.Errorf("%s: %s %s: element %d of its memory: got %v (%x), want %v (%x) bit for bit", what, did, o.name,
				i, got[i], bytesOf(got[i:i+1]), o.image[i], bytesOf(o.image[i:i+1]))
			return
		}
	}
}

// sentinel is a value that nothing computes.
func sentinel[E kernels.Element]() E {
	var e E
	switch p := any(&e).(type) {
	case *float32:
		*p = math.Float32frombits(0xFFE5A5A5)
	case *float64:
		*p = math.Float64frombits(0xFFFDA5A5A5A5A5A5)
	case *int32:
		*p = 0x5A5A5A5A
	case *int64:
		*p = 0x5A5A5A5A5A5A5A5A
	case *uint32:
		*p = 0x5A5A5A5A
	case *uint64:
		*p = 0x5A5A5A5A5A5A5A5A
	case *uint8:
		*p = 0x5A
	}
	return e
}

func bytesOf[E kernels.Element](s []E) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

// csr uploads a sparse matrix, which must be as it was when the case ends.
func (f *fixture) csr(host kernels.HostCSR) kernels.CSR {
	f.t.Helper()
	m, err := f.dev.NewCSR(host)
	f.ok(err)
	f.free(m.Free)
	columns, values, offsets := slices.Clone(host.Columns), slices.Clone(host.Values), slices.Clone(host.Offsets)
	f.onEnd(func() {
		if !slices.Equal(offsets, host.Offsets) || !slices.Equal(columns, host.Columns) ||
			!bytes.Equal(bytesOf(values), bytesOf(host.Values)) {
			f.t.Errorf("%s: changed the host's copy of a sparse matrix", f.what)
		}
	})
	return m
}
