package als

import (
	"cmp"
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
)

// Every split puts each rating into exactly one of its two parts, and both parts
// have all users and items of the whole. Ratings.Split is the plain random one.

// LeaveOut holds out k random ratings of every user. A user with k ratings or
// fewer keeps them all in train. Which ones are held out is decided by the seed
// and the rows of the user and the items alone.
func (r *Ratings) LeaveOut(k int, seed uint64) (train, test *Ratings, err error) {
	draw := newOrder(seed, leaveOut)
	return r.leave(k, func(user int, a, b int64) int { return draw.compare(r, user, a, b) })
}

// LeaveLastOut holds out the last k ratings of every user by their times, in any
// unit: times[j] is that of rating j, as numbered by Position. A user with k
// ratings or fewer keeps them all in train. Of ratings at the same time the seed
// decides which came last, so that no item is favoured.
func (r *Ratings) LeaveLastOut(times []int64, k int, seed uint64) (train, test *Ratings, err error) {
	if err := r.checkTimes(times); err != nil {
		return nil, nil, err
	}
	draw := newOrder(seed, leaveLastOut)
	return r.leave(k, func(user int, a, b int64) int {
		return cmp.Or(cmp.Compare(times[b], times[a]), draw.compare(r, user, a, b))
	})
}

// SplitByTime holds out the ratings at or after a time, in any unit: times[j] is
// that of rating j, as numbered by Position. Training thus knows nothing of what
// came later. To hold out the latest fifth, cut at the element 4/5 into the
// sorted times.
func (r *Ratings) SplitByTime(times []int64, cut int64) (train, test *Ratings, err error) {
	if err := r.checkTimes(times); err != nil {
		return nil, nil, err
	}
	train, test = r.divide(func(_ int, j int64) bool { return times[j] >= cut })
	return train, test, nil
}

// Folds deals the ratings at random into k folds whose sizes differ by one at
// most, and goes through them: each fold once is the test part, with all others
// as train. One pair of parts is made at a time. Going through them again gives
// the same.
//
//	folds, err := ratings.Folds(5, seed)
//	for train, test := range folds {
//
// k is at least 2 and at most the number of ratings and 65,536.
func (r *Ratings) Folds(k int, seed uint64) (iter.Seq2[*Ratings, *Ratings], error) {
	if most := min(r.Len(), math.MaxUint16+1); k < 2 || int64(k) > most {
		return nil, configf("k", "is %d folds of %d ratings, want 2 to %d", k, r.Len(), most)
	}
	return func(yield func(train, test *Ratings) bool) {
		fold := deal(r.Len(), k, seed)
		for f := range k {
			if !yield(r.divide(func(_ int, j int64) bool { return fold[j] == uint16(f) })) {
				return
			}
		}
	}, nil
}

// deal numbers n ratings 0 to k-1 in turn and shuffles the numbers.
func deal(n int64, k int, seed uint64) []uint16 {
	fold := make([]uint16, n)
	for j := range fold {
		fold[j] = uint16(j % k)
	}
	random := rand.New(rand.NewPCG(seed, folds))
	random.Shuffle(len(fold), func(a, b int) { fold[a], fold[b] = fold[b], fold[a] })
	return fold
}

// Position is the number of a user's rating of an item in the order of All, from
// 0, which is also its place in ByUser. It says false if there is no such rating.
// It tells where to put what is known of ratings beside their values, such as
// their times:
//
//	times := make([]int64, ratings.Len())
//	j, ok := ratings.Position(user, item)
//	times[j] = when
func (r *Ratings) Position(user, item int) (int64, bool) {
	if user < 0 || user >= r.Users() || item < 0 || item >= r.Items() {
		return 0, false
	}
	items, _ := r.User(user)
	j, ok := slices.BinarySearch(items, int32(item))
	if !ok {
		return 0, false
	}
	return r.byUser.Offsets[user] + int64(j), true
}

func (r *Ratings) checkTimes(times []int64) error {
	if int64(len(times)) != r.Len() {
		return configf("times", "has %d elements, want one for each of %d ratings", len(times), r.Len())
	}
	return nil
}

// leave holds out the k ratings of each user that come first in the given order
// of ratings of a user.
func (r *Ratings) leave(k int, compare func(user int, a, b int64) int) (train, test *Ratings, err error) {
	if k < 1 {
		return nil, nil, configf("k", "is %d, want at least 1", k)
	}
	out := make([]bool, r.Len())
	var row []int64
	for user := range r.Users() {
		lo, hi := r.byUser.Offsets[user], r.byUser.Offsets[user+1]
		if hi-lo <= int64(k) {
			continue
		}
		row = row[:0]
		for j := lo; j < hi; j++ {
			row = append(row, j)
		}
		slices.SortFunc(row, func(a, b int64) int { return compare(user, a, b) })
		for _, j := range row[:k] {
			out[j] = true
		}
	}
	train, test = r.divide(func(_ int, j int64) bool { return out[j] })
	return train, test, nil
}

// divide returns the ratings that are not held out and those that are. out gets
// the user of a rating and its position.
func (r *Ratings) divide(out func(user int, j int64) bool) (train, test *Ratings) {
	train = r.filter(func(user int, j int64) bool { return !out(user, j) })
	return train, r.filter(out)
}

// filter returns the ratings that keep wants.
func (r *Ratings) filter(keep func(user int, j int64) bool) *Ratings {
	f := &Ratings{userIDs: r.userIDs, itemIDs: r.itemIDs}
	f.byUser = emptyCSR(r.Users(), r.Items())
	offsets := r.byUser.Offsets
	n := int64(0)
	for u := range r.Users() {
		for j := offsets[u]; j < offsets[u+1]; j++ {
			if keep(u, j) {
				n++
			}
		}
		f.byUser.Offsets[u+1] = n
	}
	f.byUser.Columns = make([]int32, 0, n)
	f.byUser.Values = make([]float32, 0, n)
	for u := range r.Users() {
		for j := offsets[u]; j < offsets[u+1]; j++ {
			if keep(u, j) {
				f.byUser.Columns = append(f.byUser.Columns, r.byUser.Columns[j])
				f.byUser.Values = append(f.byUser.Values, r.byUser.Values[j])
			}
		}
	}
	f.byItem = emptyCSR(r.Items(), r.Users())
	allocate(&f.byItem, n)
	sorts := newSorter(context.Background())
	_ = sorts.transpose(&f.byItem, f.byUser) // fails only when its context ends
	return f
}

// order is a random order of the ratings of each user.
type order struct{ key uint64 }

// Different uses of one seed have orders of their own.
const (
	leaveOut     = 1
	leaveLastOut = 2
	folds        = 3
)

func newOrder(seed, use uint64) order { return order{mix(mix(seed) + use)} }

// compare orders two ratings of a user by position. No two have the same number:
// mix is one to one.
func (o order) compare(r *Ratings, user int, a, b int64) int {
	number := func(j int64) uint64 { return mix(o.key ^ pairKey(user, r.byUser.Columns[j])) }
	return cmp.Compare(number(a), number(b))
}

// pairKey is a number for each pair of a user and an item.
func pairKey(user int, item int32) uint64 { return uint64(uint32(user))<<32 | uint64(uint32(item)) }
