package dataset_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/halfstep-ml/halfstep/bench/dataset"
)

func ExampleLoad() {
	src := dataset.Synthetic{Users: 500, Items: 200, Ratings: 20_000, Seed: 1}
	data, err := dataset.Load(context.Background(), src, dataset.WithHoldout(0.2, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(data.Name, data.Users.Len(), "users,", data.Items.Len(), "items")
	fmt.Println(data.Train.Len()+data.Test.Len(), "ratings in two parts")
	// Output:
	// synthetic 500 users, 200 items
	// 20000 ratings in two parts
}

func ExampleOpen() {
	folder, err := os.MkdirTemp("", "films")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	csv := "userId,movieId,rating,timestamp\n7,31,4.5,900000001\n7,five,1.0,900000002\n"
	if err := os.WriteFile(filepath.Join(folder, "ratings.csv"), []byte(csv), 0o666); err != nil {
		fmt.Println(err)
		return
	}

	file, err := dataset.Open(folder)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("format:", file.Format())
	err = file.Each(context.Background(), func(r dataset.Rating) error {
		fmt.Printf("user %d gives movie %d %v stars\n", r.User, r.Item, r.Value)
		return nil
	})
	if bad := (*dataset.FileError)(nil); errors.As(err, &bad) {
		fmt.Printf("line %d: %s\n", bad.Line, bad.Reason)
	}
	// Output:
	// format: csv
	// user 7 gives movie 31 4.5 stars
	// line 3: the item "five" is not a whole number of at least 0
}

func ExampleFromReader() {
	open := func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("customer;sku;sum\nann;B-7;19.90\nbob;B-7;4.50\nann;C-1;7.00\n")), nil
	}
	file, err := dataset.FromReader("orders", open, dataset.WithSeparator(";"),
		dataset.WithColumns(dataset.Columns{User: "customer", Item: "sku", Rating: dataset.NoColumn}))
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := dataset.Load(context.Background(), file.Strings())
	if err != nil {
		fmt.Println(err)
		return
	}
	for r := range data.Train.All() {
		fmt.Println(data.Users.Key(r.User), "bought", data.Items.Key(r.Item))
	}
	// Output:
	// ann bought B-7
	// ann bought C-1
	// bob bought B-7
}

func ExampleEachBatch() {
	open := func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("7::31::4::900000001\n7::5::1::900000002\n12::31::3::900000003\n")), nil
	}
	file, err := dataset.FromReader("ratings.dat", open)
	if err != nil {
		fmt.Println(err)
		return
	}
	perItem := map[uint32]int{}
	err = dataset.EachBatch(context.Background(), file, func(b dataset.Batch[uint32]) error {
		for _, item := range b.Items {
			perItem[item]++
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(perItem)
	// Output: map[5:1 31:2]
}

func ExampleReadColumns() {
	open := func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("7::31::4::900000001\n7::5::1::900000002\n12::31::3::900000003\n")), nil
	}
	file, err := dataset.FromReader("ratings.dat", open)
	if err != nil {
		fmt.Println(err)
		return
	}
	all, err := dataset.ReadColumns[uint32](context.Background(), file, dataset.WithTimes())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(all.Users, all.Items, all.Values, all.Times)
	// Output: [7 7 12] [31 5 31] [4 1 3] [900000001 900000002 900000003]
}

func ExampleMovies() {
	folder, err := os.MkdirTemp("", "films")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	csv := "movieId,title,genres\n31,\"Lake, The (1988)\",Adventure|Drama\n"
	if err := os.WriteFile(filepath.Join(folder, "movies.csv"), []byte(csv), 0o666); err != nil {
		fmt.Println(err)
		return
	}

	movies, err := dataset.Movies(folder)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(movies[31].Title, movies[31].Year, movies[31].Genres)
	// Output: Lake, The 1988 [Adventure Drama]
}

func ExampleWriteCSV() {
	src := dataset.Synthetic{Users: 2, Items: 3, Ratings: 4, Seed: 1, HalfStars: true}
	if err := dataset.WriteCSV(context.Background(), os.Stdout, src); err != nil {
		fmt.Println(err)
	}
	// Output:
	// userId,movieId,rating,timestamp
	// 1,1,1.5,968403880
	// 1,2,4.0,968403972
	// 1,3,3.5,968404029
	// 2,3,5.0,988553727
}

func ExampleSynthetic_NoiseFloor() {
	floor, err := dataset.Synthetic{Seed: 1}.NoiseFloor(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("no model predicts better than %.2f stars\n", floor)
	// Output: no model predicts better than 0.76 stars
}
