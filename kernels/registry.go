package kernels

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// OpenFunc opens device number ordinal of a backend. Where there is none it
// answers ErrUnavailable with the reason.
type OpenFunc func(ordinal int, opts Options) (Device, error)

var registry struct {
	sync.RWMutex
	backends map[string]OpenFunc
}

// Register makes a backend known under a name, from the init function of the
// backend's package. It panics if the name is taken or holds a colon, as both are
// mistakes of the program and not of its data.
func Register(name string, open OpenFunc) {
	registry.Lock()
	defer registry.Unlock()
	if name == "" || strings.Contains(name, ":") || open == nil {
		panic(fmt.Sprintf("kernels: Register(%q) is no name and function of a backend", name))
	}
	if _, taken := registry.backends[name]; taken {
		panic(fmt.Sprintf("kernels: Register(%q) called twice", name))
	}
	if registry.backends == nil {
		registry.backends = make(map[string]OpenFunc)
	}
	registry.backends[name] = open
}

// Backends lists the registered names in order.
func Backends() []string {
	registry.RLock()
	defer registry.RUnlock()
	names := make([]string, 0, len(registry.backends))
	for name := range registry.backends {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Open opens a device by name: "cpu", or "cuda:1" for the second device of the
// backend cuda. It never opens another one instead.
func Open(name string, opts Options) (Device, error) {
	backend, ordinal, err := parseDevice(name)
	if err != nil {
		return nil, err
	}
	if opts.Threads < 0 {
		return nil, argumentf("opts.Threads", "%d, want 0 for the default or more", opts.Threads)
	}
	if opts.MemoryLimit < 0 {
		return nil, argumentf("opts.MemoryLimit", "%d, want 0 for no limit or more", opts.MemoryLimit)
	}
	registry.RLock()
	open := registry.backends[backend]
	registry.RUnlock()
	if open == nil {
		return nil, unregistered(backend)
	}
	d, err := open(ordinal, opts)
	if err != nil {
		return nil, fmt.Errorf("kernels: open %s: %w", name, err)
	}
	return Checked(d), nil
}

// Skipped is a device that OpenFirst passed over.
type Skipped struct {
	Name string
	Err  error
}

// OpenFirst opens the first device of the list that is there, and says which ones
// it passed over and why. The error, if none is there, holds all the reasons.
func OpenFirst(opts Options, names ...string) (Device, []Skipped, error) {
	if len(names) == 0 {
		return nil, nil, argumentf("names", "no device was named")
	}
	var skipped []Skipped
	var reasons []error
	for _, name := range names {
		d, err := Open(name, opts)
		if err == nil {
			return d, skipped, nil
		}
		skipped = append(skipped, Skipped{Name: name, Err: err})
		reasons = append(reasons, err)
	}
	return nil, skipped, errors.Join(reasons...)
}

func parseDevice(name string) (backend string, ordinal int, err error) {
	backend, number, numbered := strings.Cut(name, ":")
	if numbered {
		ordinal, err = strconv.Atoi(number)
	}
	if backend == "" || err != nil || ordinal < 0 {
		return "", 0, argumentf("name", "%q is no device; write %q or %q", name, "cpu", "cuda:1")
	}
	return backend, ordinal, nil
}

// homeOf tells where the backends of this module are imported from, for the
// error that meets somebody who forgot to.
var homeOf = map[string]string{
	"cpu":  "github.com/halfstep-ml/halfstep/cpu",
	"cuda": "github.com/halfstep-ml/halfstep/cuda",
}

func unregistered(backend string) error {
	if home, known := homeOf[backend]; known {
		return fmt.Errorf("%w: %q; import _ %q", ErrUnregistered, backend, home)
	}
	return fmt.Errorf("%w: %q; there are %q", ErrUnregistered, backend, Backends())
}
