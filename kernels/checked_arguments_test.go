package kernels_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// TestCheckedUnwrapsMemory: the wrapped device gets its own memory, not the
// decorator's.
func TestCheckedUnwrapsMemory(t *testing.T) {
	fake := newFake()
	s, dev := openStream(t, fake)
	a, b, c := alloc(t, s, 4, 4), alloc(t, s, 4, 4), alloc(t, s, 4, 4)
	ids, err := kernels.AllocBuffer[int32](s, 4)
	require.NoError(t, err)
	sums, err := kernels.AllocBuffer[float64](s, 2)
	require.NoError(t, err)
	batch, err := kernels.AllocBatch(s, 4, 4)
	require.NoError(t, err)
	r, err := dev.NewCSR(kernels.HostCSR{
		Rows: 4, Cols: 4, Offsets: []int64{0, 1, 2, 3, 4}, Columns: []int32{0, 1, 2, 3}, Values: []float32{1, 1, 1, 1},
	})
	require.NoError(t, err)
	p := &kernels.Problem{X: a, Y: b, R: r, Info: ids}
	before := *p
	for op, call := range map[string]func() error{
		"Write":           func() error { return s.Write(a.Buf.Mem, 0, make([]byte, 4)) },
		"Read":            func() error { return s.Read(make([]byte, 4), a.Buf.Mem, 0) },
		"Copy":            func() error { return s.Copy(a.Buf.Mem, 0, b.Buf.Mem, 0, 4) },
		"Zero":            func() error { return s.Zero(a.Buf.Mem, 0, 4) },
		"Gemm":            func() error { return s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, a, b, 0, c) },
		"Gram":            func() error { return s.Gram(c, a) },
		"SpMM":            func() error { return s.SpMM(1, r, a, 0, b) },
		"GatherRows":      func() error { return s.GatherRows(a, b, ids) },
		"ScatterAddRows":  func() error { return s.ScatterAddRows(a, b, ids) },
		"Axpy":            func() error { return s.Axpy(1, a, b) },
		"Scale":           func() error { return s.Scale(1, a) },
		"Mul":             func() error { return s.Mul(c, a, b) },
		"Fill":            func() error { return s.Fill(a, 1) },
		"CopyMatrix":      func() error { return s.CopyMatrix(a, b) },
		"ColumnSums":      func() error { return s.ColumnSums(c.Buf.Slice(0, 4), a) },
		"RowNorms":        func() error { return s.RowNorms(c.Buf.Slice(0, 4), a) },
		"HalfStep":        func() error { return s.HalfStep(p) },
		"NormalEquations": func() error { return s.NormalEquations(batch, c, p) },
		"SolveSPD":        func() error { return s.SolveSPD(batch, c, ids) },
		"Loss":            func() error { return s.Loss(sums, p) },
		"Predict":         func() error { return s.Predict(c.Buf.Slice(0, 4), r, a, b) },
		"ScoreTopK":       func() error { return s.ScoreTopK(ids, c.ColumnRange(0, 1), a, b, r, kernels.Buffer[uint32]{}) },
	} {
		require.NoError(t, call(), op)
		require.True(t, fake.called(op), op)
		require.NotEmpty(t, fake.mems, op)
		for i, m := range fake.mems {
			require.IsType(t, &fakeMem{}, m, "%s: view %d", op, i)
		}
	}
	require.Equal(t, before, *p, "the caller's problem stays as it was")
}

// TestNothingToDo: a call without elements to write is checked and not passed on.
func TestNothingToDo(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	none := kernels.Matrix{Rows: 0, Cols: 4}
	a := alloc(t, s, 4, 4)
	require.NoError(t, s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, none, a, 0, none))
	require.NoError(t, s.Fill(none, 1))
	require.NoError(t, s.Zero(a.Buf.Mem, 64, 0))
	require.NoError(t, s.Write(nil, 0, nil))
	require.False(t, fake.called("Gemm") || fake.called("Fill") || fake.called("Zero") || fake.called("Write"))
	require.ErrorIs(t, s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, none, a.RowRange(0, 3), 0, none), kernels.ErrArgument)

	// A sum over nothing writes zeros, so it is passed on.
	require.NoError(t, s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, a.ColumnRange(0, 0), none, 0, a))
	require.NoError(t, s.Gram(a, none))
	require.NoError(t, s.ColumnSums(a.Buf.Slice(0, 4), none))
	require.True(t, fake.called("Gemm") && fake.called("Gram") && fake.called("ColumnSums"))
}

