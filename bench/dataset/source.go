package dataset

import "context"

// Rating is one line of a file of ratings.
type Rating struct {
	User  int64 // the user's id, at least 0
	Item  int64 // the item's id, at least 0
	Value float32
	Time  int64 // in seconds since 1970-01-01 UTC; 0 if the source has none
}

// Source is a set of ratings that can be gone through, more than once.
type Source interface {
	// Name is a short name for tables: "ml-1m", "synthetic".
	Name() string

	// Each calls yield with every rating, always in the same order. It stops at
	// the first error of yield and returns it. When the context is cancelled it
	// returns ctx.Err() within 250 ms, provided that yield returns.
	Each(ctx context.Context, yield func(Rating) error) error
}

// checkEvery is the number of ratings between two looks at the context: a look
// costs a few nanoseconds, 64 calls of a slow yield some microseconds.
const checkEvery = 64
