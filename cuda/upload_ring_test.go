package cuda

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
)

// randomCSR has rows of up to so many ratings, and one of ten times as many.
func randomCSR(t *testing.T, rows, cols, most int) kernels.HostCSR {
	t.Helper()
	const seed = 3
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, seed))
	m := kernels.HostCSR{Rows: rows, Cols: cols, Offsets: []int64{0}}
	for row := range rows {
		n := r.IntN(most + 1)
		if row == rows/2 {
			n = 10 * most
		}
		columns := make([]int32, n)
		for i := range columns {
			columns[i] = r.Int32N(int32(cols))
			m.Values = append(m.Values, 1+4*r.Float32())
		}
		slices.Sort(columns)
		m.Columns = append(m.Columns, columns...)
		m.Offsets = append(m.Offsets, int64(len(m.Columns)))
	}
	return m
}

// halfStepProblem is a half-step of ratings on a stream, with random factors.
func halfStepProblem(t *testing.T, s *stream, host kernels.HostCSR, rank int) *kernels.Problem {
	t.Helper()
	x, err := kernels.AllocMatrix(s, host.Rows, rank)
	require.NoError(t, err)
	y, err := kernels.AllocMatrix(s, host.Cols, rank)
	require.NoError(t, err)
	info, err := kernels.AllocBuffer[int32](s, host.Rows)
	require.NoError(t, err)
	factors := make([]float32, host.Cols*rank)
	r := rand.New(rand.NewPCG(5, 5))
	for i := range factors {
		factors[i] = r.Float32() - 0.5
	}
	require.NoError(t, kernels.Upload(s, y.Buf, factors))
	return &kernels.Problem{X: x, Y: y, R: s.dev.newCSR(host), Info: info, Objective: kernels.Objective{Lambda: 0.1}}
}

func freeProblem(t *testing.T, p *kernels.Problem) {
	t.Helper()
	for _, free := range []func() error{p.X.Free, p.Y.Free, p.Info.Free, p.R.Free} {
		require.NoError(t, free())
	}
}

// solved is X after a half-step, which is cleared before.
func solved(t *testing.T, s *stream, p *kernels.Problem) []float32 {
	t.Helper()
	require.NoError(t, s.Fill(p.X, -1))
	require.NoError(t, s.HalfStep(p))
	return downloaded(t, s, p.X)
}

func downloaded(t *testing.T, s *stream, x kernels.Matrix) []float32 {
	t.Helper()
	elements := make([]float32, x.Buf.N)
	require.NoError(t, kernels.Download(s, elements, x.Buf))
	return elements
}

// ringProblem makes a problem of so many rows, of up to so many ratings each, and one of
// ten times as many, that does not fit the device, and says what X is after it where it
// does.
func ringProblem(t *testing.T, s *stream, rows, most int) (p *kernels.Problem, want []float32) {
	t.Helper()
	p = halfStepProblem(t, s, randomCSR(t, rows, 200, most), 8)
	want = solved(t, s, p)
	require.Nil(t, s.uploads, "all ratings fit")
	require.NoError(t, p.R.Free())
	p.R.(*csr).inChunks = true
	return p, want
}

// setRing gives the stream a ring of so many buffers, each for so many bytes.
func setRing(t *testing.T, s *stream, p *kernels.Problem, buffers, bytes int) {
	t.Helper()
	copies, err := s.dev.newStream()
	require.NoError(t, err)
	s.uploads = &uploadRing{work: s.dev.ringWork(p), copies: copies, bytes: bytes}
	for range buffers {
		b, err := s.dev.memory.alloc(copies, bytes)
		require.NoError(t, err)
		s.dev.memory.count(&s.dev.memory.scratch, b.size)
		s.uploads.buffers = append(s.uploads.buffers, &ringBuffer{memory: b})
	}
}

