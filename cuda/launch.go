package cuda

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	ptx "github.com/halfstep-ml/halfstep/cuda/kernels"
)

// dim is the extent of a grid in blocks or of a block in threads: x, y and z.
type dim [3]uint32

// line is a dim of one dimension.
func line(n int) dim { return dim{uint32(n), 1, 1} }

// launch enqueues a kernel with so many bytes of dynamic shared memory for a block.
// Arguments are of the types driver.Ptr, int64, int (for a parameter of 64 bits),
// int32, uint32 and float32.
func (s *stream) launch(kernel string, grid, block dim, shared int, args ...any) error {
	f, err := s.dev.modules.function(kernel)
	if err != nil {
		return s.fault(err)
	}
	if err := f.allowShared(shared); err != nil {
		return s.fault(fmt.Errorf("kernel %s: %w", kernel, err))
	}
	s.arguments = s.arguments[:0]
	for i, arg := range args {
		var slot uint64
		switch a := arg.(type) {
		case driver.Ptr:
			slot = uint64(a)
		case int64:
			slot = uint64(a)
		case int:
			slot = uint64(a)
		case int32:
			slot = uint64(uint32(a))
		case uint32:
			slot = uint64(a)
		case float32:
			slot = uint64(math.Float32bits(a))
		default:
			return fmt.Errorf("kernel %s: argument %d is of type %T", kernel, i, arg)
		}
		s.arguments = append(s.arguments, slot)
	}
	return s.enqueued(kernel, s.raw.Launch(f.raw, grid, block, uint32(shared), s.arguments))
}

// modules are the kernels that the driver has compiled for the device, each module
// when a kernel of it is used first.
type modules struct {
	context *driver.Context

	mu        sync.Mutex
	loaded    map[string]*driver.Module
	functions map[string]*function
}

// function is a kernel, with the most dynamic shared memory it was allowed so far.
type function struct {
	raw    *driver.Function
	mu     sync.Mutex
	shared int
}

// freeShared is the shared memory that a launch may ask for without a word before.
const freeShared = 48 << 10

func (f *function) allowShared(bytes int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes <= max(f.shared, freeShared) {
		return nil
	}
	if err := f.raw.SetMaxDynamicShared(bytes); err != nil {
		return err
	}
	f.shared = bytes
	return nil
}

func (m *modules) function(kernel string) (*function, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.functions[kernel]; f != nil {
		return f, nil
	}
	name, text, ok := ptx.Find(kernel)
	if !ok {
		return nil, fmt.Errorf("there is no kernel %s", kernel)
	}
	module := m.loaded[name]
	if module == nil {
		var err error
		if module, err = m.context.LoadModule(text); err != nil {
			return nil, fmt.Errorf("module %s: %w", name, err)
		}
		m.loaded[name] = module
	}
	raw, err := module.Function(kernel)
	if err != nil {
		return nil, err
	}
	f := &function{raw: raw}
	m.functions[kernel] = f
	return f, nil
}

func (m *modules) close() error {
	var errs []error
	for _, module := range m.loaded {
		errs = append(errs, module.Unload())
	}
	return errors.Join(errs...)
}
