package cpu_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// ratingsOf makes rows of the given lengths.
func ratingsOf(rng *rand.Rand, lengths []int, cols int) kernels.HostCSR {
	m := kernels.HostCSR{Rows: len(lengths), Cols: cols, Offsets: []int64{0}}
	for _, n := range lengths {
		// Every column with the same chance, ascending.
		for c, left := 0, n; left > 0; c++ {
			if rng.IntN(cols-c) < left {
				m.Columns = append(m.Columns, int32(c))
				m.Values = append(m.Values, float32(rng.IntN(9)-2)/2)
				left--
			}
		}
		m.Offsets = append(m.Offsets, int64(len(m.Columns)))
	}
	return m
}

// solveCase is a half-step over rows of all kinds: empty, short, of several parts,
// and giant.
type solveCase struct {
	name      string
	objective kernels.Objective
	solver    kernels.Solver
}

func solveCases() []solveCase {
	objectives := []kernels.Objective{
		{Convention: kernels.Explicit, Lambda: 0.1, Exponent: 1, Bias: true, BiasLambda: 0.2},
		{Convention: kernels.Implicit, Alpha: 2, Lambda: 0.1},
	}
	solvers := []kernels.Solver{
		{Method: kernels.Cholesky},
		{Method: kernels.CG, Steps: 3},
		{Method: kernels.Subspace, Steps: 2, Block: 4},
		{Method: kernels.NonNegative},
	}
	var cases []solveCase
	for _, o := range objectives {
		for _, s := range solvers {
			cases = append(cases, solveCase{fmt.Sprintf("%v %v", o.Convention, s.Method), o, s})
		}
	}
	return cases
}

// bench is a device with operands for everything that goes over ratings.
type bench struct {
	stream kernels.Stream
	host   kernels.HostCSR
	r      kernels.CSR
	p      kernels.Problem
	start  []float32
	sums   kernels.Buffer[float64]
	scores kernels.Buffer[float32]
	sparse kernels.Matrix
}

const benchRank = 9

func newBench(t testing.TB, threads int, lengths []int, cols int) *bench {
	t.Helper()
	t.Log("seed 8")
	rng := rand.New(rand.NewPCG(8, 8))
	d := open(t, kernels.Options{Threads: threads})
	b := &bench{stream: stream(t, d), host: ratingsOf(rng, lengths, cols)}
	t.Cleanup(func() { _ = d.Close() })
	var err error
	b.r, err = d.NewCSR(b.host)
	require.NoError(t, err)
	b.start = make([]float32, len(lengths)*benchRank)
	for i := range b.start {
		b.start[i] = rng.Float32()
	}
	b.p = kernels.Problem{X: newMatrix(t, b.stream, len(lengths), benchRank), R: b.r}
	b.p.Info, err = kernels.AllocBuffer[int32](b.stream, len(lengths))
	require.NoError(t, err)
	b.sums, err = kernels.AllocBuffer[float64](b.stream, 2)
	require.NoError(t, err)
	b.scores, err = kernels.AllocBuffer[float32](b.stream, len(b.host.Columns))
	require.NoError(t, err)
	b.sparse = newMatrix(t, b.stream, len(lengths), benchRank)
	return b
}

// problem sets the problem up for a case.
func (b *bench) problem(t testing.TB, c solveCase) *kernels.Problem {
	t.Helper()
	p := b.p
	p.Objective, p.Solver = c.objective, c.solver
	stored := benchRank
	if c.objective.Bias {
		stored--
	}
	p.Y = newMatrix(t, b.stream, b.host.Cols, stored)
	if c.objective.Convention.AllPairs() {
		p.Gram = newMatrix(t, b.stream, benchRank, benchRank)
		require.NoError(t, b.stream.Gram(p.Gram, p.Y))
	}
	require.NoError(t, kernels.Upload(b.stream, p.X.Buf, b.start))
	return &p
}

