package als_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

// triple is a rating by rows.
type triple struct {
	user, item int32
	value      float32
}

// randomTriples returns n ratings of distinct pairs in random order.
func randomTriples(random *rand.Rand, users, items, n int) []triple {
	pairs := random.Perm(users * items)[:n]
	list := make([]triple, n)
	for j, p := range pairs {
		list[j] = triple{int32(p / items), int32(p % items), float32(1 + random.IntN(10))}
	}
	return list
}

func columnsOf(list []triple) (users, items []int32, values []float32) {
	for _, r := range list {
		users = append(users, r.user)
		items = append(items, r.item)
		values = append(values, r.value)
	}
	return users, items, values
}

func newRatings(t testing.TB, users, items int, list []triple) *als.Ratings {
	t.Helper()
	u, i, v := columnsOf(list)
	r, err := als.NewRatings(users, items, u, i, v, als.RejectDuplicates)
	require.NoError(t, err)
	return r
}

// requireRatings checks both orientations against the list.
func requireRatings(t *testing.T, want []triple, r *als.Ratings) {
	t.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b triple) int { return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.item, b.item)) })
	var got []triple
	for x := range r.All() {
		got = append(got, triple{int32(x.User), int32(x.Item), x.Value})
	}
	requireTriples(t, want, got, "by user")
	require.NoError(t, r.ByUser().Check())
	require.NoError(t, r.ByItem().Check())

	slices.SortFunc(want, func(a, b triple) int { return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.user, b.user)) })
	got = got[:0]
	for i := range r.Items() {
		users, values := r.Item(i)
		for j, u := range users {
			got = append(got, triple{u, int32(i), values[j]})
		}
	}
	requireTriples(t, want, got, "by item")
}

// requireTriples is require.Equal for long lists.
func requireTriples(t *testing.T, want, got []triple, message string) {
	t.Helper()
	require.Equal(t, len(want), len(got), message)
	for j := range want {
		if want[j] != got[j] {
			require.Equal(t, want[j], got[j], "%s, rating %d", message, j)
		}
	}
}

func TestNewRatings(t *testing.T) {
	const seed = 1
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, c := range []struct{ users, items, n int }{{1, 1, 1}, {5, 3, 15}, {40, 70, 900}, {300, 200, 20000}, {3, 4, 0}, {0, 0, 0}} {
		list := randomTriples(random, c.users, c.items, c.n)
		r := newRatings(t, c.users, c.items, list)
		require.Equal(t, c.users, r.Users())
		require.Equal(t, c.items, r.Items())
		require.Equal(t, int64(c.n), r.Len())
		if c.n > 0 {
			requireRatings(t, list, r)
		}
	}
}

func TestBuilderEqualsSlices(t *testing.T) {
	const seed = 2
	t.Logf("seed %d", seed)
	// More than two blocks, so that the seams are crossed.
	list := randomTriples(rand.New(rand.NewPCG(seed, 0)), 2000, 1000, 600_000)
	b := als.NewBuilder[int32, int32]()
	for _, r := range list {
		require.NoError(t, b.Add(r.user, r.item, r.value))
	}
	require.Equal(t, int64(len(list)), b.Len())
	r, err := b.Ratings(t.Context())
	require.NoError(t, err)

	inRows := make([]triple, len(list))
	for j, x := range list {
		u, _ := b.Users.Row(x.user)
		i, _ := b.Items.Row(x.item)
		inRows[j] = triple{int32(u), int32(i), x.value}
	}
	requireRatings(t, inRows, r)

	require.ErrorIs(t, b.Add(1, 1, 1), als.ErrClosed)
	_, err = b.Ratings(t.Context())
	require.ErrorIs(t, err, als.ErrClosed)
}