// TestHalfStepInChunks: a half-step whose ratings pass through a ring of buffers has the
// bits of one for which all are there, also where nothing happens on the GPU before
// somebody waits for it.
func TestHalfStepInChunks(t *testing.T) {
	lib, _, streams := twoStreams(t, 0)
	s := streams[0]
	p, want := ringProblem(t, s, 300, 60) // one row is a giant
	longest := p.R.(*csr).longestRow(s.dev.halfStepCut(p))
	for _, buffers := range []int{1, 2, 3} {
		setRing(t, s, p, buffers, longest)
		ring := s.uploads
		require.Equal(t, want, solved(t, s, p), "%d buffers", buffers)
		lib.SetOnDemand(true)
		require.Equal(t, want, solved(t, s, p), "%d buffers, on demand", buffers)
		lib.SetOnDemand(false)
		require.Same(t, ring, s.uploads)
		require.NoError(t, s.closeUploads())
	}
	freeProblem(t, p)
}

// TestUploadsOverlap: while a chunk is solved the next is on its way, so that a half-step
// takes little longer than the slower of the two. With one buffer they take turns, and a
// third one counts where both are about as fast.
func TestUploadsOverlap(t *testing.T) {
	lib, _, streams := twoStreams(t, 0)
	s := streams[0]
	p, _ := ringProblem(t, s, 300, 40)
	longest := p.R.(*csr).longestRow(s.dev.halfStepCut(p))
	// timed is how long a half-step takes, its copies and its launches.
	timed := func(buffers int, bytesRate, blocksRate float64) (took, copying, solving float64) {
		setRing(t, s, p, buffers, longest)
		lib.SetClock(bytesRate, blocksRate)
		require.NoError(t, s.HalfStep(p))
		require.NoError(t, s.Sync())
		took = lib.HostTime()
		copies, launches := byKind(lib.Operations())
		lib.SetClock(0, 0)
		require.NoError(t, s.closeUploads())
		chunks := len(copies) / listsOfChunk
		require.Greater(t, chunks, 10)
		for i := range chunks - 1 {
			// The host knows of nothing later than the end of what it has waited for.
			next, solved := copies[(i+1)*listsOfChunk], launches[(i+1)*len(launches)/chunks-1]
			require.Less(t, next.Asked, solved.Ended, "the upload of chunk %d was asked for before chunk %d was solved", i+1, i)
		}
		return took, sum(copies), sum(launches)
	}
	_, bytes, blocks := timed(2, 1, 1)
	for _, c := range []struct{ copying, solving float64 }{{1, 1}, {1, 0.5}, {0.5, 1}, {1, 0.1}, {0.1, 1}} {
		var took [4]float64
		for buffers := 1; buffers <= 3; buffers++ {
			var copying, solving float64
			took[buffers], copying, solving = timed(buffers, bytes/c.copying, blocks/c.solving)
			require.InDelta(t, c.copying, copying, 1e-9)
			require.InDelta(t, c.solving, solving, 1e-9)
		}
		t.Logf("copies %v s, solutions %v s: with 1 to 3 buffers %.3f", c.copying, c.solving, took[1:])
		require.InDelta(t, c.copying+c.solving, took[1], 1e-9, "one after the other")
		require.Less(t, took[2], max(c.copying, c.solving)+0.15)
		require.LessOrEqual(t, took[3], took[2])
	}
	freeProblem(t, p)
}

// listsOfChunk are the lists of a matrix without giants: offsets, columns, values, the
// numbers of the rows, and the first of no parts.
const listsOfChunk = 5

// byKind returns the copies to the device and the launches, each in order.
func byKind(operations []emulator.Operation) (copies, launches []emulator.Operation) {
	for _, o := range operations {
		if o.Name == "cuMemcpyHtoDAsync" {
			copies = append(copies, o)
		} else {
			launches = append(launches, o)
		}
	}
	return copies, launches
}

func sum(operations []emulator.Operation) float64 {
	seconds := 0.0
	for _, o := range operations {
		seconds += o.Ended - o.Begun
	}
	return seconds
}

