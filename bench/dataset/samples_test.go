package dataset

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The same invented ratings in every format.
const (
	sampleUData = "7\t31\t4\t900000001\n7\t5\t1\t900000002\n12\t31\t3\t900000003\n"
	sampleDat   = "7::31::4::900000001\n7::5::1::900000002\n12::31::3::900000003\n"
	sampleCSV   = "userId,movieId,rating,timestamp\n7,31,4.0,900000001\n7,5,1.0,900000002\n12,31,3.0,900000003\n"

	// Without times.
	sampleDatNoTime = "7::31::4\n7::5::1\n12::31::3\n"
)

var sampleRatings = []Rating{
	{User: 7, Item: 31, Value: 4, Time: 900000001},
	{User: 7, Item: 5, Value: 1, Time: 900000002},
	{User: 12, Item: 31, Value: 3, Time: 900000003},
}

func withoutTime(ratings []Rating) []Rating {
	var out []Rating
	for _, r := range ratings {
		r.Time = 0
		out = append(out, r)
	}
	return out
}

// The same invented movies in every format. Ånäs is in Latin-1 where the format
// has it.
const (
	sampleItem = "5|Quiet Harbour (1991)|03-Feb-1991||http://localhost/5|0|0|0|0|0|0|0|0|1|0|0|0|0|0|0|0|1|0|0\n" +
		"31|\xc5n\xe4s, \"The\" Lake|17-Oct-1988|||0|1|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n" +
		"40|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
	sampleMoviesDat = "5::Quiet Harbour (1991)::Drama|Thriller\n" +
		"31::\xc5n\xe4s, \"The\" Lake (1988)::Action|Children's\n"
	sampleMoviesCSV = "movieId,title,genres\n5,Quiet Harbour (1991),Drama|Thriller\n" +
		"31,\"Ånäs, \"\"The\"\" Lake (1988) \",Action|Children's\n40,Nameless,(no genres listed)\n"
)

var sampleMovies = map[int64]Movie{
	5:  {ID: 5, Title: "Quiet Harbour", Year: 1991, Genres: []string{"Drama", "Thriller"}},
	31: {ID: 31, Title: "Ånäs, \"The\" Lake", Year: 1988, Genres: []string{"Action", "Children's"}},
}

// write makes a file with its folders and returns its path.
func write(t testing.TB, content string, path ...string) string {
	t.Helper()
	full := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o777))
	require.NoError(t, os.WriteFile(full, []byte(content), 0o666))
	return full
}

// pack compresses with gzip.
func pack(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// collect reads all ratings of a source.
func collect(t testing.TB, src Source) []Rating {
	t.Helper()
	var all []Rating
	err := src.Each(context.Background(), func(r Rating) error {
		all = append(all, r)
		return nil
	})
	require.NoError(t, err)
	return all
}

// inMemory is a file that never was on a disk.
func inMemory(path, content string, o options) (*File, error) {
	return inspect(path, openMemory(content), o)
}

func openMemory(content string) opener {
	return func() (io.ReadCloser, int64, error) {
		return io.NopCloser(strings.NewReader(content)), int64(len(content)), nil
	}
}

// defaults are the options of Open without options.
func defaults(t testing.TB, opts ...Option) options {
	t.Helper()
	o, err := newOptions(opts)
	require.NoError(t, err)
	return o
}
