package dataset

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestColumns(t *testing.T) {
	want := withoutTime(sampleRatings)
	for _, test := range []struct {
		name, content string
		opts          []Option
		format        Format
		want          []Rating
	}{
		{"tsv with a header", strings.ReplaceAll(sampleCSV, ",", "\t"), nil, TSV, sampleRatings},
		{"semicolons", strings.ReplaceAll(sampleCSV, ",", ";"), []Option{WithSeparator(";")}, CSV, sampleRatings},
		{"a character of two bytes", strings.ReplaceAll(sampleCSV, ",", "¦"), []Option{WithSeparator("¦")}, CSV, sampleRatings},
		{"two colons and a header", strings.ReplaceAll(sampleCSV, ",", "::"), []Option{WithColumns(Columns{User: "userId"})}, Dat, sampleRatings},
		{"no header", "7,31,4,900000001\n7,5,1,900000002\n12,31,3,900000003\n", []Option{WithoutHeader()}, CSV, sampleRatings},
		{"no header, quotes", "\"7\",31,\"4\"\n7,\"5\",1\n12,31,3\n", []Option{WithoutHeader()}, CSV, want},
		{"no header, tabs", sampleUData, []Option{WithoutHeader()}, TSV, sampleRatings},
		{"no header, five columns", "7,31,4,a,b\n7,5,1,,\n12,31,3,c,\"d,e\"\n", []Option{WithoutHeader()}, CSV, want},
		{"no header, the rating in column 4", "7\t31\t\"The\" band\t4\n7\t5\t\"open\t1\n12\t31\t\"\"\t3\n",
			[]Option{WithoutHeader(), WithColumns(Columns{Rating: "4"})}, TSV, want},
		{"no header, the time is not read", "7,31,4,x\n7,5,1,y\n12,31,3,z\n", []Option{WithoutHeader(), WithColumns(Columns{Time: NoColumn})}, CSV, want},
		{"no header, columns by number", "x,900000001,31,4,7\nx,900000002,5,1,7\nx,900000003,31,3,12\n",
			[]Option{WithoutHeader(), WithColumns(Columns{User: "5", Item: "3", Rating: "4", Time: "2"})}, CSV, sampleRatings},
		{"columns by name", "stars,who,what,when\n4,7,31,900000001\n1,7,5,900000002\n3,12,31,900000003\n",
			[]Option{WithColumns(Columns{User: "who", Item: "WHAT", Rating: "stars", Time: "when"})}, CSV, sampleRatings},
		{"columns by number under a header", "stars,who,what\n4,7,31\n1,7,5\n3,12,31\n",
			[]Option{WithColumns(Columns{User: "2", Item: "3", Rating: "1"})}, CSV, want},
		{"some by name, some found", "who,item,rating\n7,31,4\n7,5,1\n12,31,3\n", []Option{WithColumns(Columns{User: "who"})}, CSV, want},
		{"a name that is a number", "item,1,user,rating\n31,7,0,4\n5,7,0,1\n31,12,0,3\n", []Option{WithColumns(Columns{User: "1"})}, CSV, want},
		{"names that differ in case", "ID,id,rating\n7,31,4\n7,5,1\n12,31,3\n", []Option{WithColumns(Columns{User: "ID", Item: "id"})}, CSV, want},
		{"no rating", "user,item,rating\n7,31,x\n7,5,y\n12,31,z\n", []Option{WithColumns(Columns{Rating: NoColumn})}, CSV, allOnes(want)},
		{"no rating, no header", "7\t31\n7\t5\n12\t31\n", []Option{WithoutHeader(), WithColumns(Columns{Rating: NoColumn})}, TSV, allOnes(want)},
		{"tabs, all in quotes", "\"user\"\t\"item\"\t\"rating\"\n\"7\"\t\"31\"\t4\n\"7\"\t\"5\"\t1\n\"12\"\t\"31\"\t\"3\"\n", nil, TSV, want},
		{"tabs within quotes", "user\ttext\titem\trating\n7\t\"a\tb\"\t31\t4\n7\t\"a\"\"\tb\"\t5\t1\n12\t5\" wide\t31\t3\n", nil, TSV, want},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := Open(write(t, test.content, t.TempDir(), "mine.txt"), test.opts...)
			require.NoError(t, err)
			require.Equal(t, test.format, f.Format())
			require.False(t, f.HasStrings())
			require.Equal(t, test.want, collect(t, f))
		})
	}
}

