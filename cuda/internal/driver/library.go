//go:build linux && cgo

package driver

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include "abi.h"

static int halfstep_init(const struct driver_api *d) { return d->cuInit(0); }
static int halfstep_version(const struct driver_api *d, int *v) { return d->cuDriverGetVersion(v); }
static int halfstep_count(const struct driver_api *d, int *n) { return d->cuDeviceGetCount(n); }
static const char *halfstep_error_name(const struct driver_api *d, int error) {
	const char *name = NULL;
	return d->cuGetErrorName(error, &name) == 0 ? name : NULL;
}
static int halfstep_device(const struct driver_api *d, int *device, int ordinal) { return d->cuDeviceGet(device, ordinal); }
static int halfstep_device_name(const struct driver_api *d, char *name, int size, int device) { return d->cuDeviceGetName(name, size, device); }
static int halfstep_attribute(const struct driver_api *d, int *value, int attribute, int device) { return d->cuDeviceGetAttribute(value, attribute, device); }
static int halfstep_total(const struct driver_api *d, size_t *bytes, int device) { return d->cuDeviceTotalMem(bytes, device); }
static int halfstep_retain(const struct driver_api *d, void **context, int device) { return d->cuDevicePrimaryCtxRetain(context, device); }
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// Library is the CUDA driver, loaded and started.
type Library struct {
	api     *C.struct_driver_api // lives as long as the process, as the library does
	version Version

	blasFile string // in place of the search; empty without one
	blasOnce sync.Mutex
	blas     *blasLibrary // what the search has found
}

// Load loads and starts the driver that HALFSTEP_LIBCUDA names or that is
// installed, once in the life of the process. The error is, besides others, one of
// the reasons above.
var Load = sync.OnceValues(func() (*Library, error) {
	return LoadFiles(os.Getenv("HALFSTEP_LIBCUDA"), os.Getenv("HALFSTEP_LIBCUBLAS"))
})

// LoadFiles is Load for libraries in the given files. An empty name leaves the
// search to it.
func LoadFiles(libcuda, libcublas string) (*Library, error) {
	if libcuda == "" {
		libcuda = "libcuda.so.1"
	}
	handle, err := openLibrary(libcuda)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLibrary, err)
	}
	l := &Library{api: (*C.struct_driver_api)(C.calloc(1, C.sizeof_struct_driver_api)), blasFile: libcublas}
	if missing := C.halfstep_load_driver(handle, l.api); missing != nil {
		return nil, fmt.Errorf("%w: %s has no %s", ErrSymbol, libcuda, C.GoString(missing))
	}
	if err := l.check("cuInit", C.halfstep_init(l.api)); err != nil {
		return nil, startError(err)
	}
	var version C.int
	if err := l.check("cuDriverGetVersion", C.halfstep_version(l.api, &version)); err != nil {
		return nil, startError(err)
	}
	l.version = Version(version)
	return l, nil
}

// openLibrary opens a library for good: a driver that was unloaded would leave
// threads without code.
func openLibrary(file string) (unsafe.Pointer, error) {
	name := C.CString(file)
	defer C.free(unsafe.Pointer(name))
	handle := C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)
	if handle == nil {
		return nil, errors.New(C.GoString(C.dlerror()))
	}
	return handle, nil
}

// startError says of a driver that does not start whether it lacks a GPU.
func startError(err error) error {
	var e *Error
	if errors.As(err, &e) {
		switch e.Code {
		case codeNoDevice:
			return fmt.Errorf("%w: %w", ErrNoDevice, err)
		case codeStubLibrary:
			return fmt.Errorf("%w: the library is the stub of a CUDA toolkit: %w", ErrNoLibrary, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrInit, err)
}

// Version is the newest CUDA that the driver implements.
func (l *Library) Version() Version { return l.version }

// DeviceCount is the number of GPUs that the process may use.
func (l *Library) DeviceCount() (int, error) {
	var n C.int
	err := l.check("cuDeviceGetCount", C.halfstep_count(l.api, &n))
	return int(n), err
}

// check makes an error of a result of the driver. A negative one is that of making the
// context current.
func (l *Library) check(op string, result C.int) error {
	if result == 0 {
		return nil
	}
	if result < 0 {
		op, result = "cuCtxSetCurrent", -result
	}
	e := &Error{Op: op, Code: int(result)}
	if name := C.halfstep_error_name(l.api, result); name != nil {
		e.Name = C.GoString(name)
	}
	return e
}

// Open retains the primary context of a GPU. The error is an ErrNoDevice if there is
// no such GPU.
func (l *Library) Open(ordinal int) (*Context, error) {
	device, err := l.device(ordinal)
	if err != nil {
		return nil, err
	}
	c := &Context{library: l, device: device, owned: true}
	if err := l.check("cuDevicePrimaryCtxRetain", C.halfstep_retain(l.api, &c.handle, device)); err != nil {
		return nil, err
	}
	if err := c.describe(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Adopt uses a context of a GPU that the program holds already, as uintptr of its
// CUcontext. Close leaves it as it is.
func (l *Library) Adopt(ordinal int, handle uintptr) (*Context, error) {
	device, err := l.device(ordinal)
	if err != nil {
		return nil, err
	}
	c := &Context{library: l, device: device, handle: pointer(handle)}
	if err := c.describe(); err != nil {
		return nil, err
	}
	return c, nil
}

func (l *Library) device(ordinal int) (C.int, error) {
	n, err := l.DeviceCount()
	if err != nil {
		return 0, startError(err)
	}
	if ordinal >= n {
		return 0, fmt.Errorf("%w: number %d of %d", ErrNoDevice, ordinal, n)
	}
	var device C.int
	err = l.check("cuDeviceGet", C.halfstep_device(l.api, &device, C.int(ordinal)))
	return device, err
}

// pointer makes a handle of C of an integer. It is no pointer into memory of Go.
func pointer(handle uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&handle)) }

// Attributes of a device, of CUdevice_attribute.
const (
	attributeMultiprocessors     = 16
	attributeCapabilityMajor     = 75
	attributeCapabilityMinor     = 76
	attributeSharedMemoryPerUnit = 97 // most bytes of shared memory that a block can opt into
)

// describe asks for what does not change.
func (c *Context) describe() error {
	l := c.library
	var name [256]C.char
	if err := l.check("cuDeviceGetName", C.halfstep_device_name(l.api, &name[0], C.int(len(name)), c.device)); err != nil {
		return err
	}
	c.name = C.GoString(&name[0])
	var total C.size_t
	if err := l.check("cuDeviceTotalMem", C.halfstep_total(l.api, &total, c.device)); err != nil {
		return err
	}
	c.total = int64(total)
	for attribute, value := range map[C.int]*int{
		attributeMultiprocessors:     &c.multiprocessors,
		attributeCapabilityMajor:     &c.major,
		attributeCapabilityMinor:     &c.minor,
		attributeSharedMemoryPerUnit: &c.sharedMemory,
	} {
		var v C.int
		if err := l.check("cuDeviceGetAttribute", C.halfstep_attribute(l.api, &v, attribute, c.device)); err != nil {
			return err
		}
		*value = int(v)
	}
	return nil
}
