package cuda

import (
	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// OpenContext opens the GPU with the number ordinal in a context that the program
// holds already, the CUcontext as an integer. The context must outlive the device,
// whose Close leaves it as it is. Package gorgoniacu has the same with types.
func OpenContext(ordinal int, context uintptr, opts kernels.Options) (kernels.Device, error) {
	library, err := driver.Load()
	if err != nil {
		return nil, unavailable(err)
	}
	d, err := openIn(library, ordinal, opts, func(ordinal int) (*driver.Context, error) { return library.Adopt(ordinal, context) })
	if err != nil {
		return nil, err
	}
	return kernels.Checked(d), nil
}

// Address is the CUdeviceptr of a block.
func (s *stream) Address(m kernels.Mem) uintptr {
	if b := m.(*memory).block; b != nil {
		return uintptr(b.ptr)
	}
	return 0
}

// Import makes a block of a CUdeviceptr.
func (s *stream) Import(address uintptr, bytes int) (kernels.Mem, error) {
	m := &memory{device: s.dev, bytes: bytes, foreign: true}
	if bytes > 0 {
		m.block = &block{ptr: driver.Ptr(address), size: bytes}
	}
	return m, nil
}
