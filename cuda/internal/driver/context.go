//go:build linux && cgo

package driver

/*
#include "abi.h"
static int halfstep_context_release(const struct driver_api *d, int device) { return d->cuDevicePrimaryCtxRelease(device); }
*/
import "C"

import "unsafe"

// Context is a context on a GPU.
type Context struct {
	library *Library
	device  C.int
	handle  unsafe.Pointer
	owned   bool // retained by Open

	name            string
	total           int64
	multiprocessors int
	major, minor    int
	sharedMemory    int
}

func (c *Context) scope() C.struct_scope { return C.struct_scope{d: c.library.api, context: c.handle} }

func (c *Context) check(op string, result C.int) error { return c.library.check(op, result) }

// Name is the GPU's name: "NVIDIA H100 80GB HBM3".
func (c *Context) Name() string { return c.name }

// ComputeCapability is the generation of the GPU: 8, 0 is Ampere.
func (c *Context) ComputeCapability() (major, minor int) { return c.major, c.minor }

// Multiprocessors is the number of streaming multiprocessors.
func (c *Context) Multiprocessors() int { return c.multiprocessors }

// SharedMemory is the most bytes of shared memory that a block can have.
func (c *Context) SharedMemory() int { return c.sharedMemory }

// TotalMemory is the GPU's memory in bytes.
func (c *Context) TotalMemory() int64 { return c.total }

// MemInfo is how many bytes are free now, for every user of the GPU, and in all.
func (c *Context) MemInfo() (free, total int64, err error) {
	var f, t C.size_t
	err = c.check("cuMemGetInfo", C.halfstep_mem_info(c.scope(), &f, &t))
	return int64(f), int64(t), err
}

// Alloc allocates n bytes, at least 1, on the GPU, aligned to 256.
func (c *Context) Alloc(n int) (Ptr, error) {
	var p C.device_ptr
	err := c.check("cuMemAlloc", C.halfstep_alloc(c.scope(), &p, C.size_t(n)))
	return Ptr(p), err
}

// Free waits for all work on the GPU and frees.
func (c *Context) Free(p Ptr) error {
	return c.check("cuMemFree", C.halfstep_free(c.scope(), C.device_ptr(p)))
}

// AllocHost allocates n bytes of pinned host memory.
func (c *Context) AllocHost(n int) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	err := c.check("cuMemHostAlloc", C.halfstep_alloc_host(c.scope(), &p, C.size_t(n)))
	return p, err
}

// FreeHost frees what AllocHost has allocated.
func (c *Context) FreeHost(p unsafe.Pointer) error {
	return c.check("cuMemFreeHost", C.halfstep_free_host(c.scope(), p))
}

// Close releases the context if it was opened here. What is allocated in it goes
// with its last user.
func (c *Context) Close() error {
	if !c.owned {
		return nil
	}
	return c.check("cuDevicePrimaryCtxRelease", C.halfstep_context_release(c.library.api, c.device))
}
