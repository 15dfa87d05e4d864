package kernelstest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// Benchmark times the methods that matter, under the same names for every backend,
// so that benchstat compares them. Each result is verified once, before the clock
// starts; every round ends with Sync. Ratings are about a million of 6040 users for
// 3706 items, as unevenly spread as those of MovieLens; with -short a tenth of the
// users.
func Benchmark(b *testing.B, open func(b *testing.B, opts kernels.Options) kernels.Device) {
	for _, m := range benchmarks() {
		b.Run(m.name, func(b *testing.B) {
			dev := LeakCheck(b, open(b, kernels.Options{}))
			stream, err := dev.NewStream()
			require.NoError(b, err)
			w := &bench{b: b, dev: dev, stream: stream, rng: rand.New(rand.NewPCG(seed, hash(m.name)))}
			b.Cleanup(w.close)
			m.run(w)
		})
	}
}

type benchmark struct {
	name string
	run  func(w *bench)
}

func benchmarks() []benchmark {
	users, gramRows := 6040, 200_000
	if testing.Short() {
		users, gramRows = 604, 20_000
	}
	all := []benchmark{
		{"Gemm/256", func(w *bench) { benchGemm(w, 256) }},
		{"Gemm/1024", func(w *bench) { benchGemm(w, 1024) }},
		{fmt.Sprintf("Gram/%dx64", gramRows), func(w *bench) { benchGram(w, gramRows) }},
		{fmt.Sprintf("SpMM/users=%d/columns=64", users), func(w *bench) { benchSpMM(w, users, 64) }},
		{"SolveSPD/4096x64", func(w *bench) { benchSolveSPD(w, 4096, 64) }},
		{fmt.Sprintf("Loss/users=%d/rank=64", users), func(w *bench) { benchLoss(w, users, 64) }},
		{fmt.Sprintf("Predict/users=%d/rank=64", users), func(w *bench) { benchPredict(w, users, 64) }},
		{fmt.Sprintf("ScoreTopK/users=%d/rank=64/k=10", users), func(w *bench) { benchScoreTopK(w, users, 64, 10) }},
	}
	for _, rank := range []int{10, 32, 64, 128} {
		all = append(all, benchmark{
			fmt.Sprintf("HalfStep/users=%d/rank=%d", users, rank),
			func(w *bench) { benchHalfStep(w, users, rank) },
		})
	}
	return all
}

// bench is what one benchmark works with.
type bench struct {
	b      *testing.B
	dev    kernels.Device
	stream kernels.Stream
	rng    *rand.Rand
	frees  []func() error
}

func (w *bench) close() {
	for _, free := range append(w.frees, w.stream.Close) {
		if err := free(); err != nil {
			w.b.Error(err)
		}
	}
}

// matrix uploads normally distributed elements of the given size.
func (w *bench) matrix(rows, cols int, size float64) (kernels.Matrix, Dense) {
	w.b.Helper()
	d := NewDense(rows, cols)
	for i := range d.Data {
		d.Data[i] = float64(float32(size * w.rng.NormFloat64()))
	}
	m, err := kernels.AllocMatrix(w.stream, rows, cols)
	require.NoError(w.b, err)
	w.frees = append(w.frees, m.Free)
	require.NoError(w.b, kernels.Upload(w.stream, m.Buf, d.Float32()))
	return m, d
}

func benchBuffer[E kernels.Element](w *bench, n int) kernels.Buffer[E] {
	w.b.Helper()
	buf, err := kernels.AllocBuffer[E](w.stream, n)
	require.NoError(w.b, err)
	w.frees = append(w.frees, buf.Free)
	return buf
}

func (w *bench) csr(host kernels.HostCSR) kernels.CSR {
	w.b.Helper()
	r, err := w.dev.NewCSR(host)
	require.NoError(w.b, err)
	w.frees = append(w.frees, r.Free)
	return r
}

func download[E kernels.Element](w *bench, buf kernels.Buffer[E]) []E {
	w.b.Helper()
	values := make([]E, buf.N)
	require.NoError(w.b, kernels.Download(w.stream, values, buf))
	return values
}

// time runs the operation once to warm up, has the result verified, and times it.
// work is what one round does, in the unit of the metric.
func (w *bench) time(op func() error, verify func(), metric string, work float64) {
	w.b.Helper()
	require.NoError(w.b, op())
	verify()
	w.b.ReportAllocs()
	for w.b.Loop() {
		if err := op(); err != nil {
			w.b.Fatal(err)
		}
		if err := w.stream.Sync(); err != nil {
			w.b.Fatal(err)
		}
	}
	perSecond := work * float64(w.b.N) / w.b.Elapsed().Seconds()
	w.b.ReportMetric(perSecond, metric)
}

