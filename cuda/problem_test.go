package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
	"github.com/stretchr/testify/require"
)

// TestWorkspacePlacement: low ranks have everything in shared memory, higher ones as
// many ratings in hand as fit, and no rank more than there is.
func TestWorkspacePlacement(t *testing.T) {
	last := allShared
	for rank := 1; rank < 20_000; rank += 1 + rank/7 {
		for _, solver := range []workspace{{}, {vectors: 8 * rank}, {vectors: 4 * rank, spare: rank}} {
			w := solver
			w.unknowns = rank
			w.place(1000, 10)
			require.LessOrEqual(t, w.shared(), 47<<10, "rank %d", rank)
			require.GreaterOrEqual(t, w.rows, 1, "rank %d", rank)
			require.LessOrEqual(t, 4*w.step()*w.blocks, max(scratchLimit, 4*w.step()), "rank %d", rank)
			if w.placed == allShared {
				require.Equal(t, 1000, w.blocks, "rank %d", rank)
			}
		}
		w := workspace{unknowns: rank}
		w.place(1, 1)
		require.GreaterOrEqual(t, w.placed, last, "rank %d", rank)
		last = w.placed
	}
	require.Equal(t, noneShared, last)
}

// rig is a stream on the emulated GPU and numbers to work with.
type rig struct {
	t      *testing.T
	raw    *device
	dev    kernels.Device
	stream kernels.Stream
	rng    *rand.Rand
}

func newRig(t *testing.T, opts kernels.Options) *rig {
	const seed = 11
	t.Logf("seed %d", seed)
	lib := emulator.Build(t)
	t.Cleanup(func() { lib.CheckReports(t) })
	library, err := driver.Load()
	require.NoError(t, err)
	context, err := library.Open(0)
	require.NoError(t, err)
	raw, err := newDevice(library, context, 0, opts)
	require.NoError(t, err)
	b := &rig{t: t, raw: raw, dev: kernelstest.LeakCheck(t, kernels.Checked(raw)), rng: rand.New(rand.NewPCG(seed, 0))}
	b.stream, err = b.dev.NewStream()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.stream.Close()) })
	return b
}

func (b *rig) processors() int { return b.raw.context.Multiprocessors() }

func (b *rig) dense(rows, cols int, scale float64) kernelstest.Dense {
	d := kernelstest.NewDense(rows, cols)
	for i := range d.Data {
		d.Data[i] = float64(float32(b.rng.NormFloat64() * scale))
	}
	return d
}

// whole has whole numbers from -3 to 3, whose products and sums are exact.
func (b *rig) whole(rows, cols int) kernelstest.Dense {
	d := kernelstest.NewDense(rows, cols)
	for i := range d.Data {
		d.Data[i] = float64(b.rng.IntN(7) - 3)
	}
	return d
}

func (b *rig) upload(d kernelstest.Dense) kernels.Matrix {
	b.t.Helper()
	m, err := kernels.AllocMatrix(b.stream, d.Rows, d.Cols)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, m.Free()) })
	require.NoError(b.t, kernels.Upload(b.stream, m.Buf, d.Float32()))
	return m
}

func (b *rig) download(m kernels.Matrix) []float32 {
	b.t.Helper()
	values := make([]float32, m.Buf.N)
	require.NoError(b.t, kernels.Download(b.stream, values, m.Buf))
	return values
}

func ints(b *rig, n int) kernels.Buffer[int32] {
	b.t.Helper()
	buffer, err := kernels.AllocBuffer[int32](b.stream, n)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, buffer.Free()) })
	return buffer
}

// problem is problemOf in IALS.
func (b *rig) problem(rank int, lengths []int, cols int) (*kernelstest.Problem, *kernels.Problem) {
	b.t.Helper()
	return b.problemOf(kernels.Objective{Convention: kernels.IALS, W0: 0.1, Lambda: 1}, rank, lengths, cols)
}

