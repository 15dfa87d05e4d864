package kernelstest

import (
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// errorCases test what package kernels checks for every backend, and so that the
// backend returns its devices checked.
func errorCases() []testCase {
	var cases []testCase
	for _, c := range misuses {
		cases = append(cases, testCase{c.op + " with " + c.name, func(f *fixture) {
			o := f.misuseOperands()
			err := c.call(f.stream, o)
			require.ErrorIs(f.t, err, kernels.ErrArgument, f.what)
			var where *kernels.OpError
			require.ErrorAs(f.t, err, &where, f.what)
			require.Equal(f.t, f.dev.Info().Backend, where.Backend, f.what)
			require.Equal(f.t, c.op, where.Op, f.what)
			var argument *kernels.ArgumentError
			require.ErrorAs(f.t, err, &argument, f.what)
			require.Equal(f.t, c.argument, argument.Argument, f.what)
			// Nothing was done: the operands are compared when the case ends.
		}})
	}
	return append(cases,
		testCase{"freed memory", testFreedMemory},
		testCase{"memory of another device", testForeignMemory},
		testCase{"closed stream", testClosedStream},
		testCase{"closed device", testClosedDevice},
	)
}

// misuseOperands are sound operands to misuse: 4×4 matrices of one memory each.
type misuseOperands struct {
	a, b, c kernels.Matrix
	ids     kernels.Buffer[int32]
	sums    kernels.Buffer[float64]
	batch   kernels.Batch
	r       kernels.CSR
	pattern kernels.CSR
	problem kernels.Problem
}

func (f *fixture) misuseOperands() misuseOperands {
	f.t.Helper()
	o := misuseOperands{
		a: f.matrix("a", tight, f.whole(4, 4, 3)).Matrix, b: f.matrix("b", tight, f.whole(4, 4, 3)).Matrix,
		c: f.matrix("c", tight, f.whole(4, 4, 3)).Matrix, ids: elements(f, "ids", tight, []int32{0, 1, 2, 3}).Buffer,
		sums: elements(f, "sums", tight, []float64{1, 2}).Buffer, batch: f.batch("batch", tight, 4, repeat(f.whole(4, 4, 3), 4)).Batch,
	}
	h := f.wholeSparse([]int{2, 0, 3, 1}, 4)
	o.r = f.csr(h)
	h.Values = nil
	o.pattern = f.csr(h)
	o.problem = kernels.Problem{X: o.a, Y: o.b, R: o.r, Info: o.ids}
	return o
}

// misuses are calls that make no sense, with the argument that the error names.
var misuses = []struct {
	op, name, argument string
	call               func(s kernels.Stream, o misuseOperands) error
}{
	{"Gemm", "inner lengths that differ", "b", func(s kernels.Stream, o misuseOperands) error {
		return s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, o.a, o.b.RowRange(0, 3), 0, o.c)
	}},
	{"Gemm", "a result of another shape", "c", func(s kernels.Stream, o misuseOperands) error {
		return s.Gemm(kernels.Transpose, kernels.NoTrans, 1, o.a.ColumnRange(0, 3), o.b, 0, o.c)
	}},
	{"Gemm", "a result that overlaps a", "c", func(s kernels.Stream, o misuseOperands) error {
		return s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, o.a, o.b, 0, o.a)
	}},
	{"Gemm", "a matrix larger than its memory", "a", func(s kernels.Stream, o misuseOperands) error {
		o.a.Rows, o.a.Buf.N = 1000, 4000
		return s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, o.a, o.b, 0, o.c)
	}},
	{"Gram", "a result of another shape", "g", func(s kernels.Stream, o misuseOperands) error {
		return s.Gram(o.a, o.b.ColumnRange(0, 3))
	}},
	{"SpMM", "a pattern", "a", func(s kernels.Stream, o misuseOperands) error {
		return s.SpMM(1, o.pattern, o.b, 0, o.c)
	}},
	{"SpMM", "no matrix", "a", func(s kernels.Stream, o misuseOperands) error {
		return s.SpMM(1, nil, o.b, 0, o.c)
	}},
	{"SpMM", "a b of another shape", "b", func(s kernels.Stream, o misuseOperands) error {
		return s.SpMM(1, o.r, o.b.RowRange(0, 3), 0, o.c)
	}},
	{"GatherRows", "a result of another shape", "dst", func(s kernels.Stream, o misuseOperands) error {
		return s.GatherRows(o.a.RowRange(0, 3), o.b, o.ids)
	}},
	{"ScatterAddRows", "a source of another shape", "src", func(s kernels.Stream, o misuseOperands) error {
		return s.ScatterAddRows(o.a, o.b.RowRange(0, 3), o.ids)
	}},
	{"Axpy", "shapes that differ", "y", func(s kernels.Stream, o misuseOperands) error {
		return s.Axpy(1, o.a, o.b.RowRange(0, 3))
	}},
	{"Axpy", "rows that overlap", "y", func(s kernels.Stream, o misuseOperands) error {
		return s.Axpy(1, o.a.RowRange(0, 3), o.a.RowRange(1, 4))
	}},
	{"Scale", "a negative shape", "x", func(s kernels.Stream, o misuseOperands) error {
		o.a.Rows = -1
		return s.Scale(1, o.a)
	}},
	{"Mul", "shapes that differ", "b", func(s kernels.Stream, o misuseOperands) error {
		return s.Mul(o.c, o.a, o.b.RowRange(0, 3))
	}},
	{"Fill", "a stride below the columns", "x", func(s kernels.Stream, o misuseOperands) error {
		o.a.Stride = 3
		return s.Fill(o.a, 1)
	}},
	{"CopyMatrix", "shapes that differ", "dst", func(s kernels.Stream, o misuseOperands) error {
		return s.CopyMatrix(o.a.RowRange(0, 3), o.b)
	}},
	{"ColumnSums", "another number of sums", "dst", func(s kernels.Stream, o misuseOperands) error {
		return s.ColumnSums(o.c.Buf.Slice(0, 3), o.a)
	}},
	{"RowNorms", "another number of norms", "dst", func(s kernels.Stream, o misuseOperands) error {
		return s.RowNorms(o.c.Buf.Slice(0, 5), o.a)
	}},
	{"HalfStep", "no problem", "p", func(s kernels.Stream, _ misuseOperands) error { return s.HalfStep(nil) }},
	{"HalfStep", "an X of another shape", "p.X", func(s kernels.Stream, o misuseOperands) error {
		o.problem.X = o.a.RowRange(0, 3)
		return s.HalfStep(&o.problem)
	}},
	{"HalfStep", "no Gram matrix in a convention that needs one", "p.Gram", func(s kernels.Stream, o misuseOperands) error {
		o.problem.Objective = kernels.Objective{Convention: kernels.IALS}
		return s.HalfStep(&o.problem)
	}},
	{"HalfStep", "a Y without room for the bias", "p.Y", func(s kernels.Stream, o misuseOperands) error {
		o.problem.Objective.Bias = true
		return s.HalfStep(&o.problem)
	}},
	{"HalfStep", "no steps", "p.Solver.Steps", func(s kernels.Stream, o misuseOperands) error {
		o.problem.Solver.Method = kernels.CG
		return s.HalfStep(&o.problem)
	}},
	{"HalfStep", "a block wider than the rank", "p.Solver.Block", func(s kernels.Stream, o misuseOperands) error {
		o.problem.Solver = kernels.Solver{Method: kernels.Subspace, Steps: 1, Block: 5}
		return s.HalfStep(&o.problem)
	}},
	{"HalfStep", "a negative lambda", "p.Objective.Lambda", func(s kernels.Stream, o misuseOperands) error {
		o.problem.Objective.Lambda = -1
		return s.HalfStep(&o.problem)
	}},
	{"HalfStep", "X as Y", "p.X", func(s kernels.Stream, o misuseOperands) error {
		o.problem.Y = o.problem.X
		return s.HalfStep(&o.problem)
	}},
	{"NormalEquations", "a batch of another shape", "a", func(s kernels.Stream, o misuseOperands) error {
		o.batch.Count = 3
		return s.NormalEquations(o.batch, o.c, &o.problem)
	}},
	{"SolveSPD", "another number of right-hand sides", "b", func(s kernels.Stream, o misuseOperands) error {
		return s.SolveSPD(o.batch, o.b.RowRange(0, 3), o.ids)
	}},
	{"SolveSPD", "another length of info", "info", func(s kernels.Stream, o misuseOperands) error {
		return s.SolveSPD(o.batch, o.b, o.ids.Slice(0, 3))
	}},
	{"Loss", "one sum", "out", func(s kernels.Stream, o misuseOperands) error {
		return s.Loss(o.sums.Slice(0, 1), &o.problem)
	}},
	{"Predict", "another number of scores", "out", func(s kernels.Stream, o misuseOperands) error {
		return s.Predict(o.c.Buf, o.r, o.a, o.b)
	}},
	{"ScoreTopK", "another number of ids", "ids", func(s kernels.Stream, o misuseOperands) error {
		return s.ScoreTopK(o.ids, o.c, o.a, o.b, nil, kernels.Buffer[uint32]{})
	}},
	{"Write", "bytes beyond the memory", "dst", func(s kernels.Stream, o misuseOperands) error {
		return s.Write(o.a.Buf.Mem, o.a.Buf.Mem.Bytes()-3, make([]byte, 4))
	}},
	{"Read", "a negative offset", "src", func(s kernels.Stream, o misuseOperands) error {
		return s.Read(make([]byte, 4), o.a.Buf.Mem, -1)
	}},
	{"Copy", "ranges that overlap", "dst", func(s kernels.Stream, o misuseOperands) error {
		return s.Copy(o.a.Buf.Mem, 0, o.a.Buf.Mem, 8, 16)
	}},
	{"Zero", "no memory", "dst", func(s kernels.Stream, _ misuseOperands) error { return s.Zero(nil, 0, 4) }},
	{"Alloc", "a negative size", "bytes", func(s kernels.Stream, _ misuseOperands) error {
		_, err := s.Alloc(-1)
		return err
	}},
}