func TestErrorText(t *testing.T) {
	s, _ := openStream(t, newFake())
	a, b, c := alloc(t, s, 3, 4), alloc(t, s, 5, 6), alloc(t, s, 3, 6)
	for message, call := range map[string]func() error{
		"fake: Gemm NN a 3×4, b 5×6, c 3×6: kernels: wrong argument b: op(b) has 5 rows, want 4, the columns of op(a)": func() error {
			return s.Gemm(kernels.NoTrans, kernels.NoTrans, 1, a, b, 0, c)
		},
		"fake: Gemm TN a 3×4, b 3×6, c 3×6: kernels: wrong argument c: 3×6, want 4×6": func() error {
			return s.Gemm(kernels.Transpose, kernels.NoTrans, 1, a, b.RowRange(0, 3), 0, c)
		},
		"fake: Scale x 3×4 stride 9: kernels: wrong argument x: 3×4 stride 9 needs more than its 12 elements": func() error {
			wide := a // the other calls want a as it is, in whatever order the map gives them
			wide.Stride = 9
			return s.Scale(1, wide)
		},
		"fake: HalfStep no problem: kernels: wrong argument p: no problem": func() error { return s.HalfStep(nil) },
		"fake: Zero 8 bytes at 41: kernels: wrong argument dst: 8 bytes at 41 of 48": func() error {
			return s.Zero(a.Buf.Mem, 41, 8)
		},
		"fake: Copy 8 bytes from 4 to 0: kernels: wrong argument dst: overlaps src": func() error {
			return s.Copy(a.Buf.Mem, 0, a.Buf.Mem, 4, 8)
		},
		"fake: Alloc -1 bytes: kernels: wrong argument bytes: -1": func() error { _, err := s.Alloc(-1); return err },
	} {
		err := call()
		require.EqualError(t, err, message)
		require.ErrorIs(t, err, kernels.ErrArgument)
	}
	narrow := alloc(t, s, 3, 4).ColumnRange(1, 3)
	require.NoError(t, s.Close())
	require.EqualError(t, s.Fill(narrow, 1), "fake: Fill x 3×2 stride 4: kernels: closed")
}

