package dataset

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// movieLens is a folder of real data. The data may not be passed on, so the tests
// that need it find it through the environment.
func movieLens(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("HALFSTEP_DATA")
	if root == "" {
		t.Skipf("HALFSTEP_DATA names no folder with %s: the loaders are not checked on the real files", name)
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("HALFSTEP_DATA: %v", err)
	}
	return path
}

func TestMovieLens(t *testing.T) {
	for _, test := range []struct {
		name                          string
		format                        Format
		ratings, users, items, movies int
		genres                        int
		lowest, step                  float32
		timed                         bool
		titles                        map[int64]string
	}{
		{
			name: "ml-1m", format: Dat,
			ratings: 1_000_209, users: 6040, items: 3706, movies: 3883, genres: 18,
			lowest: 1, step: 1,
			titles: map[int64]string{
				1:  "Toy Story (1995)",
				73: "Misérables, Les (1995)",
			},
		},
		{
			name: "ml-latest-small", format: CSV,
			ratings: 100_836, users: 610, items: 9724, movies: 9742, genres: 19,
			lowest: 0.5, step: 0.5, timed: true,
			titles: map[int64]string{
				11:     "American President, The (1995)",
				73:     "Misérables, Les (1995)",
				7789:   `11'09"01 - September 11 (2002)`,
				27008:  "From Dusk Till Dawn 2: Texas Blood Money (1999)",
				143410: "Hyena Road",
				171749: "Death Note: Desu nôto (2006)",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := movieLens(t, test.name)
			f, err := Open(folder)
			require.NoError(t, err)
			require.Equal(t, test.format, f.Format())
			require.Equal(t, test.name, f.Name())
			users, items := make(map[int64]bool), make(map[int64]bool)
			all := collect(t, f)
			for _, r := range all {
				users[r.User], items[r.Item] = true, true
				steps := r.Value / test.step
				if r.Value < test.lowest || r.Value > 5 || steps != float32(int(steps)) || (r.Time > 0) != test.timed {
					t.Fatalf("%+v", r)
				}
			}
			require.Len(t, all, test.ratings)
			require.Len(t, users, test.users)
			require.Len(t, items, test.items)

			movies, err := f.Movies()
			require.NoError(t, err)
			require.Len(t, movies, test.movies)
			byFolder, err := Movies(folder)
			require.NoError(t, err)
			require.Equal(t, movies, byFolder)
			for id, want := range test.titles {
				require.Equal(t, want, movies[id].String())
			}
			for id := range items {
				require.NotEmpty(t, movies[id].Title, "movie %d", id)
			}
			genres := make(map[string]int)
			for _, m := range movies {
				for _, g := range m.Genres {
					genres[g]++
				}
			}
			t.Logf("genres: %v", genres)
			require.Len(t, genres, test.genres)
			require.Greater(t, genres["Drama"], genres["Western"])
		})
	}
}

// Two data sets lie in the folder of the data.
func TestMovieLensAmbiguous(t *testing.T) {
	root := filepath.Dir(movieLens(t, "ml-1m"))
	_, err := Open(root)
	require.ErrorIs(t, err, ErrFormat)
	require.ErrorContains(t, err, filepath.Join("ml-1m", "ratings_notime.dat"))
	require.ErrorContains(t, err, filepath.Join("ml-latest-small", "ratings.csv"))
}

func TestSyntheticLooksLikeMovieLens(t *testing.T) {
	f, err := Open(movieLens(t, "ml-1m"))
	require.NoError(t, err)
	realUsers, realItems := counts(t, f)
	const seed = 1
	t.Logf("seed %d", seed)
	users, items := counts(t, Synthetic{Seed: seed})
	for _, side := range []struct {
		name            string
		real, synthetic []int
	}{{"users", realUsers, users}, {"items", realItems, items}} {
		t.Logf("%s: gini %.4f, synthetic %.4f", side.name, gini(side.real), gini(side.synthetic))
		require.InDelta(t, gini(side.real), gini(side.synthetic), 0.01)
		for _, p := range []float64{0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1} {
			want, got := quantile(side.real, p), quantile(side.synthetic, p)
			t.Logf("%s: quantile %.2f: %d ratings, synthetic %d", side.name, p, want, got)
			require.InEpsilon(t, want, got, 0.1, "%s: quantile %v", side.name, p)
		}
	}
}