// TestExtend mixes ratings by rows with ratings by keys, in parts of any length, with a
// good guess of their number, with a bad one and with none.
func TestExtend(t *testing.T) {
	const seed = 8
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	list := randomTriples(random, 500, 400, 20_000)
	slices.SortFunc(list, func(a, b triple) int { return cmp.Compare(a.user, b.user) })
	plain := als.NewBuilder[int32, int32]()
	for _, r := range list {
		require.NoError(t, plain.Add(r.user, r.item, r.value))
	}
	want, err := plain.Ratings(t.Context())
	require.NoError(t, err)
	extend := func(b *als.Builder[int32, int32], list []triple) {
		u, i, v := columnsOf(list)
		users, items, values, err := b.Extend(len(list))
		require.NoError(t, err)
		require.NoError(t, b.Users.AddAll(u, users))
		require.NoError(t, b.Items.AddAll(i, items))
		copy(values, v)
	}
	for _, guess := range []int{-1, 0, 1000, 21_000, 100_000} {
		rows := als.NewBuilder[int32, int32]()
		rows.Users, rows.Items = &als.Index[int32]{}, &als.Index[int32]{}
		rows.Grow(guess)
		for left := list; len(left) > 0; {
			n := min(random.IntN(700), len(left))
			if random.IntN(3) == 0 {
				for _, r := range left[:n] {
					require.NoError(t, rows.Add(r.user, r.item, r.value))
				}
			} else {
				extend(rows, left[:n])
			}
			left = left[n:]
		}
		require.Equal(t, int64(len(list)), rows.Len())
		got, err := rows.Ratings(t.Context())
		require.NoError(t, err)
		require.Equal(t, want.ByUser(), got.ByUser(), "a guess of %d", guess)
		require.Equal(t, want.ByItem(), got.ByItem(), "a guess of %d", guess)
		_, _, _, err = rows.Extend(0)
		require.ErrorIs(t, err, als.ErrClosed)
	}

	grown := als.NewBuilder[int32, int32]()
	grown.Users, grown.Items = &als.Index[int32]{}, &als.Index[int32]{}
	grown.Grow(5)
	extend(grown, []triple{{1, 1, 1}, {1, 2, 2}})
	users, items, values, err := grown.Extend(2)
	require.NoError(t, err)
	copy(users, []int32{1, 1})
	copy(items, []int32{1, 0})
	copy(values, []float32{3, 4})
	grown.Users, err = als.NewIndex[int32](1, 2)
	require.NoError(t, err)
	got, err := grown.Ratings(t.Context())
	require.NoError(t, err)
	require.Same(t, &items[0], &got.ByUser().Columns[2], "ratings stay where they were collected")
	require.Equal(t, []float32{1, 2, 4, 3}, got.ByUser().Values)

	bad := func() *als.Builder[int32, int32] {
		b := als.NewBuilder[int32, int32]()
		require.NoError(t, b.Add(7, 7, 1))
		users, items, values, err := b.Extend(1)
		require.NoError(t, err)
		users[0], items[0], values[0] = 0, 1, 1
		return b
	}
	_, err = bad().Ratings(t.Context())
	require.ErrorContains(t, err, "rating 1: item 1 of 1")
	_, _, err = bad().Split(t.Context(), 0.5, 1)
	require.ErrorContains(t, err, "rating 1: item 1 of 1")
	_, _, _, err = bad().Extend(-1)
	require.ErrorIs(t, err, als.ErrConfig)
}

// afterChecks is a context that ends when it has been looked at n times.
type afterChecks struct {
	context.Context
	left *atomic.Int64
}

func (c afterChecks) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestBuildingIsCancelled ends the context at every place where building looks at
// it.
func TestBuildingIsCancelled(t *testing.T) {
	list := randomTriples(rand.New(rand.NewPCG(6, 0)), 600, 300, 5000)
	for checks := 0; ; checks++ {
		b := als.NewBuilder[int32, int32]()
		for _, r := range list {
			require.NoError(t, b.Add(r.user, r.item, r.value))
		}
		var left atomic.Int64
		left.Store(int64(checks))
		r, err := b.Ratings(afterChecks{t.Context(), &left})
		if err == nil {
			require.NotNil(t, r)
			require.GreaterOrEqual(t, checks, 6, "in every pass")
			return
		}
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, r)
	}
}

// TestRatingsInAnyOrder builds ratings that come in each order that is told apart,
// with and without duplicates, with one and several goroutines. There are several
// blocks, and an item with more ratings than a bucket that is sorted in cache.
func TestRatingsInAnyOrder(t *testing.T) {
	const seed, users, items = 7, 300_000, 1500
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var list []triple
	for u := range users {
		list = append(list, triple{int32(u), 700, float32(1 + random.IntN(10))})
		if u%2 == 0 {
			list = append(list, triple{int32(u), int32(701 + random.IntN(799)), float32(1 + random.IntN(10))})
		}
	}
	again := list[:1000:1000]
	for _, c := range []struct {
		name     string
		repeated bool
		arrive   func(a, b triple) int // nil: in random order
	}{
		{"sorted", false, func(a, b triple) int { return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.item, b.item)) }},
		{"grouped", false, func(a, b triple) int { return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(b.item, a.item)) }},
		{"grouped, repeated", true, func(a, b triple) int { return cmp.Compare(a.user, b.user) }},
		{"shuffled", false, nil},
		{"shuffled, repeated", true, nil},
	} {
		for _, goroutines := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/%d", c.name, goroutines), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(goroutines))
				came, want := slices.Clone(list), list
				if c.repeated {
					came = append(came, again...)
				}
				random.Shuffle(len(came), func(a, b int) { came[a], came[b] = came[b], came[a] })
				if c.arrive != nil {
					slices.SortStableFunc(came, c.arrive)
				}
				if c.repeated {
					sums := map[[2]int32]float32{}
					for _, x := range came {
						sums[[2]int32{x.user, x.item}] += x.value
					}
					want = nil
					for pair, sum := range sums {
						want = append(want, triple{pair[0], pair[1], sum})
					}
				}
				u, i, v := columnsOf(came)
				r, err := als.NewRatings(users, items, u, i, v, als.SumDuplicates)
				require.NoError(t, err)
				requireRatings(t, want, r)
			})
		}
	}
}

