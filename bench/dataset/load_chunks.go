package dataset

import (
	"context"
	"errors"

	"github.com/halfstep-ml/halfstep/als"
)

// rowLoader numbers the users and items of a file and adds its ratings to a builder.
type rowLoader struct {
	builder *als.Builder[int64, int64]

	userRows, itemRows rowTable
}

// loadChunks adds the ratings of a file to a builder as Each gives them, with the same
// errors. The file's text can be read at any place. The chunks are of length bytes.
func loadChunks(ctx context.Context, f *File, b *als.Builder[int64, int64], length int64) error {
	l := &rowLoader{builder: b}
	return readChunks(ctx, f, length, false, l.start)
}

// start makes room for the ratings of a file.
func (l *rowLoader) start(r *chunkReader) (newTaker[int64], error) {
	if l.builder.Users == nil {
		l.builder.Users = &als.Index[int64]{}
	}
	if l.builder.Items == nil {
		l.builder.Items = &als.Index[int64]{}
	}
	ids := min(r.size/8, tabledIDs) // some times the lines of a small file
	l.userRows.init(l.builder.Users, ids)
	l.itemRows.init(l.builder.Items, ids)
	guess, err := r.guessLines()
	if err != nil {
		return nil, err
	}
	l.builder.Grow(guess)
	return func() chunkTaker[int64] { return &rowTaker{rowLoader: l} }, nil
}

// rowTaker adds chunks to a builder: it looks up the rows of users and items, then, in the
// order of the file, numbers those that are new and has the builder make room, and writes
// the ratings there.
type rowTaker struct {
	*rowLoader
	chunkUsers, chunkItems chunkRows

	users, items []int32 // those of the builder for the chunk
	values       []float32
}

func (t *rowTaker) prepare(c columns[int64]) {
	t.chunkUsers.find(&t.userRows, c.users)
	t.chunkItems.find(&t.itemRows, c.items)
}

func (t *rowTaker) take(c columns[int64], _ int64) error {
	err := errors.Join(t.chunkUsers.add(&t.userRows), t.chunkItems.add(&t.itemRows))
	if err != nil {
		return err
	}
	t.users, t.items, t.values, err = t.builder.Extend(len(c.values))
	return err
}

func (t *rowTaker) finish(c columns[int64]) error {
	populate(t.users)
	populate(t.items)
	populate(t.values)
	copy(t.users, t.chunkUsers.rows)
	copy(t.items, t.chunkItems.rows)
	copy(t.values, c.values)
	return nil
}
