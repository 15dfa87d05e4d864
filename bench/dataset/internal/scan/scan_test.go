package scan

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func columns(n int) (users, items []int64, values []float32) {
	return make([]int64, n), make([]int64, n), make([]float32, n)
}

// text has the slack behind it that Lines wants, of bytes that would be read as digits.
func text(s string) []byte {
	b := []byte(s)
	for range Slack {
		b = append(b, '7')
	}
	return b[:len(s)]
}

func TestLines(t *testing.T) {
	if !available {
		t.Skip("no scanner in this program or for this processor")
	}
	users, items, values := columns(16)
	s := "1,31832,5,1020893714\n12345678,7,0.5,0\n1,2,3.5,1234567890123456\n"
	n, length := New(',').Lines(text(s), users, items, values)
	require.Equal(t, 3, n)
	require.Equal(t, len(s), length)
	require.Equal(t, []int64{1, 12345678, 1}, users[:3])
	require.Equal(t, []int64{31832, 7, 2}, items[:3])
	require.Equal(t, []float32{5, 0.5, 3.5}, values[:3])
}

// Each text has one line that is not for the scanner, among others that are.
func TestLinesRefuses(t *testing.T) {
	if !available {
		t.Skip("no scanner in this program or for this processor")
	}
	users, items, values := columns(64)
	for _, line := range []string{
		"", "\r", "1,2,3", "1,2,3,4,5", "1,2,3,4\r", ",2,3,4", "1,,3,4", "1,2,,4", "1,2,3,",
		"123456789,2,3,4", "1,123456789,3,4", "1,2,10,4", "1,2,3.,4", "1,2,.5,4", "1,2,3.55,4", "1,2,355,4", "1,2,3,12345678901234567",
		"1.5,2,3,4", "1,2.5,3,4", "1,2,3,4.5", "1.5,2,355,4", "1,2,...,4", "1,2,..5,4", "1,2,5..,4", ".,2,3.5,4",
		"1\n2,3,4", "1,2\n3,4", "1,2,3\n4", "1;2,3,4", "1,2,3,4\x00", "1,2,3,/", "1,2,3,:", "\xb1,2,3,4", "1,2,\xb3,4", "1,2,3.\xb5,4", "-1,2,3,4", "\"1\",2,3,4",
	} {
		for before := range 20 {
			var s string
			for range before {
				s += "12,34567,4.5,978300760\n"
			}
			for _, after := range []string{"", "1,2,3,4\n", "1,2,3.5,4\n1,2,3,4\n12,34567,4.5,978300760\n"} {
				n, length := New(',').Lines(text(s+line+"\n"+after), users, items, values)
				require.Zero(t, n, "%q", line)
				require.Zero(t, length)
			}
		}
	}
}

// A text whose last line has no end is none of Lines, but is not read in part either.
func TestLinesWithoutEnd(t *testing.T) {
	if !available {
		t.Skip("no scanner in this program or for this processor")
	}
	users, items, values := columns(16)
	n, _ := New(',').Lines(text("1,2,3,4\n1,2"), users, items, values)
	require.Zero(t, n)
}

// Without room for the lines, rounded up, nothing is taken, nor anything written behind.
func TestLinesRoom(t *testing.T) {
	if !available {
		t.Skip("no scanner in this program or for this processor")
	}
	var s string
	for range 17 {
		s += "1,2,3,4\n"
	}
	users, items, values := columns(64)
	for i := range users {
		users[i], items[i], values[i] = -1, -1, -1
	}
	n, _ := New(',').Lines(text(s), users[:31], items[:31], values[:31])
	require.Zero(t, n)
	n, _ = New(',').Lines(text(s), users[:32], items[:32], values[:32])
	require.Equal(t, 17, n)
	for i := 32; i < 64; i++ {
		require.Equal(t, int64(-1), users[i])
		require.Equal(t, int64(-1), items[i])
		require.Equal(t, float32(-1), values[i])
	}
}
