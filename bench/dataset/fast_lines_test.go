package dataset

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzFastLines holds fastLines to lineParser: it reads the same from every line that
// it takes, and takes none that lineParser refuses.
func FuzzFastLines(f *testing.F) {
	for _, line := range []string{"1,2,3,4", "12345678,1,3.5,1020893714", "1,2,3,12345678", "1,123456789,5,1", "1,2,.5,4", "1,2,10,4", "1,2,3.55,4", "1,2,3.,4",
		"1,2,3.5,123456789012345\r", "1,2,3,1234567890123456", "01,002,0.0,0", ",2,3,4", "1,,3,4", "1,2,,4", "1,2,3,", "1,2,3", "1,2,3,4,5", "1,2,3,4\r\r", "-1,2,3,4",
		"1,2,3:4", "1,2,3/4", "1\xb1,2,3,4", "\xff,2,3,4", "1,2\x80,3,4", "1,2,3,4 "} {
		f.Add(line)
	}
	layouts := []layout{
		{format: CSV, separator: ",", quotes: quotedCSV, columns: 4, placed: placed{0, 1, 2, 3}},
		{format: CSV, separator: ",", quotes: quotedCSV, columns: 3, placed: placed{0, 1, 2, -1}},
		{format: UData, separator: "\t", columns: 4, placed: placed{0, 1, 2, 3}},
		{format: Dat, separator: "::", columns: 4, placed: placed{0, 1, 2, 3}},
		{format: Dat, separator: "::", columns: 3, placed: placed{0, 1, 2, -1}},
	}
	out := makeColumns[int64](4, true)
	f.Fuzz(func(t *testing.T, line string) {
		for _, l := range layouts {
			fast, ok := newFastLines(l)
			require.True(t, ok)
			parser := lineParser{layout: l}
			text := bytes.ReplaceAll([]byte(line), []byte(","), []byte(l.separator))
			text = append(text, '\n')
			size := len(text)
			text = append(text, strings.Repeat("1,2,3,4\n", fastSlack/8)...) // what lies behind is no part of it
			lines, length := parseFast(&fast, text[:size], &out)
			require.LessOrEqual(t, length, size)
			rest := text
			for j := range lines {
				var one []byte
				one, rest, _ = bytes.Cut(rest, []byte("\n"))
				var want Rating
				require.Empty(t, parser.parse(bytes.TrimSuffix(bytes.Clone(one), []byte("\r")), &want), "%q", one)
				require.Equal(t, want, Rating{User: out.users[j], Item: out.items[j], Value: out.values[j], Time: out.times[j]}, "%q", one)
			}
			require.Len(t, text[length:], len(rest))
		}
	})
}

// FuzzScanner holds a parser with a scanner, where there is one, to one without, on texts
// of a few blocks with the fuzzer's lines between common ones.
func FuzzScanner(f *testing.F) {
	for _, lines := range []string{"1,2,3.5,4", "", "\n\n", "1,2,3\n4", "1,2,3,4\r", "12345678,1,3.5,123456789012345", "1,2,3,1234567890123456789", "1,2,355,4", "1.5,2,3.5,4", "1,2,3.,4\n1,2,3,4.",
		"1,2,3,4,5", "1\n2,3,4", "x,2,3,4", "1,2,3,99999999999999999999", "\"1\",2,3,4", "1,2,1e1,4"} {
		f.Add(lines, uint16(3), uint16(400))
		f.Add(lines, uint16(170), uint16(17))
	}
	f.Fuzz(func(t *testing.T, lines string, before, after uint16) {
		for _, separator := range []string{",", "\t", ";"} {
			for _, skip := range []bool{false, true} {
				common := "123,31832,4.5,1020893714\n7,1,3,978300760\n"
				content := strings.Repeat(common, int(before%1024)) + lines + "\n" + strings.Repeat(common, int(after%1024))
				content = strings.ReplaceAll(content, ",", separator)
				l := layout{format: CSV, separator: separator, quotes: quotedCSV, columns: 4, placed: placed{0, 1, 2, 3}}
				file := &File{layout: l, options: options{buffer: fuzzBuffer, skip: skip}}
				requireSameWithScanner[uint32](t, file, content)
				requireSameWithScanner[int64](t, file, content)
			}
		}
	})
}

func requireSameWithScanner[I ID](t *testing.T, file *File, content string) {
	t.Helper()
	parse := func(scanner bool) (c chunk[I]) {
		p := newChunkParser[I](file, true)
		if !scanner {
			p.scanner = nil
		}
		text := append([]byte(content), make([]byte, fastSlack)...)[:len(content)]
		p.parseChunk(&c, text, true, false)
		return c
	}
	want, got := parse(false), parse(true)
	require.Equal(t, want.tally, got.tally)
	require.Equal(t, want.lines, got.lines)
	require.Equal(t, want.bad, got.bad)
	require.Equal(t, want.reason, got.reason)
	require.Equal(t, want.ratings(), got.ratings())
}

// TestFastLines names lines of the common form, so that they are known to be taken.
func TestFastLines(t *testing.T) {
	fast, ok := newFastLines(layout{separator: "::", columns: 4, placed: placed{0, 1, 2, 3}})
	require.True(t, ok)
	text := "1::31832::5::1020893754\n12345678::7::0.5::0\r\n1::2::3.5::978300760\n1::2::x::4\n"
	out := makeColumns[int64](9, true)
	lines, length := parseFast(&fast, append([]byte(text), make([]byte, fastSlack)...)[:len(text)], &out)
	require.Equal(t, 3, lines)
	require.Equal(t, len(text)-len("1::2::x::4\n"), length)
	require.Equal(t, []int64{1, 12345678, 1}, out.users[:3])
	require.Equal(t, []int64{31832, 7, 2}, out.items[:3])
	require.Equal(t, []float32{5, 0.5, 3.5}, out.values[:3])
	require.Equal(t, []int64{1020893754, 0, 978300760}, out.times[:3])
	for _, l := range []layout{
		{separator: ",", columns: 5, placed: placed{0, 1, 2, 3}},
		{separator: ",", columns: 4, placed: placed{1, 0, 2, 3}},
		{separator: ",", columns: 4, placed: placed{0, 1, 3, 2}},
		{separator: ",", columns: 3, placed: placed{0, 1, -1, 2}},
		{separator: "0", columns: 4, placed: placed{0, 1, 2, 3}},
		{separator: ".", columns: 4, placed: placed{0, 1, 2, 3}},
	} {
		_, ok := newFastLines(l)
		require.False(t, ok, "%+v", l)
	}
}
