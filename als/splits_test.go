package als_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

// splitRatings are ratings with ids, among them users with none, one and many.
func splitRatings(t *testing.T, seed uint64) *als.Ratings {
	t.Helper()
	t.Logf("seed %d", seed)
	b := als.NewBuilder[int64, string]()
	random := rand.New(rand.NewPCG(seed, 0))
	for _, x := range randomTriples(random, 60, 40, 600) {
		if x.user < 20 && x.item > x.user {
			continue
		}
		require.NoError(t, b.Add(int64(x.user), string(rune('A'+x.item)), x.value))
	}
	r, err := b.Ratings(t.Context())
	require.NoError(t, err)
	return r
}

// randomTimes gives the ratings few different times, so that many are equal.
func randomTimes(seed uint64, r *als.Ratings, different int64) []int64 {
	random := rand.New(rand.NewPCG(seed, 1))
	times := make([]int64, r.Len())
	for j := range times {
		times[j] = 1_000_000_000 + random.Int64N(different)
	}
	return times
}

func triplesOf(r *als.Ratings) []triple {
	var list []triple
	for x := range r.All() {
		list = append(list, triple{int32(x.User), int32(x.Item), x.Value})
	}
	return list
}

// requireParts checks that each rating of the whole is in exactly one part, on
// both sides, and that the parts have the rows of the whole.
func requireParts(t *testing.T, whole *als.Ratings, parts ...*als.Ratings) {
	t.Helper()
	var all []triple
	for _, p := range parts {
		require.Equal(t, whole.Users(), p.Users())
		require.Equal(t, whole.Items(), p.Items())
		require.Equal(t, whole.UserIDs(), p.UserIDs())
		require.Equal(t, whole.ItemIDs(), p.ItemIDs())
		requireRatings(t, triplesOf(p), p)
		all = append(all, triplesOf(p)...)
	}
	slices.SortFunc(all, func(a, b triple) int { return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.item, b.item)) })
	require.Equal(t, triplesOf(whole), all)
}

// twoParts are the splits into two, by name.
func twoParts(times []int64) map[string]func(r *als.Ratings, seed uint64) (train, test *als.Ratings, err error) {
	return map[string]func(r *als.Ratings, seed uint64) (*als.Ratings, *als.Ratings, error){
		"Split":    func(r *als.Ratings, seed uint64) (*als.Ratings, *als.Ratings, error) { return r.Split(0.3, seed) },
		"LeaveOut": func(r *als.Ratings, seed uint64) (*als.Ratings, *als.Ratings, error) { return r.LeaveOut(2, seed) },
		"LeaveLastOut": func(r *als.Ratings, seed uint64) (*als.Ratings, *als.Ratings, error) {
			return r.LeaveLastOut(times, 2, seed)
		},
		"SplitByTime": func(r *als.Ratings, _ uint64) (*als.Ratings, *als.Ratings, error) {
			return r.SplitByTime(times, 1_000_000_003)
		},
	}
}

func TestSplitsPartition(t *testing.T) {
	whole := splitRatings(t, 51)
	for name, split := range twoParts(randomTimes(51, whole, 6)) {
		t.Run(name, func(t *testing.T) {
			train, test, err := split(whole, 7)
			require.NoError(t, err)
			require.Positive(t, train.Len())
			require.Positive(t, test.Len())
			requireParts(t, whole, train, test)

			again, sameTest, err := split(whole, 7)
			require.NoError(t, err)
			require.Equal(t, train, again)
			require.Equal(t, test, sameTest)
			if name == "SplitByTime" {
				return
			}
			_, other, err := split(whole, 8)
			require.NoError(t, err)
			require.NotEqual(t, triplesOf(test), triplesOf(other))
		})
	}
	none := newRatings(t, 3, 4, nil)
	for name, split := range twoParts(nil) {
		train, test, err := split(none, 7)
		require.NoError(t, err, name)
		requireParts(t, none, train, test)
	}
}

