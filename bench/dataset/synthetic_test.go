package dataset

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSyntheticCounts(t *testing.T) {
	for _, test := range []struct {
		name string
		s    Synthetic
	}{
		{"defaults", Synthetic{}},
		{"one pair", Synthetic{Users: 1, Items: 1, Ratings: 1}},
		{"all pairs", Synthetic{Users: 60, Items: 90, Ratings: 60 * 90}},
		{"all pairs but one", Synthetic{Users: 90, Items: 60, Ratings: 60*90 - 1}},
		{"nearly all pairs", Synthetic{Users: 7, Items: 3000, Ratings: 20_000}},
		{"one user", Synthetic{Users: 1, Items: 500, Ratings: 77}},
		{"one item", Synthetic{Users: 500, Items: 1, Ratings: 77}},
		{"fewer ratings than users", Synthetic{Users: 500, Items: 40, Ratings: 100}},
		{"as many ratings as users", Synthetic{Users: 500, Items: 40, Ratings: 500}},
		{"as many ratings as items", Synthetic{Users: 10, Items: 500, Ratings: 500}},
		{"fewer ratings than items", Synthetic{Users: 10, Items: 500, Ratings: 60}},
		{"few ratings a user", Synthetic{Users: 1000, Items: 300, Ratings: 12_345}},
		{"half stars", Synthetic{Users: 200, Items: 300, Ratings: 9000, HalfStars: true, Rank: 1}},
		{"a high rank", Synthetic{Users: 50, Items: 300, Ratings: 3000, Rank: 100}},
		{"default ratings", Synthetic{Users: 300, Items: 20}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.s.Seed = 3
			t.Logf("seed %d", test.s.Seed)
			s := test.s.withDefaults()
			type pair struct{ user, item int64 }
			pairs := make(map[pair]struct{})
			users, items := make(map[int64]int64), make(map[int64]int)
			step, lowest := 1.0, 1.0
			if s.HalfStars {
				step, lowest = 0.5, 0.5
			}
			last := int64(1)
			for _, r := range collect(t, test.s) {
				v := float64(r.Value)
				switch {
				case r.User < last || r.User > int64(s.Users) || r.Item < 1 || r.Item > int64(s.Items):
					t.Fatalf("%+v: an id out of range or after user %d", r, last)
				case v < lowest || v > 5 || v != step*math.Round(v/step):
					t.Fatalf("%+v: not on the scale", r)
				case r.Time <= users[r.User]:
					t.Fatalf("%+v: the user's last rating was at %d", r, users[r.User])
				}
				last = r.User
				users[r.User] = r.Time
				items[r.Item]++
				pairs[pair{r.User, r.Item}] = struct{}{}
			}
			require.Len(t, pairs, int(s.Ratings), "distinct pairs")
			if s.Ratings >= int64(s.Users) {
				require.Len(t, users, s.Users)
			}
			if s.Ratings >= int64(s.Items) {
				require.Len(t, items, s.Items)
			}
		})
	}
}

func TestSyntheticDefaults(t *testing.T) {
	require.Equal(t, Synthetic{Users: 6040, Items: 3706, Ratings: 1_000_000, Rank: 8, Noise: 0.8}, Synthetic{}.withDefaults())
	require.Equal(t, "synthetic", Synthetic{}.Name())
}

func TestSyntheticValidate(t *testing.T) {
	tooMany := math.MaxInt32
	tooMany++ // below 0 where an int has 32 bits
	for field, s := range map[string]Synthetic{
		"Users: -1":                       {Users: -1},
		fmt.Sprintf("Users: %d", tooMany): {Users: tooMany},
		"Items: -5":                       {Items: -5},
		fmt.Sprintf("Items: %d", tooMany): {Items: tooMany},
		"Ratings: -1":                     {Ratings: -1},
		"Ratings: 7, more than":           {Users: 2, Items: 3, Ratings: 7},
		"Ratings: 30000000, mor":          {Ratings: 30_000_000},
		"Rank: -1":                        {Rank: -1},
		"Rank: 65537":                     {Rank: 65537},
		"Noise: -0.5":                     {Noise: -0.5},
		"Noise: NaN":                      {Noise: math.NaN()},
		"Noise: +Inf":                     {Noise: math.Inf(1)},
	} {
		require.ErrorIs(t, s.Validate(), ErrConfig, field)
		require.ErrorContains(t, s.Validate(), ": "+field)
		require.ErrorIs(t, s.Each(context.Background(), func(Rating) error { return nil }), ErrConfig)
		_, err := s.NoiseFloor(context.Background())
		require.ErrorIs(t, err, ErrConfig)
	}
	require.NoError(t, Synthetic{}.Validate())
	require.NoError(t, Synthetic{Users: 2, Items: 3, Ratings: 6}.Validate())
}

