package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
)

// The same ratings give the same model from every kind of file.
func TestALSReadsFiles(t *testing.T) {
	type row struct {
		Product string  `parquet:"product"`
		Stars   float64 `parquet:"stars"`
		Buyer   int64   `parquet:"buyer"`
	}
	var plain, semicolons, tabs strings.Builder
	var rows []row
	plain.WriteString("userId,movieId,rating\n")
	semicolons.WriteString("stars;note;product;buyer\n")
	src := dataset.Synthetic{Users: 80, Items: 60, Ratings: 2000, Seed: 4}
	t.Logf("seed %d", src.Seed)
	require.NoError(t, src.Each(t.Context(), func(r dataset.Rating) error {
		fmt.Fprintf(&plain, "%d,%d,%v\n", r.User, r.Item, r.Value)
		fmt.Fprintf(&semicolons, "%v;\"a;b\";P-%d;%d\n", r.Value, r.Item, r.User)
		fmt.Fprintf(&tabs, "u%d\t%d\tx\t%v\n", r.User, r.Item, r.Value)
		rows = append(rows, row{fmt.Sprint("P-", r.Item), float64(r.Value), r.User})
		return nil
	}))
	var columns, packed bytes.Buffer
	require.NoError(t, parquet.Write(&columns, rows))
	w, err := zstd.NewWriter(&packed)
	require.NoError(t, err)
	_, err = w.Write([]byte(plain.String()))
	require.NoError(t, err)
	require.NoError(t, w.Close())

	dir := t.TempDir()
	run := func(name, content string, args ...string) (alsResult, *als.Model) {
		path, model := filepath.Join(dir, name), filepath.Join(dir, name+".safetensors")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
		out, _, err := bench(t, append([]string{"als", "--data", path, "--threads", "1", "--iterations", "2", "--json", "-", "--save", model}, args...)...)
		require.NoError(t, err, name)
		var r alsResult
		require.NoError(t, json.Unmarshal([]byte(out), &r))
		m, err := als.ReadFile(model)
		require.NoError(t, err)
		return r, m
	}
	want, model := run("plain.csv", plain.String())
	require.EqualValues(t, 2000, want.Data.Ratings)
	users, err := als.IndexOf[int64](model.UserIDs())
	require.NoError(t, err, "numbers stay numbers")

	for _, c := range []struct {
		name, content, lastUser string
		args                    []string
	}{
		{"strings.csv", plain.String(), "", []string{"--string-ids"}},
		{"packed.csv.zst", packed.String(), "", nil},
		{"semicolons.txt", semicolons.String(), "", []string{"--separator", ";", "--user-column", "buyer", "--item-column", "3", "--rating-column", "stars"}},
		{"tabs.tsv", tabs.String(), "u", []string{"--no-header", "--rating-column", "4", "--separator", `\t`, "--time-column", "-"}},
		{"columns.parquet", columns.String(), "", []string{"--user-column", "buyer", "--item-column", "product", "--rating-column", "stars"}},
	} {
		got, model := run(c.name, c.content, c.args...)
		require.Equal(t, want.Data.Ratings, got.Data.Ratings, c.name)
		require.Equal(t, want.Data.Users, got.Data.Users, c.name)
		require.Equal(t, want.Runs[0].TrainMSE, got.Runs[0].TrainMSE, c.name)
		if c.name == "packed.csv.zst" {
			continue
		}
		ids, err := als.IndexOf[string](model.UserIDs())
		require.NoError(t, err, c.name)
		require.Equal(t, c.lastUser+fmt.Sprint(users.Key(users.Len()-1)), ids.Key(ids.Len()-1), c.name)
	}
}

func TestALSRefusesFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.csv")
	require.NoError(t, os.WriteFile(path, []byte("user,item,rating\nann,1,5\nbob,x\n"), 0o666))
	for _, c := range []struct {
		message string
		args    []string
	}{
		{"mine.csv:3: 2 fields, want 3", nil},
		{`mine.csv:2: the user "ann" is not a whole number`, []string{"--string-ids=false"}},
		{`no column "buyer" for the user`, []string{"--user-column", "buyer"}},
		{"no column for the user", []string{"--separator", ";"}},
		{"WithSeparator", []string{"--separator", ";;;"}},
	} {
		_, _, err := bench(t, append([]string{"als", "--data", path}, c.args...)...)
		require.ErrorContains(t, err, c.message)
	}
	for _, flag := range fileFlagNames {
		_, _, err := bench(t, small("--"+flag+"=1")...)
		require.ErrorContains(t, err, "--"+flag+" is for --data")
	}
}
