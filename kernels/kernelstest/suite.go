package kernelstest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// seed is what all test data is made from, together with the name of the case.
const seed = 20260101

// Run tests a backend against the contract of package kernels: one subtest for
// each method or subject, and in it one for each case. open opens a device of the
// backend; it may skip the test where there is none, which is a failure if the
// environment variable KERNELS_REQUIRE, a list of names separated by commas,
// holds the backend's name.
func Run(t *testing.T, name string, open func(t *testing.T, opts kernels.Options) kernels.Device) {
	t.Logf("test data from seed %d", seed)
	s := &suite{name: name, open: open}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) { s.run(t, g) })
	}
}

// groups are the methods and subjects of the suite. LargeOffsets is first because
// memory that was never used costs a device that allocates it from the Go heap
// nothing, and memory used before has to be cleared.
var groups = []group{
	{"LargeOffsets", largeOffsetCases},
	{"Gemm", gemmCases},
	{"Gram", gramCases},
	{"SpMM", spmmCases},
	{"GatherRows", gatherRowsCases},
	{"ScatterAddRows", scatterAddRowsCases},
	{"Axpy", axpyCases},
	{"Scale", scaleCases},
	{"Mul", mulCases},
	{"Fill", fillCases},
	{"CopyMatrix", copyMatrixCases},
	{"ColumnSums", columnSumsCases},
	{"RowNorms", rowNormsCases},
	{"NormalEquations", normalEquationsCases},
	{"HalfStep", halfStepCases},
	{"SolveSPD", solveSPDCases},
	{"Loss", lossCases},
	{"Predict", predictCases},
	{"ScoreTopK", scoreTopKCases},
	{"CSR", csrCases},
	{"Transfer", transferCases},
	{"Streams", streamCases},
	{"Determinism", determinismCases},
	{"Errors", errorCases},
	{"Memory", memoryCases},
}

type group struct {
	name  string
	cases func() []testCase
}

// testCase is one situation. Its name says what is risky about it.
type testCase struct {
	name string
	run  func(f *fixture)
}

type suite struct {
	name string
	open func(t *testing.T, opts kernels.Options) kernels.Device
}

// run runs the cases of a group on one device. Nothing may be left on it.
func (s *suite) run(t *testing.T, g group) {
	dev := LeakCheck(t, s.device(t, kernels.Options{}))
	for _, c := range g.cases() {
		t.Run(c.name, func(t *testing.T) { c.run(s.fixture(t, dev, g.name+" "+c.name)) })
	}
}

// fixture prepares a case. What the case places on the device is checked and freed
// when its test ends. Data comes from the name, so that it does not depend on what
// ran before.
func (s *suite) fixture(t *testing.T, dev kernels.Device, what string) *fixture {
	f := &fixture{t: t, suite: s, dev: dev, what: what, rng: rand.New(rand.NewPCG(seed, hash(what)))}
	var err error
	f.stream, err = dev.NewStream()
	f.ok(err)
	t.Cleanup(f.close)
	return f
}

// reopened returns a fixture for the same case on a device of its own.
func (f *fixture) reopened(opts kernels.Options) *fixture {
	f.t.Helper()
	return f.suite.fixture(f.t, LeakCheck(f.t, f.suite.device(f.t, opts)), f.what)
}

// device opens a device. Skipping is a failure where the backend is required.
func (s *suite) device(t *testing.T, opts kernels.Options) kernels.Device {
	t.Helper()
	defer func() {
		if t.Skipped() && s.required() {
			t.Errorf("%s was skipped, and KERNELS_REQUIRE names it", s.name)
		}
	}()
	dev := s.open(t, opts)
	require.NotNil(t, dev, "open %s", s.name)
	return dev
}

func (s *suite) required() bool {
	names := strings.Split(os.Getenv("KERNELS_REQUIRE"), ",")
	return slices.ContainsFunc(names, func(n string) bool { return strings.TrimSpace(n) == s.name })
}

// fixture is what one case works with.
type fixture struct {
	t      *testing.T
	suite  *suite
	dev    kernels.Device
	stream kernels.Stream
	what   string // the method and the case
	rng    *rand.Rand
	frees  []func() error
	ends   []func()
}

// skip ends a case that cannot run here.
func (f *fixture) skip(format string, args ...any) {
	f.t.Helper()
	reason := f.what + ": " + fmt.Sprintf(format, args...)
	if f.suite.required() {
		f.t.Fatalf("%s; KERNELS_REQUIRE names %s", reason, f.suite.name)
	}
	f.t.Skip(reason)
}

// ok fails the case unless a call succeeded.
func (f *fixture) ok(err error) {
	f.t.Helper()
	require.NoError(f.t, err, f.what)
}

// free has a resource given back when the case ends.
func (f *fixture) free(release func() error) { f.frees = append(f.frees, release) }

// onEnd has something checked when the case ends, before anything is freed.
func (f *fixture) onEnd(check func()) { f.ends = append(f.ends, check) }

func (f *fixture) close() {
	defer func() { // also where a check ends the test
		for _, release := range slices.Backward(f.frees) {
			if err := release(); err != nil {
				f.t.Errorf("%s: %v", f.what, err)
			}
		}
		if err := f.stream.Close(); err != nil {
			f.t.Errorf("%s: %v", f.what, err)
		}
	}()
	if f.t.Failed() || f.t.Skipped() {
		return
	}
	for _, check := range f.ends {
		check()
	}
}

// normal returns a matrix of normally distributed float32 values.
func (f *fixture) normal(rows, cols int) Dense {
	d := NewDense(rows, cols)
	for i := range d.Data {
		d.Data[i] = float64(float32(f.rng.NormFloat64()))
	}
	return d
}

// whole returns a matrix of whole numbers from -limit to limit. Sums of their
// products below 2²⁴ are exact in float32 in every order, so that results can be
// compared without a tolerance, however long the sums are.
func (f *fixture) whole(rows, cols, limit int) Dense {
	d := NewDense(rows, cols)
	for i := range d.Data {
		d.Data[i] = float64(f.rng.IntN(2*limit+1) - limit)
	}
	return d
}

// filled returns a matrix of one value.
func filled(rows, cols int, v float64) Dense {
	d := NewDense(rows, cols)
	for i := range d.Data {
		d.Data[i] = v
	}
	return d
}

// absolute returns the matrix of absolute values.
func absolute(d Dense) Dense {
	a := d.Clone()
	for i, v := range a.Data {
		a.Data[i] = max(v, -v)
	}
	return a
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}
