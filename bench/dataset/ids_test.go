package dataset

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/stretchr/testify/require"
)

// stringRatings are sampleRatings with strings for ids.
var stringRatings = []RatingOf[string]{
	{User: "ann", Item: "naïve, \"art\"", Value: 4, Time: 900000001},
	{User: "ann", Item: "007", Value: 1, Time: 900000002},
	{User: "12", Item: "naïve, \"art\"", Value: 3, Time: 900000003},
}

const stringCSV = "userId,itemId,rating,timestamp\n" +
	"ann,\"naïve, \"\"art\"\"\",4,900000001\nann,007,1,900000002\n\"12\",\"naïve, \"\"art\"\"\",3,900000003\n"

func collectStrings(t testing.TB, src SourceOf[string]) []RatingOf[string] {
	t.Helper()
	var all []RatingOf[string]
	err := src.Each(context.Background(), func(r RatingOf[string]) error {
		all = append(all, r)
		return nil
	})
	require.NoError(t, err)
	return all
}

func TestStrings(t *testing.T) {
	f, err := Open(write(t, stringCSV, t.TempDir(), "mine.csv"))
	require.NoError(t, err)
	require.True(t, f.HasStrings())
	require.Equal(t, "mine", f.Strings().Name())
	require.Equal(t, stringRatings, collectStrings(t, f.Strings()))
	require.Equal(t, stringRatings, collectStrings(t, f.Strings()), "a second time")
	err = f.Each(context.Background(), func(Rating) error { return nil })
	require.ErrorContains(t, err, `mine.csv:2: the user "ann" is not a whole number`)

	// Numbers may be read as strings too.
	for name, content := range map[string]string{"u.data": sampleUData, "ratings.dat": sampleDat, "ratings.csv": sampleCSV} {
		f, err := inMemory(name, content, defaults(t))
		require.NoError(t, err)
		require.False(t, f.HasStrings())
		var want []RatingOf[string]
		for _, r := range sampleRatings {
			want = append(want, RatingOf[string]{fmt.Sprint(r.User), fmt.Sprint(r.Item), r.Value, r.Time})
		}
		require.Equal(t, want, collectStrings(t, f.Strings()))
	}
}

func TestHasStrings(t *testing.T) {
	for line, want := range map[string]bool{
		"7,31,4": false, "0,0,4": false, "9223372036854775807,1,4": false,
		"a,31,4": true, "7,b,4": true, "07,31,4": true, "7,00,4": true, "-7,31,4": true, "9223372036854775808,1,4": true,
		"7,31": false, ",,": true, // malformed either way
	} {
		f, err := inMemory("x.csv", "user,item,rating\n"+line+"\n", defaults(t))
		require.NoError(t, err)
		require.Equal(t, want, f.HasStrings(), line)
	}
	f, err := inMemory("x.csv", "user,item,rating\n", defaults(t))
	require.NoError(t, err)
	require.False(t, f.HasStrings())
}

func TestMalformedStrings(t *testing.T) {
	for line, reason := range map[string]string{
		",x,1,0":    "the user is missing",
		"ann,,1,0":  "the item is missing",
		"ann,x,,0":  "the rating is missing",
		"ann,x,1,a": "the timestamp",
		"ann,x,1":   "3 fields, want 4",
	} {
		f, err := inMemory("mine.csv", stringCSV+line+"\n", defaults(t))
		require.NoError(t, err)
		err = f.Strings().Each(context.Background(), func(RatingOf[string]) error { return nil })
		require.ErrorIs(t, err, ErrMalformed)
		require.ErrorContains(t, err, "mine.csv:5: "+reason)

		f, err = inMemory("mine.csv", stringCSV+line+"\n", defaults(t, SkipBadLines()))
		require.NoError(t, err)
		require.Equal(t, stringRatings, collectStrings(t, f.Strings()))
		require.EqualValues(t, 1, f.Skipped())
	}
}

// An id is allocated when it comes for the first time.
func TestStringsAllocateOnce(t *testing.T) {
	allocations := func(lines int) float64 {
		f, err := inMemory("mine.csv", "user,item,rating\n"+strings.Repeat("a longer name of a user,\"item, 31\",3\n", lines), defaults(t, WithBuffer(4096)))
		require.NoError(t, err)
		return testing.AllocsPerRun(5, func() {
			if err := f.Strings().Each(context.Background(), func(RatingOf[string]) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	require.Equal(t, allocations(1), allocations(5000))
}

func TestLoadStrings(t *testing.T) {
	folder := t.TempDir()
	write(t, sampleMoviesCSV, folder, "movies.csv")
	f, err := Open(write(t, stringCSV+"bad\n", folder, "ratings.csv"), SkipBadLines())
	require.NoError(t, err)
	d, err := Load(context.Background(), f.Strings(), WithMovies(), WithHoldout(0.5, 1))
	require.NoError(t, err)
	require.EqualValues(t, 3, d.Train.Len()+d.Test.Len())
	require.EqualValues(t, 1, d.Skipped)
	require.Len(t, d.Movies, 3)
	row, ok := d.Users.Row("ann")
	require.True(t, ok)
	require.Zero(t, row)
	require.Equal(t, "007", d.Items.Key(1))

	// The ids go on with the ratings, into a model and its file.
	users, err := als.IndexOf[string](d.Train.UserIDs())
	require.NoError(t, err)
	require.Equal(t, "12", users.Key(1))

	f, err = Open(write(t, stringCSV+"ann,007,5,900000009\n", folder, "twice.csv"))
	require.NoError(t, err)
	_, err = Load(context.Background(), f.Strings())
	require.ErrorIs(t, err, als.ErrDuplicate)
	require.ErrorContains(t, err, `"ann"`)
}

func TestStringsStopAtAnError(t *testing.T) {
	f, err := inMemory("mine.csv", stringCSV, defaults(t))
	require.NoError(t, err)
	stop := errors.New("stop")
	require.Same(t, stop, f.Strings().Each(context.Background(), func(RatingOf[string]) error { return stop }))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, context.Canceled, f.Strings().Each(ctx, func(RatingOf[string]) error { return nil }))
}
