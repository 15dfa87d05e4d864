package als

import (
	"context"
	"iter"
	"math"
	"strconv"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Ratings is a sparse matrix of ratings, users by items, held by user and by
// item: 16 bytes a rating. It does not change and is safe for concurrent use.
// Build one with a Builder or NewRatings.
type Ratings struct {
	byUser, byItem   kernels.HostCSR
	userIDs, itemIDs IDs
}

// Users is the number of users, those without ratings included.
func (r *Ratings) Users() int { return r.byUser.Rows }

// Items is the number of items, those without ratings included.
func (r *Ratings) Items() int { return r.byItem.Rows }

// Len is the number of ratings.
func (r *Ratings) Len() int64 { return r.byUser.Entries() }

// ByUser is the matrix with a row for each user. It must not be changed.
func (r *Ratings) ByUser() kernels.HostCSR { return r.byUser }

// ByItem is the matrix with a row for each item. It must not be changed.
func (r *Ratings) ByItem() kernels.HostCSR { return r.byItem }

// UserIDs are the keys of the users, nil if they have none.
func (r *Ratings) UserIDs() IDs { return r.userIDs }

// ItemIDs are the keys of the items, nil if they have none.
func (r *Ratings) ItemIDs() IDs { return r.itemIDs }

// User returns the items that a user rated, ascending, and the ratings. The
// slices must not be changed.
func (r *Ratings) User(user int) (items []int32, values []float32) { return rowOf(r.byUser, user) }

// Item returns the users that rated an item, ascending, and the ratings. The
// slices must not be changed.
func (r *Ratings) Item(item int) (users []int32, values []float32) { return rowOf(r.byItem, item) }

// Rating is one rating of a user, by rows.
type Rating struct {
	User, Item int
	Value      float32
}

// All goes through the ratings by user and, within a user, by item.
func (r *Ratings) All() iter.Seq[Rating] {
	return func(yield func(Rating) bool) {
		for u := range r.Users() {
			items, values := r.User(u)
			for j, i := range items {
				if !yield(Rating{u, int(i), values[j]}) {
					return
				}
			}
		}
	}
}

// Mean is the mean rating, 0 if there is none.
func (r *Ratings) Mean() float64 {
	if r.Len() == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range r.byUser.Values {
		sum += float64(v)
	}
	return sum / float64(r.Len())
}

// Split returns the ratings in two parts, each rating in the test part with
// probability fraction, decided by the seed and its rows alone. Both parts have
// all users and items.
func (r *Ratings) Split(fraction float64, seed uint64) (train, test *Ratings, err error) {
	draw, err := newSplit(fraction, seed)
	if err != nil {
		return nil, nil, err
	}
	train, test = r.divide(func(user int, j int64) bool { return draw.test(int32(user), r.byUser.Columns[j]) })
	return train, test, nil
}

// NewRatings builds ratings from three slices of equal length: rating j is
// values[j], by user users[j] for item items[j]. It takes the slices over: items
// and values become storage of the result, and the caller must not use any of
// the three again. Beside them it needs 8 bytes a rating.
//
// An id that is negative or not below its count, or a rating that is not finite,
// is an ErrRating; a pair that occurs twice is treated as duplicates says.
func NewRatings(numUsers, numItems int, users, items []int32, values []float32, duplicates Duplicates) (*Ratings, error) {
	if numUsers < 0 || numUsers > math.MaxInt32 {
		return nil, configf("numUsers", "is %d, want 0 to %d", numUsers, math.MaxInt32)
	}
	if numItems < 0 || numItems > math.MaxInt32 {
		return nil, configf("numItems", "is %d, want 0 to %d", numItems, math.MaxInt32)
	}
	if len(users) != len(items) || len(users) != len(values) {
		return nil, configf("users, items, values", "have %d, %d and %d elements, want equal lengths", len(users), len(items), len(values))
	}
	for j, u := range users {
		switch i, v := items[j], values[j]; {
		case u < 0 || int(u) >= numUsers:
			return nil, ratingf(int64(j), "user %d of %d", u, numUsers)
		case i < 0 || int(i) >= numItems:
			return nil, ratingf(int64(j), "item %d of %d", i, numItems)
		case v-v != 0: // NaN or infinite
			return nil, ratingf(int64(j), "user %d, item %d: the rating is %v", u, i, v)
		}
	}
	s := shape{users: numUsers, items: numItems, duplicates: duplicates}
	return build(context.Background(), s, arrays{block{users, items, values}}, nil)
}

// arrays is the ratings of NewRatings: one block whose storage may be used again.
type arrays struct{ block }

func (s arrays) each(visit func(block) error) error  { return visit(s.block) }
func (s arrays) drain(visit func(block) error) error { return visit(s.block) }
func (s arrays) storage() ([]int32, []float32)       { return s.items, s.values }

// shape is what is known of ratings before they are built.
type shape struct {
	users, items     int
	userIDs, itemIDs IDs
	duplicates       Duplicates
}

// source gives the ratings to build from.
type source interface {
	each(visit func(block) error) error
	// drain is the last pass: what was visited may be let go.
	drain(visit func(block) error) error
	// storage is memory of the source, with room for every rating, that may be
	// overwritten after drain; nil if there is none.
	storage() ([]int32, []float32)
}

// build makes Ratings from those of the source that keep wants, or all if keep is
// nil. It is three counting sorts: by item, then by user, which leaves each
// user's items ascending, then by item again for the same on the other side. The
// third one writes over the result of the first, so that no more than the source
// and 8 or 16 bytes a rating are held at once.
func build(ctx context.Context, s shape, src source, keep func(user, item int32) bool) (*Ratings, error) {
	byItem := emptyCSR(s.items, s.users)
	err := src.each(func(b block) error {
		for j, i := range b.items {
			if keep == nil || keep(b.users[j], i) {
				byItem.Offsets[i+1]++
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	next := accumulate(byItem.Offsets)
	n := byItem.Entries()
	byItem.Columns, byItem.Values = make([]int32, n), make([]float32, n)
	err = src.drain(func(b block) error {
		for j, i := range b.items {
			if keep == nil || keep(b.users[j], i) {
				byItem.Columns[next[i]] = b.users[j]
				byItem.Values[next[i]] = b.values[j]
				next[i]++
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	columns, values := src.storage()
	if columns == nil {
		columns, values = make([]int32, n), make([]float32, n)
	}
	r := &Ratings{userIDs: s.userIDs, itemIDs: s.itemIDs}
	if r.byUser, err = transpose(ctx, byItem, columns[:n:n], values[:n:n]); err != nil {
		return nil, err
	}
	if err := r.merge(s.duplicates); err != nil {
		return nil, err
	}
	n = r.Len()
	r.byItem, err = transpose(ctx, r.byUser, byItem.Columns[:n:n], byItem.Values[:n:n])
	if err != nil {
		return nil, err
	}
	return r, nil
}

// merge deals with pairs that occur more than once, which stand next to each
// other in byUser in the order in which they came.
func (r *Ratings) merge(duplicates Duplicates) error {
	m := &r.byUser
	kept := int64(0)
	for u := range m.Rows {
		lo, hi := m.Offsets[u], m.Offsets[u+1]
		m.Offsets[u] = kept
		for j := lo; j < hi; j++ {
			if kept == m.Offsets[u] || m.Columns[kept-1] != m.Columns[j] {
				m.Columns[kept], m.Values[kept] = m.Columns[j], m.Values[j]
				kept++
				continue
			}
			switch duplicates {
			case KeepLast:
				m.Values[kept-1] = m.Values[j]
			case SumDuplicates:
				m.Values[kept-1] += m.Values[j]
				if v := m.Values[kept-1]; v-v != 0 {
					return ratingf(j, "user %s, item %s: the sum of the duplicates is %v",
						nameIn(r.userIDs, u), nameIn(r.itemIDs, int(m.Columns[j])), v)
				}
			default:
				return &DuplicateError{User: nameIn(r.userIDs, u), Item: nameIn(r.itemIDs, int(m.Columns[j]))}
			}
		}
	}
	m.Offsets[m.Rows] = kept
	m.Columns, m.Values = m.Columns[:kept], m.Values[:kept]
	return nil
}

// transposeRows is the number of rows between two looks at the context: a look
// costs nothing beside them, and they take some milliseconds.
const transposeRows = 256

// transpose returns the transpose of m with its entries in the storage given.
// Columns are ascending in every row of the result.
func transpose(ctx context.Context, m kernels.HostCSR, columns []int32, values []float32) (kernels.HostCSR, error) {
	t := emptyCSR(m.Cols, m.Rows)
	t.Columns, t.Values = columns, values
	for _, c := range m.Columns {
		t.Offsets[c+1]++
	}
	next := accumulate(t.Offsets)
	for row := range m.Rows {
		if row%transposeRows == 0 && ctx.Err() != nil {
			return kernels.HostCSR{}, ctx.Err()
		}
		for j := m.Offsets[row]; j < m.Offsets[row+1]; j++ {
			c := m.Columns[j]
			t.Columns[next[c]] = int32(row)
			t.Values[next[c]] = m.Values[j]
			next[c]++
		}
	}
	return t, nil
}

func emptyCSR(rows, cols int) kernels.HostCSR {
	return kernels.HostCSR{Rows: rows, Cols: cols, Offsets: make([]int64, rows+1)}
}

// accumulate turns counts, kept one place up, into offsets, and returns where the
// next entry of each row goes.
func accumulate(offsets []int64) (next []int64) {
	for i := 1; i < len(offsets); i++ {
		offsets[i] += offsets[i-1]
	}
	next = make([]int64, len(offsets))
	copy(next, offsets)
	return next
}

func rowOf(m kernels.HostCSR, row int) ([]int32, []float32) {
	lo, hi := m.Offsets[row], m.Offsets[row+1]
	return m.Columns[lo:hi:hi], m.Values[lo:hi:hi]
}

// nameIn writes the key of a row, or the row where there are no keys.
func nameIn(ids IDs, row int) string {
	if ids == nil {
		return strconv.Itoa(row)
	}
	return ids.Name(row)
}
