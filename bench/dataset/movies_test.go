package dataset

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMovieFormats(t *testing.T) {
	withThird := func(title string) map[int64]Movie {
		all := maps.Clone(sampleMovies)
		all[40] = Movie{ID: 40, Title: title}
		return all
	}
	item := withThird("unknown")
	item[31] = Movie{ID: 31, Title: "Ånäs, \"The\" Lake", Year: 1988, Genres: []string{"Action", "Children's"}}
	utf8Dat := strings.NewReplacer("\xc5", "Å", "\xe4", "ä").Replace(sampleMoviesDat)
	for _, test := range []struct {
		name, file, content string
		want                map[int64]Movie
	}{
		{"u.item", "u.item", sampleItem, item},
		{"dat in Latin-1", "movies.dat", sampleMoviesDat, sampleMovies},
		{"dat in UTF-8", "movies.dat", utf8Dat, sampleMovies},
		{"csv", "movies.csv", sampleMoviesCSV, withThird("Nameless")},
		{"csv with a byte order mark", "movies.csv", byteOrderMark + sampleMoviesCSV, withThird("Nameless")},
		{"csv with cr lf", "movies.csv", strings.ReplaceAll(sampleMoviesCSV, "\n", "\r\n"), withThird("Nameless")},
		{"csv in another order", "movies.csv", "genres,extra,TITLE,movie_id\n(no genres listed),,Nameless,40\n",
			map[int64]Movie{40: {ID: 40, Title: "Nameless"}}},
		{"csv without an end", "movies.csv", strings.TrimSuffix(sampleMoviesCSV, "\n"), withThird("Nameless")},
	} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/packed=%v", test.name, packed), func(t *testing.T) {
				content := test.content
				if packed {
					content = pack(t, content)
				}
				folder := t.TempDir()
				path := write(t, content, folder, "ml-x", test.file)
				for _, p := range []string{path, folder} {
					got, err := Movies(p)
					require.NoError(t, err)
					require.Equal(t, test.want, got)
				}
			})
		}
	}
}

func TestSplitYear(t *testing.T) {
	for _, test := range []struct {
		title, want string
		year        int
	}{
		{"Plain (1987)", "Plain", 1987},
		{"Plain (1987) ", "Plain", 1987},
		{"Plain", "Plain", 0},
		{"Two (Parts) (2003)", "Two (Parts)", 2003},
		{"Series (1987-1991)", "Series", 1987},
		{"Series (1987–1991)", "Series", 1987},
		{"Series (2009– )", "Series", 2009},
		{"Part (Two)", "Part (Two)", 0},
		{"Room (19877)", "Room (19877)", 0},
		{"Room (198)", "Room (198)", 0},
		{"Agent (0007)", "Agent (0007)", 0},
		{"(1987)", "(1987)", 0},
		{"2046 (2004)", "2046", 2004},
		{"Half (1987", "Half (1987", 0},
	} {
		title, year := splitYear(test.title)
		require.Equal(t, test.want, title, test.title)
		require.Equal(t, test.year, year, test.title)
	}
}

func TestMovieString(t *testing.T) {
	require.Equal(t, "Quiet Harbour (1991)", Movie{Title: "Quiet Harbour", Year: 1991}.String())
	require.Equal(t, "Nameless", Movie{Title: "Nameless"}.String())
}

func TestMalformedMovies(t *testing.T) {
	flags := strings.Repeat("|0", 19)
	for _, test := range []struct {
		name, file, good, line, reason string
	}{
		{"dat without genres", "movies.dat", sampleMoviesDat, "8::Title", "want id::title::genres"},
		{"dat with a bad id", "movies.dat", sampleMoviesDat, "x::Title::Drama", `the movie "x"`},
		{"dat without a title", "movies.dat", sampleMoviesDat, "8:: ::Drama", "the title is missing"},
		{"an id twice", "movies.dat", sampleMoviesDat, "5::Title::Drama", "movie 5 was there before"},
		{"a zero byte", "movies.dat", sampleMoviesDat, "8::Ti\x00tle::Drama", "a zero byte"},
		{"csv with a comma", "movies.csv", sampleMoviesCSV, "8,Harbour, The,Drama", "4 fields, want 3"},
		{"csv with an open quote", "movies.csv", sampleMoviesCSV, `8,"Harbour,Drama`, "is not closed"},
		{"csv with an id too large", "movies.csv", sampleMoviesCSV, "9223372036854775808,Title,Drama", "is not below 2⁶³"},
		{"item with too few flags", "u.item", sampleItem, "8|Title|||" + flags[2:], "23 fields, want 24"},
		{"item with a bad flag", "u.item", sampleItem, "8|Title|||" + flags[2:] + "|2", `the flag of a genre is "2"`},
		{"an overlong line", "movies.dat", sampleMoviesDat, "8::" + strings.Repeat("T", 300) + "::Drama", "longer than 128 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.good+test.line+"\n", t.TempDir(), test.file)
			_, err := Movies(path, WithBuffer(128))
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, fmt.Sprintf("%s:%d: ", path, strings.Count(test.good, "\n")+1))
			require.ErrorContains(t, err, test.reason)

			want, err := Movies(write(t, test.good, t.TempDir(), test.file))
			require.NoError(t, err)
			got, err := Movies(path, SkipBadLines(), WithBuffer(128))
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestBadMovieFiles(t *testing.T) {
	whole := pack(t, strings.Repeat(sampleMoviesDat, 1))
	for _, test := range []struct{ name, content, reason string }{
		{"empty", "", "no movies"},
		{"header only", "movieId,title,genres\n", "no movies"},
		{"no header", "5,Quiet Harbour (1991),Drama\n", "no column for the item"},
		{"ratings", sampleCSV, "no column for the title"},
		{"prose", "Call me anything.\n", "not in a known format of movies"},
		{"cut off", whole[:len(whole)-10], "cut off"},
	} {
		_, err := Movies(write(t, test.content, t.TempDir(), "movies.csv"))
		require.ErrorIs(t, err, ErrFormat, test.name)
		require.ErrorContains(t, err, test.reason, test.name)
	}
	_, err := Movies(t.TempDir())
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// The titles of a file of ratings are those in its own format, beside it.
func TestMoviesOfAFile(t *testing.T) {
	for _, test := range []struct{ ratings, content, movies, titles string }{
		{"u.data", sampleUData, "u.item", sampleItem},
		{"ratings.dat", sampleDat, "movies.dat", sampleMoviesDat},
		{"ratings.csv.gz", pack(t, sampleCSV), "movies.csv.gz", pack(t, sampleMoviesCSV)},
	} {
		folder := t.TempDir()
		f, err := Open(write(t, test.content, folder, test.ratings))
		require.NoError(t, err)
		_, err = f.Movies()
		require.ErrorIs(t, err, fs.ErrNotExist)
		write(t, test.titles, folder, test.movies)
		all, err := f.Movies()
		require.NoError(t, err)
		require.Equal(t, sampleMovies[5], all[5])
	}
}
