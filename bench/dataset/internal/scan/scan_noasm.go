//go:build !amd64 || noasm

package scan

const available = false

func (*Scanner) block([]byte, []int64, []int64, []float32) int {
	panic("scan: no assembly in this program")
}
