package als_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// rowsBelow is all rows below n.
func rowsBelow(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// TestUpdateOfAllRowsIsAnIteration compares with training for one iteration more,
// bit for bit.
func TestUpdateOfAllRowsIsAnIteration(t *testing.T) {
	ratings := lowRank(t, 101, 60, 50, 900)
	dev := open(t, kernels.Options{})
	for name, cfg := range exactVariants() {
		t.Run(name, func(t *testing.T) {
			model, err := als.Train(t.Context(), dev, ratings, cfg)
			require.NoError(t, err)
			cfg.Iterations++
			next, err := als.Train(t.Context(), dev, ratings, cfg)
			require.NoError(t, err)
			updated, err := als.Update(t.Context(), dev, model, ratings, als.UpdateUsers(rowsBelow(60)...), als.UpdateItems(rowsBelow(50)...))
			require.NoError(t, err)
			require.Equal(t, next.Mean(), updated.Mean())
			requireSameRows(t, next, updated, 60, 50)
		})
	}
}

func requireSameRows(t *testing.T, want, got *als.Model, users, items int) {
	t.Helper()
	for u := range users {
		require.Equal(t, want.UserFactors(u), got.UserFactors(u), "user %d", u)
		require.Equal(t, want.UserBias(u), got.UserBias(u), "user %d", u)
		require.Equal(t, want.UserRatings(u), got.UserRatings(u), "user %d", u)
	}
	for i := range items {
		require.Equal(t, want.ItemFactors(i), got.ItemFactors(i), "item %d", i)
		require.Equal(t, want.ItemBias(i), got.ItemBias(i), "item %d", i)
		require.Equal(t, want.ItemRatings(i), got.ItemRatings(i), "item %d", i)
	}
}

// TestUpdate has a user rate two more items after training and leaves every other
// row and the old model alone.
func TestUpdate(t *testing.T) {
	ratings := lowRank(t, 102, 60, 50, 900)
	dev := open(t, kernels.Options{})
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			model, err := als.Train(t.Context(), dev, ratings, cfg)
			require.NoError(t, err)
			before := encode(t, model)
			more := withRatings(t, ratings, 60, 50, triple{7, 49, 5}, triple{7, 48, 1})
			updated, err := als.Update(t.Context(), dev, model, more, als.UpdateUsers(7, 7))
			require.NoError(t, err)
			require.Equal(t, before, encode(t, model), "the model that was updated")

			items, _ := more.User(7)
			require.Equal(t, len(items)-1, updated.UserRatings(7), "item 49 is unknown yet")
			x := exactUser(t, model, known(t, more), 7)
			requireRow(t, "user", 7, x, updated.UserFactors(7), updated.UserBias(7))
			for u := range 60 {
				if u != 7 {
					require.Equal(t, model.UserFactors(u), updated.UserFactors(u))
				}
			}
			for i := range 50 {
				require.Equal(t, model.ItemFactors(i), updated.ItemFactors(i))
			}

			again, err := als.Update(t.Context(), dev, updated, more, als.UpdateItems(49))
			require.NoError(t, err)
			require.Equal(t, 1, again.ItemRatings(49))
			require.NotZero(t, again.ItemFactors(49))
			_, err = again.Score(3, 49)
			require.NoError(t, err)
			_, err = updated.Score(3, 49)
			require.ErrorIs(t, err, als.ErrUnknown)
		})
	}
}

// withRatings is the ratings and some more, under no keys.
func withRatings(t *testing.T, ratings *als.Ratings, users, items int, more ...triple) *als.Ratings {
	t.Helper()
	var list []triple
	for r := range ratings.All() {
		list = append(list, triple{int32(r.User), int32(r.Item), r.Value})
	}
	us, is, values := []int32{}, []int32{}, []float32{}
	for _, r := range append(list, more...) {
		us, is, values = append(us, r.user), append(is, r.item), append(values, r.value)
	}
	all, err := als.NewRatings(users, items, us, is, values, als.KeepLast)
	require.NoError(t, err)
	return all
}

// known is the ratings without those of item 49.
func known(t *testing.T, ratings *als.Ratings) *als.Ratings {
	t.Helper()
	var list []triple
	for r := range ratings.All() {
		if r.Item != 49 {
			list = append(list, triple{int32(r.User), int32(r.Item), r.Value})
		}
	}
	return newRatings(t, ratings.Users(), ratings.Items(), list)
}