const (
	gigaflops    = "GFLOP/s"
	megaratings  = "Mratings/s"
	flopsInGiga  = 1e-9
	ratingsInMio = 1e-6
)

func benchGemm(w *bench, n int) {
	a, hostA := w.matrix(n, n, 1)
	b, hostB := w.matrix(n, n, 1)
	c, _ := w.matrix(n, n, 1)
	w.time(func() error { return w.stream.Gemm(kernels.NoTrans, kernels.NoTrans, 1, a, b, 0, c) }, func() {
		got := download(w, c.RowRange(n/2, n/2+1).Buf)
		row := Dense{Rows: 1, Cols: n, Data: hostA.Row(n / 2)}
		want, sums := NewDense(1, n), NewDense(1, n)
		Gemm(kernels.NoTrans, kernels.NoTrans, 1, row, hostB, 0, want)
		Gemm(kernels.NoTrans, kernels.NoTrans, 1, absolute(row), absolute(hostB), 0, sums)
		compare(w.b, "Gemm: a row of c", n, got, want.Data, sumBounds(n, sums.Data))
	}, gigaflops, 2*math.Pow(float64(n), 3)*flopsInGiga)
}

func benchGram(w *bench, rows int) {
	const k = 64
	y, host := w.matrix(rows, k, 1)
	g, _ := w.matrix(k, k, 1)
	w.time(func() error { return w.stream.Gram(g, y) }, func() {
		compare(w.b, "Gram: g", k, download(w, g.Buf), Gram(host).Data, sumBounds(1000, Gram(absolute(host)).Data))
	}, gigaflops, float64(rows)*k*(k+1)*flopsInGiga)
}

func benchSpMM(w *bench, users, cols int) {
	host := benchRatings(users)
	r := w.csr(host)
	b, hostB := w.matrix(host.Cols, cols, 1)
	c, _ := w.matrix(users, cols, 1)
	w.time(func() error { return w.stream.SpMM(1, r, b, 0, c) }, func() {
		few := rowsOf(host, 10, 13)
		want, sums := NewDense(3, cols), NewDense(3, cols)
		SpMM(1, few, hostB, 0, want)
		SpMM(1, few, absolute(hostB), 0, sums)
		compare(w.b, "SpMM: three rows of c", cols, download(w, c.RowRange(10, 13).Buf), want.Data, sumBounds(1000, sums.Data))
	}, gigaflops, 2*float64(host.Entries())*float64(cols)*flopsInGiga)
}

func benchSolveSPD(w *bench, count, n int) {
	f := &fixture{rng: w.rng}
	few := f.positiveDefinite(8, n)
	batch, err := kernels.AllocBatch(w.stream, count, n)
	require.NoError(w.b, err)
	w.frees = append(w.frees, batch.Free)
	kept, err := kernels.AllocBatch(w.stream, count, n)
	require.NoError(w.b, err)
	w.frees = append(w.frees, kept.Free)
	for i := range count {
		require.NoError(w.b, kernels.Upload(w.stream, kept.At(i).Buf, few[i%len(few)].Float32()))
	}
	b, hostB := w.matrix(count, n, 1)
	rhs, _ := w.matrix(count, n, 1)
	require.NoError(w.b, w.stream.CopyMatrix(rhs, b))
	info := benchBuffer[int32](w, count)
	bytes := 4 * count * n * n
	// The factorization overwrites its operands. Their copies are a part of the
	// time: 2 passes over memory beside n/3 passes of arithmetic.
	w.time(func() error {
		if err := w.stream.Copy(batch.Buf.Mem, 0, kept.Buf.Mem, 0, bytes); err != nil {
			return err
		}
		if err := w.stream.CopyMatrix(b, rhs); err != nil {
			return err
		}
		return w.stream.SolveSPD(batch, b, info)
	}, func() {
		want := Dense{Rows: len(few), Cols: n, Data: slices.Clone(hostB.Data[:len(few)*n])}
		SolveSPD(few, want)
		compareRows(w.b, "SolveSPD: b ", download(w, b.RowRange(0, len(few)).Buf), want, solverTolerance)
	}, gigaflops, float64(count)*(math.Pow(float64(n), 3)/3+2*float64(n*n))*flopsInGiga)
}

// benchProblem places ratings and factors; rows of Y have length about 1.
func benchProblem(w *bench, users, rank int) (*kernels.Problem, *Problem) {
	host := &Problem{R: benchRatings(users), Objective: kernels.Objective{Lambda: 0.1, Exponent: 1}}
	p := &kernels.Problem{R: w.csr(host.R), Objective: host.Objective, Info: benchBuffer[int32](w, users)}
	p.X, host.X = w.matrix(users, rank, 1/math.Sqrt(float64(rank)))
	p.Y, host.Y = w.matrix(host.R.Cols, rank, 1/math.Sqrt(float64(rank)))
	return p, host
}

