package scan

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func columns[I ID](n int) (users, items []I, values []float32, times []int64) {
	return make([]I, n), make([]I, n), make([]float32, n), make([]int64, n)
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
	eachPath(t, func(t *testing.T, p path) {
		testLines[uint32](t, p)
		testLines[int64](t, p)
	})
}

// eachPath tests all implementations that this processor has.
func eachPath(t *testing.T, test func(t *testing.T, p path)) {
	if len(paths) == 0 {
		t.Skip("no scanner in this program or for this processor")
	}
	for _, p := range paths {
		t.Run(string(p), func(t *testing.T) { test(t, p) })
	}
}

func testLines[I ID](t *testing.T, p path) {
	users, items, values, times := columns[I](16)
	s := "1,31832,5,1020893714\n12345678,7,0.5,0\n1,2,3.5,1234567890123456\n99999999,99999999,9.9,99999999\n7,1,0,100000000\n"
	for _, kept := range [][]int64{times, nil} {
		n, length := Lines((&Scanner{separator: ',', path: p}), text(s), users, items, values, kept)
		require.Equal(t, 5, n)
		require.Equal(t, len(s), length)
		require.Equal(t, []I{1, 12345678, 1, 99999999, 7}, users[:5])
		require.Equal(t, []I{31832, 7, 2, 99999999, 1}, items[:5])
		require.Equal(t, []float32{5, 0.5, 3.5, 9.9, 0}, values[:5])
		require.Equal(t, []int64{1020893714, 0, 1234567890123456, 99999999, 100000000}, times[:5])
	}
}

// Ratings of all values, and times of all lengths, in texts of several blocks.
func TestLinesValues(t *testing.T) { eachPath(t, testLinesValues) }

func testLinesValues(t *testing.T, p path) {
	var s string
	var wantUsers []uint32
	var wantValues []float32
	var wantTimes []int64
	for i := range 1000 {
		user := 1 + i*i*97%99999999
		tenths := i % 100
		time := int64(8070605040302019) % powerOfTen(1+i%16)
		s += fmt.Sprintf("%d,%d,%d.%d,%d\n", user, 99999999-user, tenths/10, tenths%10, time)
		wantUsers = append(wantUsers, uint32(user))
		wantValues = append(wantValues, float32(tenths)/10)
		wantTimes = append(wantTimes, time)
	}
	users, items, values, times := columns[uint32](1008)
	n, length := Lines((&Scanner{separator: ',', path: p}), text(s), users, items, values, times)
	require.Equal(t, 1000, n)
	require.Equal(t, len(s), length)
	require.Equal(t, wantUsers, users[:n])
	require.Equal(t, wantValues, values[:n])
	require.Equal(t, wantTimes, times[:n])
	for i, user := range wantUsers {
		require.Equal(t, 99999999-user, items[i])
	}
}

func powerOfTen(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// Each text has one line that is not for the scanner, among others that are.
func TestLinesRefuses(t *testing.T) { eachPath(t, testLinesRefuses) }

func testLinesRefuses(t *testing.T, p path) {
	users, items, values, times := columns[int64](64)
	for _, line := range []string{
		"", "\r", "1,2,3", "1,2,3,4,5", "1,2,3,4\r", ",2,3,4", "1,,3,4", "1,2,,4", "1,2,3,",
		"123456789,2,3,4", "1,123456789,3,4", "1,2,10,4", "1,2,3.,4", "1,2,.5,4", "1,2,3.55,4", "1,2,355,4", "1,2,3,12345678901234567",
		"1.5,2,3,4", "1,2.5,3,4", "1,2,3,4.5", "1.5,2,355,4", "1,2,...,4", "1,2,..5,4", "1,2,5..,4", ".,2,3.5,4",
		"1\n2,3,4", "1,2\n3,4", "1,2,3\n4", "1,2,3,4,5\n6,7,8", "1;2,3,4", "1,2,3,4\x00", "1,2,3,/", "1,2,3,:", "\xb1,2,3,4", "1,2,\xb3,4", "1,2,3.\xb5,4", "-1,2,3,4", "\"1\",2,3,4",
	} {
		for before := range 20 {
			var s string
			for range before {
				s += "12,34567,4.5,978300760\n"
			}
			for _, after := range []string{"", "1,2,3,4\n", "1,2,3.5,4\n1,2,3,4\n12,34567,4.5,978300760\n"} {
				n, length := Lines((&Scanner{separator: ',', path: p}), text(s+line+"\n"+after), users, items, values, times)
				require.Zero(t, n, "%q", line)
				require.Zero(t, length)
			}
		}
	}
}

// A text whose last line has no end is none of Lines, but is not read in part either.
func TestLinesWithoutEnd(t *testing.T) { eachPath(t, testLinesWithoutEnd) }

func testLinesWithoutEnd(t *testing.T, p path) {
	users, items, values, times := columns[int64](16)
	n, _ := Lines((&Scanner{separator: ',', path: p}), text("1,2,3,4\n1,2"), users, items, values, times)
	require.Zero(t, n)
}

// Without room for the lines, rounded up, nothing is taken, nor anything written behind.
func TestLinesRoom(t *testing.T) { eachPath(t, testLinesRoom) }

func testLinesRoom(t *testing.T, p path) {
	var s string
	for range 17 {
		s += "1,2,3,4\n"
	}
	testRoom[uint32](t, p, s)
	testRoom[int64](t, p, s)
}

func testRoom[I ID](t *testing.T, p path, s string) {
	users, items, values, times := columns[I](64)
	for i := range users {
		users[i], items[i], values[i], times[i] = 77, 77, 77, 77
	}
	n, _ := Lines((&Scanner{separator: ',', path: p}), text(s), users[:31], items[:31], values[:31], times[:31])
	require.Zero(t, n)
	n, _ = Lines((&Scanner{separator: ',', path: p}), text(s), users[:32], items[:32], values[:32], times[:31])
	require.Zero(t, n)
	n, _ = Lines((&Scanner{separator: ',', path: p}), text(s), users[:32], items[:32], values[:32], times[:32])
	require.Equal(t, 17, n)
	for i := 32; i < 64; i++ {
		require.Equal(t, I(77), users[i])
		require.Equal(t, I(77), items[i])
		require.Equal(t, float32(77), values[i])
		require.Equal(t, int64(77), times[i])
	}
}