// TestUpdateAddsRows has new users and items, with keys: a new user with known
// items, a new item that known and new users rated, and a new user who rated
// nothing but the new item and is solved by a second update.
func TestUpdateAddsRows(t *testing.T) {
	dev := open(t, kernels.Options{})
	for _, biases := range []bool{false, true} {
		build := func(extended bool) *als.Ratings {
			b := als.NewBuilder[string, int64]()
			for u, user := range []string{"ann", "bob", "cem", "eve"} {
				for i := range int64(6) {
					if (u+int(i))%4 != 0 {
						require.NoError(t, b.Add(user, 10*i, float32(1+(u*int(i))%5)))
					}
				}
			}
			if extended {
				require.NoError(t, b.Add("fay", 10, 5))
				require.NoError(t, b.Add("fay", 77, 4))
				require.NoError(t, b.Add("ann", 77, 2))
				require.NoError(t, b.Add("gus", 77, 1))
			}
			ratings, err := b.Ratings(t.Context())
			require.NoError(t, err)
			return ratings
		}
		cfg := smallConfig(biases)
		model, err := als.Train(t.Context(), dev, build(false), cfg)
		require.NoError(t, err)
		ratings := build(true)
		next, err := als.Update(t.Context(), dev, model, ratings)
		require.NoError(t, err)
		requireSameRows(t, model, next, 4, 6)
		require.Equal(t, 6, next.Users())
		require.Equal(t, 7, next.Items())
		users, err := als.IndexOf[string](next.UserIDs())
		require.NoError(t, err)
		fay, ok := users.Row("fay")
		require.True(t, ok)
		require.Equal(t, 1, next.UserRatings(fay), "item 10 alone: item 77 was not known yet")
		require.Equal(t, 2, next.ItemRatings(6), "fay and ann")
		_, err = next.Score(fay, 6)
		require.NoError(t, err)
		_, err = next.Score(5, 6)
		require.ErrorIs(t, err, als.ErrUnknown)
		require.ErrorContains(t, err, `"gus"`)

		last, err := als.Update(t.Context(), dev, next, ratings, als.UpdateUsers(5))
		require.NoError(t, err)
		_, err = last.Score(5, 6)
		require.NoError(t, err)

		back, err := als.Read(bytes.NewReader(encode(t, last)))
		require.NoError(t, err)
		requireSameModel(t, last, back)
	}
}

func TestUpdateRejects(t *testing.T) {
	ratings := lowRank(t, 103, 60, 50, 900)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, ratings, als.DefaultConfig())
	require.NoError(t, err)
	for _, option := range []als.UpdateOption{als.UpdateUsers(60), als.UpdateUsers(-1), als.UpdateItems(50), als.UpdateItems(-1)} {
		_, err = als.Update(t.Context(), dev, model, ratings, option)
		require.ErrorIs(t, err, als.ErrUnknown)
	}
	_, err = als.Update(t.Context(), dev, model, newRatings(t, 59, 50, nil))
	require.ErrorIs(t, err, als.ErrConfig)
	require.ErrorContains(t, err, "have 59 users, the model has 60")
	_, err = als.Update(t.Context(), dev, model, newRatings(t, 60, 49, nil))
	require.ErrorContains(t, err, "have 49 items, the model has 50")

	named, err := als.Train(t.Context(), dev, keyed(t, []string{"ann", "bob"}, []int64{4, 5, 6}), smallConfig(false))
	require.NoError(t, err)
	_, err = als.Update(t.Context(), dev, named, newRatings(t, 3, 3, nil))
	require.ErrorContains(t, err, "1 new users without keys")
	for _, users := range [][]string{{"bob", "ann"}, {"ann", "Bob", "cem"}} {
		_, err = als.Update(t.Context(), dev, named, keyed(t, users, []int64{4, 5, 6}))
		require.ErrorIs(t, err, als.ErrConfig)
		require.ErrorContains(t, err, "other keys for the users")
	}
	_, err = als.Update(t.Context(), dev, named, keyed(t, []string{"ann", "bob"}, []int32{4, 5, 6}))
	require.ErrorContains(t, err, "other keys for the items")
	_, err = als.Update(t.Context(), dev, named, keyed(t, []string{"ann", "bob", "cem"}, []int64{4, 5, 6, 7}))
	require.NoError(t, err)

	cfg := als.DefaultConfig()
	cfg.Lambda, cfg.Rank = 0, 3
	singular := withRatings(t, ratings, 61, 50, triple{60, 3, 1})
	_, err = als.Update(t.Context(), dev, als.RandomModel(cfg, ratings, 103), singular)
	require.ErrorIs(t, err, als.ErrSingular)
	require.ErrorContains(t, err, "user 60: pivot 2")
}

// keyed is a rating of every user for every item.
func keyed[U, I als.Key](t *testing.T, users []U, items []I) *als.Ratings {
	t.Helper()
	b := als.NewBuilder[U, I]()
	for u, user := range users {
		for i, item := range items {
			require.NoError(t, b.Add(user, item, float32(1+u+i)))
		}
	}
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	return ratings
}