// digest is one number for all ratings and their order.
func digest(t *testing.T, s Synthetic) uint64 {
	h := fnv.New64a()
	var b [28]byte
	for _, r := range collect(t, s) {
		binary.LittleEndian.PutUint64(b[0:], uint64(r.User))
		binary.LittleEndian.PutUint64(b[8:], uint64(r.Item))
		binary.LittleEndian.PutUint32(b[16:], math.Float32bits(r.Value))
		binary.LittleEndian.PutUint64(b[20:], uint64(r.Time))
		h.Write(b[:])
	}
	return h.Sum64()
}

// The ratings of a seed are the same on every machine and in every version: what
// was measured on them once can be compared. A change of these numbers is a change
// of every result on synthetic data.
func TestSyntheticIsPinned(t *testing.T) {
	require.Equal(t, uint64(0x8f8fb9db719b6e0c), digest(t, Synthetic{Users: 400, Items: 300, Ratings: 20_000, Seed: 1}))
	require.Equal(t, uint64(0x46dc4794e229f6df), digest(t, Synthetic{Users: 40, Items: 300, Ratings: 9_000, Seed: 2, HalfStars: true, Rank: 3}))
	small := Synthetic{Users: 40, Items: 30, Ratings: 500, Seed: 1}
	other := small
	other.Seed = 2
	require.NotEqual(t, digest(t, small), digest(t, other))
}

// Users can be made in any order.
func TestUsersAreIndependent(t *testing.T) {
	s := Synthetic{Users: 50, Items: 80, Ratings: 2000, Seed: 4}.withDefaults()
	g, err := newGenerator(context.Background(), s)
	require.NoError(t, err)
	items := make([][]int32, s.Users)
	truths := make([]float64, s.Users)
	for u := range s.Users {
		g.choose(u)
		g.begin()
		items[u], truths[u] = slices.Clone(g.chosen), g.truth(0)
	}
	for u := s.Users - 1; u >= 0; u-- {
		g.choose(u)
		g.begin()
		require.Equal(t, items[u], g.chosen)
		require.Equal(t, truths[u], g.truth(0))
	}
}

// The floor is the error of who knows the truth: measured on all ratings it must
// come out the same, without a trend, and well below the deviation of the
// ratings.
func TestNoiseFloor(t *testing.T) {
	for _, s := range []Synthetic{
		{Seed: 5},
		{Seed: 6, HalfStars: true},
		{Seed: 7, Noise: 1.5, Users: 2000, Items: 1000, Ratings: 300_000},
		{Seed: 8, Noise: 1e-9, Users: 2000, Items: 1000, Ratings: 300_000},
	} {
		t.Logf("seed %d", s.Seed)
		floor, err := s.NoiseFloor(context.Background())
		require.NoError(t, err)
		g, err := newGenerator(context.Background(), s.withDefaults())
		require.NoError(t, err)
		var n, sum, squares, bias, residual float64
		for u := range g.Users {
			g.choose(u)
			g.begin()
			for _, item := range g.chosen {
				truth := g.truth(item)
				r := g.rate(truth)
				best, _ := g.expected(truth)
				n++
				sum += r
				squares += r * r
				bias += r - best
				residual += (r - best) * (r - best)
			}
		}
		deviation := math.Sqrt(squares/n - sum*sum/n/n)
		measured := math.Sqrt(residual / n)
		t.Logf("mean %.3f, deviation %.3f, floor %.4f, measured %.4f", sum/n, deviation, floor, measured)
		// Over 65,536 pairs, with a variance of the conditional variance and of the
		// squared residuals of the order of floor⁴.
		require.InDelta(t, floor, measured, 5*floor/math.Sqrt(1<<16)+1e-4)
		require.InDelta(t, 0, bias/n, 5*floor/math.Sqrt(n)+1e-12)
		if s.Noise == 0 {
			require.InDelta(t, 3.58, sum/n, 0.1)
			require.InDelta(t, 1.12, deviation, 0.05)
			require.InDelta(t, 0.75, floor, 0.03)
		}
	}
}

func TestWriteCSV(t *testing.T) {
	s := Synthetic{Users: 30, Items: 40, Ratings: 400, Seed: 9, HalfStars: true}
	var b strings.Builder
	require.NoError(t, WriteCSV(context.Background(), &b, s))
	require.True(t, strings.HasPrefix(b.String(), "userId,movieId,rating,timestamp\n1,"))
	f, err := inMemory("ratings.csv", b.String(), defaults(t))
	require.NoError(t, err)
	require.Equal(t, collect(t, s), collect(t, f))

	b.Reset()
	f, err = inMemory("ratings.dat", "1::2::4\n1::3::-0.125::\n1::4::1e10\n1::5::0.1\n", defaults(t, SkipBadLines()))
	require.NoError(t, err)
	require.NoError(t, WriteCSV(context.Background(), &b, f))
	require.Equal(t, "userId,movieId,rating,timestamp\n1,2,4.0,0\n1,4,10000000000.0,0\n1,5,0.1,0\n", b.String())

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, context.Canceled, WriteCSV(ctx, &b, s))
	full := writerFunc(func([]byte) (int, error) { return 0, context.DeadlineExceeded })
	require.ErrorIs(t, WriteCSV(context.Background(), full, s), context.DeadlineExceeded)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
