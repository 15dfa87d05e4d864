package cpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

func open(t testing.TB, opts kernels.Options) kernels.Device {
	t.Helper()
	d, err := cpu.Open(opts)
	require.NoError(t, err)
	return d
}

func TestConformance(t *testing.T) {
	kernelstest.Run(t, "cpu", func(t *testing.T, opts kernels.Options) kernels.Device { return open(t, opts) })
}

func BenchmarkKernels(b *testing.B) {
	kernelstest.Benchmark(b, func(b *testing.B, opts kernels.Options) kernels.Device { return open(b, opts) })
}