// TestViewsOutOfBounds: shapes whose sizes overflow are out of bounds too.
func TestViewsOutOfBounds(t *testing.T) {
	fake := newFake()
	s, _ := openStream(t, fake)
	m, err := s.Alloc(400)
	require.NoError(t, err)
	of := func(off, n, rows, cols, stride int) kernels.Matrix {
		return kernels.Matrix{Buf: kernels.Buffer[float32]{Mem: m, Off: off, N: n}, Rows: rows, Cols: cols, Stride: stride}
	}
	const half = strconv.IntSize / 2
	for name, x := range map[string]kernels.Matrix{
		"buffer larger than memory":      of(0, 101, 1, 1, 1),
		"buffer begins beyond memory":    of(101, 1, 1, 1, 1),
		"negative offset":                of(-1, 10, 1, 1, 1),
		"negative length":                of(0, -1, 1, 1, 1),
		"offset that overflows":          of(math.MaxInt, 10, 1, 1, 1),
		"length that overflows":          of(10, math.MaxInt, 1, 1, 1),
		"matrix larger than its buffer":  of(0, 99, 10, 10, 10),
		"stride beyond the buffer":       of(0, 100, 10, 10, 11),
		"stride below the columns":       of(0, 100, 5, 10, 9),
		"negative stride":                of(0, 100, 5, 10, -10),
		"negative rows":                  of(0, 100, -5, 10, 10),
		"negative columns":               of(0, 100, 5, -10, 10),
		"rows that overflow":             of(0, 100, math.MaxInt, 10, 10),
		"stride that overflows":          of(0, 100, 3, 10, math.MaxInt),
		"rows and stride that overflow":  of(0, 100, 1<<half, 1, 1<<half),
		"a product that wraps to little": of(0, 100, 1<<(half+1)+1, 1, 1<<(half-1)),
	} {
		require.ErrorIs(t, s.Fill(x, 1), kernels.ErrArgument, name)
	}
	require.NoError(t, s.Fill(of(0, 100, 10, 10, 10), 1))
	require.NoError(t, s.Fill(of(3, 97, 10, 7, 10), 1), "the last row may end with its last column")
	require.NoError(t, s.Fill(of(99, 1, 1, 1, 0), 1), "the stride of one row is not used")

	for name, r := range map[string][2]int{
		"one byte too many": {0, 401}, "beyond": {401, 1}, "negative offset": {-1, 4}, "negative count": {0, -1},
		"offset that overflows": {math.MaxInt, 4}, "count that overflows": {4, math.MaxInt},
	} {
		require.ErrorIs(t, s.Zero(m, r[0], r[1]), kernels.ErrArgument, name)
	}
}

func TestBatchesOutOfBounds(t *testing.T) {
	s, _ := openStream(t, newFake())
	m, err := s.Alloc(400)
	require.NoError(t, err)
	b, info := alloc(t, s, 2, 5), func() kernels.Buffer[int32] {
		i, err := kernels.AllocBuffer[int32](s, 2)
		require.NoError(t, err)
		return i
	}()
	of := func(n, count, order, stride, step int) kernels.Batch {
		return kernels.Batch{Buf: kernels.Buffer[float32]{Mem: m, N: n}, Count: count, N: order, Stride: stride, Step: step}
	}
	for name, a := range map[string]kernels.Batch{
		"matrices that overlap":         of(100, 2, 5, 5, 24),
		"stride below the order":        of(100, 2, 5, 4, 25),
		"larger than the buffer":        of(49, 2, 5, 5, 25),
		"negative step":                 of(100, 2, 5, 5, -25),
		"step that overflows":           of(100, 2, 5, 5, math.MaxInt),
		"stride that overflows":         of(100, 2, 5, math.MaxInt/2, math.MaxInt/2),
		"one element beyond the memory": of(101, 2, 5, 5, 76),
	} {
		require.ErrorIs(t, s.SolveSPD(a, b, info), kernels.ErrArgument, name)
	}
	require.NoError(t, s.SolveSPD(of(100, 2, 5, 5, 75), b, info))
	require.NoError(t, s.SolveSPD(of(50, 2, 5, 5, 25), b, info))
}

