package kernelstest

import (
	"sync"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// LeakCheck closes the device when the test ends, unless the test has closed it,
// and fails the test if anything was left on it: Info().MemoryLive must be 0 and
// Close must report no leak. It returns the device to use in its place.
func LeakCheck(t testing.TB, dev kernels.Device) kernels.Device {
	d := &leakChecked{Device: dev}
	t.Cleanup(func() {
		if !d.closed {
			_ = d.Close()
		}
		require.NoError(t, d.err, "the device was left with something on it")
		require.Zero(t, d.live, "bytes still allocated when the device was closed")
	})
	return d
}

type leakChecked struct {
	kernels.Device

	mu     sync.Mutex
	closed bool
	live   int64
	err    error
}

// Close notes what the first Close found.
func (d *leakChecked) Close() error {
	live := d.Info().MemoryLive
	err := d.Device.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.closed, d.live, d.err = true, live, err
	}
	return err
}
