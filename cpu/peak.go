package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// MultiplyAdds runs the given number of rounds of independent multiply-adds in
// registers, without memory, on the calling goroutine, and returns how many
// floating-point operations those were. Timed, it gives the peak of a core on this
// instruction path, which the speed of kernels is compared with. Where there is no
// assembly it does nothing and returns 0.
func MultiplyAdds(rounds int) (operations int) { return simd.MultiplyAdds(rounds) }
