package cuda_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

func open(t testing.TB, opts kernels.Options) kernels.Device {
	t.Helper()
	d, err := cuda.Open(0, opts)
	require.NoError(t, err)
	return d
}

// TestConformance runs the suite on the emulated GPU with the threads of a block in
// three orders: a barrier that is missing shows in some of them. In one of them streams
// run on demand, so that waits that are missing between them show. Short tests run one.
func TestConformance(t *testing.T) {
	lib := emulated(t)
	for _, order := range []emulator.Order{emulator.Forward, emulator.Reverse, emulator.Random} {
		if testing.Short() && order != emulator.Random {
			continue
		}
		t.Run(order.String(), func(t *testing.T) {
			lib.SetOrder(order, 1)
			lib.SetOnDemand(order == emulator.Random)
			defer lib.SetOnDemand(false)
			kernelstest.Run(t, "cuda", func(t *testing.T, opts kernels.Options) kernels.Device { return open(t, opts) })
			lib.CheckReports(t)
		})
	}
}
