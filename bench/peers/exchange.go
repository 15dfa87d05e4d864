package peers

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/halfstep-ml/halfstep/als"
)

// writeRatings writes ratings for the scripts: the header user,item,rating and a
// line for each, by rows.
func writeRatings(path string, r *als.Ratings) error {
	return writeCSV(path, "user,item,rating", func(line func(user, item int, value float32)) {
		for rating := range r.All() {
			line(rating.User, rating.Item, rating.Value)
		}
	})
}

// writeLists writes recommendations for the scripts, a list for each user: the
// header user,item,score and a line for each item, best first.
func writeLists(path string, lists map[int][]als.Scored) error {
	return writeCSV(path, "user,item,score", func(line func(user, item int, value float32)) {
		for _, user := range slices.Sorted(maps.Keys(lists)) {
			for _, s := range lists[user] {
				line(user, s.Item, s.Score)
			}
		}
	})
}

func writeCSV(path, header string, lines func(line func(user, item int, value float32))) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	if _, err := fmt.Fprintln(w, header); err != nil {
		return err
	}
	var b []byte
	lines(func(user, item int, value float32) {
		b = strconv.AppendInt(b[:0], int64(user), 10)
		b = strconv.AppendInt(append(b, ','), int64(item), 10)
		b = strconv.AppendFloat(append(b, ','), float64(value), 'g', -1, 32)
		_, _ = w.Write(append(b, '\n')) // Flush answers the first error
	})
	return w.Flush()
}
