//go:build !amd64 || noasm

package simd

func multiplyAdds(int) int { panic("simd: no assembly in this program") }
