//go:build !amd64 || noasm

package simd

// active is a variable for the tests.
var active = portable

func best() path { return portable }
