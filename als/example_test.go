package als_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// From ratings to recommendations, with the model going through a file.
func Example() {
	ctx := context.Background()
	dev, err := cpu.Open(kernels.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()

	// Two groups of users with opposite tastes; eve has not rated everything.
	b := als.NewBuilder[string, string]()
	for _, r := range []struct {
		user, item string
		value      float32
	}{
		{"ann", "tea", 5}, {"ann", "milk", 5}, {"ann", "coffee", 1}, {"ann", "cola", 1},
		{"bob", "tea", 5}, {"bob", "milk", 4}, {"bob", "coffee", 1}, {"bob", "cola", 2},
		{"cem", "tea", 1}, {"cem", "milk", 1}, {"cem", "coffee", 5}, {"cem", "cola", 5},
		{"eve", "tea", 5}, {"eve", "cola", 1},
	} {
		if err := b.Add(r.user, r.item, r.value); err != nil {
			log.Fatal(err)
		}
	}
	ratings, err := b.Ratings(ctx)
	if err != nil {
		log.Fatal(err)
	}

	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Lambda = 2, 0.01
	model, err := als.Train(ctx, dev, ratings, cfg)
	if err != nil {
		log.Fatal(err)
	}

	var file bytes.Buffer // or als.WriteFile and als.ReadFile
	if _, err := model.WriteTo(&file); err != nil {
		log.Fatal(err)
	}
	model, err = als.Read(&file)
	if err != nil {
		log.Fatal(err)
	}

	rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings))
	if err != nil {
		log.Fatal(err)
	}
	defer rec.Close()
	users, err := als.IndexOf[string](model.UserIDs())
	if err != nil {
		log.Fatal(err)
	}
	items, err := als.IndexOf[string](model.ItemIDs())
	if err != nil {
		log.Fatal(err)
	}
	eve, _ := users.Row("eve")
	top, err := rec.Recommend(ctx, eve, 3)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range top {
		fmt.Println(items.Key(s.Item), s.Score > 3)
	}
	// Output:
	// milk true
	// coffee false
}

// Held-out ratings tell how good the predictions are.
func ExampleEvaluate() {
	ctx := context.Background()
	dev, err := cpu.Open(kernels.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()

	b := als.NewBuilder[int32, int32]()
	for user := range int32(60) {
		for item := range int32(40) {
			value := float32(2)
			if user%2 == item%2 {
				value = 4
			}
			if err := b.Add(user, item, value); err != nil {
				log.Fatal(err)
			}
		}
	}
	train, test, err := b.Split(ctx, 0.2, 1)
	if err != nil {
		log.Fatal(err)
	}
	cfg := als.DefaultConfig()
	cfg.Lambda = 0.01
	model, err := als.Train(ctx, dev, train, cfg)
	if err != nil {
		log.Fatal(err)
	}
	errs, err := als.Evaluate(ctx, dev, model, test)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(errs.RMSE < 0.1, errs.Dropped)
	// Output: true 0
}
