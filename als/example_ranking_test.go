package als_test

import (
	"context"
	"fmt"
	"log"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// One rating of every user is held out. In this world users of even number have
// all items of even number and the others all the others, so what is missing is
// easy to find.
func ExampleEvaluateRanking() {
	ctx := context.Background()
	b := als.NewBuilder[int32, int32]()
	for user := range int32(40) {
		for item := range int32(20) {
			if (user+item)%2 == 0 {
				if err := b.Add(user, item, 1); err != nil {
					log.Fatal(err)
				}
			}
		}
	}
	ratings, err := b.Ratings(ctx)
	if err != nil {
		log.Fatal(err)
	}
	train, test, err := ratings.LeaveOut(1, 7)
	if err != nil {
		log.Fatal(err)
	}

	dev, err := cpu.Open(kernels.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	cfg := als.DefaultConfig()
	cfg.Convention = als.Implicit
	model, err := als.Train(ctx, dev, train, cfg)
	if err != nil {
		log.Fatal(err)
	}
	ranking, err := als.EvaluateRanking(ctx, dev, model, train, test, als.WithCutoffs(1, 5))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ranking.Users, "users")
	for _, at := range ranking.At {
		fmt.Printf("within the first %d: %.0f%%\n", at.K, 100*at.HitRate)
	}
	// Output:
	// 40 users
	// within the first 1: 100%
	// within the first 5: 100%
}