func allOnes(ratings []Rating) []Rating {
	var out []Rating
	for _, r := range ratings {
		r.Value = 1
		out = append(out, r)
	}
	return out
}

func TestColumnsRefused(t *testing.T) {
	for _, test := range []struct {
		name, content string
		opts          []Option
		reason        string
	}{
		{"no such name", "who,item,rating\n", []Option{WithColumns(Columns{User: "whom"})}, `mine.csv:1: the header "who,item,rating" has no column "whom" for the user`},
		{"a name twice", "who,who,item,rating\n", []Option{WithColumns(Columns{User: "who"})}, `two columns "who" for the user, 1 and 2`},
		{"a name twice but for case", "who,Who,item,rating\n", []Option{WithColumns(Columns{User: "WHO"})}, `two columns "WHO" for the user, 1 and 2`},
		{"column 0", "user,item,rating\n", []Option{WithColumns(Columns{Item: "0"})}, "no column 0 for the item, but 3 columns"},
		{"column 4 of 3", "user,item,rating\n", []Option{WithColumns(Columns{Time: "4"})}, "no column 4 for the time, but 3 columns"},
		{"a column for two", "user,item,rating\n", []Option{WithColumns(Columns{User: "1", Item: "user"})}, "column 1 for both the user and the item"},
		{"a column for two without a header", "7,31,4\n", []Option{WithoutHeader(), WithColumns(Columns{Rating: "1"})}, "column 1 for both the user and the rating"},
		{"a name without a header", "7,31,4\n", []Option{WithoutHeader(), WithColumns(Columns{User: "who"})}, `must be a number, not "who"`},
		{"two columns without a header", "7,31\n", []Option{WithoutHeader()}, `the first line "7,31" has no column 3 for the rating`},
		{"another separator", "user;item;rating\n", []Option{WithSeparator("|")}, `the header "user;item;rating" has no column for the user (userid,`},
		{"an open quote", "\"user,item,rating\n", []Option{WithSeparator(",")}, "the header: the quote"},
		{"nothing", "\n", []Option{WithoutHeader()}, "the file is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := inMemory("mine.csv", test.content, defaults(t, test.opts...))
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, test.reason)
		})
	}
	path := write(t, sampleCSV, t.TempDir(), "mine.csv")
	for field, opt := range map[string]Option{
		"WithSeparator: \"\"":    WithSeparator(""),
		"WithSeparator: \"abc\"": WithSeparator("abc"),
		"WithSeparator: \"\\n\"": WithSeparator("\n"),
		"WithSeparator: \"\\\"":  WithSeparator("\""),
		"Columns.User: ":         WithColumns(Columns{User: NoColumn}),
		"Columns.Item: ":         WithColumns(Columns{Item: NoColumn}),
	} {
		_, err := Open(path, opt)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, field)
	}
}

// A line that is malformed is named by its number under every layout.
func TestMalformedColumns(t *testing.T) {
	for _, test := range []struct {
		content string
		opts    []Option
		reason  string
	}{
		{"user;item;rating\n7;31;4\n7;x;4\n", []Option{WithSeparator(";")}, `mine.txt:3: the item "x" is not a whole number`},
		{"7;31;4\n\n7;31\n", []Option{WithSeparator(";"), WithoutHeader()}, "mine.txt:3: 2 fields, want 3"},
		{"user\titem\trating\n7\t31\tgood\n", nil, `mine.txt:2: the rating "good" is not a number`},
		{"user\titem\trating\n\"7\t31\t1\n", nil, `mine.txt:2: the user "\"7" is not a whole number`},
		{"user;item;rating\n7;\"31;4\n", []Option{WithSeparator(";")}, `mine.txt:2: the quote before "31;4" is not closed`},
		{"user;item;rating\n7;3\"1;4\n", []Option{WithSeparator(";")}, "mine.txt:2: a quote inside the field"},
	} {
		f, err := inMemory("mine.txt", test.content, defaults(t, test.opts...))
		require.NoError(t, err)
		err = f.Each(context.Background(), func(Rating) error { return nil })
		require.ErrorIs(t, err, ErrMalformed)
		require.ErrorContains(t, err, test.reason)
	}
}