func TestLeaveOutCounts(t *testing.T) {
	whole := splitRatings(t, 52)
	times := randomTimes(52, whole, 6)
	for _, k := range []int{1, 2, 5, 1000} {
		for name, split := range map[string]func() (*als.Ratings, *als.Ratings, error){
			"LeaveOut":     func() (*als.Ratings, *als.Ratings, error) { return whole.LeaveOut(k, 1) },
			"LeaveLastOut": func() (*als.Ratings, *als.Ratings, error) { return whole.LeaveLastOut(times, k, 1) },
		} {
			_, test, err := split()
			require.NoError(t, err)
			kept := 0
			for u := range whole.Users() {
				rated, _ := whole.User(u)
				out, _ := test.User(u)
				want := k
				if len(rated) <= k {
					want, kept = 0, kept+1
				}
				require.Len(t, out, want, "%s %d: user %d with %d ratings", name, k, u, len(rated))
			}
			if k > 1 {
				require.Positive(t, kept, "no user with %d ratings or fewer was tried", k)
			}
		}
	}
}

// TestLeaveOutIsFair counts how often each rating of a user is held out, two of
// six, over many seeds.
func TestLeaveOutIsFair(t *testing.T) {
	const ratings, k, seeds = 6, 2, 3000
	var list []triple
	for i := range int32(ratings) {
		list = append(list, triple{0, i, 1}, triple{1, i, 1})
	}
	r := newRatings(t, 2, ratings, list)
	var singles [ratings]int
	pairs := make(map[[2]int32]int)
	differ := 0
	for seed := range uint64(seeds) {
		_, test, err := r.LeaveOut(k, seed)
		require.NoError(t, err)
		out, _ := test.User(0)
		for _, i := range out {
			singles[i]++
		}
		pairs[[2]int32(out)]++
		if other, _ := test.User(1); !slices.Equal(out, other) {
			differ++
		}
	}
	within := func(got int, p float64, what any) {
		t.Helper()
		sigma := math.Sqrt(seeds * p * (1 - p))
		require.InDelta(t, seeds*p, got, 4.5*sigma, "%v", what)
	}
	for i, n := range singles {
		within(n, float64(k)/ratings, i)
	}
	require.Len(t, pairs, 15)
	for p, n := range pairs {
		within(n, 1.0/15, p)
	}
	within(differ, 14.0/15, "users")
}

// TestLeaveOutOfAUserIsItsOwn leaves the ratings of all others away.
func TestLeaveOutOfAUserIsItsOwn(t *testing.T) {
	whole := splitRatings(t, 53)
	_, test, err := whole.LeaveOut(3, 9)
	require.NoError(t, err)
	for _, user := range []int{0, 30, whole.Users() - 1} {
		var alone []triple
		for _, x := range triplesOf(whole) {
			if int(x.user) == user {
				alone = append(alone, x)
			}
		}
		_, own, err := newRatings(t, whole.Users(), whole.Items(), alone).LeaveOut(3, 9)
		require.NoError(t, err)
		want, _ := test.User(user)
		got, _ := own.User(user)
		require.Equal(t, want, got)
	}
}

func TestLeaveLastOut(t *testing.T) {
	whole := splitRatings(t, 54)
	times := randomTimes(54, whole, 5)
	ties := 0
	highest := 0 // ties that went to the higher item
	for seed := range uint64(10) {
		train, test, err := whole.LeaveLastOut(times, 1, seed)
		require.NoError(t, err)
		for u := range whole.Users() {
			out, _ := test.User(u)
			if len(out) == 0 {
				continue
			}
			j, ok := whole.Position(u, int(out[0]))
			require.True(t, ok)
			for _, i := range itemsOf(train, u) {
				other, ok := whole.Position(u, int(i))
				require.True(t, ok)
				require.LessOrEqual(t, times[other], times[j], "user %d", u)
				if times[other] == times[j] {
					ties++
					if out[0] > i {
						highest++
					}
				}
			}
		}
	}
	require.Greater(t, ties, 500)
	require.InDelta(t, 0.5, float64(highest)/float64(ties), 0.15)
}

