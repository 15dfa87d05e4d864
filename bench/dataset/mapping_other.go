//go:build !linux

package dataset

import "io"

// mapFile returns nil: files are not mapped here.
func mapFile(io.Reader, int64) []byte { return nil }

func unmapFile([]byte) error { return nil }

func release([]byte, int64, int64) {}
