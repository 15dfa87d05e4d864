package simd

import "sync"

// path is a set of implementations.
type path uint8

const (
	portable path = iota
	avx2          // AVX2, FMA and BMI2
	avx512        // AVX-512 F, BW, DQ and VL, and what avx2 has
)

// Path names the implementations in use: "go", "avx2", "avx512" or "avx512+amx". The best
// that the processor and the operating system have are chosen when the program starts, but
// for AMX, which RequestTiles adds. The environment can take some away, as in
// GODEBUG=cpu.avx512f=off or GODEBUG=cpu.amxtile=off; that Go does not know the latter, as
// a line on standard error says, does not matter.
func Path() string {
	if tiled {
		return active.String() + "+amx"
	}
	return active.String()
}

// tiled says that the tile registers of AMX are used where they gain, beside AVX-512. Only
// RequestTiles and tests change it.
var tiled bool

// RequestTiles asks the operating system for the tile registers of AMX, for the whole
// process, unless it did before. Where the processor has none, or the system does not grant
// them, nothing changes. No other function of this package may run meanwhile for the first
// time.
func RequestTiles() { requestOnce() }

var requestOnce = sync.OnceFunc(func() { tiled = hasTiles() })

func (p path) String() string { return [...]string{"go", "avx2", "avx512"}[p] }