func TestDuplicates(t *testing.T) {
	list := []triple{{0, 1, 1}, {1, 0, 5}, {0, 1, 2}, {0, 0, 4}, {0, 1, 3}}
	build := func(d als.Duplicates) (*als.Ratings, error) {
		u, i, v := columnsOf(list)
		return als.NewRatings(2, 2, u, i, v, d)
	}
	_, err := build(als.RejectDuplicates)
	require.ErrorIs(t, err, als.ErrDuplicate)
	require.ErrorContains(t, err, "user 0 rated item 1 more than once")

	last, err := build(als.KeepLast)
	require.NoError(t, err)
	requireRatings(t, []triple{{0, 0, 4}, {0, 1, 3}, {1, 0, 5}}, last)

	sum, err := build(als.SumDuplicates)
	require.NoError(t, err)
	requireRatings(t, []triple{{0, 0, 4}, {0, 1, 6}, {1, 0, 5}}, sum)

	b := als.NewBuilder[string, string]()
	require.NoError(t, b.Add("ann", "tea", 1))
	require.NoError(t, b.Add("ann", "tea", 2))
	_, err = b.Ratings(t.Context())
	require.ErrorIs(t, err, als.ErrDuplicate)
	require.ErrorContains(t, err, `user "ann" rated item "tea" more than once`)
}

func TestDuplicateSumOverflow(t *testing.T) {
	_, err := als.NewRatings(1, 1, []int32{0, 0}, []int32{0, 0}, []float32{math.MaxFloat32, math.MaxFloat32}, als.SumDuplicates)
	require.ErrorIs(t, err, als.ErrRating)
}

func TestBadRatings(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		users, items []int32
		values       []float32
		kind         error
		message      string
	}{
		"NaN":               {[]int32{0, 1}, []int32{0, 0}, []float32{1, nan}, als.ErrRating, "rating 1: user 1, item 0: the rating is NaN"},
		"infinite":          {[]int32{0}, []int32{0}, []float32{-inf}, als.ErrRating, "rating 0: user 0, item 0: the rating is -Inf"},
		"negative user":     {[]int32{0, 0, -1}, []int32{0, 1, 1}, []float32{1, 1, 1}, als.ErrRating, "rating 2: user -1 of 2"},
		"user out of range": {[]int32{2}, []int32{0}, []float32{1}, als.ErrRating, "rating 0: user 2 of 2"},
		"negative item":     {[]int32{1}, []int32{-7}, []float32{1}, als.ErrRating, "rating 0: item -7 of 2"},
		"item out of range": {[]int32{1}, []int32{2}, []float32{1}, als.ErrRating, "rating 0: item 2 of 2"},
		"lengths":           {[]int32{1, 1}, []int32{1}, []float32{1}, als.ErrConfig, "have 2, 1 and 1 elements"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := als.NewRatings(2, 2, c.users, c.items, c.values, als.RejectDuplicates)
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.message)
		})
	}
	_, err := als.NewRatings(-1, 2, nil, nil, nil, als.RejectDuplicates)
	require.ErrorIs(t, err, als.ErrConfig)
	require.ErrorContains(t, err, "numUsers is -1")

	b := als.NewBuilder[string, int64]()
	require.NoError(t, b.Add("ann", 1, 1))
	err = b.Add("bob", 7, nan)
	require.ErrorIs(t, err, als.ErrRating)
	require.ErrorContains(t, err, "rating 1: user bob, item 7: the rating is NaN")
	require.Equal(t, int64(1), b.Len(), "a rejected rating leaves no trace")
	require.Equal(t, 1, b.Users.Len(), "a rejected rating leaves no trace")
}

