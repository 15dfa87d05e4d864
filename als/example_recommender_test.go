package als_test

import (
	"context"
	"fmt"
	"log"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// A user who comes after training is folded in and gets recommendations at once.
// Later an update gives the user a row of a new model, and an explanation.
func Example_newUser() {
	ctx := context.Background()
	dev, err := cpu.Open(kernels.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()

	// Even users like even items, odd users odd ones.
	b := als.NewBuilder[string, int64]()
	for u := range 30 {
		for i := range int64(20) {
			value := float32(1)
			if u%2 == int(i%2) {
				value = 5
			}
			if (u+int(i))%5 == 0 {
				continue
			}
			if err := b.Add(fmt.Sprint("user ", u), i, value); err != nil {
				log.Fatal(err)
			}
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
	rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings))
	if err != nil {
		log.Fatal(err)
	}
	defer rec.Close()

	items, err := als.IndexOf[int64](model.ItemIDs())
	if err != nil {
		log.Fatal(err)
	}
	liked, _ := items.Row(4)
	disliked, _ := items.Row(7)
	ann, err := rec.FoldIn(ctx, als.Rated{Row: liked, Value: 5}, als.Rated{Row: disliked, Value: 1})
	if err != nil {
		log.Fatal(err)
	}
	top, err := rec.RecommendVector(ctx, ann, 3, als.Deny(liked, disliked))
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range top {
		fmt.Println("recommended: even", items.Key(s.Item)%2 == 0)
	}

	// All ratings there are now, under the keys that the model has and new ones.
	users, err := als.IndexOf[string](model.UserIDs())
	if err != nil {
		log.Fatal(err)
	}
	more := &als.Builder[string, int64]{Users: users.Clone(), Items: items.Clone()}
	for r := range ratings.All() {
		if err := more.Add(users.Key(r.User), items.Key(r.Item), r.Value); err != nil {
			log.Fatal(err)
		}
	}
	for item, value := range map[int64]float32{4: 5, 7: 1} {
		if err := more.Add("ann", item, value); err != nil {
			log.Fatal(err)
		}
	}
	row, _ := more.Users.Row("ann")
	if ratings, err = more.Ratings(ctx); err != nil {
		log.Fatal(err)
	}
	if model, err = als.Update(ctx, dev, model, ratings); err != nil {
		log.Fatal(err)
	}
	updated, err := als.NewRecommender(dev, model, als.WithSeen(ratings))
	if err != nil {
		log.Fatal(err)
	}
	defer updated.Close()
	why, err := updated.Explain(ctx, row, top[0].Item)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("because of item", items.Key(why.Parts[0].Item))
	// Output:
	// recommended: even true
	// recommended: even true
	// recommended: even true
	// because of item 4
}
