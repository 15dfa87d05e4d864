package simd

// path is a set of implementations.
type path uint8

const (
	portable path = iota
	avx2          // AVX2, FMA and BMI2
	avx512        // AVX-512 F, BW, DQ and VL, and what avx2 has
)

// Path names the implementations in use: "go", "avx2" or "avx512". The best that
// the processor and the operating system have are chosen when the program starts.
// The environment can take some away, as in GODEBUG=cpu.avx512f=off.
func Path() string { return active.String() }

func (p path) String() string { return [...]string{"go", "avx2", "avx512"}[p] }