// TestOverlaps: views of one memory overlap if they share an element, not if their
// rows lie between each other.
func TestOverlaps(t *testing.T) {
	s, _ := openStream(t, newFake())
	whole := alloc(t, s, 8, 10)
	for name, c := range map[string]struct {
		dst, src kernels.Matrix
		overlap  bool
	}{
		"the same view":                       {whole, whole, true},
		"rows apart":                          {whole.RowRange(0, 4), whole.RowRange(4, 8), false},
		"rows that share one":                 {whole.RowRange(0, 4), whole.RowRange(3, 7), true},
		"columns apart":                       {whole.ColumnRange(0, 5), whole.ColumnRange(5, 10), false},
		"columns apart the other way":         {whole.ColumnRange(5, 10), whole.ColumnRange(0, 5), false},
		"columns with a gap":                  {whole.ColumnRange(1, 3), whole.ColumnRange(6, 8), false},
		"columns that share one":              {whole.ColumnRange(0, 5), whole.ColumnRange(4, 9), true},
		"columns apart in other rows":         {whole.RowRange(0, 5).ColumnRange(0, 5), whole.RowRange(3, 8).ColumnRange(5, 10), false},
		"columns apart in earlier rows":       {whole.RowRange(3, 8).ColumnRange(0, 5), whole.RowRange(0, 5).ColumnRange(5, 10), false},
		"columns that share one in few rows":  {whole.RowRange(0, 5).ColumnRange(0, 5), whole.RowRange(3, 8).ColumnRange(4, 9), true},
		"corners apart":                       {whole.RowRange(0, 4).ColumnRange(0, 5), whole.RowRange(4, 8).ColumnRange(0, 5), false},
		"another stride across the same rows": {shaped(whole, 0, 4, 5, 5), shaped(whole, 5, 4, 5, 10), true},
		"rows that wrap around":               {shaped(whole, 0, 4, 5, 10), shaped(whole, 7, 4, 5, 10), true},
	} {
		err := s.CopyMatrix(c.dst, c.src)
		if c.overlap {
			require.ErrorIs(t, err, kernels.ErrArgument, name)
			require.Contains(t, err.Error(), "wrong argument dst: overlaps src", name)
		} else {
			require.NoError(t, err, name)
		}
	}
}

// shaped is another matrix in the memory of m.
func shaped(m kernels.Matrix, off, rows, cols, stride int) kernels.Matrix {
	m.Buf.Off += off
	m.Buf.N -= off
	m.Rows, m.Cols, m.Stride = rows, cols, stride
	return m
}

func TestAliasesThatAreAllowed(t *testing.T) {
	s, _ := openStream(t, newFake())
	whole := alloc(t, s, 8, 10)
	x, y := whole.RowRange(0, 4), whole.RowRange(4, 8)
	require.NoError(t, s.Axpy(1, x, x))
	require.NoError(t, s.Mul(x, x, y))
	require.NoError(t, s.Mul(x, y, x))
	require.NoError(t, s.Mul(x, x, x))
	require.ErrorIs(t, s.Axpy(1, x, whole.RowRange(1, 5)), kernels.ErrArgument)
	require.ErrorIs(t, s.Mul(x, whole.RowRange(1, 5), y), kernels.ErrArgument)
	require.ErrorIs(t, s.Mul(x, y, whole.RowRange(1, 5)), kernels.ErrArgument)
}

func TestOverlapsOfOtherViews(t *testing.T) {
	s, dev := openStream(t, newFake())
	m, err := s.Alloc(4000)
	require.NoError(t, err)
	matrix := func(off, rows, cols int) kernels.Matrix {
		return kernels.Matrix{Buf: kernels.Buffer[float32]{Mem: m, Off: off, N: rows * cols}, Rows: rows, Cols: cols, Stride: cols}
	}
	ints := func(off, n int) kernels.Buffer[int32] { return kernels.Buffer[int32]{Mem: m, Off: off, N: n} }
	batch := kernels.Batch{Buf: kernels.Buffer[float32]{Mem: m, Off: 100, N: 32}, Count: 2, N: 4, Stride: 4, Step: 16}
	r, err := dev.NewCSR(kernels.HostCSR{Rows: 2, Cols: 3, Offsets: []int64{0, 1, 2}, Columns: []int32{0, 1}, Values: []float32{1, 1}})
	require.NoError(t, err)
	problem := func(x, y int, info kernels.Buffer[int32]) *kernels.Problem {
		return &kernels.Problem{X: matrix(x, 2, 4), Y: matrix(y, 3, 4), R: r, Info: info}
	}
	for argument, call := range map[string]func() error{
		"a: overlaps b":        func() error { return s.SolveSPD(batch, matrix(131, 2, 4), ints(0, 2)) },
		"info: overlaps a":     func() error { return s.SolveSPD(batch, matrix(200, 2, 4), ints(99, 2)) },
		"info: overlaps b":     func() error { return s.SolveSPD(batch, matrix(200, 2, 4), ints(207, 2)) },
		"p.X: overlaps p.Y":    func() error { return s.HalfStep(problem(0, 7, ints(500, 2))) },
		"p.Info: overlaps p.X": func() error { return s.HalfStep(problem(0, 100, ints(7, 2))) },
		"p.Info: overlaps p.Y": func() error { return s.HalfStep(problem(0, 100, ints(100, 2))) },
		"dst: overlaps idx":    func() error { return s.GatherRows(matrix(0, 2, 4), matrix(100, 3, 4), ints(7, 2)) },
		"ids: overlaps top": func() error {
			return s.ScoreTopK(ints(0, 2), matrix(1, 2, 1), matrix(100, 2, 4), matrix(200, 3, 4), nil, kernels.Buffer[uint32]{})
		},
		"out: overlaps x": func() error {
			return s.Predict(matrix(100, 1, 2).Buf, r, matrix(99, 2, 4), matrix(200, 3, 4))
		},
		"out: overlaps p.X": func() error {
			return s.Loss(kernels.Buffer[float64]{Mem: m, Off: 3, N: 2}, problem(0, 100, kernels.Buffer[int32]{}))
		},
	} {
		err := call()
		require.ErrorIs(t, err, kernels.ErrArgument, argument)
		require.Contains(t, err.Error(), "wrong argument "+argument)
	}
	require.NoError(t, s.SolveSPD(batch, matrix(132, 2, 4), ints(98, 2)))
	require.NoError(t, s.HalfStep(problem(0, 8, ints(20, 2))))
}

