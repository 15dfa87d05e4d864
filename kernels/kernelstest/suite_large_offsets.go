package kernelstest

import (
	"errors"
	"math"
	"os"
	"regexp"
	"runtime"
	"strconv"

	"github.com/halfstep-ml/halfstep/kernels"
)

// farStride puts the third row of a matrix beyond element 2³¹, where an int32
// offset is negative, and past 2³² bytes in the first. farElements is the length
// of three rows of 8. They are variables because a constant does not fit the int
// of 32-bit processors, which have no such cases.
var (
	farStride   = int64(1<<30 + 8)
	farElements = 2*farStride + 8
)

// largeOffsetCases reach over 8.6 GB of which they touch a few pages.
func largeOffsetCases() []testCase {
	if raceDetector || strconv.IntSize < 64 {
		return nil
	}
	return []testCase{{"elements beyond 2³¹", testLargeOffsets}}
}

func testLargeOffsets(f *fixture) {
	if free := hostMemory(); free > 0 && free < 12<<30 {
		f.skip("%d GiB of free memory do not take a block of 8.6 GB", free>>30)
	}
	far, err := kernels.AllocBuffer[float32](f.stream, int(farElements))
	if errors.Is(err, kernels.ErrMemory) {
		f.skip("%v", err)
	}
	f.ok(err)
	f.free(func() error {
		err := far.Free()
		far.Mem = nil
		runtime.GC() // or the next collection waits until there is twice as much
		return err
	})
	m := kernels.Matrix{Buf: far, Rows: 3, Cols: 8, Stride: int(farStride)}
	for _, test := range []func(f *fixture, m kernels.Matrix){
		testFarBytes, testFarElementwise, testFarGather, testFarSums, testFarGemm, testFarProblem, testFarTopK,
	} {
		test(f, m)
	}
}

