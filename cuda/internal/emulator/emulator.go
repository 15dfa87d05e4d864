package emulator

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Order says which of the threads of a block that can run does so next.
type Order int

// A barrier that is missing may show in one order only.
const (
	Forward Order = iota // the lowest first, as far as it can
	Reverse              // the highest first
	Random
)

func (o Order) String() string { return [...]string{"forward", "reverse", "random"}[o] }

// Live counts what a program has allocated and not freed.
type Live struct {
	Allocations, Bytes       int // of device memory
	Host                     int // allocations of pinned memory
	Streams, Events, Modules int
}

// Operation is a copy between host and device, or a launch, on the clock of SetClock.
type Operation struct {
	Name   string // "cuMemcpyHtoDAsync", "cuMemcpyDtoHAsync", or the kernel
	Stream int    // a number of its own

	// Asked is how late it was for the host when it asked for the operation, in seconds.
	Asked, Begun, Ended float64
}

// Library is a stand-in for the driver, and steers it.
type Library struct {
	Files
	control *control
}

// Build compiles the kernels and the stand-ins, and has driver.Load load them: call it
// before. A process uses the driver that it loads first, so every test calls Build. It
// skips where it cannot, see Config.Compile.
//
// Two environment variables let the same tests run otherwise: HALFSTEP_EMULATOR_RACES,
// if not empty, sets Config.Races, and HALFSTEP_EMULATOR_KERNELS is Config.Kernels.
func Build(tb testing.TB) Library {
	tb.Helper()
	l := Config{
		Kernels: os.Getenv("HALFSTEP_EMULATOR_KERNELS"),
		Races:   os.Getenv("HALFSTEP_EMULATOR_RACES") != "",
	}.Load(tb)
	require.NoError(tb, os.Setenv("HALFSTEP_LIBCUDA", l.CUDA))
	require.NoError(tb, os.Setenv("HALFSTEP_LIBCUBLAS", l.BLAS))
	return l
}

// Load compiles and loads a stand-in, for driver.LoadFiles. A process can load several
// whose configurations differ in more than the folder of the kernels.
func (c Config) Load(tb testing.TB) Library {
	tb.Helper()
	files := c.Compile(tb)
	control, err := openControl(files.CUDA)
	require.NoError(tb, err)
	return Library{files, control}
}

// CheckReports fails the test for each report since the last time.
func (l Library) CheckReports(tb testing.TB) {
	tb.Helper()
	for _, report := range l.Reports() {
		tb.Error(report)
	}
}