func itemsOf(r *als.Ratings, user int) []int32 {
	items, _ := r.User(user)
	return items
}

func TestSplitByTime(t *testing.T) {
	whole := splitRatings(t, 55)
	times := randomTimes(55, whole, 50)
	sorted := slices.Sorted(slices.Values(times))
	for _, cut := range []int64{math.MinInt64, sorted[0], sorted[0] + 1, sorted[len(sorted)*4/5], sorted[len(sorted)-1], sorted[len(sorted)-1] + 1} {
		train, test, err := whole.SplitByTime(times, cut)
		require.NoError(t, err)
		requireParts(t, whole, train, test)
		var before, after []triple
		for j, x := range triplesOf(whole) {
			if times[j] < cut {
				before = append(before, x)
			} else {
				after = append(after, x)
			}
		}
		require.Equal(t, before, triplesOf(train), "cut %d", cut)
		require.Equal(t, after, triplesOf(test), "cut %d", cut)
	}
}

func TestFolds(t *testing.T) {
	whole := splitRatings(t, 56)
	n := int(whole.Len())
	for _, k := range []int{2, 5, 7, n} {
		folds, err := whole.Folds(k, 3)
		require.NoError(t, err)
		var tests []*als.Ratings
		for train, test := range folds {
			if k < n || len(tests) < 3 {
				requireParts(t, whole, train, test)
			}
			require.GreaterOrEqual(t, int(test.Len()), n/k)
			require.LessOrEqual(t, int(test.Len()), (n+k-1)/k)
			tests = append(tests, test)
		}
		require.Len(t, tests, k)
		requireParts(t, whole, tests...)
		for _, test := range folds { // once more, and only the first
			require.Equal(t, tests[0], test)
			break
		}
	}
	first := func(seed uint64) []triple {
		folds, err := whole.Folds(5, seed)
		require.NoError(t, err)
		for _, test := range folds {
			return triplesOf(test)
		}
		return nil
	}
	require.Equal(t, first(3), first(3))
	require.NotEqual(t, first(3), first(4))
}

func TestPosition(t *testing.T) {
	whole := splitRatings(t, 57)
	j := int64(0)
	rated := make(map[[2]int]bool)
	for x := range whole.All() {
		got, ok := whole.Position(x.User, x.Item)
		require.True(t, ok)
		require.Equal(t, j, got)
		rated[[2]int{x.User, x.Item}] = true
		j++
	}
	for u := -1; u <= whole.Users(); u++ {
		for i := -1; i <= whole.Items(); i++ {
			if _, ok := whole.Position(u, i); ok != rated[[2]int{u, i}] {
				t.Fatalf("user %d, item %d: %v", u, i, ok)
			}
		}
	}
}

func TestSplitErrors(t *testing.T) {
	whole := splitRatings(t, 58)
	_, _, leaveNone := whole.LeaveOut(0, 1)
	_, _, leaveLess := whole.LeaveLastOut(make([]int64, whole.Len()), -1, 1)
	_, _, fewTimes := whole.LeaveLastOut(make([]int64, 3), 1, 1)
	_, _, noTimes := whole.SplitByTime(nil, 0)
	_, oneFold := whole.Folds(1, 1)
	_, manyFolds := whole.Folds(int(whole.Len())+1, 1)
	for j, c := range []struct {
		field string
		err   error
	}{{"k", leaveNone}, {"k", leaveLess}, {"times", fewTimes}, {"times", noTimes}, {"k", oneFold}, {"k", manyFolds}} {
		var bad *als.ConfigError
		require.ErrorAs(t, c.err, &bad, "case %d", j)
		require.Equal(t, c.field, bad.Field, "case %d", j)
	}
	big := make([]triple, 0, 70_000)
	for i := range int32(cap(big)) {
		big = append(big, triple{0, i, 1})
	}
	_, err := newRatings(t, 1, cap(big), big).Folds(65_537, 1)
	require.ErrorIs(t, err, als.ErrConfig)
}
