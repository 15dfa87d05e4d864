package emulator

import (
	"os"
	"sync"
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

// Library steers the stand-in that the driver of this process uses. A process has
// one, since the driver is loaded once.
type Library struct {
	Files
}

var (
	mutex sync.Mutex
	built *Library
)

// Build compiles the kernels and the stand-ins and has the driver load them: call it
// before the driver is loaded. It skips where it cannot, see Config.Compile.
func Build(tb testing.TB) Library {
	tb.Helper()
	return Config{}.Build(tb)
}

// Build is Build of a configuration. The first one of a process stays.
func (c Config) Build(tb testing.TB) Library {
	tb.Helper()
	mutex.Lock()
	defer mutex.Unlock()
	if built != nil {
		return *built
	}
	if !supported {
		skip(tb, "its emulator needs Linux and cgo")
	}
	files := c.Compile(tb)
	require.NoError(tb, openControl(files.CUDA))
	require.NoError(tb, os.Setenv("HALFSTEP_LIBCUDA", files.CUDA))
	require.NoError(tb, os.Setenv("HALFSTEP_LIBCUBLAS", files.BLAS))
	built = &Library{files}
	return *built
}

// CheckReports fails the test for each report since the last time.
func (l Library) CheckReports(tb testing.TB) {
	tb.Helper()
	for _, report := range l.Reports() {
		tb.Error(report)
	}
}
