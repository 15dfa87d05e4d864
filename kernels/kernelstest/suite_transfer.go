package kernelstest

import (
	"bytes"
	"fmt"
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

func transferCases() []testCase {
	return []testCase{
		{"Write and Read of byte ranges", testWriteRead},
		{"Copy of byte ranges", testCopy},
		{"Zero of byte ranges", testZero},
		{"Write returns once its source may be reused", testWriteSource},
		{"Read waits for what was enqueued before it", testReadWaits},
		{"Free takes effect after the uses before it", testFreeAfterUse},
		{"memory of no bytes", func(f *fixture) {
			m, err := f.stream.Alloc(0)
			f.ok(err)
			require.Zero(f.t, m.Bytes(), f.what)
			f.ok(f.stream.Write(m, 0, nil))
			f.ok(f.stream.Read(nil, m, 0))
			f.ok(f.stream.Zero(m, 0, 0))
			f.ok(f.stream.Copy(m, 0, m, 0, 0))
			f.ok(m.Free())
		}},
		{"many blocks do not share memory", testManyBlocks},
		{"every element type", testElementTypes},
	}
}

// byteRanges are offsets and lengths around the widths that copies are made in.
var byteRanges = [][2]int{{0, 0}, {0, 1}, {1, 1}, {3, 5}, {0, 64}, {63, 2}, {64, 64}, {127, 129}, {1, 4096}, {5, 70_001}, {0, 100_000}}

const blockSize = 100_000

// noise returns n bytes.
func (f *fixture) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.rng.Uint32())
	}
	return b
}

// block allocates blockSize bytes with known content.
func (f *fixture) block() (kernels.Mem, []byte) {
	f.t.Helper()
	m, err := f.stream.Alloc(blockSize)
	f.ok(err)
	f.free(m.Free)
	content := f.noise(blockSize)
	f.ok(f.stream.Write(m, 0, content))
	return m, content
}

// requireBlock compares all of a block.
func (f *fixture) requireBlock(m kernels.Mem, want []byte, format string, args ...any) {
	f.t.Helper()
	got := make([]byte, len(want))
	f.ok(f.stream.Read(got, m, 0))
	for i := range got {
		if got[i] != want[i] {
			mismatch(f.t, f.what+": "+fmt.Sprintf(format, args...)+": byte ", at(i, 0), got[i], want[i], 0)
			f.t.FailNow()
		}
	}
}

func testWriteRead(f *fixture) {
	m, content := f.block()
	for _, r := range byteRanges {
		part := f.noise(r[1])
		f.ok(f.stream.Write(m, r[0], part))
		copy(content[r[0]:], part)
		f.requireBlock(m, content, "after Write of %d bytes at %d", r[1], r[0])
		got := make([]byte, r[1])
		f.ok(f.stream.Read(got, m, r[0]))
		require.True(f.t, bytes.Equal(part, got), "%s: Read of %d bytes at %d", f.what, r[1], r[0])
	}
}

func testCopy(f *fixture) {
	a, inA := f.block()
	b, inB := f.block()
	for _, from := range byteRanges {
		for _, to := range []int{0, 1, 64, 12_345} {
			n := min(from[1], blockSize-to)
			f.ok(f.stream.Copy(b, to, a, from[0], n))
			copy(inB[to:], inA[from[0]:from[0]+n])
			f.requireBlock(b, inB, "after Copy of %d bytes from %d to %d", n, from[0], to)
		}
	}
	f.ok(f.stream.Copy(a, 50_000, a, 3, 40_000))
	copy(inA[50_000:], inA[3:40_003])
	f.requireBlock(a, inA, "after Copy within one block")
}

func testZero(f *fixture) {
	m, content := f.block()
	for _, r := range byteRanges {
		part := f.noise(blockSize)
		f.ok(f.stream.Write(m, 0, part))
		copy(content, part)
		f.ok(f.stream.Zero(m, r[0], r[1]))
		clear(content[r[0] : r[0]+r[1]])
		f.requireBlock(m, content, "after Zero of %d bytes at %d", r[1], r[0])
	}
}

