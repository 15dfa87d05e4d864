package dataset

import (
	"errors"
	"fmt"
	"strconv"
)

// The kinds of errors. They are compared with errors.Is. A file that is not
// there is an fs.ErrNotExist.
var (
	// ErrFormat: the file is in no known format, has a wrong header, holds
	// nothing, or is damaged or cut off. The error is a *FileError.
	ErrFormat = errors.New("dataset: bad file")

	// ErrMalformed: a line or a row is not what the format of its file asks for. The
	// error is a *FileError with a line or a row.
	ErrMalformed = errors.New("dataset: malformed line")

	// ErrConfig: a field of a Synthetic or an option makes no sense. The error is
	// a *ConfigError.
	ErrConfig = errors.New("dataset: bad configuration")
)

// FileError says what is wrong with a file, and where.
type FileError struct {
	Path   string
	Line   int64 // from 1; 0 if it is not about one line
	Row    int64 // of a Parquet file, from 1; 0 if it is not about one row
	Reason string
	Err    error // ErrFormat or ErrMalformed, with the cause below it if there is one
}

// Error gives "ratings.csv:17: the rating "five" is not a number" or
// "ratings.parquet: row 17: the rating is missing".
func (e *FileError) Error() string {
	switch {
	case e.Line > 0:
		return e.Path + ":" + strconv.FormatInt(e.Line, 10) + ": " + e.Reason
	case e.Row > 0:
		return e.Path + ": row " + strconv.FormatInt(e.Row, 10) + ": " + e.Reason
	}
	return e.Path + ": " + e.Reason
}

func (e *FileError) Unwrap() error { return e.Err }

func formatError(path string, line int64, format string, args ...any) error {
	return &FileError{Path: path, Line: line, Reason: fmt.Sprintf(format, args...), Err: ErrFormat}
}

func malformed(path string, line int64, reason string) error {
	return &FileError{Path: path, Line: line, Reason: reason, Err: ErrMalformed}
}

// nothingFound is the error of a file without a good line, or row as places says.
func nothingFound(path, what string, malformed int64, places string) error {
	if malformed == 0 {
		return formatError(path, 0, "the file has no %s", what)
	}
	return formatError(path, 0, "the file has no %s; %d %s are malformed", what, malformed, places)
}

// ConfigError names the field or option that makes no sense. It is an ErrConfig.
type ConfigError struct {
	Field  string
	Reason string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("%v: %s: %s", ErrConfig, e.Field, e.Reason) }

func (e *ConfigError) Is(target error) bool { return target == ErrConfig }

func configError(field, format string, args ...any) error {
	return &ConfigError{Field: field, Reason: fmt.Sprintf(format, args...)}
}
