package dataset

import (
	"bytes"
	"math"
	"strconv"
)

// The parsers of fields answer a reason in words for what they do not take, ""
// otherwise: an error would have to be made anew by whoever knows the line.

// parseID reads an id or a time: decimal digits without a sign, below 2⁶³.
func parseID(what string, field []byte) (id int64, reason string) {
	if len(field) == 0 {
		return 0, "the " + what + " is missing"
	}
	for i, c := range field {
		digit := int64(c - '0')
		if digit > 9 {
			return 0, "the " + what + " " + quote(field) + " is not a whole number of at least 0"
		}
		if i >= 18 && id > (math.MaxInt64-digit)/10 { // 18 digits always fit
			return 0, "the " + what + " " + quote(field) + " is not below 2⁶³"
		}
		id = id*10 + digit
	}
	return id, ""
}

// powersOfTen are exact in float32.
var powersOfTen = [...]float32{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// parseValue reads a rating, a finite decimal number, to the nearest float32.
func parseValue(field []byte) (value float32, reason string) {
	// Up to 7 digits are a whole number below 2²⁴ and a power of ten, both exact,
	// so that the quotient is rounded once (Clinger 1990).
	var digits, point int
	var mantissa uint32
	point = -1
	for i, c := range field {
		switch digit := c - '0'; {
		case digit <= 9 && digits < 7:
			mantissa = mantissa*10 + uint32(digit)
			digits++
		case c == '.' && point < 0:
			point = i
		default:
			return parseAnyValue(field)
		}
	}
	if digits == 0 || mantissa >= 1<<24 {
		return parseAnyValue(field)
	}
	value = float32(mantissa)
	if point >= 0 {
		value /= powersOfTen[len(field)-1-point]
	}
	return value, ""
}

// parseAnyValue reads signs, exponents and any number of digits.
func parseAnyValue(field []byte) (value float32, reason string) {
	if len(field) == 0 {
		return 0, "the rating is missing"
	}
	v, err := strconv.ParseFloat(string(field), 32)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return 0, "the rating " + quote(field) + " is not finite"
	case err != nil || bytes.ContainsAny(field, "xXpP_"):
		// ParseFloat takes hexadecimal numbers, which no data set has.
		return 0, "the rating " + quote(field) + " is not a number"
	}
	return float32(v), ""
}

// quote writes a field for a message, without what would flood it.
func quote(field []byte) string {
	const most = 40
	if len(field) > most {
		return strconv.Quote(string(field[:most])) + "…"
	}
	return strconv.Quote(string(field))
}
