//go:build amd64 && !noasm

package simd

// multiplyAdds returns the number of multiply-adds of a round: vectors times lanes.
func multiplyAdds(rounds int) int {
	if active == avx2 {
		fmaAVX2(rounds)
		return 12 * 8
	}
	fmaAVX512(rounds)
	return 24 * 16
}
