package als

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
)

// UpdateOption says which rows Update computes again.
type UpdateOption func(*update)

// UpdateUsers computes the given users again.
func UpdateUsers(users ...int) UpdateOption {
	return func(u *update) { u.users = append(u.users, users...) }
}

// UpdateItems computes the given items again.
func UpdateItems(items ...int) UpdateOption {
	return func(u *update) { u.items = append(u.items, items...) }
}

// Update returns a model that takes account of ratings that came after training,
// without training again. ratings are all ratings there are now. Their first users
// and items are those of the model, under the same keys; users and items after
// them are new. A Builder that is given Clones of the model's indexes continues
// them so. The model m stays as it is, and answers until the new one takes its
// place.
//
// First the users of UpdateUsers and the new ones are solved from their ratings,
// with the items as they are in m; then the items of UpdateItems and the new ones,
// with the users as they are then. It is the half-step of training for these rows
// alone, solved as in FoldIn; every other row, the mean and the configuration are
// those of m. A rating takes part if the row on its other side has factors by
// then: one of a new item does not tell anything of a user until the item has been
// solved. A row without any that takes part gets zeros and is unknown; a second
// Update, once the other side is known, solves it.
//
// The cost is that of FoldIn for these rows and a copy of the sides that change.
// What the ratings of a few rows move of all others is left to the next training,
// which WithStart shortens.
//
// Errors are as in FoldIn, and ErrConfig if the ratings do not continue the
// model's rows.
func Update(ctx context.Context, dev kernels.Device, m *Model, ratings *Ratings, opts ...UpdateOption) (*Model, error) {
	var u update
	for _, opt := range opts {
		opt(&u)
	}
	next, err := u.run(ctx, dev, m, ratings)
	if err != nil {
		return nil, fmt.Errorf("als: update: %w", err)
	}
	return next, nil
}

// update is which rows to compute again.
type update struct {
	users, items []int
}

func (u *update) run(ctx context.Context, dev kernels.Device, m *Model, ratings *Ratings) (*Model, error) {
	next := &Model{config: m.config, mean: m.mean, iterations: m.iterations}
	for _, s := range []struct {
		side    Side
		ratings kernels.HostCSR
		ids     IDs
	}{{Users, ratings.byUser, ratings.userIDs}, {Items, ratings.byItem, ratings.itemIDs}} {
		continued, err := m.side(s.side).continued(s.side, s.ratings.Rows, s.ids)
		if err != nil {
			return nil, err
		}
		*next.side(s.side) = continued
	}
	users, err := rowsToSolve(Users, u.users, m.Users(), ratings.Users())
	if err != nil {
		return nil, err
	}
	items, err := rowsToSolve(Items, u.items, m.Items(), ratings.Items())
	if err != nil {
		return nil, err
	}
	if err := next.solveRows(ctx, dev, Users, users, ratings.byUser); err != nil {
		return nil, err
	}
	if err := next.solveRows(ctx, dev, Items, items, ratings.byItem); err != nil {
		return nil, err
	}
	return next, nil
}

// rowsToSolve is the given rows and all from known on, ascending, each once.
func rowsToSolve(side Side, given []int, known, rows int) ([]int, error) {
	for _, row := range given {
		if row < 0 || row >= rows {
			return nil, unknownRow(side, row, rows)
		}
	}
	solved := slices.Clone(given)
	for row := known; row < rows; row++ {
		solved = append(solved, row)
	}
	slices.Sort(solved)
	return slices.Compact(solved), nil
}

// continued is the factors with zeros for the rows that are new. It shares what it
// does not change with f.
func (f *factors) continued(side Side, rows int, ids IDs) (factors, error) {
	if rows < f.rows {
		return factors{}, configf("ratings", "have %d %vs, the model has %d", rows, side, f.rows)
	}
	if ids == nil && f.ids != nil && rows > f.rows {
		return factors{}, configf("ratings", "have %d new %vs without keys", rows-f.rows, side)
	}
	if ids != nil && f.ids != nil && !continues(ids.raw(), f.ids.raw(), f.rows) {
		return factors{}, configf("ratings", "have other keys for the %vs of the model", side)
	}
	if ids == nil {
		ids = f.ids
	}
	longer := *f
	longer.ids = ids
	if rows > f.rows {
		longer.rows = rows
		longer.vectors = grown(f.vectors, rows*f.rank)
		longer.counts = grown(f.counts, rows)
		if f.biases != nil {
			longer.biases = grown(f.biases, rows)
		}
	}
	return longer, nil
}

// continues reports whether the first n keys of both are the same.
func continues(keys, first rawKeys, n int) bool {
	if keys.kind != first.kind {
		return false
	}
	switch keys.kind {
	case reflect.String:
		return samePrefix(keys.strings, first.strings, n)
	case reflect.Int32:
		return samePrefix(keys.int32s, first.int32s, n)
	case reflect.Int64:
		return samePrefix(keys.int64s, first.int64s, n)
	default:
		return samePrefix(keys.uint64s, first.uint64s, n)
	}
}

func samePrefix[K Key](a, b []K, n int) bool {
	return len(a) >= n && len(b) >= n && slices.Equal(a[:n], b[:n])
}

// grown is a copy of s with n elements, the further ones 0.
func grown[E any](s []E, n int) []E {
	larger := make([]E, n)
	copy(larger, s)
	return larger
}

// solveRows overwrites rows of a side of a model that nobody has seen yet.
func (m *Model) solveRows(ctx context.Context, dev kernels.Device, solved Side, rows []int, ratings kernels.HostCSR) error {
	if len(rows) == 0 {
		return nil
	}
	f := m.side(solved)
	part := knownPart(ratings, rows, m.side(solved.other()).counts)
	packed, err := halfStepOf(ctx, dev, m, solved, part, rowNames{f.ids, rows})
	if err != nil {
		return err
	}
	f.vectors, f.counts = slices.Clone(f.vectors), slices.Clone(f.counts)
	if f.biases != nil {
		f.biases = slices.Clone(f.biases)
	}
	for j, v := range vectorsOf(m.config, packed) {
		row := rows[j]
		copy(f.vector(row), v.Factors)
		if f.biases != nil {
			f.biases[row] = v.Bias
		}
		f.counts[row] = int32(part.Offsets[j+1] - part.Offsets[j])
	}
	return nil
}

// knownPart is the given rows of m without the columns whose count is 0.
func knownPart(m kernels.HostCSR, rows []int, counts []int32) kernels.HostCSR {
	part := emptyCSR(len(rows), m.Cols)
	part.Values = []float32{}
	for j, row := range rows {
		columns, values := rowOf(m, row)
		for k, c := range columns {
			if counts[c] > 0 {
				part.Columns = append(part.Columns, c)
				part.Values = append(part.Values, values[k])
			}
		}
		part.Offsets[j+1] = int64(len(part.Columns))
	}
	return part
}

// rowNames names a part of the rows of ids by their place in it.
type rowNames struct {
	ids  IDs
	rows []int
}

func (n rowNames) Len() int              { return len(n.rows) }
func (n rowNames) Name(place int) string { return nameIn(n.ids, n.rows[place]) }
func (n rowNames) raw() rawKeys          { return rawKeys{} }
