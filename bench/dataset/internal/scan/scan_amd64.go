//go:build amd64 && !noasm

package scan

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

var paths = func() (p []path) {
	x := &cpu.X86
	bits := x.HasBMI1 && x.HasBMI2 && x.HasPOPCNT
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VBMI2 && bits {
		p = append(p, avx512)
	}
	if x.HasAVX2 && bits {
		p = append(p, avx2)
	}
	return p
}()

// block reads all lines of a block, or returns 0.
func block[I ID](s *Scanner, text []byte, users, items []I, values []float32, times []int64) (lines int) {
	room := min(len(users), len(items), len(values))
	if times != nil {
		room = min(room, len(times))
	}
	if len(text) == 0 || len(text) > blockLen || room == 0 {
		return 0
	}
	_ = text[:len(text)+Slack]
	wide := 0
	if unsafe.Sizeof(users[0]) == 8 {
		wide = 1
	}
	read := blockAVX2
	if s.path == avx512 {
		read = blockAVX512
	}
	return read(&text[0], len(text), int(s.separator), &s.starts[0], &s.fields[0], &s.ratings[0], room,
		(*byte)(unsafe.Pointer(&users[0])), (*byte)(unsafe.Pointer(&items[0])), wide, &values[0], unsafe.SliceData(times))
}
