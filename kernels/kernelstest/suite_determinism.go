package kernelstest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// workload is work large enough for a device to split, and the bits it results in.
type workload struct {
	name string
	long bool // takes long enough to be run seldom
	run  func(f *fixture) []byte
}

var workloads = []workload{
	{"Gemm", false, func(f *fixture) []byte {
		a, b := f.matrix("a", tight, f.normal(130, 300)), f.matrix("b", tight, f.normal(300, 90))
		c := f.matrix("c", tight, NewDense(130, 90))
		f.ok(f.stream.Gemm(kernels.NoTrans, kernels.NoTrans, 1, a.Matrix, b.Matrix, 0, c.Matrix))
		return bytesOf(c.read(f))
	}},
	{"Gram", true, func(f *fixture) []byte {
		y, g := f.matrix("y", tight, f.normal(40_000, 17)), f.matrix("g", tight, NewDense(17, 17))
		f.ok(f.stream.Gram(g.Matrix, y.Matrix))
		return bytesOf(g.read(f))
	}},
	{"SpMM", false, func(f *fixture) []byte {
		a := f.sparse([]int{5, 30_000, 0, 700, 9000}, 30_000, f.rng.Float32)
		b, c := f.matrix("b", tight, f.normal(30_000, 5)), f.matrix("c", tight, NewDense(5, 5))
		f.ok(f.stream.SpMM(1, f.csr(a), b.Matrix, 0, c.Matrix))
		return bytesOf(c.read(f))
	}},
	{"ScatterAddRows", false, func(f *fixture) []byte {
		src, dst := f.matrix("src", tight, f.normal(5000, 9)), f.matrix("dst", tight, NewDense(7, 9))
		idx := elements(f, "idx", tight, f.ids(5000, 7))
		f.ok(f.stream.ScatterAddRows(dst.Matrix, src.Matrix, idx.Buffer))
		return bytesOf(dst.read(f))
	}},
	{"ColumnSums", true, func(f *fixture) []byte {
		a, d := f.matrix("a", tight, f.normal(100_000, 7)), elements(f, "dst", tight, make([]float32, 7))
		f.ok(f.stream.ColumnSums(d.Buffer, a.Matrix))
		return bytesOf(d.read(f))
	}},
	{"RowNorms", false, func(f *fixture) []byte {
		a, d := f.matrix("a", tight, f.normal(500, 129)), elements(f, "dst", tight, make([]float32, 500))
		f.ok(f.stream.RowNorms(d.Buffer, a.Matrix))
		return bytesOf(d.read(f))
	}},
	{"HalfStep cholesky", true, halfStepWork(kernels.Cholesky)},
	{"HalfStep cg", true, halfStepWork(kernels.CG)},
	{"HalfStep subspace", true, halfStepWork(kernels.Subspace)},
	{"HalfStep nonnegative", true, halfStepWork(kernels.NonNegative)},
	{"HalfStep short rows", false, func(f *fixture) []byte {
		p := f.problem(problemCase{convention: kernels.Implicit, rank: 9, bias: true, offset: true, lengths: mixedLengths, cols: 260})
		d := f.place(p, p.X, tight)
		f.ok(f.stream.HalfStep(&d.Problem))
		d.info.read(f)
		return bytesOf(d.x.read(f))
	}},
	{"NormalEquations", true, func(f *fixture) []byte {
		d := f.place(f.problem(splitRows), f.normal(len(splitRows.lengths), 10), tight)
		a := f.batch("a", tight, 10, repeat(NewDense(10, 10), d.X.Rows))
		b := f.matrix("b", tight, NewDense(d.X.Rows, 10))
		f.ok(f.stream.NormalEquations(a.Batch, b.Matrix, &d.Problem))
		return append(bytesOf(a.read(f)), bytesOf(b.read(f))...)
	}},
	{"SolveSPD", false, func(f *fixture) []byte {
		a, b := f.batch("a", tight, 20, f.positiveDefinite(50, 20)), f.matrix("b", tight, f.normal(50, 20))
		info := elements(f, "info", tight, make([]int32, 50))
		f.ok(f.stream.SolveSPD(a.Batch, b.Matrix, info.Buffer))
		a.read(f)
		info.read(f)
		return bytesOf(b.read(f))
	}},
	{"Loss", true, func(f *fixture) []byte {
		p := f.problem(splitRows)
		d := f.place(p, p.X, tight)
		out := elements(f, "out", tight, []float64{math.NaN(), math.NaN()})
		f.ok(f.stream.Loss(out.Buffer, &d.Problem))
		return bytesOf(out.read(f))
	}},
	{"Predict", false, func(f *fixture) []byte {
		r := f.sparse([]int{5, 20_000, 0, 700}, 20_000, f.rng.Float32)
		x, y := f.matrix("x", tight, f.normal(4, 10)), f.matrix("y", tight, f.normal(20_000, 10))
		out := elements(f, "out", tight, make([]float32, r.Entries()))
		f.ok(f.stream.Predict(out.Buffer, f.csr(r), x.Matrix, y.Matrix))
		return bytesOf(out.read(f))
	}},
	{"ScoreTopK", false, func(f *fixture) []byte {
		ids, top := topK{x: f.normal(70, 10), y: f.normal(3000, 10), k: 20}.run(f, tight)
		return append(bytesOf(ids), bytesOf(top)...)
	}},
}

// splitRows are rows of very different lengths, as a schedule must split them.
var splitRows = problemCase{
	convention: kernels.Explicit, rank: 10, bias: true, offset: true, exponent: 1,
	lengths: []int{40_000, 3, 0, 12_000, 70, 1, 1, 5000, 900, 2, 33}, cols: 41_000,
}

func halfStepWork(method kernels.Method) func(f *fixture) []byte {
	return func(f *fixture) []byte {
		c := splitRows
		c.solver = kernels.Solver{Method: method, Steps: 3, Block: 4}
		p := f.problem(c)
		d := f.place(p, p.X, tight)
		f.ok(f.stream.HalfStep(&d.Problem))
		return append(bytesOf(d.x.read(f)), bytesOf(d.info.read(f))...)
	}
}

// again lets the same data be made once more.
func (f *fixture) again() *fixture {
	f.rng = rand.New(rand.NewPCG(seed, hash(f.what)))
	return f
}

func determinismCases() []testCase {
	var cases []testCase
	for _, w := range workloads {
		cases = append(cases, testCase{w.name + " gives the same bits again, and with any number of threads", func(f *fixture) {
			want := w.run(f.again())
			sameBits(f, want, w.run(f.again()), "a second run")
			for _, threads := range []int{1, 2, 7} {
				g := f.reopened(kernels.Options{Threads: threads})
				sameBits(f, want, w.run(g), fmt.Sprintf("%d threads", threads))
			}
		}})
	}
	return cases
}

func sameBits(f *fixture, want, got []byte, when string) {
	f.t.Helper()
	require.Len(f.t, got, len(want), "%s: %s", f.what, when)
	for i := range want {
		if got[i] != want[i] {
			mismatch(f.t, f.what+": "+when+": byte ", at(i, 0), got[i], want[i], 0)
			return
		}
	}
}
