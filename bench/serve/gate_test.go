package serve_test

import (
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/kernels"
)

// gatedDevice calls a function before it scores items, which may wait or fail, as
// a slow or broken device would.
type gatedDevice struct {
	kernels.Device
	gate atomic.Pointer[func() error]
}

func (d *gatedDevice) NewStream() (kernels.Stream, error) {
	s, err := d.Device.NewStream()
	if err != nil {
		return nil, err
	}
	return gatedStream{s, d}, nil
}

// before sets the function.
func (d *gatedDevice) before(f func() error) { d.gate.Store(&f) }

type gatedStream struct {
	kernels.Stream
	device *gatedDevice
}

func (s gatedStream) ScoreTopK(ids kernels.Buffer[int32], top, x, y kernels.Matrix, seen kernels.CSR, allow kernels.Buffer[uint32]) error {
	if gate := s.device.gate.Load(); gate != nil {
		if err := (*gate)(); err != nil {
			return err
		}
	}
	return s.Stream.ScoreTopK(ids, top, x, y, seen, allow)
}
