//go:build gorgoniacu

package gorgoniacu

import (
	"unsafe"

	"gorgonia.org/cu"

	"github.com/halfstep-ml/halfstep/cuda"
	"github.com/halfstep-ml/halfstep/kernels"
)

// Open opens the device of package cuda on a GPU, in a context of it. The context must
// outlive the device, whose Close leaves it as it is. Calls of the device make the
// context current on the threads they run on.
func Open(gpu cu.Device, context cu.CUContext, opts kernels.Options) (kernels.Device, error) {
	// A CUContext is a struct of the one handle, which it does not give away.
	return cuda.OpenContext(int(gpu), *(*uintptr)(unsafe.Pointer(&context)), opts)
}

// Pointer returns where a block is, see kernels.Address.
func Pointer(s kernels.Stream, m kernels.Mem) (cu.DevicePtr, error) {
	address, err := kernels.Address(s, m)
	return cu.DevicePtr(address), err
}

// Memory makes a block of n bytes that gorgonia.org/cu has allocated, see
// kernels.Import.
func Memory(s kernels.Stream, p cu.DevicePtr, n int) (kernels.Mem, error) {
	return kernels.Import(s, p.Uintptr(), n)
}

// The handle is all there is to a CUContext.
const _ = -(unsafe.Sizeof(cu.CUContext{}) ^ unsafe.Sizeof(uintptr(0)))
