// Package kernels holds the CUDA kernels of the device: their sources, one subject
// a file, and the PTX that is compiled from them and embedded. The driver compiles
// PTX for the GPU at hand when a module is loaded, so neither building nor running
// needs the CUDA toolkit.
package kernels

import (
	"embed"
	"maps"
	"regexp"
	"slices"
	"sync"
)

// Each module is the PTX of one .cu file, for GPUs from Volta on (compute_70) or, where
// its name ends in _sm80, from Ampere on.
//
//go:embed *.ptx
var files embed.FS

// Find returns the module that a kernel is part of: its name, which is that of the
// source file, and its PTX.
func Find(kernel string) (name string, ptx []byte, ok bool) {
	m, ok := modules()[kernel]
	return m.name, m.ptx, ok
}

// Names lists the kernels of all modules, in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(modules())) }

// DriverVersion is the CUDA version that a driver must implement to compile the PTX,
// as the driver counts: 12040 is 12.4. PTX 8.4 came with CUDA 12.4, and so on from
// PTX 7.0 and CUDA 11.0.
var DriverVersion = sync.OnceValue(func() int {
	newest := 0
	for _, m := range modules() {
		found := version.FindSubmatch(m.ptx)
		major, minor := int(found[1][0]-'0'), int(found[2][0]-'0')
		newest = max(newest, (major+4)*1000+minor*10)
	}
	return newest
})

var version = regexp.MustCompile(`(?m)^\.version (\d)\.(\d)$`)

type module struct {
	name string
	ptx  []byte
}

var entry = regexp.MustCompile(`(?m)^\.visible \.entry (\w+)\(`)

// modules maps each kernel to its module. The names of kernels are unique over all
// modules.
var modules = sync.OnceValue(func() map[string]module {
	all := map[string]module{}
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the root of an embedded file system is there
	}
	for _, e := range entries {
		ptx, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err) // and so is what it lists
		}
		m := module{name: e.Name()[:len(e.Name())-len(".ptx")], ptx: ptx}
		for _, match := range entry.FindAllSubmatch(ptx, -1) {
			all[string(match[1])] = m
		}
	}
	return all
})