func testWriteSource(f *fixture) {
	m, _ := f.block()
	for range 10 {
		source := f.noise(blockSize)
		want := bytes.Clone(source)
		f.ok(f.stream.Write(m, 0, source))
		clear(source)
		f.requireBlock(m, want, "after the source was cleared")
	}
}

// busy enqueues work that takes a device some time and then sets x to value.
func (f *fixture) busy(s kernels.Stream, a, c, x kernels.Matrix, value float32) {
	f.t.Helper()
	for range 4 {
		f.ok(s.Gemm(kernels.NoTrans, kernels.Transpose, 1, a, a, 0, c))
	}
	f.ok(s.Fill(x, value))
}

func (f *fixture) busyOperands() (a, c, x matrix) {
	f.t.Helper()
	a, c = f.matrix("a", tight, f.normal(200, 200)), f.matrix("c", tight, NewDense(200, 200))
	x = f.matrix("x", tight, NewDense(100, 10))
	c.output = true
	return a, c, x
}

func testReadWaits(f *fixture) {
	a, c, x := f.busyOperands()
	for i := range 5 {
		value := float32(i + 1)
		f.busy(f.stream, a.Matrix, c.Matrix, x.Matrix, value)
		compare(f.t, fmt.Sprintf("%s: round %d: x", f.what, i), 10, x.read(f), filled(100, 10, float64(value)).Data, nil)
	}
}

// testFreeAfterUse frees the operand of an operation that may still run, and has
// another stream write to what may be the same memory.
func testFreeAfterUse(f *fixture) {
	other, err := f.dev.NewStream()
	f.ok(err)
	defer func() { f.ok(other.Close()) }()
	a, c, x := f.busyOperands()
	src := f.whole(3000, 10, 100)
	for round := range 5 {
		m, err := kernels.AllocMatrix(f.stream, 3000, 10)
		f.ok(err)
		f.ok(kernels.Upload(f.stream, m.Buf, src.Float32()))
		f.busy(f.stream, a.Matrix, c.Matrix, x.Matrix, 1)
		sums := elements(f, "sums", tight, make([]float32, 10))
		f.ok(f.stream.ColumnSums(sums.Buffer, m))
		f.ok(m.Free())

		again, err := kernels.AllocMatrix(other, 3000, 10)
		f.ok(err)
		f.ok(other.Fill(again, float32(math.NaN())))
		compare(f.t, fmt.Sprintf("%s: round %d: sums", f.what, round), 0, sums.read(f), ColumnSums(src), nil)
		f.ok(again.Free())
	}
	x.read(f)
}

func testManyBlocks(f *fixture) {
	var blocks []kernels.Buffer[int32]
	for i := range 500 {
		b, err := kernels.AllocBuffer[int32](f.stream, 1+i%70)
		f.ok(err)
		f.free(b.Free)
		blocks = append(blocks, b)
		f.ok(kernels.Upload(f.stream, b, filledInts(b.N, int32(i))))
	}
	for i, b := range blocks {
		got := make([]int32, b.N)
		f.ok(kernels.Download(f.stream, got, b))
		compareInts(f.t, fmt.Sprintf("%s: block %d", f.what, i), 0, got, filledInts(b.N, int32(i)))
	}
}

func filledInts(n int, v int32) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func testElementTypes(f *fixture) {
	roundTrip(f, []float32{1, -2.5, math.MaxFloat32})
	roundTrip(f, []float64{1, -2.5, math.MaxFloat64})
	roundTrip(f, []int32{1, -2, math.MaxInt32})
	roundTrip(f, []int64{1, -2, math.MaxInt64})
	roundTrip(f, []uint32{1, 2, math.MaxUint32})
	roundTrip(f, []uint64{1, 2, math.MaxUint64})
	roundTrip(f, []uint8{1, 2, math.MaxUint8})
}

func roundTrip[E kernels.Element](f *fixture, values []E) {
	f.t.Helper()
	require.Equal(f.t, values, elements(f, "buffer", padded, values).read(f), "%s: %T", f.what, values)
}
