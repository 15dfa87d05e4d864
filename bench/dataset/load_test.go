package dataset

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/stretchr/testify/require"
)

func TestLoad(t *testing.T) {
	folder := t.TempDir()
	write(t, sampleMoviesCSV, folder, "ml-x/movies.csv")
	write(t, sampleCSV+"bad\n", folder, "ml-x/ratings.csv")
	f, err := Open(folder, SkipBadLines())
	require.NoError(t, err)
	d, err := Load(context.Background(), f, WithMovies())
	require.NoError(t, err)
	require.Equal(t, "ml-x", d.Name)
	require.Nil(t, d.Test)
	require.EqualValues(t, 1, d.Skipped)
	require.Equal(t, "Quiet Harbour (1991)", d.Movies[5].String())
	require.Positive(t, d.ReadTime)
	require.Positive(t, d.BuildTime)
	require.EqualValues(t, 3, d.Train.Len())
	require.Equal(t, []als.Rating{{User: 0, Item: 0, Value: 4}, {User: 0, Item: 1, Value: 1}, {User: 1, Item: 0, Value: 3}}, ratingsOf(d.Train))
	require.Equal(t, int64(12), d.Users.Key(1))
	require.Equal(t, int64(5), d.Items.Key(1))

	d, err = Load(context.Background(), f)
	require.NoError(t, err)
	require.Nil(t, d.Movies)

	f, err = Open(write(t, sampleUData, folder, "alone/u.data"))
	require.NoError(t, err)
	d, err = Load(context.Background(), f, WithMovies())
	require.NoError(t, err, "there are no titles")
	require.Nil(t, d.Movies)
}

func ratingsOf(r *als.Ratings) (all []als.Rating) {
	for x := range r.All() {
		all = append(all, x)
	}
	return all
}

func TestLoadHoldout(t *testing.T) {
	s := Synthetic{Users: 300, Items: 200, Ratings: 20_000, Seed: 10}
	t.Logf("seed %d", s.Seed)
	d, err := Load(context.Background(), s, WithHoldout(0.2, 7), WithMovies())
	require.NoError(t, err)
	require.Nil(t, d.Movies)
	require.EqualValues(t, 20_000, d.Train.Len()+d.Test.Len())
	require.InDelta(t, 4000, d.Test.Len(), 5*57) // √(20,000·0.2·0.8) = 57
	require.Equal(t, 300, d.Users.Len())
	require.Equal(t, 200, d.Items.Len())

	// Every rating is in one of the parts, under its ids.
	type pair struct{ user, item int64 }
	values := make(map[pair]float32)
	for _, part := range []*als.Ratings{d.Train, d.Test} {
		for _, r := range ratingsOf(part) {
			values[pair{d.Users.Key(r.User), d.Items.Key(r.Item)}] = r.Value
		}
	}
	require.Len(t, values, 20_000)
	for _, r := range collect(t, s) {
		require.Equal(t, r.Value, values[pair{r.User, r.Item}])
	}

	again, err := Load(context.Background(), s, WithHoldout(0.2, 7))
	require.NoError(t, err)
	require.Equal(t, ratingsOf(d.Test), ratingsOf(again.Test))
	other, err := Load(context.Background(), s, WithHoldout(0.2, 8))
	require.NoError(t, err)
	require.NotEqual(t, ratingsOf(d.Test), ratingsOf(other.Test))
}

func TestLoadDuplicates(t *testing.T) {
	path := write(t, sampleDat+"7::31::2::900000004\n", t.TempDir(), "ml-x", "ratings.dat")
	f, err := Open(path)
	require.NoError(t, err)
	d, err := Load(context.Background(), f)
	require.Nil(t, d)
	require.ErrorIs(t, err, als.ErrDuplicate)
	require.ErrorContains(t, err, "ml-x")
	require.ErrorContains(t, err, "user 7")
	require.ErrorContains(t, err, "item 31")

	for policy, want := range map[als.Duplicates]float32{als.KeepLast: 2, als.SumDuplicates: 6} {
		d, err := Load(context.Background(), f, WithDuplicates(policy))
		require.NoError(t, err)
		require.EqualValues(t, 3, d.Train.Len())
		require.Equal(t, want, ratingsOf(d.Train)[0].Value)
	}
}

// Whatever goes wrong, nothing is loaded.
func TestLoadFails(t *testing.T) {
	cut := pack(t, strings.Repeat(sampleCSV, 1))
	folder := t.TempDir()
	badMovies := write(t, sampleCSV, folder, "a/ratings.csv")
	write(t, "nothing\n", folder, "a/movies.csv")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	open := func(path string) Source {
		f, err := Open(path)
		require.NoError(t, err)
		return f
	}
	for _, test := range []struct {
		name string
		ctx  context.Context
		src  Source
		opts []LoadOption
		want error
	}{
		{"a malformed line", nil, open(write(t, sampleCSV+"x\n", folder, "b/ratings.csv")), nil, ErrMalformed},
		{"a file cut off", nil, open(write(t, cut[:len(cut)-5], folder, "c/ratings.csv")), nil, ErrFormat},
		{"bad movies", nil, open(badMovies), []LoadOption{WithMovies()}, ErrFormat},
		{"cancelled", cancelled, open(badMovies), nil, context.Canceled},
		{"a bad source", nil, Synthetic{Users: -1}, nil, ErrConfig},
		{"a bad fraction", nil, Synthetic{Users: 5, Items: 5, Ratings: 5}, []LoadOption{WithHoldout(1, 1)}, als.ErrConfig},
		{"a rating that is not finite", nil, broken{}, nil, als.ErrRating},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.ctx == nil {
				test.ctx = context.Background()
			}
			d, err := Load(test.ctx, test.src, test.opts...)
			require.Nil(t, d)
			require.ErrorIs(t, err, test.want)
		})
	}
}

// broken is a source that does not keep to its contract.
type broken struct{}

func (broken) Name() string { return "broken" }

func (broken) Each(_ context.Context, yield func(Rating) error) error {
	zero := float32(0)
	return errors.Join(yield(Rating{Value: 1}), yield(Rating{Item: 1, Value: zero / zero}))
}
