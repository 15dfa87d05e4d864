// Package simd holds the inner loops of package cpu. They work on slices of
// float32 and know nothing of what the numbers mean.
//
// Every function does as much as is sensible in one call (all ratings of a
// block, a whole factorization), so that an implementation in assembly is
// entered rarely, and none takes longer than some 200 µs.
//
// # Implementations
//
// Every function has an implementation in plain Go. For amd64, unless the build tag
// noasm is given, some have others in assembly, which the module _gen generates
// (make generate): one for AVX2 and FMA, one for AVX-512. Path says which are in
// use. The tests run each that the machine has.
//
// The functions that use the tile registers of AMX stand beside the others: the caller
// asks Pieces whether they can be called.
//
// # Conventions
//
// A row-major matrix is a slice with the distance between its rows, named like
// lda or ldy, in elements. ids select rows of a matrix; the caller has checked
// them. Nothing here allocates, and nothing depends on the alignment of its
// arguments.
//
// A panel is a small dense matrix of gathered rows whose row length is
// PanelStride(k), a multiple of the tile of rankUpdate. What lies beyond its k
// columns is zero or is the caller's.
//
// # Order of summation
//
// A score of ScoreStrips has the same bits in whatever tile and strip it is computed,
// and a product of DotRows wherever its row stands among the ids. Each path has an order
// of its own, and so have the two functions.
package simd
