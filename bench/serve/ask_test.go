package serve

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// TestAskAgain exchanges the model between the moment a question has chosen it and
// the moment it asks: the question is put to the new one, and once no more.
func TestAskAgain(t *testing.T) {
	dev, err := cpu.Open(kernels.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, dev.Close()) }()
	d, err := dataset.Load(t.Context(), dataset.Synthetic{Users: 30, Items: 20, Ratings: 200, Seed: 3})
	require.NoError(t, err)
	cfg := als.DefaultConfig()
	cfg.Iterations = 1
	model, err := als.Train(t.Context(), dev, d.Train, cfg)
	require.NoError(t, err)
	s, err := New(Config{
		Device: dev,
		Load:   func(context.Context) (*als.Ratings, error) { return d.Train, nil },
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	require.NoError(t, err)
	next := func() *generation {
		g, err := newGeneration(dev, model, d.Train, time.Now())
		require.NoError(t, err)
		return g
	}

	require.Equal(t, error(errNotReady), s.ask(t.Context(), func(*generation) error { panic("there is no model") }))

	s.publish(next())
	var asked []int64
	question := func(g *generation) error {
		if asked = append(asked, g.number); len(asked) <= 2 {
			s.publish(next())
		}
		_, err := g.recommender.Recommend(t.Context(), 0, 3)
		return err
	}
	require.NoError(t, s.ask(t.Context(), question))
	require.Equal(t, []int64{1, 2, 3}, asked)

	// When the service has stopped there is no new one to ask.
	require.NoError(t, s.current.Load().recommender.Close())
	require.Equal(t, error(errNotReady), s.ask(t.Context(), question))
	require.Zero(t, dev.Info().MemoryLive)
}
