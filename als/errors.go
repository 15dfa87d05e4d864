package als

import (
	"errors"
	"fmt"
)

// The kinds of errors. They are compared with errors.Is. Errors of the device
// (package kernels) pass through with their own kinds.
var (
	// ErrConfig: a field of a Config makes no sense, or there is nothing to
	// train on. The error is a *ConfigError.
	ErrConfig = errors.New("als: bad configuration")

	// ErrRating: a rating is not finite or its ids are out of range. The error is
	// a *RatingError.
	ErrRating = errors.New("als: bad rating")

	// ErrDuplicate: a user rated an item twice. The error is a *DuplicateError.
	ErrDuplicate = errors.New("als: duplicate rating")

	// ErrUnknown: the user or item is not in the model, or had no rating in
	// training, so that there is nothing to say about it.
	ErrUnknown = errors.New("als: unknown")

	// ErrSingular: a system of a half-step could not be solved. The error is a
	// *RowError.
	ErrSingular = errors.New("als: singular system")

	// ErrClosed: the recommender or builder was closed or used up before.
	ErrClosed = errors.New("als: closed")

	// ErrFormat: the data is no model file, or is damaged or cut off.
	ErrFormat = errors.New("als: bad model file")

	// ErrChecksum: the model file is whole but its content was changed.
	ErrChecksum = errors.New("als: checksum of the model file does not match")

	// ErrVersion: the model file is of a version that this library cannot read.
	ErrVersion = errors.New("als: unsupported version of the model file")
)

// ConfigError names the field that makes no sense. It is an ErrConfig.
type ConfigError struct {
	Field  string
	Reason string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("%v: %s %s", ErrConfig, e.Field, e.Reason) }

func (e *ConfigError) Is(target error) bool { return target == ErrConfig }

func configf(field, format string, args ...any) error {
	return &ConfigError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// RatingError says which rating is wrong. It is an ErrRating.
type RatingError struct {
	Index  int64 // of the rating in its slices or stream, from 0
	Reason string
}

func (e *RatingError) Error() string {
	return fmt.Sprintf("%v: rating %d: %s", ErrRating, e.Index, e.Reason)
}

func (e *RatingError) Is(target error) bool { return target == ErrRating }

func ratingf(index int64, format string, args ...any) error {
	return &RatingError{Index: index, Reason: fmt.Sprintf(format, args...)}
}

// DuplicateError names the pair that was rated more than once. It is an
// ErrDuplicate.
type DuplicateError struct {
	User, Item string // ids where the ratings have them, else rows
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%v: user %s rated item %s more than once", ErrDuplicate, e.User, e.Item)
}

func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicate }

// RowError says which row of a half-step could not be solved. It is an
// ErrSingular.
type RowError struct {
	Side      Side
	ID        string // the id where the ratings have them, else the row
	Iteration int    // counted from 1; 0 for a row that was folded in
	Pivot     int    // as in kernels.Problem.Info
	Rows      int    // how many rows of this half-step failed
}

func (e *RowError) Error() string {
	s := fmt.Sprintf("%v: ", ErrSingular)
	if e.Iteration > 0 {
		s += fmt.Sprintf("iteration %d, ", e.Iteration)
	}
	s += fmt.Sprintf("%s %s: ", e.Side, e.ID)
	if e.Pivot > 0 {
		s += fmt.Sprintf("pivot %d is not positive", e.Pivot)
	} else {
		s += "the solver did not settle"
	}
	if e.Rows > 1 {
		s += fmt.Sprintf(", and %d rows more", e.Rows-1)
	}
	return s + "; a larger Lambda helps"
}

func (e *RowError) Is(target error) bool { return target == ErrSingular }

// Side is one of the two sides of a model.
type Side uint8

const (
	Users Side = iota
	Items
)

func (s Side) String() string {
	if s == Users {
		return "user"
	}
	return "item"
}

// other is the other side.
func (s Side) other() Side {
	if s == Users {
		return Items
	}
	return Users
}