func TestForeignResources(t *testing.T) {
	s, dev := openStream(t, newFake())
	theirs, otherDev := openStream(t, newFake())
	ours, foreign := alloc(t, s, 3, 5), alloc(t, theirs, 3, 5)
	foreignCSR, err := otherDev.NewCSR(sound())
	require.NoError(t, err)
	foreignEvent, err := theirs.Record()
	require.NoError(t, err)
	raw := &fakeMem{newFake(), 400}
	c := alloc(t, s, 3, 5)
	for name, call := range map[string]func() error{
		"matrix":          func() error { return s.CopyMatrix(ours, foreign) },
		"memory":          func() error { return s.Zero(foreign.Buf.Mem, 0, 4) },
		"sparse matrix":   func() error { return s.SpMM(1, foreignCSR, alloc(t, s, 5, 5), 0, c) },
		"event":           func() error { return s.Wait(foreignEvent) },
		"no event":        func() error { return s.Wait(nil) },
		"unchecked block": func() error { return s.Zero(raw, 0, 4) },
		"no memory": func() error {
			m := ours
			m.Buf.Mem = nil
			return s.Fill(m, 1)
		},
	} {
		require.ErrorIs(t, call(), kernels.ErrArgument, name)
	}
	require.NotNil(t, dev)
}

