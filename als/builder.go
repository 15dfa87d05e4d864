package als

import (
	"context"
	"fmt"
	"math"
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

// Len is the number of ratings added.
func (b *Builder[U, I]) Len() int64 { return b.collected.n }

// Ratings returns what was collected and uses the builder up. It takes about 0.1 s
// a million ratings; when ctx ends it returns ctx.Err().
func (b *Builder[U, I]) Ratings(ctx context.Context) (*Ratings, error) {
	shape, err := b.finish()
	if err != nil {
		return nil, err
	}
	return build(ctx, shape, &b.collected, nil)
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
	// The small part first: it is made while all triplets are still there.
	test, err = build(ctx, shape, keepAll{&b.collected}, draw.test)
	if err != nil {
		return nil, nil, err
	}
	train, err = build(ctx, shape, &b.collected, draw.train)
	if err != nil {
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
}

type block struct {
	users, items []int32
	values       []float32
}

// blockLen ratings are 3 MB: large enough that a block costs nothing to begin,
// small enough that the last one wastes little.
const blockLen = 1 << 18

func (t *triplets) add(user, item int32, value float32) {
	last := len(t.blocks) - 1
	if last < 0 || len(t.blocks[last].users) == cap(t.blocks[last].users) {
		size := blockLen
		if last < 0 {
			size = 1 << 10
		} else if last == 0 {
			size = blockLen - 1<<10
		}
		t.blocks = append(t.blocks, block{
			users:  make([]int32, 0, size),
			items:  make([]int32, 0, size),
			values: make([]float32, 0, size),
		})
		last++
	}
	b := &t.blocks[last]
	b.users = append(b.users, user)
	b.items = append(b.items, item)
	b.values = append(b.values, value)
	t.n++
}

func (t *triplets) each(visit func(block) error) error {
	for _, b := range t.blocks {
		if err := visit(b); err != nil {
			return err
		}
	}
	return nil
}

// drain is each, letting go of every block after its visit.
func (t *triplets) drain(visit func(block) error) error {
	for i := range t.blocks {
		if err := visit(t.blocks[i]); err != nil {
			return err
		}
		t.blocks[i] = block{}
	}
	t.blocks = nil
	return nil
}

func (t *triplets) storage() ([]int32, []float32) { return nil, nil }

// keepAll is triplets that are needed again.
type keepAll struct{ *triplets }

func (k keepAll) drain(visit func(block) error) error { return k.each(visit) }

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

func (s split) train(user, item int32) bool { return !s.test(user, item) }

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
