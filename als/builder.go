package als

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Duplicates says what becomes of a pair that is rated more than once.
type Duplicates uint8

const (
	RejectDuplicates Duplicates = iota // an ErrDuplicate that names the pair
	KeepLast                           // the rating that came last counts
	SumDuplicates                      // the ratings are added up
)

// Builder collects ratings one by one, under keys of the caller's, and turns
// them into Ratings. It holds 12 bytes a rating while it collects. The zero
// Builder is ready for use. It is used by one goroutine at a time.
type Builder[U, I Key] struct {
	// Users and Items number the keys in the order of their first rating. An
	// index that is set before the first rating is continued.
	Users *Index[U]
	Items *Index[I]

	// Duplicates says what becomes of a pair that is rated more than once.
	Duplicates Duplicates

	collected triplets
	spent     bool
}

// NewBuilder returns an empty builder that rejects duplicates.
func NewBuilder[U, I Key]() *Builder[U, I] { return &Builder[U, I]{} }

// Add adds a rating. A rating that is not finite is an ErrRating.
func (b *Builder[U, I]) Add(user U, item I, value float32) error {
	if b.spent {
		return fmt.Errorf("als: builder: %w", ErrClosed)
	}
	if value-value != 0 {
		return ratingf(b.collected.n, "user %v, item %v: the rating is %v", user, item, value)
	}
	if b.Users == nil {
		b.Users = &Index[U]{}
	}
	if b.Items == nil {
		b.Items = &Index[I]{}
	}
	u, err := b.Users.Add(user)
	if err != nil {
		return err
	}
	i, err := b.Items.Add(item)
	if err != nil {
		return err
	}
	b.collected.add(int32(u), int32(i), value)
	return nil
}

// Grow makes room for n ratings more. Where the guess for all of them is good, they become
// Ratings where they are.
func (b *Builder[U, I]) Grow(n int) {
	if !b.spent && n > 0 {
		b.collected.reserve(n)
	}
}

// Extend adds n ratings, which the caller writes to the slices: the rows that users and
// items have in Users and Items, and the values. They may be written by any goroutine,
// while others are added, until Ratings or Split is called, which say what is wrong with a
// row or a rating, an ErrRating.
//
// With Index.AddAll it is for many ratings at once.
func (b *Builder[U, I]) Extend(n int) (users, items []int32, values []float32, err error) {
	if b.spent {
		return nil, nil, nil, fmt.Errorf("als: builder: %w", ErrClosed)
	}
	if n < 0 {
		return nil, nil, nil, configf("n", "is %d, want at least 0", n)
	}
	if n > 0 {
		users, items, values = b.collected.extend(n)
	}
	return users, items, values, nil
}

// Len is the number of ratings added.
func (b *Builder[U, I]) Len() int64 { return b.collected.n }

// Ratings returns what was collected and uses the builder up. It takes about
// 0.05 s a million ratings, divided by the cores; when ctx ends it returns ctx.Err().
func (b *Builder[U, I]) Ratings(ctx context.Context) (*Ratings, error) {
	shape, err := b.finish()
	if err != nil {
		return nil, err
	}
	whole := b.collected.cut()
	come, err := b.collected.inspect(ctx, shape)
	if err != nil {
		return nil, err
	}
	return newSorter(ctx).build(shape, &b.collected, come, whole)
}

