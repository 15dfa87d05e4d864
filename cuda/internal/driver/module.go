//go:build linux && cgo

package driver

/*
#include <stdlib.h>
#include "abi.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Module is compiled PTX in a context.
type Module struct {
	context *Context
	handle  unsafe.Pointer
}

// LoadModule compiles PTX for the GPU. A driver that is older than the PTX answers
// an ErrTooOld.
func (c *Context) LoadModule(ptx []byte) (*Module, error) {
	const logBytes = 1 << 12
	text, log := C.CBytes(append(ptx[:len(ptx):len(ptx)], 0)), C.calloc(1, logBytes)
	defer C.free(text)
	defer C.free(log)
	m := &Module{context: c}
	err := c.check("cuModuleLoadDataEx", C.halfstep_module_load(c.scope(), &m.handle, text, (*C.char)(log), logBytes))
	if err == nil {
		return m, nil
	}
	var e *Error
	if errors.As(err, &e) {
		e.Log = strings.TrimSpace(C.GoString((*C.char)(log)))
		if e.Code == codeUnsupportedPTX {
			return nil, fmt.Errorf("%w: %w", ErrTooOld, err)
		}
	}
	return nil, err
}

// Unload gives the module back. No function of it may be running.
func (m *Module) Unload() error {
	return m.context.check("cuModuleUnload", C.halfstep_module_unload(m.context.scope(), m.handle))
}

// Function is a kernel of a module.
type Function struct {
	context *Context
	handle  unsafe.Pointer
}

// Function finds a kernel by its name.
func (m *Module) Function(name string) (*Function, error) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	f := &Function{context: m.context}
	if err := m.context.check("cuModuleGetFunction", C.halfstep_function(m.context.scope(), &f.handle, m.handle, text)); err != nil {
		return nil, fmt.Errorf("kernel %s: %w", name, err)
	}
	return f, nil
}

// Attributes of a function, of CUfunction_attribute.
const (
	attributeStaticShared     = 1
	attributeMaxDynamicShared = 8
)

// StaticShared is the bytes of shared memory that the kernel has without what a
// launch adds.
func (f *Function) StaticShared() (int, error) {
	var v C.int
	err := f.context.check("cuFuncGetAttribute", C.halfstep_function_get(f.context.scope(), f.handle, attributeStaticShared, &v))
	return int(v), err
}

// SetMaxDynamicShared allows launches with up to so many bytes of dynamic shared
// memory; without it the bound is 48 KiB in all.
func (f *Function) SetMaxDynamicShared(bytes int) error {
	return f.context.check("cuFuncSetAttribute", C.halfstep_function_set(f.context.scope(), f.handle, attributeMaxDynamicShared, C.int(bytes)))
}