// hostMemory is the available memory of the machine in bytes, 0 if unknown.
func hostMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(`MemAvailable: +(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kib, _ := strconv.ParseInt(string(found[1]), 10, 64)
	return kib << 10
}

// put writes d to the far matrix, row by row.
func (f *fixture) put(m kernels.Matrix, d Dense) {
	f.t.Helper()
	for i := range d.Rows {
		f.ok(kernels.Upload(f.stream, m.RowRange(i, i+1).Buf, floats(d.Row(i))))
	}
}

// expect compares the far matrix with d.
func (f *fixture) expect(what string, m kernels.Matrix, d Dense) {
	f.t.Helper()
	var got []float32
	for i := range d.Rows {
		row := make([]float32, d.Cols)
		f.ok(kernels.Download(f.stream, row, m.RowRange(i, i+1).Buf))
		got = append(got, row...)
	}
	compare(f.t, f.what+": "+what, d.Cols, got, d.Data, nil)
}

func testFarBytes(f *fixture, m kernels.Matrix) {
	end := m.RowRange(2, 3).Buf
	f.put(m, f.whole(3, 8, 9))
	f.ok(f.stream.Copy(end.Mem, 4*end.Off, m.Buf.Mem, 0, 32))
	want := make([]float32, 8)
	f.ok(kernels.Download(f.stream, want, m.RowRange(0, 1).Buf))
	f.expect("Copy", m.RowRange(2, 3), DenseOf(1, 8, want))
	f.ok(f.stream.Zero(end.Mem, 4*end.Off, 32))
	f.expect("Zero", m.RowRange(2, 3), NewDense(1, 8))
}

func testFarElementwise(f *fixture, m kernels.Matrix) {
	d := f.whole(3, 8, 9)
	x, y := f.matrix("x", tight, d), f.matrix("y", tight, filled(3, 8, math.NaN()))
	f.ok(f.stream.CopyMatrix(m, x.Matrix))
	f.expect("CopyMatrix to far rows", m, d)
	f.ok(f.stream.CopyMatrix(y.Matrix, m))
	compare(f.t, f.what+": CopyMatrix from far rows", 8, y.read(f), d.Data, nil)

	f.ok(f.stream.Mul(m, m, x.Matrix))
	want := Mul(d, d)
	f.expect("Mul", m, want)
	f.ok(f.stream.Scale(2, m))
	Scale(2, want)
	f.expect("Scale", m, want)
	f.ok(f.stream.Axpy(3, x.Matrix, m))
	Axpy(3, d, want)
	f.expect("Axpy", m, want)
	f.ok(f.stream.Fill(m, 7))
	f.expect("Fill", m, filled(3, 8, 7))
}

func testFarGather(f *fixture, m kernels.Matrix) {
	d := f.whole(3, 8, 9)
	f.put(m, d)
	ids := []int32{2, 0, 2, 1}
	idx, dst := elements(f, "idx", tight, ids), f.matrix("dst", tight, filled(4, 8, math.NaN()))
	f.ok(f.stream.GatherRows(dst.Matrix, m, idx.Buffer))
	compare(f.t, f.what+": GatherRows", 8, dst.read(f), GatherRows(d, ids).Data, nil)
	add := f.whole(4, 8, 9)
	src := f.matrix("src", tight, add)
	f.ok(f.stream.ScatterAddRows(m, src.Matrix, idx.Buffer))
	ScatterAddRows(d, add, ids)
	f.expect("ScatterAddRows", m, d)
}

func testFarSums(f *fixture, m kernels.Matrix) {
	d := NewDense(3, 8)
	for i := range 3 {
		d.Set(i, i, float64(3+i))
	}
	f.put(m, d)
	sums, norms := elements(f, "sums", tight, make([]float32, 8)), elements(f, "norms", tight, make([]float32, 3))
	f.ok(f.stream.ColumnSums(sums.Buffer, m))
	f.ok(f.stream.RowNorms(norms.Buffer, m))
	compare(f.t, f.what+": ColumnSums", 0, sums.read(f), ColumnSums(d), nil)
	compare(f.t, f.what+": RowNorms", 0, norms.read(f), RowNorms(d), nil)
}

func testFarGemm(f *fixture, m kernels.Matrix) {
	d := f.whole(3, 8, 9)
	f.put(m, d)
	g := f.matrix("g", tight, NewDense(8, 8))
	f.ok(f.stream.Gram(g.Matrix, m))
	compare(f.t, f.what+": Gram", 8, g.read(f), Gram(d).Data, nil)
	c := f.matrix("c", tight, NewDense(3, 3))
	f.ok(f.stream.Gemm(kernels.NoTrans, kernels.Transpose, 1, m, m, 0, c.Matrix))
	want := NewDense(3, 3)
	Gemm(kernels.NoTrans, kernels.Transpose, 1, d, d, 0, want)
	compare(f.t, f.what+": Gemm", 3, c.read(f), want.Data, nil)
	a := f.matrix("a", tight, want)
	f.ok(f.stream.Gemm(kernels.NoTrans, kernels.NoTrans, 1, a.Matrix, f.matrix("b", tight, d).Matrix, 0, m))
	far := NewDense(3, 8)
	Gemm(kernels.NoTrans, kernels.NoTrans, 1, want, d, 0, far)
	f.expect("Gemm into far rows", m, far)
}

// testFarProblem has the far matrix once as the fixed side and once as the unknowns.
func testFarProblem(f *fixture, m kernels.Matrix) {
	p := &Problem{
		Objective: kernels.Objective{Lambda: 0.5}, X: f.whole(2, 8, 1), Y: f.whole(3, 8, 1),
		R: f.wholeSparse([]int{3, 2}, 3),
	}
	f.put(m, p.Y)
	d := f.place(p, p.X, tight)
	d.Y = m
	out := elements(f, "out", tight, make([]float32, 5))
	f.ok(f.stream.Predict(out.Buffer, d.R, d.X, m))
	compare(f.t, f.what+": Predict", 0, out.read(f), Predict(p.R, p.X, p.Y), nil)
	sums, loss := elements(f, "sums", tight, make([]float64, 2)), Loss(p)
	f.ok(f.stream.Loss(sums.Buffer, &d.Problem))
	compare(f.t, f.what+": Loss", 0, sums.read(f), loss[:], nil)
	want := *p
	want.X = p.X.Clone()
	HalfStep(&want)
	f.ok(f.stream.HalfStep(&d.Problem))
	compareRows(f.t, f.what+": HalfStep: x ", d.x.read(f), want.X, solverTolerance)
	d.info.read(f)

	q := &Problem{Objective: p.Objective, X: NewDense(3, 8), Y: f.whole(5, 8, 1), R: f.wholeSparse([]int{2, 0, 5}, 5)}
	e := f.place(q, q.X, tight)
	e.X = m
	f.ok(f.stream.HalfStep(&e.Problem))
	HalfStep(q)
	got := make([]float32, 24)
	for i := range 3 {
		f.ok(kernels.Download(f.stream, got[8*i:8*i+8], m.RowRange(i, i+1).Buf))
	}
	compareRows(f.t, f.what+": HalfStep into far rows: x ", got, q.X, solverTolerance)
	e.info.read(f)
}

func testFarTopK(f *fixture, m kernels.Matrix) {
	x, y := f.whole(2, 8, 9), f.whole(3, 8, 9)
	f.put(m, y)
	ids, top := elements(f, "ids", tight, make([]int32, 6)), f.matrix("top", tight, NewDense(2, 3))
	f.ok(f.stream.ScoreTopK(ids.Buffer, top.Matrix, f.matrix("x", tight, x).Matrix, m, nil, kernels.Buffer[uint32]{}))
	wantIDs, want := ScoreTopK(3, x, y, nil, nil)
	compareInts(f.t, f.what+": ScoreTopK: ids", 3, ids.read(f), wantIDs)
	compare(f.t, f.what+": ScoreTopK: top", 3, top.read(f), want.Data, nil)
}
