package dataset

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every rating is the float32 nearest to the decimal number.
func TestParseValueIsExact(t *testing.T) {
	check := func(text string) {
		want, err := strconv.ParseFloat(text, 32)
		require.NoError(t, err)
		got, reason := parseValue([]byte(text))
		require.Empty(t, reason, text)
		if math.Float32bits(float32(want)) != math.Float32bits(got) {
			t.Fatalf("%s: got %v, want %v", text, got, float32(want))
		}
	}
	for mantissa := 0; mantissa < 20_000_000; mantissa += 997 {
		digits := strconv.Itoa(mantissa)
		check(digits)
		for point := range len(digits) {
			check(digits[:point] + "." + digits[point:])
		}
	}
	for _, text := range []string{"5.", ".5", "0.0", "-0", "-3.5", "+2", "1e2", "1.5E-3", "0000000004.5", "3.4028234e38",
		"16777215", "16777217", "0.1000000", "3.333333333333333333333333", "1" + strings.Repeat("0", 30)} {
		check(text)
	}
	for _, text := range []string{".", "-", "e5", "1..2", "1,5", "1_0", "0x1p2", "inf", "nan", "3.5e39", " 1", "1 "} {
		_, reason := parseValue([]byte(text))
		require.NotEmpty(t, reason, text)
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "007": 7, "9223372036854775807": math.MaxInt64, "00000000009223372036854775807": math.MaxInt64,
		"999999999999999999": 999999999999999999,
	} {
		got, reason := parseID("user", []byte(text))
		require.Empty(t, reason, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-1", "+1", "1.0", "1e3", "9223372036854775808", "9999999999999999999",
		"99999999999999999999999", "٣", "1\n"} {
		_, reason := parseID("user", []byte(text))
		require.NotEmpty(t, reason, text)
	}
}