// Split returns what was collected in two parts and uses the builder up. Each
// rating falls into the test part with probability fraction, decided by the seed
// and its rows alone, so that Ratings.Split with the same seed splits the same
// way. Both parts have all users and items.
func (b *Builder[U, I]) Split(ctx context.Context, fraction float64, seed uint64) (train, test *Ratings, err error) {
	draw, err := newSplit(fraction, seed)
	if err != nil {
		return nil, nil, err
	}
	shape, err := b.finish()
	if err != nil {
		return nil, nil, err
	}
	b.collected.cut()
	held, come, err := b.collected.divide(ctx, shape, draw, fraction)
	if err != nil {
		return nil, nil, err
	}
	sorts := newSorter(ctx)
	sorts.reserve(max(held.n, b.collected.n))
	if test, err = sorts.build(shape, held, come, nil); err != nil {
		return nil, nil, err
	}
	if train, err = sorts.build(shape, &b.collected, come, nil); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

func (b *Builder[U, I]) finish() (shape, error) {
	if b.spent {
		return shape{}, fmt.Errorf("als: builder: %w", ErrClosed)
	}
	b.spent = true
	s := shape{duplicates: b.Duplicates}
	if b.Users != nil {
		s.users, s.userIDs = b.Users.Len(), b.Users
	}
	if b.Items != nil {
		s.items, s.itemIDs = b.Items.Len(), b.Items
	}
	return s, nil
}

// triplets is a growing list of ratings in blocks, so that growing copies
// nothing and blocks can be let go one by one.
type triplets struct {
	blocks []block
	n      int64
	room   int // for how many there shall be room in the next block
}

// block is ratings; in triplets there is at least one.
type block struct {
	users, items []int32
	values       []float32
}

// blockLen ratings are 3 MB: large enough that a block costs nothing to begin,
// small enough that the last one wastes little.
const blockLen = 1 << 18

// reserve has the next block that is begun be one with room for n ratings, unless there is
// room in the last.
func (t *triplets) reserve(n int) {
	if last := len(t.blocks) - 1; last >= 0 && cap(t.blocks[last].users)-len(t.blocks[last].users) >= n {
		return
	}
	t.room = max(t.room, n)
}

// extend adds n ratings, one or more, which are yet to be written.
func (t *triplets) extend(n int) (users, items []int32, values []float32) {
	last := len(t.blocks) - 1
	if last < 0 || cap(t.blocks[last].users)-len(t.blocks[last].users) < n {
		size := max(n, t.room)
		switch {
		case t.room > 0:
			t.room = 0
		case last < 0:
			size = max(size, 1<<10)
		default:
			size = max(size, blockLen)
		}
		t.blocks = append(t.blocks, block{make([]int32, 0, size), make([]int32, 0, size), make([]float32, 0, size)})
		last++
	}
	b := &t.blocks[last]
	lo, hi := len(b.users), len(b.users)+n
	b.users, b.items, b.values = b.users[:hi], b.items[:hi], b.values[:hi]
	t.n += int64(n)
	return b.users[lo:hi:hi], b.items[lo:hi:hi], b.values[lo:hi:hi]
}

func (t *triplets) add(user, item int32, value float32) {
	if last := len(t.blocks) - 1; last >= 0 && len(t.blocks[last].users) < cap(t.blocks[last].users) {
		b := &t.blocks[last]
		b.users, b.items, b.values = append(b.users, user), append(b.items, item), append(b.values, value)
		t.n++
		return
	}
	users, items, values := t.extend(1)
	users[0], items[0], values[0] = user, item, value
}

// cut cuts long blocks, so that several goroutines can work on them. Ratings that were
// alone in one block, most of which they fill, it returns as that too.
func (t *triplets) cut() (whole *block) {
	if len(t.blocks) == 1 && len(t.blocks[0].users) >= cap(t.blocks[0].users)/4*3 {
		whole = &t.blocks[0]
	}
	var pieces []block
	for _, b := range t.blocks {
		for lo := 0; lo < len(b.users); lo += blockLen {
			hi := min(lo+blockLen, len(b.users))
			pieces = append(pieces, block{b.users[lo:hi:hi], b.items[lo:hi:hi], b.values[lo:hi:hi]})
		}
	}
	t.blocks = pieces
	return whole
}

// parts are the ratings in parts of some blockLen, to be sorted by user.
func (t *triplets) parts() (parts []part) {
	for lo := 0; lo < len(t.blocks); {
		hi, n := lo, 0
		for ; hi < len(t.blocks) && n < blockLen; hi++ {
			n += len(t.blocks[hi].users)
		}
		parts = append(parts, slices.Clone(t.blocks[lo:hi]))
		lo = hi
	}
	return parts
}

// arrival is the order in which ratings come.
type arrival uint8

const (
	unordered arrival = iota
	grouped           // user by user, ascending
	sorted            // grouped, and each user's items ascending without duplicates
)

// inspect finds the order of the ratings. It fails for the first rating that is not
// within the shape or not finite.
func (t *triplets) inspect(ctx context.Context, s shape) (arrival, error) {
	seen := make([]survey, len(t.blocks))
	positions := t.positions()
	var mixed atomic.Bool // a block is unordered, and so are all of them together
	err := parallel(ctx, len(t.blocks), func(i int) (err error) {
		if mixed.Load() {
			return t.blocks[i].check(s, positions[i])
		}
		if seen[i], err = t.blocks[i].inspect(s, positions[i]); seen[i].come == unordered {
			mixed.Store(true)
		}
		return err
	})
	return together(seen), err
}

// survey is what is found in a block: the order of its ratings, the first and the
// last of them.
type survey struct {
	come                arrival
	firstUser, lastUser int32
	firstItem, lastItem int32
}

// together is the order of the ratings of all blocks.
func together(seen []survey) arrival {
	come := sorted
	for i, b := range seen {
		come = min(come, b.come)
		if i > 0 {
			before := seen[i-1]
			come = min(come, follows(before.lastUser, before.lastItem, b.firstUser, b.firstItem))
		}
	}
	return come
}

// positions are the numbers of the first rating of each block, and of all ratings.
func (t *triplets) positions() []int64 {
	p := make([]int64, len(t.blocks)+1)
	for i, b := range t.blocks {
		p[i+1] = p[i] + int64(len(b.users))
	}
	return p
}

// follows is the order of two ratings.
func follows(user, item, nextUser, nextItem int32) arrival {
	switch {
	case nextUser < user:
		return unordered
	case nextUser == user && nextItem <= item:
		return grouped
	}
	return sorted
}

// inspect finds the order of the ratings of a block, the first of which has the
// position given.
func (b block) inspect(s shape, position int64) (survey, error) {
	items, values := b.items[:len(b.users)], b.values[:len(b.users)]
	// Without a branch that depends on ratings, which come in any order: what is below
	// zero in any of them makes the sums of bits so.
	lastUser, lastItem := int64(s.users)-1, int64(s.items)-1
	var outside, descending, mixed int64
	var exponents uint32
	var user, before int64 = 0, -1 // those of the rating before, and both in a number
	for j, u := range b.users {
		nextUser, item := int64(u), int64(items[j])
		outside |= nextUser | item | (lastUser - nextUser) | (lastItem - item)
		// The exponent of what is not finite is all ones, and the sum carries.
		exponents |= math.Float32bits(values[j])&^(1<<31) + 1<<23
		mixed |= nextUser - user
		pair := nextUser<<32 | item
		descending |= pair - before - 1
		user, before = nextUser, pair
	}
	if outside < 0 || exponents>>31 != 0 {
		return survey{}, s.refuse(b, position)
	}
	seen := survey{unordered, b.users[0], int32(user), items[0], int32(before)}
	switch {
	case descending >= 0:
		seen.come = sorted
	case mixed >= 0:
		seen.come = grouped
	}
	return seen, nil
}

// check is inspect where the order does not matter, in half the time.
func (b block) check(s shape, position int64) error {
	items, values := b.items[:len(b.users)], b.values[:len(b.users)]
	lastUser, lastItem := int32(s.users-1), int32(s.items-1)
	var outside int32
	var exponents uint32
	for j, user := range b.users {
		item := items[j]
		outside |= user | item | (lastUser - user) | (lastItem - item)
		exponents |= math.Float32bits(values[j])&^(1<<31) + 1<<23
	}
	if outside < 0 || exponents>>31 != 0 {
		return s.refuse(b, position)
	}
	return nil
}

// refuse says what is wrong with the first rating of a block that is not within the shape
// or not finite.
func (s shape) refuse(b block, position int64) error {
	for j, user := range b.users {
		item, value := b.items[j], b.values[j]
		at := position + int64(j)
		switch {
		case user < 0 || int(user) >= s.users:
			return ratingf(at, "user %d of %d", user, s.users)
		case item < 0 || int(item) >= s.items:
			return ratingf(at, "item %d of %d", item, s.items)
		case value-value != 0: // NaN or infinite
			return ratingf(at, "user %d, item %d: the rating is %v", user, item, value)
		}
	}
	return nil
}

// rows makes a matrix by user of ratings that come user by user, in the storage of all
// of them if that is given.
func (t *triplets) rows(ctx context.Context, s shape, storage *block) (kernels.HostCSR, error) {
	m := emptyCSR(s.users, s.items)
	if storage != nil {
		m.Columns, m.Values = storage.items[:t.n:t.n], storage.values[:t.n:t.n]
	} else {
		allocate(&m, t.n)
	}
	positions := t.positions()
	err := parallel(ctx, len(t.blocks), func(i int) error {
		b, at := t.blocks[i], positions[i]
		if storage == nil {
			copy(m.Columns[at:], b.items)
			copy(m.Values[at:], b.values)
		}
		// A user's end is where the next user's ratings begin.
		for j, u := range b.users {
			next := int32(s.users)
			switch {
			case j+1 < len(b.users):
				next = b.users[j+1]
			case i+1 < len(t.blocks):
				next = t.blocks[i+1].users[0]
			}
			for ; u < next; u++ {
				m.Offsets[u+1] = at + int64(j) + 1
			}
		}
		return nil
	})
	t.blocks = nil
	return m, err
}

// divide takes the ratings of the test part out and returns them, and the order of all.
// It fails as inspect does.
func (t *triplets) divide(ctx context.Context, s shape, draw split, fraction float64) (*triplets, arrival, error) {
	seen := make([]survey, len(t.blocks))
	test := &triplets{blocks: make([]block, len(t.blocks))}
	positions := t.positions()
	err := parallel(ctx, len(t.blocks), func(i int) (err error) {
		b := &t.blocks[i]
		if seen[i], err = b.inspect(s, positions[i]); err != nil {
			return err
		}
		// Five standard deviations above the mean; what needs more grows.
		room := int(fraction*float64(len(b.users))+5*math.Sqrt(float64(len(b.users)))) + 1
		out := block{make([]int32, 0, room), make([]int32, 0, room), make([]float32, 0, room)}
		kept := 0
		for j, u := range b.users {
			if i, v := b.items[j], b.values[j]; draw.test(u, i) {
				out.users, out.items, out.values = append(out.users, u), append(out.items, i), append(out.values, v)
			} else {
				b.users[kept], b.items[kept], b.values[kept] = u, i, v
				kept++
			}
		}
		*b = block{b.users[:kept], b.items[:kept], b.values[:kept]}
		test.blocks[i] = out
		return nil
	})
	if err != nil {
		return nil, unordered, err
	}
	empty := func(b block) bool { return len(b.users) == 0 }
	test.blocks, t.blocks = slices.DeleteFunc(test.blocks, empty), slices.DeleteFunc(t.blocks, empty)
	test.n = test.positions()[len(test.blocks)]
	t.n -= test.n
	return test, together(seen), nil
}

// split draws the test part of a random split.
type split struct {
	seed  uint64
	below uint64
}

func newSplit(fraction float64, seed uint64) (split, error) {
	if !(fraction >= 0 && fraction < 1) {
		return split{}, configf("fraction", "is %v, want at least 0 and below 1", fraction)
	}
	return split{seed: seed, below: uint64(math.Ldexp(fraction, 64))}, nil
}

func (s split) test(user, item int32) bool {
	return mix(mix(s.seed)^(uint64(uint32(user))<<32|uint64(uint32(item)))) < s.below
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
