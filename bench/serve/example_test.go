package serve_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/serve"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// A service that trains a model at its start, answers a request, and is stopped.
func Example() {
	dev, err := cpu.Open(kernels.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	server, err := serve.New(serve.Config{
		Device: dev,
		Load: func(ctx context.Context) (*als.Ratings, error) {
			b := als.NewBuilder[int64, int64]()
			for user := range int64(30) {
				for item := range int64(20) {
					if user%2 == item%2 && (user != 4 || item != 6) {
						if err := b.Add(user, item, 5); err != nil {
							return nil, err
						}
					}
				}
			}
			return b.Ratings(ctx)
		},
		Train:  als.Config{Convention: als.Implicit, Alpha: 1, Rank: 4, Iterations: 5, Lambda: 0.01},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Run(ctx, listener) }()

	url := "http://" + listener.Addr().String()
	for {
		answer, err := http.Get(url + "/readyz")
		if err != nil {
			log.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			break
		}
		time.Sleep(time.Millisecond)
	}
	answer, err := http.Get(url + "/v1/users/4/recommendations?n=1")
	if err != nil {
		log.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.StatusCode, string(body[:len(`{"user":4,"model":1,"items":[{"item":6`)]))

	stop()
	fmt.Println(<-done)
	// Output:
	// 200 {"user":4,"model":1,"items":[{"item":6
	// <nil>
}