func TestProblemChecks(t *testing.T) {
	fake := newFake()
	s, dev := openStream(t, fake)
	r, err := dev.NewCSR(sound())
	require.NoError(t, err)
	pattern, err := dev.NewCSR(kernels.HostCSR{Rows: 3, Cols: 5, Offsets: []int64{0, 1, 1, 1}, Columns: []int32{2}})
	require.NoError(t, err)
	info, err := kernels.AllocBuffer[int32](s, 3)
	require.NoError(t, err)
	x, y, gram := alloc(t, s, 3, 4), alloc(t, s, 5, 4), alloc(t, s, 4, 4)
	floats := alloc(t, s, 1, 40).Buf
	nan := float32(math.NaN())
	for argument, change := range map[string]func(p *kernels.Problem){
		"p.Objective.Convention": func(p *kernels.Problem) { p.Objective.Convention = 4 },
		"p.Objective.Alpha": func(p *kernels.Problem) {
			p.Objective.Convention, p.Gram = kernels.Implicit, gram
		},
		"p.Objective.W0": func(p *kernels.Problem) {
			p.Objective.Convention, p.Gram, p.Objective.W0 = kernels.IALS, gram, nan
		},
		"p.Objective.Lambda":     func(p *kernels.Problem) { p.Objective.Lambda = nan },
		"p.Objective.Exponent":   func(p *kernels.Problem) { p.Objective.Exponent = -0.5 },
		"p.Objective.BiasLambda": func(p *kernels.Problem) { p.Objective.Bias, p.Objective.BiasLambda = true, -1 },
		"p.Solver.Method":        func(p *kernels.Problem) { p.Solver.Method = 4 },
		"p.Solver.Steps":         func(p *kernels.Problem) { p.Solver.Method = kernels.Subspace },
		"p.Solver.Block":         func(p *kernels.Problem) { p.Solver = kernels.Solver{Method: kernels.Subspace, Steps: 1, Block: 5} },
		"p.X":                    func(p *kernels.Problem) { p.X = x.RowRange(0, 2) },
		"p.Y":                    func(p *kernels.Problem) { p.Y = y.RowRange(0, 4) },
		"p.R":                    func(p *kernels.Problem) { p.R = pattern },
		"p.Gram":                 func(p *kernels.Problem) { p.Gram = gram },
		"p.Offset":               func(p *kernels.Problem) { p.Offset = floats.Slice(0, 4) },
		"p.OffsetGram":           func(p *kernels.Problem) { p.OffsetGram = floats.Slice(0, 4) },
		"p.Info":                 func(p *kernels.Problem) { p.Info = info.Slice(0, 2) },
	} {
		p := &kernels.Problem{X: x, Y: y, R: r, Info: info}
		require.NoError(t, s.HalfStep(p))
		change(p)
		err := s.HalfStep(p)
		var wrong *kernels.ArgumentError
		require.ErrorAs(t, err, &wrong, argument)
		require.Equal(t, argument, wrong.Argument)
	}

	// All pairs with an offset need both sums.
	p := &kernels.Problem{X: x, Y: y, R: r, Info: info, Gram: gram, Offset: floats.Slice(0, 5)}
	p.Objective = kernels.Objective{Convention: kernels.Confidence}
	require.ErrorContains(t, s.HalfStep(p), "p.OffsetGram: 0 elements, want 4")
	p.OffsetGram = floats.Slice(10, 14)
	require.NoError(t, s.HalfStep(p))

	// Loss uses neither of them, nor Solver and Info.
	out, err := kernels.AllocBuffer[float64](s, 2)
	require.NoError(t, err)
	loss := kernels.Problem{X: x, Y: y, R: r, Objective: p.Objective, Solver: kernels.Solver{Method: 77}}
	require.NoError(t, s.Loss(out, &loss))

	// A bias is a column of X that Y does not have.
	biased := kernels.Problem{X: x, Y: y.ColumnRange(0, 3), R: r, Info: info, Objective: kernels.Objective{Bias: true}}
	require.NoError(t, s.HalfStep(&biased))
	biased.X, biased.Y = x.ColumnRange(0, 1), y.ColumnRange(0, 0)
	require.NoError(t, s.HalfStep(&biased), "the bias alone")
	biased.X = x.ColumnRange(0, 0)
	require.ErrorContains(t, s.HalfStep(&biased), "p.X: 3×0 stride 4 has no room for unknowns")
}

// TestNothingNeedsNoValues: a matrix without entries is no pattern.
func TestNothingNeedsNoValues(t *testing.T) {
	s, dev := openStream(t, newFake())
	a := alloc(t, s, 2, 2)
	b := alloc(t, s, 2, 2)
	none, err := dev.NewCSR(kernels.HostCSR{Rows: 2, Cols: 2, Offsets: []int64{0, 0, 0}})
	require.NoError(t, err)
	require.NoError(t, s.SpMM(1, none, a, 0, b))
	pattern, err := dev.NewCSR(kernels.HostCSR{Rows: 2, Cols: 2, Offsets: []int64{0, 1, 1}, Columns: []int32{0}})
	require.NoError(t, err)
	require.ErrorIs(t, s.SpMM(1, pattern, a, 0, b), kernels.ErrArgument)
}