// TestBadRatingAmongMany has a bad rating behind many that come in no order, so that the
// order does not matter any more when it is found.
func TestBadRatingAmongMany(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one block after the other
	const n, at = 600_000, 550_000
	users, items, values := make([]int32, n), make([]int32, n), make([]float32, n)
	for j := range n {
		users[j], items[j], values[j] = int32(n-1-j), int32(j%7), -1
	}
	for _, c := range []struct {
		user, item int32
		value      float32
		message    string
	}{
		{-1, 0, 1, "rating 550000: user -1 of 600000"},
		{math.MinInt32, 0, 1, "rating 550000: user -2147483648 of 600000"},
		{n, 0, 1, "rating 550000: user 600000 of 600000"},
		{math.MaxInt32, 0, 1, "rating 550000: user 2147483647 of 600000"},
		{0, -1, 1, "rating 550000: item -1 of 7"},
		{0, 7, 1, "rating 550000: item 7 of 7"},
		{0, 0, float32(math.Inf(-1)), "rating 550000: user 0, item 0: the rating is -Inf"},
		{0, 0, float32(math.NaN()), "rating 550000: user 0, item 0: the rating is NaN"},
	} {
		user, item, value := users[at], items[at], values[at]
		users[at], items[at], values[at] = c.user, c.item, c.value
		_, err := als.NewRatings(n, 7, users, items, values, als.RejectDuplicates)
		require.ErrorIs(t, err, als.ErrRating)
		require.ErrorContains(t, err, c.message)
		users[at], items[at], values[at] = user, item, value
	}
	_, err := als.NewRatings(n, 7, users, items, values, als.RejectDuplicates)
	require.NoError(t, err)
}

func TestSplit(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	list := randomTriples(rand.New(rand.NewPCG(seed, 0)), 200, 300, 30_000)
	whole := newRatings(t, 200, 300, list)
	train, test, err := whole.Split(0.2, 7)
	require.NoError(t, err)
	require.Equal(t, whole.Len(), train.Len()+test.Len())
	// Five standard deviations of a binomial distribution.
	require.InDelta(t, 6000, test.Len(), 5*math.Sqrt(30_000*0.2*0.8))
	require.Equal(t, whole.Users(), test.Users())
	require.Equal(t, whole.Items(), train.Items())
	var both []triple
	for _, part := range []*als.Ratings{train, test} {
		for x := range part.All() {
			both = append(both, triple{int32(x.User), int32(x.Item), x.Value})
		}
		require.NoError(t, part.ByItem().Check())
		require.Equal(t, part.Len(), part.ByItem().Entries())
	}
	requireRatings(t, both, whole)

	again, _, err := whole.Split(0.2, 7)
	require.NoError(t, err)
	require.Equal(t, train, again)
	other, _, err := whole.Split(0.2, 8)
	require.NoError(t, err)
	require.NotEqual(t, train, other)

	for _, fraction := range []float64{-0.1, 1, math.NaN()} {
		_, _, err := whole.Split(fraction, 7)
		require.ErrorIs(t, err, als.ErrConfig, "fraction %v", fraction)
	}
	_, none, err := whole.Split(0, 7)
	require.NoError(t, err)
	require.Zero(t, none.Len())
}

func TestBuilderSplitEqualsSplit(t *testing.T) {
	const seed = 4
	t.Logf("seed %d", seed)
	list := randomTriples(rand.New(rand.NewPCG(seed, 0)), 100, 100, 5000)
	fill := func() *als.Builder[int32, int32] {
		b := als.NewBuilder[int32, int32]()
		for _, r := range list {
			require.NoError(t, b.Add(r.user, r.item, r.value))
		}
		return b
	}
	whole, err := fill().Ratings(t.Context())
	require.NoError(t, err)
	wantTrain, wantTest, err := whole.Split(0.3, 5)
	require.NoError(t, err)
	train, test, err := fill().Split(t.Context(), 0.3, 5)
	require.NoError(t, err)
	require.Equal(t, wantTrain.ByUser(), train.ByUser())
	require.Equal(t, wantTrain.ByItem(), train.ByItem())
	require.Equal(t, wantTest.ByUser(), test.ByUser())
}

// TestMemoryOfRatings holds building to what it promises: 16 bytes a rating in
// the end, 16 more than the slices on the way.
func TestMemoryOfRatings(t *testing.T) {
	const users, items, n = 3000, 2000, 1_000_000
	u, i, v := columnsOf(randomTriples(rand.New(rand.NewPCG(5, 0)), users, items, n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := als.NewRatings(users, items, u, i, v, als.RejectDuplicates)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	perRating := float64(after.TotalAlloc-before.TotalAlloc) / n
	require.Less(t, perRating, 16.5, "bytes allocated a rating, beside the slices")
	m := r.ByUser()
	require.Equal(t, n, cap(m.Columns))
	require.Equal(t, n, cap(r.ByItem().Values))
}

func TestMean(t *testing.T) {
	require.InDelta(t, 2.5, newRatings(t, 2, 2, []triple{{0, 0, 1}, {1, 1, 4}}).Mean(), 0)
	require.Zero(t, newRatings(t, 2, 2, nil).Mean())
}
