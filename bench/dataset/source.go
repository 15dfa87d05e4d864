package dataset

import (
	"context"

	"github.com/halfstep-ml/halfstep/als"
)

// RatingOf is one line of a file of ratings, with ids of type K.
type RatingOf[K als.Key] struct {
	User  K // the user's id; at least 0 if it is a number, not empty if it is a string
	Item  K // the item's id, likewise
	Value float32
	Time  int64 // in seconds since 1970-01-01 UTC; 0 if the source has none
}

// SourceOf is a set of ratings that can be gone through, more than once.
type SourceOf[K als.Key] interface {
	// Name is a short name for tables: "ml-1m", "synthetic".
	Name() string

	// Each calls yield with every rating, always in the same order. It stops at
	// the first error of yield and returns it. When the context is cancelled it
	// returns ctx.Err() within 250 ms, provided that yield returns.
	Each(ctx context.Context, yield func(RatingOf[K]) error) error
}

// Rating and Source have whole numbers for ids, as MovieLens does.
type (
	Rating = RatingOf[int64]
	Source = SourceOf[int64]
)

// checkEvery is the number of ratings between two looks at the context: a look
// costs a few nanoseconds, 64 calls of a slow yield some microseconds.
const checkEvery = 64