// TestRingIsMadeOnce: a ring serves the problems that it was made for, its memory counts
// as scratch, a row that is too long for its buffers has it made anew, and the stream
// gives it back.
func TestRingIsMadeOnce(t *testing.T) {
	_, d, _ := twoStreams(t, 0)
	s, err := d.newStream()
	require.NoError(t, err)
	p := halfStepProblem(t, s, randomCSR(t, 300, 200, 40), 8)
	p.R.(*csr).inChunks = true
	_, before := d.memory.held()
	want := solved(t, s, p)
	ring := s.uploads
	require.NotNil(t, ring)
	_, scratch := d.memory.held()
	require.GreaterOrEqual(t, scratch-before, int64(len(ring.buffers)*ring.bytes))
	require.Equal(t, want, solved(t, s, p))
	require.Same(t, ring, s.uploads)

	ring.bytes = p.R.(*csr).longestRow(d.halfStepCut(p)) - 1
	require.Equal(t, want, solved(t, s, p))
	require.NotSame(t, ring, s.uploads)
	other := halfStepProblem(t, s, p.R.(*csr).host, 12)
	other.R.(*csr).inChunks = true
	ring = s.uploads
	solved(t, s, other)
	require.NotSame(t, ring, s.uploads, "another rank")
	freeProblem(t, p)
	freeProblem(t, other)
	require.NoError(t, s.Close())
	_, after := d.memory.held()
	require.Equal(t, before, after)
}

// TestUploadsFailOnce has every call of the driver fail in turn while ratings pass through
// a ring. The half-step says so or does without, and the next one has its result.
func TestUploadsFailOnce(t *testing.T) {
	lib, d, streams := twoStreams(t, 0)
	p, want := ringProblem(t, streams[0], 24, 60)
	_, held := d.memory.held()
	const unknown, outOfMemory = 999, 2
	for _, code := range []int{unknown, outOfMemory} {
		failures := 0
		for n := 1; ; n++ {
			s, err := d.newStream()
			require.NoError(t, err)
			setRing(t, s, p, 2, p.R.(*csr).longestRow(d.halfStepCut(p)))
			require.NoError(t, s.Fill(p.X, -1))
			before := lib.Calls()
			lib.FailCall("", n, code)
			err = s.HalfStep(p)
			lib.FailCall("", 0, 0)
			calls := lib.Calls() - before
			if err != nil {
				failures++
				require.ErrorContains(t, err, fmt.Sprintf("(%d)", code), "call %d", n)
			} else {
				require.Equal(t, want, downloaded(t, s, p.X), "call %d", n)
			}
			require.Equal(t, want, solved(t, s, p), "after call %d: %v", n, err)
			require.NoError(t, s.Close())
			_, scratch := d.memory.held()
			require.Equal(t, held, scratch, "call %d: %v", n, err)
			if n > calls {
				break
			}
		}
		require.Greater(t, failures, 20)
		t.Logf("code %d: %d failures", code, failures)
	}
	freeProblem(t, p)
}

// TestChunksFitTheirBuffer: the bytes that a chunk is taken to need are no less than it
// has, with giants and without, and at most eight granules and a share more: a hundredth,
// or the 24 bytes of a giant for the 8 bytes of so few entries that rows are giants.
func TestChunksFitTheirBuffer(t *testing.T) {
	_, _, streams := twoStreams(t, 0)
	host := randomCSR(t, 40, 50, 3*partLength/10)
	host.Offsets[1] = 0 // an empty row
	d := streams[0].dev
	m := d.newCSR(host)
	for c, share := range map[cut]int{
		{whole: 512, length: 512}: 100, {whole: partLength, length: partLength}: 100, {whole: -1, length: 512}: 100, {whole: 80, length: 512}: 8 * 81 / 24,
	} {
		for lo := range host.Rows {
			for hi := lo + 1; hi <= host.Rows; hi++ {
				part := m.rows(kernels.Span{Lo: lo, Hi: hi})
				u := upload{}
				part.addEntries(&u)
				d.newPlan(&u, part.host.Offsets, c)
				bound := m.chunkBytes(lo, hi, c)
				require.LessOrEqual(t, u.bytes, bound)
				require.LessOrEqual(t, bound, u.bytes+u.bytes/share+8*granule)
				require.Equal(t, hi, m.chunkEnd(lo, bound, c))
			}
			require.Equal(t, lo+1, m.chunkEnd(lo, 1, c), "one row at least")
		}
	}
}