// rows returns the problem of the rows lo to hi alone.
func (p *Problem) rows(lo, hi int) *Problem {
	part := *p
	part.R = rowsOf(p.R, lo, hi)
	part.X = Dense{Rows: hi - lo, Cols: p.X.Cols, Data: slices.Clone(p.X.Data[lo*p.X.Cols : hi*p.X.Cols])}
	return &part
}

func benchHalfStep(w *bench, users, rank int) {
	p, host := benchProblem(w, users, rank)
	k, n := float64(rank), float64(host.R.Entries())
	perRow := k*k*k/3 + 2*k*k
	op := func() error { return w.stream.HalfStep(p) }
	w.time(op, func() {
		few := host.rows(20, 24)
		HalfStep(few)
		compareRows(w.b, "HalfStep: x ", download(w, p.X.RowRange(20, 24).Buf), few.X, solverTolerance)
	}, gigaflops, (n*k*(k+1)+float64(users)*perRow)*flopsInGiga)
	w.b.ReportMetric(n*float64(w.b.N)/w.b.Elapsed().Seconds()*ratingsInMio, megaratings)
}

func benchLoss(w *bench, users, rank int) {
	p, host := benchProblem(w, users, rank)
	out := benchBuffer[float64](w, 2)
	w.time(func() error { return w.stream.Loss(out, p) }, func() {
		want := Loss(host)
		compare(w.b, "Loss: out", 0, download(w, out), want[:], lossBounds(host))
	}, megaratings, float64(host.R.Entries())*ratingsInMio)
}

func benchPredict(w *bench, users, rank int) {
	p, host := benchProblem(w, users, rank)
	n := int(host.R.Entries())
	out := benchBuffer[float32](w, n)
	w.time(func() error { return w.stream.Predict(out, p.R, p.X, p.Y) }, func() {
		bound := sumBounds(rank, Predict(host.R, absolute(host.X), absolute(host.Y)))
		compare(w.b, "Predict: out", 0, download(w, out), Predict(host.R, host.X, host.Y), bound)
	}, megaratings, float64(n)*ratingsInMio)
}

func benchScoreTopK(w *bench, users, rank, k int) {
	p, host := benchProblem(w, users, rank)
	ids := benchBuffer[int32](w, users*k)
	top, _ := w.matrix(users, k, 1)
	op := func() error { return w.stream.ScoreTopK(ids, top, p.X, p.Y, p.R, kernels.Buffer[uint32]{}) }
	w.time(op, func() {
		few := host.rows(20, 24)
		_, want := ScoreTopK(k, few.X, few.Y, &few.R, nil)
		bound := sumBounds(rank, filled(1, 4*k, 1).Data)
		compare(w.b, "ScoreTopK: top", k, download(w, top.RowRange(20, 24).Buf), want.Data, bound)
	}, gigaflops, 2*float64(users)*float64(host.R.Cols)*float64(rank)*flopsInGiga)
}

// benchRatings makes ratings of 3706 items, 166 a user on average: the activity of
// users follows a log-normal distribution, the popularity of items a power of their
// rank.
func benchRatings(users int) kernels.HostCSR {
	ratingsOnce.Lock()
	defer ratingsOnce.Unlock()
	if h, made := ratingsOnce.made[users]; made {
		return h
	}
	const items = 3706
	rng := rand.New(rand.NewPCG(seed, uint64(users)))
	popularity := make([]float64, items) // cumulative
	sum := 0.0
	for i := range popularity {
		sum += math.Pow(float64(i+20), -0.9)
		popularity[i] = sum
	}
	h := kernels.HostCSR{Rows: users, Cols: items, Offsets: []int64{0}}
	for range users {
		// exp(4.6+σ²/2) is 166 for σ = 1.01.
		n := min(max(int(math.Exp(4.6+1.01*rng.NormFloat64())), 20), items/2)
		chosen := make([]bool, items)
		for left := n; left > 0; {
			i, _ := slices.BinarySearch(popularity, sum*rng.Float64())
			if !chosen[i] {
				chosen[i] = true
				left--
			}
		}
		for i, yes := range chosen {
			if yes {
				h.Columns = append(h.Columns, int32(i))
				h.Values = append(h.Values, float32(1+rng.IntN(5)))
			}
		}
		h.Offsets = append(h.Offsets, int64(len(h.Columns)))
	}
	ratingsOnce.made[users] = h
	return h
}

// ratingsOnce keeps ratings, which take longer to make than some benchmarks run.
var ratingsOnce = struct {
	sync.Mutex
	made map[int]kernels.HostCSR
}{made: make(map[int]kernels.HostCSR)}