// problemOf has rows of the given lengths. Lambda 1 is enough for a condition number of
// a few hundred. With a bias there are offsets.
func (b *rig) problemOf(objective kernels.Objective, rank int, lengths []int, cols int) (*kernelstest.Problem, *kernels.Problem) {
	b.t.Helper()
	stored := rank
	if objective.Bias {
		stored--
	}
	host := &kernelstest.Problem{
		Objective: objective,
		X:         b.dense(len(lengths), rank, 1),
		Y:         b.dense(cols, stored, 1/math.Sqrt(float64(rank))),
		R:         kernels.HostCSR{Rows: len(lengths), Cols: cols, Offsets: []int64{0}},
	}
	for _, n := range lengths {
		for i := range n {
			host.R.Columns = append(host.R.Columns, int32(i*cols/n))
			host.R.Values = append(host.R.Values, 1+b.rng.Float32())
		}
		host.R.Offsets = append(host.R.Offsets, int64(len(host.R.Columns)))
	}
	if objective.Bias {
		host.Offset = b.dense(1, cols, 1).Data
	}
	host.SetTerms()
	for _, terms := range [][]float64{host.Gram.Data, host.OffsetGram} {
		for i, v := range terms {
			terms[i] = float64(float32(v))
		}
	}
	r, err := b.dev.NewCSR(host.R)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, r.Free()) })
	line := func(v []float64) kernels.Buffer[float32] {
		return b.upload(kernelstest.Dense{Rows: min(len(v), 1), Cols: len(v), Data: v}).Buf
	}
	return host, &kernels.Problem{
		X: b.upload(host.X), Y: b.upload(host.Y), Gram: b.upload(host.Gram), R: r, Objective: host.Objective,
		Offset: line(host.Offset), OffsetGram: line(host.OffsetGram), Info: ints(b, len(lengths)),
	}
}

// requireSolved solves a problem on the device and compares with the reference.
func (b *rig) requireSolved(host *kernelstest.Problem, p *kernels.Problem) {
	b.t.Helper()
	info := kernelstest.HalfStep(host)
	require.NoError(b.t, b.stream.HalfStep(p))
	got := make([]int32, len(info))
	require.NoError(b.t, kernels.Download(b.stream, got, p.Info))
	require.Equal(b.t, info, got)
	requireRows(b.t, b.download(p.X), host.X)
}

// requireRows compares rows by ‖x-x̂‖ ≤ 1e-4·‖x̂‖.
func requireRows(t *testing.T, got []float32, want kernelstest.Dense) {
	t.Helper()
	for i := range want.Rows {
		norm, distance := 0.0, 0.0
		for j, w := range want.Row(i) {
			d := float64(got[i*want.Cols+j]) - w
			norm, distance = norm+w*w, distance+d*d
		}
		require.LessOrEqual(t, math.Sqrt(distance), 1e-4*math.Sqrt(norm), "row %d", i)
	}
}

// TestHalfStepInScratch solves systems that do not fit shared memory, with fewer blocks
// than rows, and a row in parts among them.
func TestHalfStepInScratch(t *testing.T) {
	for _, solver := range []kernels.Solver{
		{Method: kernels.CG, Steps: 3},
		{Method: kernels.Subspace, Steps: 1, Block: 170},
		{Method: kernels.NonNegative},
	} {
		t.Run(fmt.Sprint(solver.Method), func(t *testing.T) {
			b := newRig(t, kernels.Options{})
			const rank = 180
			lengths := []int{1, 40, 0, 300, 2*partLength + 5, 7}
			for i := range 20 {
				lengths = append(lengths, 1+i)
			}
			host, p := b.problem(rank, lengths, 2*partLength+10)
			w := workspace{unknowns: rank}
			w.place(len(lengths), b.processors())
			require.Equal(t, smallShared, w.placed, "the case itself")
			require.Less(t, w.blocks, len(lengths)-1, "the case itself")
			host.Solver, p.Solver = solver, solver
			b.requireSolved(host, p)
		})
	}
}