// newMatrix makes a matrix of numbers from 0 to 0.5, the same ones each time.
func newMatrix(t testing.TB, s kernels.Stream, rows, cols int) kernels.Matrix {
	m, err := kernels.AllocMatrix(s, rows, cols)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(3, 4))
	v := make([]float32, rows*cols)
	for i := range v {
		v[i] = rng.Float32() / 2
	}
	require.NoError(t, kernels.Upload(s, m.Buf, v))
	return m
}

func download[E kernels.Element](t testing.TB, s kernels.Stream, b kernels.Buffer[E]) []E {
	t.Helper()
	out := make([]E, b.N)
	require.NoError(t, kernels.Download(s, out, b))
	return out
}

// giantLengths has two giants among short and empty rows.
func giantLengths() []int {
	lengths := make([]int, 60)
	for i := range lengths {
		lengths[i] = i % 7 * 11
	}
	lengths[3], lengths[40] = 30_000, 9_001
	return lengths
}

func TestSameBitsForAnyNumberOfThreads(t *testing.T) {
	type results struct {
		x    []float32
		info []int32
	}
	var want map[string]results
	var wantScores, wantSparse, wantGram []float32
	var wantSums []float64
	for _, threads := range []int{1, 2, 7} {
		b := newBench(t, threads, giantLengths(), 40_000)
		got := make(map[string]results)
		var sums []float64
		var gram []float32
		for _, c := range solveCases() {
			p := b.problem(t, c)
			require.NoError(t, b.stream.HalfStep(p))
			got[c.name] = results{download(t, b.stream, p.X.Buf), download(t, b.stream, p.Info)}
			require.NoError(t, b.stream.Loss(b.sums, p))
			sums = append(sums, download(t, b.stream, b.sums)...)
			if p.Gram.Rows > 0 {
				gram = append(gram, download(t, b.stream, p.Gram.Buf)...)
			}
		}
		y := newMatrix(t, b.stream, b.host.Cols, benchRank)
		require.NoError(t, b.stream.Predict(b.scores, b.r, b.p.X, y))
		require.NoError(t, b.stream.SpMM(1, b.r, y, 0, b.sparse))
		scores, sparse := download(t, b.stream, b.scores), download(t, b.stream, b.sparse.Buf)
		if want == nil {
			want, wantSums, wantScores, wantSparse, wantGram = got, sums, scores, sparse, gram
			for name, r := range want {
				require.NotContains(t, r.info, int32(1), name)
			}
			continue
		}
		for name := range want {
			require.Equal(t, want[name], got[name], "%d threads, %s", threads, name)
		}
		require.Equal(t, wantSums, sums, "%d threads, Loss", threads)
		require.Equal(t, wantScores, scores, "%d threads, Predict", threads)
		require.Equal(t, wantSparse, sparse, "%d threads, SpMM", threads)
		require.Equal(t, wantGram, gram, "%d threads, Gram", threads)
	}
}

// TestGiantInItsMatrixAndInASlice takes a row that is giant in a slice and not in
// the whole: empty rows make the groups of that one larger.
func TestGiantInItsMatrixAndInASlice(t *testing.T) {
	const rows, long = 300_000, 7
	lengths := make([]int, rows)
	lengths[long] = 9000
	b := newBench(t, 2, lengths, 10_000)
	part, err := b.r.Slice(kernels.Span{Lo: long, Hi: long + 1})
	require.NoError(t, err)
	for _, c := range solveCases() {
		p := b.problem(t, c)
		x := p.X.RowRange(long, long+1)
		require.NoError(t, b.stream.HalfStep(p))
		want := download(t, b.stream, x.Buf)
		q := b.problem(t, c)
		q.R, q.X, q.Info = part, x, q.Info.Slice(0, 1)
		require.NoError(t, b.stream.HalfStep(q))
		require.Equal(t, want, download(t, b.stream, x.Buf), c.name)
	}
	y := newMatrix(t, b.stream, b.host.Cols, benchRank)
	row := b.sparse.RowRange(long, long+1)
	require.NoError(t, b.stream.SpMM(1, b.r, y, 0, b.sparse))
	want := download(t, b.stream, row.Buf)
	require.NoError(t, b.stream.SpMM(1, part, y, 0, row))
	require.Equal(t, want, download(t, b.stream, row.Buf), "SpMM")
}
