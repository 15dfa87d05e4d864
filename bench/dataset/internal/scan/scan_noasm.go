//go:build !amd64 || noasm

package scan

var paths []path

func block[I ID](*Scanner, []byte, []I, []I, []float32, []int64) int {
	panic("scan: no assembly in this program")
}
