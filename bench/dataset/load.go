package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/halfstep-ml/halfstep/als"
)

// Dataset is a Source in memory, ready for training.
type Dataset struct {
	Name  string
	Train *als.Ratings
	Test  *als.Ratings // the part held out; nil without WithHoldout

	Users *als.Index[int64] // rows of the ratings ↔ ids of the source
	Items *als.Index[int64]

	// Movies are the titles, by id of the source; nil without WithMovies or where
	// the source has none.
	Movies map[int64]Movie

	// Skipped is the number of malformed lines that SkipBadLines passed over.
	Skipped int64

	ReadTime  time.Duration // going through the source
	BuildTime time.Duration // sorting the ratings by user and by item
}

// LoadOption changes what Load makes of a source.
type LoadOption func(*loadOptions)

type loadOptions struct {
	split      bool
	fraction   float64
	seed       uint64
	duplicates als.Duplicates
	movies     bool
}

// WithHoldout holds ratings out for testing, each with probability fraction, at
// least 0 and below 1. The seed and the pair decide which.
func WithHoldout(fraction float64, seed uint64) LoadOption {
	return func(o *loadOptions) { o.split, o.fraction, o.seed = true, fraction, seed }
}

// WithDuplicates says what becomes of a pair that is rated more than once. The
// default is that it is an als.ErrDuplicate.
func WithDuplicates(d als.Duplicates) LoadOption {
	return func(o *loadOptions) { o.duplicates = d }
}

// WithMovies also reads the titles that lie beside a File.
func WithMovies() LoadOption {
	return func(o *loadOptions) { o.movies = true }
}

// Load reads a source into memory. It fails with the errors of Source.Each, those
// of als.Builder and, with WithMovies, those of File.Movies, except that no file
// of movies need be there; then nothing is loaded.
//
// A rating takes 12 bytes while the source is read and 16 bytes in the end, as
// als.Builder has it.
func Load(ctx context.Context, src Source, opts ...LoadOption) (*Dataset, error) {
	var o loadOptions
	for _, set := range opts {
		set(&o)
	}
	d := &Dataset{Name: src.Name()}
	file, _ := src.(*File)
	if file != nil && o.movies {
		movies, err := file.Movies()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		d.Movies = movies
	}

	start := time.Now()
	b := als.NewBuilder[int64, int64]()
	b.Duplicates = o.duplicates
	err := src.Each(ctx, func(r Rating) error { return b.Add(r.User, r.Item, r.Value) })
	if err != nil {
		return nil, err
	}
	if file != nil {
		d.Skipped = file.Skipped()
	}
	d.ReadTime = time.Since(start)

	start = time.Now()
	if o.split {
		d.Train, d.Test, err = b.Split(o.fraction, o.seed)
	} else {
		d.Train, err = b.Ratings()
	}
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", d.Name, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.Users, d.Items = b.Users, b.Items
	d.BuildTime = time.Since(start)
	return d, nil
}
