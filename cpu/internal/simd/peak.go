package simd

// MultiplyAdds does nothing but multiply and add, in registers, for the given number
// of rounds, and returns how many operations that were. Its speed is the peak that
// other functions are compared with; it is 0 where there is no assembly.
func MultiplyAdds(rounds int) int {
	if active == portable || rounds < 1 {
		return 0
	}
	return 2 * rounds * multiplyAdds(rounds)
}
