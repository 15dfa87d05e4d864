//go:build !(linux && cgo)

package driver

import (
	"runtime"
	"unsafe"
)

// Load answers why there is no CUDA in this program.
func Load() (*Library, error) { return nil, unsupported() }

// LoadFiles answers the same.
func LoadFiles(libcuda, libcublas string) (*Library, error) { return nil, unsupported() }

func unsupported() error {
	if runtime.GOOS != "linux" {
		return ErrPlatform
	}
	return ErrCgo
}

// The types are there for package cuda to compile. As Load never gives a Library,
// there are no values of them, and no method is ever called.
type (
	Library  struct{}
	Context  struct{}
	Stream   struct{}
	Event    struct{}
	Module   struct{}
	Function struct{}
	BLAS     struct{}
)

func (l *Library) Version() Version                                  { return 0 }
func (l *Library) DeviceCount() (int, error)                         { return 0, unsupported() }
func (l *Library) Open(ordinal int) (*Context, error)                { return nil, unsupported() }
func (l *Library) Adopt(ordinal int, h uintptr) (*Context, error)    { return nil, unsupported() }
func (c *Context) Name() string                                      { return "" }
func (c *Context) ComputeCapability() (major, minor int)             { return 0, 0 }
func (c *Context) Multiprocessors() int                              { return 0 }
func (c *Context) SharedMemory() int                                 { return 0 }
func (c *Context) TotalMemory() int64                                { return 0 }
func (c *Context) MemInfo() (free, total int64, err error)           { return 0, 0, unsupported() }
func (c *Context) Alloc(n int) (Ptr, error)                          { return 0, unsupported() }
func (c *Context) Free(p Ptr) error                                  { return unsupported() }
func (c *Context) AllocHost(n int) (unsafe.Pointer, error)           { return nil, unsupported() }
func (c *Context) FreeHost(p unsafe.Pointer) error                   { return unsupported() }
func (c *Context) NewStream() (*Stream, error)                       { return nil, unsupported() }
func (c *Context) NewEvent() (*Event, error)                         { return nil, unsupported() }
func (c *Context) LoadModule(ptx []byte) (*Module, error)            { return nil, unsupported() }
func (c *Context) NewBLAS() (*BLAS, error)                           { return nil, unsupported() }
func (c *Context) Close() error                                      { return unsupported() }
func (s *Stream) Destroy() error                                     { return unsupported() }
func (s *Stream) CopyToDevice(to Ptr, p unsafe.Pointer, n int) error { return unsupported() }
func (s *Stream) CopyToHost(to unsafe.Pointer, p Ptr, n int) error   { return unsupported() }
func (s *Stream) CopyOnDevice(to, from Ptr, n int) error             { return unsupported() }
func (s *Stream) Memset8(p Ptr, value uint8, count int) error        { return unsupported() }
func (s *Stream) Memset32(p Ptr, value uint32, count int) error      { return unsupported() }
func (s *Stream) Record(e *Event) error                              { return unsupported() }
func (s *Stream) Wait(e *Event) error                                { return unsupported() }
func (s *Stream) Sync() error                                        { return unsupported() }
func (s *Stream) Query() (bool, error)                               { return false, unsupported() }
func (e *Event) Query() (bool, error)                                { return false, unsupported() }
func (e *Event) Sync() error                                         { return unsupported() }
func (e *Event) Destroy() error                                      { return unsupported() }
func (m *Module) Unload() error                                      { return unsupported() }
func (m *Module) Function(name string) (*Function, error)            { return nil, unsupported() }
func (f *Function) StaticShared() (int, error)                       { return 0, unsupported() }
func (f *Function) SetMaxDynamicShared(bytes int) error              { return unsupported() }
func (b *BLAS) Version() (string, error)                             { return "", unsupported() }
func (b *BLAS) SetStream(s *Stream) error                            { return unsupported() }
func (b *BLAS) SetWorkspace(p Ptr, n int) error                      { return unsupported() }
func (b *BLAS) Sgemm(g Gemm) error                                   { return unsupported() }
func (b *BLAS) SgemmStridedBatched(g Gemm) error                     { return unsupported() }
func (b *BLAS) Destroy() error                                       { return unsupported() }

func (s *Stream) Launch(f *Function, grid, block [3]uint32, shared uint32, args []uint64) error {
	return unsupported()
}