func testFreedMemory(f *fixture) {
	x, err := kernels.AllocMatrix(f.stream, 4, 4)
	f.ok(err)
	f.ok(x.Free())
	require.ErrorIs(f.t, f.stream.Fill(x, 1), kernels.ErrFreed, "%s: Fill", f.what)
	require.ErrorIs(f.t, f.stream.Write(x.Buf.Mem, 0, make([]byte, 4)), kernels.ErrFreed, "%s: Write", f.what)
	require.ErrorIs(f.t, x.Free(), kernels.ErrFreed, "%s: Free", f.what)

	r, err := f.dev.NewCSR(f.wholeSparse([]int{1, 2}, 4))
	f.ok(err)
	f.ok(r.Free())
	require.ErrorIs(f.t, r.Free(), kernels.ErrFreed, "%s: Free of a sparse matrix", f.what)
	_, err = r.Slice(kernels.Span{Lo: 0, Hi: 1})
	require.ErrorIs(f.t, err, kernels.ErrFreed, "%s: Slice", f.what)

	e, err := f.stream.Record()
	f.ok(err)
	f.ok(e.Free())
	require.ErrorIs(f.t, f.stream.Wait(e), kernels.ErrFreed, "%s: Wait", f.what)
	_, err = e.Done()
	require.ErrorIs(f.t, err, kernels.ErrFreed, "%s: Done", f.what)
}

