package als

import (
	"context"
	"iter"
	"math"
	"runtime"
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
// values[j], by user users[j] for item items[j]. It takes the slices over: they
// become storage of the result, and the caller must not use any of the three again.
// Beside them it needs 16 bytes a rating, of which 4 stay.
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
	whole := block{users, items, values}
	t := triplets{n: int64(len(users)), blocks: []block{whole}}
	t.cut()
	s := shape{users: numUsers, items: numItems, duplicates: duplicates}
	ctx := context.Background()
	come, err := t.inspect(ctx, s)
	if err != nil {
		return nil, err
	}
	return newSorter(ctx).build(s, &t, come, &whole)
}

// shape is what is known of ratings before they are built.
type shape struct {
	users, items     int
	userIDs, itemIDs IDs
	duplicates       Duplicates
}

// build makes Ratings of triplets within the shape, which come in the order given and
// of which it lets go when it has read them. The storage, if it is given, is theirs
// and becomes that of the result.
//
// Ratings that come user by user, as files mostly have them, are the matrix by user as
// they stand, once each user's are sorted by item; others are sorted by user first. The
// other matrix is its transpose.
func (sorts *sorter) build(s shape, t *triplets, come arrival, storage *block) (*Ratings, error) {
	r := &Ratings{userIDs: s.userIDs, itemIDs: s.itemIDs}
	var err error
	if come == unordered {
		r.byUser, err = sorts.users(s, t, storage)
	} else {
		r.byUser, err = t.rows(sorts.ctx, s, storage)
	}
	if err != nil {
		return nil, err
	}
	if storage == nil && t.n >= collectFrom {
		runtime.GC()
	}
	if come != sorted {
		repeated, err := sortRows(sorts.ctx, r.byUser)
		if err != nil {
			return nil, err
		}
		if repeated {
			if err := r.merge(s.duplicates); err != nil {
				return nil, err
			}
		}
	}
	r.byItem = emptyCSR(s.items, s.users)
	n := r.Len()
	if storage != nil {
		r.byItem.Columns, r.byItem.Values = storage.users[:n:n], make([]float32, n)
	} else {
		allocate(&r.byItem, n)
	}
	if err := sorts.transpose(&r.byItem, r.byUser); err != nil {
		return nil, err
	}
	return r, nil
}

// users makes a matrix by user of ratings in any order, which stay in that order within
// a user, in the storage of all of them if that is given.
func (sorts *sorter) users(s shape, t *triplets, storage *block) (kernels.HostCSR, error) {
	m := emptyCSR(s.users, s.items)
	parts := t.parts()
	err := sorts.sort(&m, parts, func() {
		clear(parts)
		t.blocks = nil
		if storage != nil {
			m.Columns, m.Values = storage.items[:t.n:t.n], storage.values[:t.n:t.n]
			return
		}
		if t.n >= collectFrom {
			runtime.GC()
		}
		allocate(&m, t.n)
	})
	return m, err
}

// collectFrom is the number of ratings from which building collects what it has let go
// of before it allocates as much again: memory that is new costs 0.3 ns a byte, a
// collection less than a millisecond where there are no other large structures. Large
// pages are no remedy: on a virtual machine whose host had yet to back them, the first
// touch of 500 MB took 0.9 s of its kernel, and 0.36 s in small ones.
const collectFrom = 1 << 22

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
	m.Columns, m.Values = m.Columns[:kept:kept], m.Values[:kept:kept]
	return nil
}

func emptyCSR(rows, cols int) kernels.HostCSR {
	return kernels.HostCSR{Rows: rows, Cols: cols, Offsets: make([]int64, rows+1)}
}

// allocate gives m room for n entries.
func allocate(m *kernels.HostCSR, n int64) {
	m.Columns, m.Values = make([]int32, n), make([]float32, n)
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
