//go:build amd64 && !noasm

package scan

import "golang.org/x/sys/cpu"

var available = func() bool {
	x := &cpu.X86
	return x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VBMI2 && x.HasBMI2 && x.HasPOPCNT
}()

// block reads all lines of a block, or returns 0.
func (s *Scanner) block(text []byte, users, items []int64, values []float32) (lines int) {
	room := min(len(users), len(items), len(values))
	if len(text) == 0 || len(text) > blockLen || room == 0 {
		return 0
	}
	_ = text[:len(text)+Slack]
	return blockAVX512(&text[0], len(text), int(s.separator), &s.starts[0], &s.fields[0], &s.ratings[0], room, &users[0], &items[0], &values[0])
}
