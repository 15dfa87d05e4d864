package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Movie is an item of MovieLens.
type Movie struct {
	ID     int64
	Title  string   // without the year
	Year   int      // of release; 0 if the file does not say
	Genres []string // as the file spells them; empty if it lists none
}

// String gives "Title (year)".
func (m Movie) String() string {
	if m.Year == 0 {
		return m.Title
	}
	return fmt.Sprintf("%s (%d)", m.Title, m.Year)
}

// Movies reads the movies of MovieLens, by id: u.item, movies.dat or movies.csv,
// compressed or not. The path is the file or a folder, as for Open.
// A file that is not valid UTF-8 is taken to be in Latin-1, as those of 100K and
// 1M are. The errors are those of Open and of File.Each; an id that comes twice
// is malformed.
func Movies(path string, opts ...Option) (map[int64]Movie, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	path, err = find(path, movieFiles)
	if err != nil {
		return nil, err
	}
	return movies(path, openerOf(path), o)
}

func movies(path string, open opener, o options) (map[int64]Movie, error) {
	in, err := newInput(path, open, o.progress)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	lines := newLineReader(context.Background(), path, in, o.buffer)
	var parse movieParser
	all := make(map[int64]Movie)
	isUTF8 := true
	var skipped int64
	for {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err == nil && parse == nil {
			var header bool
			var reason string
			parse, header, reason = detectMovies(line)
			if reason != "" {
				return nil, formatError(path, lines.number, "%s", reason)
			}
			if header {
				continue
			}
		}
		var m Movie
		if err == nil {
			isUTF8 = isUTF8 && utf8.Valid(line)
			var reason string
			m, reason = parse(line)
			if _, twice := all[m.ID]; twice && reason == "" {
				reason = fmt.Sprintf("movie %d was there before", m.ID)
			}
			if reason != "" {
				err = malformed(path, lines.number, reason)
			}
		}
		switch {
		case err == nil:
			all[m.ID] = m
		case o.skip && errors.Is(err, ErrMalformed):
			skipped++
		default:
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, nothingFound(path, "movies", skipped, "lines")
	}
	for id, m := range all {
		m.finish(isUTF8)
		all[id] = m
	}
	in.finish()
	return all, nil
}

// finish decodes a title and takes the year off it.
func (m *Movie) finish(isUTF8 bool) {
	if !isUTF8 {
		m.Title = decodeLatin1(m.Title)
		for i, g := range m.Genres {
			m.Genres[i] = decodeLatin1(g)
		}
	}
	title, year := splitYear(m.Title)
	m.Title = title
	if year != 0 {
		m.Year = year
	}
}

// movieParser reads a movie from a line, which may be overwritten. The title is
// still in the encoding of the file and has the year behind it.
type movieParser func(line []byte) (m Movie, reason string)

// detectMovies finds the format of a file of movies from its first line, and
// whether that is a header.
func detectMovies(first []byte) (parse movieParser, header bool, reason string) {
	switch {
	case bytes.Contains(first, []byte("::")):
		return parseDatMovie, false, ""
	case bytes.Count(first, []byte{'|'}) == itemFields-1:
		return parseItem, false, ""
	}
	text := quote(first)
	names, reason := splitCSV(first, nil)
	if reason != "" || len(names) < 2 {
		return nil, false, "not in a known format of movies: the first line is " + text
	}
	p := movieColumns{columns: len(names)}
	for _, c := range []struct {
		at   *int
		name string
	}{{&p.id, "item"}, {&p.title, "title"}, {&p.genres, "genres"}} {
		*c.at, reason = findColumn(names, c.name)
		if reason == "" && *c.at < 0 {
			reason = noColumn(c.name)
		}
		if reason != "" {
			return nil, false, "the header " + text + " " + reason
		}
	}
	return p.parse, true, ""
}

// parseDatMovie reads a line of MovieLens 1M and 10M: id::title (year)::genres.
func parseDatMovie(line []byte) (m Movie, reason string) {
	separator := []byte("::")
	id, rest, _ := bytes.Cut(line, separator)
	end := bytes.LastIndex(rest, separator)
	if end < 0 {
		return m, "want id::title::genres"
	}
	return newMovie(id, rest[:end], rest[end+len(separator):])
}

// movieColumns says where the fields are in a line of movies.csv, that of
// MovieLens 20M and later.
type movieColumns struct {
	columns           int
	id, title, genres int
	fields            [][]byte
}

func (c *movieColumns) parse(line []byte) (m Movie, reason string) {
	c.fields, reason = splitCSV(line, c.fields)
	if reason != "" {
		return m, reason
	}
	if len(c.fields) != c.columns {
		return m, fmt.Sprintf("%d fields, want %d", len(c.fields), c.columns)
	}
	return newMovie(c.fields[c.id], c.fields[c.title], c.fields[c.genres])
}

// itemGenres are the flags of u.item, in order (u.genre of MovieLens 100K). The
// first, "unknown", is no genre.
var itemGenres = [...]string{"", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime",
	"Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
	"Thriller", "War", "Western"}

// itemFields are those of u.item: id, title, release date, video release date,
// address, and the flags.
const itemFields = 5 + len(itemGenres)

// parseItem reads a line of MovieLens 100K.
func parseItem(line []byte) (m Movie, reason string) {
	fields := bytes.Split(line, []byte{'|'})
	if len(fields) != itemFields {
		return m, fmt.Sprintf("%d fields, want %d", len(fields), itemFields)
	}
	m, reason = newMovie(fields[0], fields[1], nil)
	if reason != "" {
		return m, reason
	}
	for i, flag := range fields[5:] {
		switch string(flag) {
		case "0":
		case "1":
			if itemGenres[i] != "" {
				m.Genres = append(m.Genres, itemGenres[i])
			}
		default:
			return m, "the flag of a genre is " + quote(flag) + ", want 0 or 1"
		}
	}
	// A date is like 01-Jan-1995, or missing.
	if date := fields[2]; len(date) > 4 {
		m.Year = parseYear(string(date[len(date)-4:]))
	}
	return m, ""
}

// noGenres is what movies.csv has in the place of genres where there are none.
const noGenres = "(no genres listed)"

// newMovie makes a movie from the fields of a line; genres are separated by bars.
func newMovie(id, title, genres []byte) (m Movie, reason string) {
	m.ID, reason = parseID("movie", id)
	if reason != "" {
		return m, reason
	}
	if bytes.IndexByte(title, 0) >= 0 || bytes.IndexByte(genres, 0) >= 0 {
		return m, "a zero byte in the text"
	}
	m.Title = string(title)
	if trimBlanks(m.Title) == "" {
		return m, "the title is missing"
	}
	if len(genres) > 0 && string(genres) != noGenres {
		m.Genres = strings.Split(string(genres), "|")
	}
	return m, ""
}

// splitYear takes the year off a title, that of the beginning for a series of
// years: "Some Title (1987)", "Some Series (1987-1991)".
func splitYear(title string) (string, int) {
	title = trimBlanks(title)
	open := strings.LastIndexByte(title, '(')
	if open < 1 || !strings.HasSuffix(title, ")") {
		return title, 0
	}
	inner := title[open+1 : len(title)-1]
	if len(inner) < 4 {
		return title, 0
	}
	year, rest := parseYear(inner[:4]), inner[4:]
	if year == 0 || rest != "" && !strings.HasPrefix(rest, "-") && !strings.HasPrefix(rest, "–") {
		return title, 0
	}
	return trimBlanks(title[:open]), year
}

// trimBlanks takes off what is blank in every encoding: strings.TrimSpace would
// find blanks in a title in Latin-1 only once it is decoded.
func trimBlanks(s string) string { return strings.Trim(s, " \t") }

// parseYear reads a year of four digits, 0 if it is none.
func parseYear(s string) int {
	year, err := strconv.ParseUint(s, 10, 16)
	if err != nil || year < 1000 || year > 9999 {
		return 0
	}
	return int(year)
}

// decodeLatin1 turns ISO 8859-1, in which every byte is the code point of a
// character, to UTF-8.
func decodeLatin1(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
