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
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"
)

// blasLibrary is a cuBLAS, loaded.
type blasLibrary struct {
	api *C.struct_blas_api
}

// BLAS is a handle of cuBLAS. Matrices are column-major.
type BLAS struct {
	context *Context
	library *blasLibrary
	handle  unsafe.Pointer
}

// NewBLAS makes a handle that computes in float32 throughout and without atomics. A
// machine without a cuBLAS that suits the driver answers an ErrNoBLAS that says what
// was tried.
func (c *Context) NewBLAS() (*BLAS, error) {
	l := c.library
	l.blasOnce.Lock()
	defer l.blasOnce.Unlock()
	if l.blas != nil {
		return l.blas.create(c)
	}
	var reasons []error
	for _, file := range l.blasFiles() {
		library, err := loadBLAS(file)
		if err != nil {
			reasons = append(reasons, err)
			continue
		}
		b, err := library.create(c)
		if err == nil {
			l.blas = library
			return b, nil
		}
		// A lack of memory is no fault of the library.
		if e := (*Error)(nil); errors.As(err, &e) && (e.Sticky() || e.OutOfMemory()) {
			return nil, err
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", file, err))
	}
	return nil, fmt.Errorf("%w: %w", ErrNoBLAS, errors.Join(reasons...))
}

// blasFiles lists what to try: the majors that are not newer than the driver, newest
// first, each where the loader finds it and then where a CUDA toolkit is installed.
// The stubs folder of a toolkit has nothing that runs.
func (l *Library) blasFiles() []string {
	if l.blasFile != "" {
		return []string{l.blasFile}
	}
	target := map[string]string{"amd64": "x86_64-linux", "arm64": "sbsa-linux"}[runtime.GOARCH]
	var files []string
	for major := min(int(l.version)/1000, 13); major >= 11; major-- {
		name := fmt.Sprintf("libcublas.so.%d", major)
		files = append(files, name, filepath.Join("/usr/local/cuda/lib64", name))
		if target != "" {
			files = append(files, filepath.Join("/usr/local/cuda/targets", target, "lib", name))
		}
	}
	return files
}

func loadBLAS(file string) (*blasLibrary, error) {
	if suffix, ok := strings.CutPrefix(filepath.Base(file), "libcublas"); ok && filepath.Dir(file) != "." {
		// libcublas wants libcublasLt by its name; one that is loaded already is
		// taken, wherever it came from. If this one fails, so does the next.
		_, _ = openLibrary(filepath.Join(filepath.Dir(file), "libcublasLt"+suffix))
	}
	handle, err := openLibrary(file)
	if err != nil {
		return nil, err
	}
	b := &blasLibrary{api: (*C.struct_blas_api)(C.calloc(1, C.sizeof_struct_blas_api))}
	if missing := C.halfstep_load_blas(handle, b.api); missing != nil {
		return nil, fmt.Errorf("%s has no %s", file, C.GoString(missing))
	}
	return b, nil
}

func (b *blasLibrary) create(c *Context) (*BLAS, error) {
	h := &BLAS{context: c, library: b}
	if err := h.check("cublasCreate", C.halfstep_blas_create(c.scope(), b.api, &h.handle)); err != nil {
		return nil, err
	}
	err := h.check("cublasSetMathMode", C.halfstep_blas_math_mode(b.api, h.handle))
	if err == nil {
		err = h.check("cublasSetAtomicsMode", C.halfstep_blas_atomics_mode(b.api, h.handle))
	}
	if err != nil {
		return nil, errors.Join(err, h.Destroy())
	}
	return h, nil
}

// check makes an error of a status.
func (b *BLAS) check(op string, status C.int) error {
	if status <= 0 { // it says nothing of cuBLAS
		return b.context.check(op, status)
	}
	return &Error{Op: op, Code: int(status), Name: statusNames[int(status)], blas: true}
}

var statusNames = map[int]string{
	1:  "CUBLAS_STATUS_NOT_INITIALIZED",
	3:  "CUBLAS_STATUS_ALLOC_FAILED",
	7:  "CUBLAS_STATUS_INVALID_VALUE",
	8:  "CUBLAS_STATUS_ARCH_MISMATCH",
	11: "CUBLAS_STATUS_MAPPING_ERROR",
	13: "CUBLAS_STATUS_EXECUTION_FAILED",
	14: "CUBLAS_STATUS_INTERNAL_ERROR",
	15: "CUBLAS_STATUS_NOT_SUPPORTED",
	16: "CUBLAS_STATUS_LICENSE_ERROR",
}

// Version is the version of cuBLAS: "12.4.5".
func (b *BLAS) Version() (string, error) {
	var v C.int
	if err := b.check("cublasGetVersion", C.halfstep_blas_version(b.library.api, b.handle, &v)); err != nil {
		return "", err
	}
	n := int(v) // 120405 is 12.4.5
	return fmt.Sprintf("%d.%d.%d", n/10000, n/100%100, n%100), nil
}

// SetStream makes the stream the one that calls go to. It takes the workspace away.
func (b *BLAS) SetStream(s *Stream) error {
	return b.check("cublasSetStream", C.halfstep_blas_stream(b.context.scope(), b.library.api, b.handle, s.handle))
}

// SetWorkspace gives the calls n bytes to work in, aligned to 256. Without, several
// streams can share memory and results may differ between runs.
func (b *BLAS) SetWorkspace(p Ptr, n int) error {
	return b.check("cublasSetWorkspace", C.halfstep_blas_workspace(b.context.scope(), b.library.api, b.handle, C.device_ptr(p), C.size_t(n)))
}

// Destroy waits for the work of the handle and gives it back.
func (b *BLAS) Destroy() error {
	return b.check("cublasDestroy", C.halfstep_blas_destroy(b.context.scope(), b.library.api, b.handle))
}

// Sgemm computes C = alpha·op(A)·op(B) + beta·C, where op(A) is m×k, op(B) is k×n and
// C is m×n.
func (b *BLAS) Sgemm(g Gemm) error {
	own := g.c()
	return b.check("cublasSgemm", C.halfstep_blas_sgemm(b.context.scope(), b.library.api, b.handle, &own))
}

// SgemmStridedBatched does the same for g.Batch triples of matrices.
func (b *BLAS) SgemmStridedBatched(g Gemm) error {
	own := g.c()
	return b.check("cublasSgemmStridedBatched", C.halfstep_blas_sgemm_batched(b.context.scope(), b.library.api, b.handle, &own))
}

func (g *Gemm) c() C.struct_gemm {
	trans := func(t bool) C.int { // CUBLAS_OP_N, CUBLAS_OP_T
		if t {
			return 1
		}
		return 0
	}
	return C.struct_gemm{
		trans_a: trans(g.TransA), trans_b: trans(g.TransB),
		m: C.int(g.M), n: C.int(g.N), k: C.int(g.K),
		alpha: C.float(g.Alpha), beta: C.float(g.Beta),
		a: C.device_ptr(g.A), b: C.device_ptr(g.B), c: C.device_ptr(g.C),
		lda: C.int(g.LDA), ldb: C.int(g.LDB), ldc: C.int(g.LDC),
		stride_a: C.longlong(g.StrideA), stride_b: C.longlong(g.StrideB), stride_c: C.longlong(g.StrideC),
		batch: C.int(g.Batch),
	}
}