func testForeignMemory(f *fixture) {
	g := f.reopened(kernels.Options{})
	theirs, ours := g.matrix("theirs", tight, f.whole(4, 4, 3)), f.matrix("ours", tight, f.whole(4, 4, 3))
	require.ErrorIs(f.t, f.stream.Fill(theirs.Matrix, 1), kernels.ErrArgument, "%s: Fill", f.what)
	require.ErrorIs(f.t, f.stream.CopyMatrix(ours.Matrix, theirs.Matrix), kernels.ErrArgument, "%s: CopyMatrix", f.what)
	require.ErrorIs(f.t, f.stream.Wait(g.record(g.stream)), kernels.ErrArgument, "%s: Wait", f.what)
	r := g.csr(f.wholeSparse([]int{1, 2, 0, 1}, 4))
	require.ErrorIs(f.t, f.stream.SpMM(1, r, ours.Matrix, 0, f.matrix("c", tight, f.whole(4, 4, 3)).Matrix), kernels.ErrArgument, "%s: SpMM", f.what)
}

func testClosedStream(f *fixture) {
	x := f.matrix("x", tight, f.whole(4, 4, 3))
	s, err := f.dev.NewStream()
	f.ok(err)
	f.ok(s.Close())
	require.ErrorIs(f.t, s.Fill(x.Matrix, 1), kernels.ErrClosed, "%s: Fill", f.what)
	require.ErrorIs(f.t, s.Sync(), kernels.ErrClosed, "%s: Sync", f.what)
	require.ErrorIs(f.t, s.Close(), kernels.ErrClosed, "%s: Close", f.what)
	_, err = s.Alloc(4)
	require.ErrorIs(f.t, err, kernels.ErrClosed, "%s: Alloc", f.what)
	_, err = s.Record()
	require.ErrorIs(f.t, err, kernels.ErrClosed, "%s: Record", f.what)
}

func testClosedDevice(f *fixture) {
	dev := f.suite.device(f.t, kernels.Options{})
	f.ok(dev.Close())
	_, err := dev.NewStream()
	require.ErrorIs(f.t, err, kernels.ErrClosed, "%s: NewStream", f.what)
	_, err = dev.NewCSR(f.wholeSparse([]int{1, 2}, 4))
	require.ErrorIs(f.t, err, kernels.ErrClosed, "%s: NewCSR", f.what)
	require.ErrorIs(f.t, dev.Close(), kernels.ErrClosed, "%s: Close", f.what)
}