// TestMoreStepsThanAnInt32Holds has CG stop at the solution, long before.
func TestMoreStepsThanAnInt32Holds(t *testing.T) {
	b := newRig(t, kernels.Options{})
	for _, rank := range []int{2, 20} { // with the matrix, and without it
		// A is 1.5 times the unit matrix, which one step solves.
		y, want := kernelstest.NewDense(rank, rank), kernelstest.NewDense(1, rank)
		host := kernels.HostCSR{Rows: 1, Cols: rank, Offsets: []int64{0, int64(rank)}}
		for i := range rank {
			y.Set(i, i, 1)
			want.Set(0, i, 2)
			host.Columns, host.Values = append(host.Columns, int32(i)), append(host.Values, 3)
		}
		r, err := b.dev.NewCSR(host)
		require.NoError(t, err)
		p := &kernels.Problem{
			X: b.upload(kernelstest.NewDense(1, rank)), Y: b.upload(y), R: r, Info: ints(b, 1),
			Objective: kernels.Objective{Lambda: 0.5}, Solver: kernels.Solver{Method: kernels.CG, Steps: 1 << 32},
		}
		require.NoError(t, b.stream.HalfStep(p))
		requireRows(t, b.download(p.X), want)
		require.NoError(t, r.Free())
	}
}

// TestNormalEquationsOfHugeRank has not even the ratings in hand in shared memory.
func TestNormalEquationsOfHugeRank(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second and 500 MB")
	}
	const rank = 6500
	w := workspace{unknowns: rank}
	w.place(1, 1)
	require.Equal(t, noneShared, w.placed, "the case itself")

	b := newRig(t, kernels.Options{})
	y := b.dense(2, rank, 1)
	r, err := b.dev.NewCSR(kernels.HostCSR{Rows: 1, Cols: 2, Offsets: []int64{0, 2}, Columns: []int32{0, 1}, Values: []float32{2, -3}})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Free()) }()
	batch, err := kernels.AllocBatch(b.stream, 1, rank)
	require.NoError(t, err)
	defer func() { require.NoError(t, batch.Free()) }()
	right := b.upload(kernelstest.NewDense(1, rank))
	p := &kernels.Problem{
		X: b.upload(kernelstest.NewDense(1, rank)), Y: b.upload(y), R: r, Objective: kernels.Objective{Lambda: 0.5},
	}
	require.NoError(t, b.stream.NormalEquations(batch, right, p))

	a := b.download(batch.At(0))
	first, second := y.Row(0), y.Row(1)
	for _, at := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {rank - 1, rank - 1}, {rank - 1, 17}, {17, rank - 1}, {4000, 3999}, {123, 5000}} {
		i, j := at[0], at[1]
		want := first[i]*first[j] + second[i]*second[j]
		if i == j {
			want += 0.5
		}
		require.InDelta(t, want, a[i*rank+j], 1e-5, "a[%d,%d]", i, j)
	}
	for i, got := range b.download(right) {
		require.InDelta(t, 2*first[i]-3*second[i], got, 1e-5, "b[%d]", i)
	}
}

// TestSolveSPDInScratch solves systems that do not fit shared memory, with fewer blocks
// than systems.
func TestSolveSPDInScratch(t *testing.T) {
	b := newRig(t, kernels.Options{})
	const rank, count = 260, 20
	require.Greater(t, triangleWords(rank), sharedWords, "the case itself")
	require.Less(t, scratchBlocks(count, 4*triangleWords(rank), b.processors()), count, "the case itself")
	batch, err := kernels.AllocBatch(b.stream, count, rank)
	require.NoError(t, err)
	defer func() { require.NoError(t, batch.Free()) }()
	var systems []kernelstest.Dense
	for i := range count {
		a := kernelstest.Gram(b.dense(rank, rank, 1/math.Sqrt(rank)))
		for j := range rank {
			a.Set(j, j, a.At(j, j)+0.5)
		}
		a = kernelstest.DenseOf(rank, rank, a.Float32())
		systems = append(systems, a)
		require.NoError(t, kernels.Upload(b.stream, batch.At(i).Buf, a.Float32()))
	}
	right := b.dense(count, rank, 1)
	x, info := b.upload(right), ints(b, count)
	require.NoError(t, b.stream.SolveSPD(batch, x, info))
	got := make([]int32, count)
	require.NoError(t, kernels.Download(b.stream, got, info))
	require.Equal(t, kernelstest.SolveSPD(systems, right), got)
	requireRows(t, b.download(x), right)
}
