// Package lines writes lines of cache past the caches.
//
// A store to a line that is in no cache reads it first, and holds up the stores behind it.
// A line that is written whole past the caches does neither.
package lines

// Line is a line of cache. Write is fast where both have an address that is a multiple of
// its size.
type Line = [64]byte
