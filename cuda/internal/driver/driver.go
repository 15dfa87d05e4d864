// Package driver calls the CUDA driver and cuBLAS. It is the one package of this
// module with cgo, and it has no policy: each method is one call or two of the
// libraries, with errors in place of status codes.
//
// The libraries are found with dlopen when the program runs, through prototypes of
// our own, so a program needs no CUDA header, no CUDA toolkit and no GPU to be
// built, and runs without them. Every entry point used has one ABI from CUDA 11.8
// to 13.
//
// HALFSTEP_LIBCUDA and HALFSTEP_LIBCUBLAS name files to load in place of the
// installed libraries.
//
// Every call sets the context in the same C call as its work, so goroutines need
// not be locked to threads. The methods of one Context may be called from several
// goroutines; those of one Stream, Event or BLAS as CUDA allows.
package driver

import (
	"errors"
	"fmt"
)

// The reasons why there is no CUDA. They are compared with errors.Is; the error
// tells more.
var (
	ErrPlatform  = errors.New("CUDA is used on Linux only")
	ErrCgo       = errors.New("the program was built without cgo, which CUDA needs")
	ErrNoLibrary = errors.New("no CUDA driver library")
	ErrSymbol    = errors.New("the CUDA driver library lacks a function")
	ErrNoDevice  = errors.New("no CUDA device")
	ErrTooOld    = errors.New("the CUDA driver is too old")
	ErrInit      = errors.New("the CUDA driver does not start")
	ErrNoBLAS    = errors.New("no cuBLAS")
)

// Ptr is an address in device memory; 0 is none.
type Ptr uint64

// Add returns the address n bytes on.
func (p Ptr) Add(n int) Ptr { return p + Ptr(n) }

// Error is a failed call of the CUDA driver or of cuBLAS.
type Error struct {
	Op   string // the function, without the suffix of its version: "cuMemAlloc"
	Code int    // CUresult, or cublasStatus_t
	Name string // "CUDA_ERROR_OUT_OF_MEMORY"; empty if the library knows none
	Log  string // what the compiler of PTX said, for the loading of a module

	blas bool
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s (%d)", e.Op, e.Name, e.Code)
	if e.Name == "" {
		s = fmt.Sprintf("%s: error %d", e.Op, e.Code)
	}
	if e.Log != "" {
		s += ": " + e.Log
	}
	return s
}

// Results of the driver that callers tell apart.
const (
	codeOutOfMemory    = 2
	codeStubLibrary    = 34
	codeNoDevice       = 100
	codeInvalidDevice  = 101
	codeUnsupportedPTX = 222
	codeNotReady       = 600
)

// statusAllocFailed is what cuBLAS answers without memory.
const statusAllocFailed = 3

// OutOfMemory reports whether there was no room on the device or, for AllocHost,
// on the host.
func (e *Error) OutOfMemory() bool {
	if e.blas {
		return e.Code == statusAllocFailed
	}
	return e.Code == codeOutOfMemory
}

// Sticky reports whether the error has taken the whole context: every later call in
// it answers the same.
func (e *Error) Sticky() bool { return !e.blas && stickyCodes[e.Code] }

// stickyCodes are the results after which, as the documentation of CUresult puts
// it, the process must be terminated and relaunched to continue using CUDA, or the
// context is gone.
var stickyCodes = map[int]bool{
	214: true, // ECC_UNCORRECTABLE
	220: true, // NVLINK_UNCORRECTABLE
	700: true, // ILLEGAL_ADDRESS
	702: true, // LAUNCH_TIMEOUT
	709: true, // CONTEXT_IS_DESTROYED
	710: true, // ASSERT
	714: true, // HARDWARE_STACK_ERROR
	715: true, // ILLEGAL_INSTRUCTION
	716: true, // MISALIGNED_ADDRESS
	717: true, // INVALID_ADDRESS_SPACE
	718: true, // INVALID_PC
	719: true, // LAUNCH_FAILED
}

// MaxArguments is the most arguments of a kernel that Launch takes.
const MaxArguments = 32

// Version is a version of the driver interface or of cuBLAS: 12040 is 12.4.
type Version int

func (v Version) String() string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// TooOldError says which driver is there and which is needed. It is an ErrTooOld.
type TooOldError struct {
	Have, Want Version
}

func (e *TooOldError) Error() string {
	s := fmt.Sprintf("%v: it implements CUDA %v, wanted is CUDA %v", ErrTooOld, e.Have, e.Want)
	if release := driverReleases[e.Want]; release != 0 {
		s += fmt.Sprintf(", which comes with driver %d", release)
	}
	return s
}

// driverReleases are the first releases of the Linux driver for versions of CUDA, after
// the release notes of the CUDA toolkit.
var driverReleases = map[Version]int{
	11080: 520, 12000: 525, 12010: 530, 12020: 535, 12030: 545, 12040: 550, 12050: 555,
	12060: 560, 12080: 570, 12090: 575, 13000: 580,
}

func (e *TooOldError) Is(target error) bool { return target == ErrTooOld }

// Gemm holds the arguments of a multiplication of column-major matrices, as cuBLAS
// names them. Each int must fit 32 bits but the strides.
type Gemm struct {
	TransA, TransB bool
	M, N, K        int
	Alpha          float32
	A              Ptr
	LDA            int
	B              Ptr
	LDB            int
	Beta           float32
	C              Ptr
	LDC            int

	// Elements between the matrices of a batch, and how many there are: for
	// SgemmStridedBatched alone.
	StrideA, StrideB, StrideC int
	Batch                     int
}
