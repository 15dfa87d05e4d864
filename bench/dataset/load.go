package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/halfstep-ml/halfstep/als"
)

// DatasetOf is a SourceOf the same ids in memory, ready for training.
type DatasetOf[K als.Key] struct {
	Users *als.Index[K] // rows of the ratings ↔ ids of the source
	Items *als.Index[K]

	Data
}

// Dataset is a Source in memory.
type Dataset = DatasetOf[int64]

// Data is what a source in memory is, whatever its ids are.
type Data struct {
	Name  string
	Train *als.Ratings
	Test  *als.Ratings // the part held out; nil without WithHoldout

	// Movies are the titles, by id of the source; nil without WithMovies or where
	// the source has none.
	Movies map[int64]Movie

	// Skipped is the number of malformed lines or rows that SkipBadLines passed over.
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
func Load[K als.Key](ctx context.Context, src SourceOf[K], opts ...LoadOption) (*DatasetOf[K], error) {
	var o loadOptions
	for _, set := range opts {
		set(&o)
	}
	d := &DatasetOf[K]{Data: Data{Name: src.Name()}}
	file := fileOf(src)
	if file != nil && o.movies {
		movies, err := file.Movies()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		d.Movies = movies
	}

	start := time.Now()
	b := als.NewBuilder[K, K]()
	b.Duplicates = o.duplicates
	if err := read(ctx, src, b); err != nil {
		return nil, err
	}
	if file != nil {
		d.Skipped = file.Skipped()
	}
	d.ReadTime = time.Since(start)

	start = time.Now()
	var err error
	if o.split {
		d.Train, d.Test, err = b.Split(ctx, o.fraction, o.seed)
	} else {
		d.Train, err = b.Ratings(ctx)
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

// read adds the ratings of a source to a builder.
func read[K als.Key](ctx context.Context, src SourceOf[K], b *als.Builder[K, K]) error {
	if f, ok := any(src).(*File); ok && f.random {
		return loadChunks(ctx, f, any(b).(*als.Builder[int64, int64]), chunkLen)
	}
	return src.Each(ctx, func(r RatingOf[K]) error { return b.Add(r.User, r.Item, r.Value) })
}

// fileOf is the file that a source reads, nil if it reads none.
func fileOf(src any) *File {
	switch src := src.(type) {
	case *File:
		return src
	case StringFile:
		return src.file
	}
	return nil
}
