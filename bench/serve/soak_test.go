package serve_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
)

// soak is how long the soak tests run.
type soak struct {
	load          dataset.Synthetic // what is served under load
	duration      time.Duration     // of the load
	clients       int
	trainingKills int
	savingKills   int
}

// soakForm is the form that HALFSTEP_SOAK asks for, short or long. Without it the
// test is skipped.
func soakForm(t *testing.T) soak {
	t.Helper()
	switch form := os.Getenv("HALFSTEP_SOAK"); form {
	case "":
		t.Skip("HALFSTEP_SOAK is not set; short or long soaks")
	case "short":
		return soak{dataset.Synthetic{Users: 600, Items: 400, Ratings: 30_000, Seed: 1}, 4 * time.Second, 50, 3, 9}
	case "long":
		return soak{dataset.Synthetic{Seed: 1}, time.Minute, 50, 50, 200} // as large as MovieLens 1M
	default:
		t.Fatalf("HALFSTEP_SOAK is %q, want short or long", form)
	}
	return soak{}
}

// TestSoakLoad has clients ask as fast as they can while the model is trained three
// times: nothing fails. Then the process is killed, and the next one gives the
// answers of the model saved last.
func TestSoakLoad(t *testing.T) {
	form := soakForm(t)
	c := child{
		Data: form.load, Rank: 10, Iterations: 10, Seed: 1,
		ModelPath: filepath.Join(t.TempDir(), "model.safetensors"),
	}
	p := c.start(t)
	p.await("model trained")
	ratings, err := load(t.Context(), form.load)
	require.NoError(t, err)

	var done atomic.Bool
	clients := make([]*client, form.clients)
	var wait sync.WaitGroup
	start := time.Now()
	for n := range clients {
		clients[n] = newClient(t, p, ratings, uint64(n))
		wait.Go(func() { clients[n].run(&done) })
	}
	var trainings []span
	const times = 3
	for n := range times {
		time.Sleep(time.Until(start.Add(form.duration * time.Duration(n+1) / (times + 2))))
		p.retrain()
		from := p.await("training").at
		trainings = append(trainings, span{from, p.await("model trained").at})
	}
	time.Sleep(time.Until(start.Add(form.duration)))
	done.Store(true)
	wait.Wait()
	elapsed := time.Since(start)

	var all, during []time.Duration
	for _, client := range clients {
		require.NoError(t, client.failure)
		for _, r := range client.requests {
			all = append(all, r.took)
			if slices.ContainsFunc(trainings, func(s span) bool { return r.at.After(s.from) && r.at.Before(s.to) }) {
				during = append(during, r.took)
			}
		}
	}
	for _, s := range trainings {
		t.Logf("trained in %.2f s under load", s.to.Sub(s.from).Seconds())
	}
	t.Logf("%d clients, %.1f s, %d requests, %.0f/s, no error", form.clients, elapsed.Seconds(), len(all), float64(len(all))/elapsed.Seconds())
	t.Logf("all:             %s", percentiles(all))
	t.Logf("during training: %s", percentiles(during))

	p.kill("")
	p = c.start(t)
	p.await("model loaded")
	requireAnswersOfFile(t, p, c.ModelPath, ratings)
	p.terminate()
}

// span is a stretch of time.
type span struct{ from, to time.Time }

func percentiles(list []time.Duration) string {
	if len(list) == 0 {
		return "none"
	}
	slices.Sort(list)
	at := func(q float64) time.Duration {
		return list[int(q*float64(len(list)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d requests, p50 %v, p99 %v, p99.9 %v, longest %v", len(list), at(0.5), at(0.99), at(0.999), at(1))
}

// client asks one question after another.
type client struct {
	process      *process
	ratings      *als.Ratings
	users, items *als.Index[int64]
	random       *rand.Rand

	requests []request
	model    int64 // that answered last
	failure  error
}

type request struct {
	at   time.Time
	took time.Duration
}

func newClient(t *testing.T, p *process, ratings *als.Ratings, seed uint64) *client {
	t.Helper()
	users, err := als.IndexOf[int64](ratings.UserIDs())
	require.NoError(t, err)
	items, err := als.IndexOf[int64](ratings.ItemIDs())
	require.NoError(t, err)
	return &client{process: p, ratings: ratings, users: users, items: items, random: rand.New(rand.NewPCG(seed, 0))}
}

func (c *client) run(done *atomic.Bool) {
	for !done.Load() && c.failure == nil {
		c.failure = c.ask()
	}
}

// ask asks for recommendations eight times of ten, for similar items and for an
// explanation once each, and checks the answer.
func (c *client) ask() error {
	user, item := c.random.IntN(c.users.Len()), c.random.IntN(c.items.Len())
	path := fmt.Sprintf("/v1/users/%d/recommendations", c.users.Key(user))
	switch c.random.IntN(10) {
	case 0:
		path = fmt.Sprintf("/v1/items/%d/similar", c.items.Key(item))
		user = -1
	case 1:
		path = fmt.Sprintf("/v1/users/%d/explanations/%d", c.users.Key(user), c.items.Key(item))
	}
	at := time.Now()
	a, err := c.process.try(http.MethodGet, path, "")
	if err != nil {
		return err
	}
	c.requests = append(c.requests, request{at, time.Since(at)})
	if a.status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %s", path, a.status, a.body)
	}
	var l list
	if err := json.Unmarshal([]byte(a.body), &l); err != nil {
		return fmt.Errorf("GET %s: %w: %s", path, err, a.body)
	}
	if l.Model < c.model {
		return fmt.Errorf("GET %s: model %d after model %d", path, l.Model, c.model)
	}
	c.model = l.Model
	return c.check(user, path, l)
}

// check fails for an answer that is out of order or has what the user has seen. A
// user of -1 has seen nothing.
func (c *client) check(user int, path string, l list) error {
	var seen []int32
	if user >= 0 {
		seen, _ = c.ratings.User(user)
	}
	for j, i := range l.Items {
		row, known := c.items.Row(i.Item)
		if _, was := slices.BinarySearch(seen, int32(row)); was || !known {
			return fmt.Errorf("GET %s: item %d: known %v, seen %v", path, i.Item, known, was)
		}
		if j > 0 && i.Score > l.Items[j-1].Score {
			return fmt.Errorf("GET %s: score %v after %v", path, i.Score, l.Items[j-1].Score)
		}
	}
	return nil
}

// requireAnswersOfFile compares answers with those of the model in a file.
func requireAnswersOfFile(t *testing.T, p *process, path string, ratings *als.Ratings) {
	t.Helper()
	model, err := als.ReadFile(path)
	require.NoError(t, err)
	direct, err := als.NewRecommender(openCPU(t), model, als.WithSeen(ratings))
	require.NoError(t, err)
	defer direct.Close()
	users, err := als.IndexOf[int64](model.UserIDs())
	require.NoError(t, err)
	items, err := als.IndexOf[int64](model.ItemIDs())
	require.NoError(t, err)
	for row := range min(100, users.Len()) {
		got := p.get(fmt.Sprintf("/v1/users/%d/recommendations?n=20", users.Key(row))).list(t)
		want, err := direct.Recommend(t.Context(), row, 20)
		require.NoError(t, err)
		require.Len(t, got.Items, len(want))
		for j, w := range want {
			require.Equal(t, items.Key(w.Item), got.Items[j].Item)
			require.Equal(t, w.Score, float32(got.Items[j].Score))
		}
	}
}

// TestSoakKill kills the service at random moments of training and of saving a
// model. The file then holds the old model or the new one, whole, and the new one
// if the service had said so; the next start serves it, and clears away what the
// writer left.
func TestSoakKill(t *testing.T) {
	form := soakForm(t)
	const seed = 1
	t.Logf("seed %d", seed)
	k := &killer{
		t:      t,
		random: rand.New(rand.NewPCG(seed, 0)),
		child: child{
			// Few ratings and many users: a model that is trained fast and saved
			// slowly, of 5 MB.
			Data: dataset.Synthetic{Users: 30_000, Items: 1000, Ratings: 60_000, Seed: 1},
			Rank: 32, Iterations: 1, Solver: als.CG,
			ModelPath: filepath.Join(t.TempDir(), "model.safetensors"),
		},
	}
	k.measure()
	for range form.trainingKills {
		k.kill("training", k.training)
	}
	k.report("training", k.training)
	for range form.savingKills {
		k.kill("saving", k.saving)
	}
	require.Positive(t, k.old, "no kill came before the end of saving")
	require.Positive(t, k.leftovers, "no kill came in the middle of saving")
	k.report("saving", k.saving)
}

// killer kills a service that saves models of different seeds to one file.
type killer struct {
	t      *testing.T
	random *rand.Rand
	child  child

	training, saving time.Duration // from the event of that name to the next

	content   []byte // of the file
	seed      uint64 // of its model
	old, new  int    // kills that left the model before, or the new one
	leftovers int    // kills that left a temporary file
}

// measure makes the first model and takes the time that its training and saving
// take in a service that is already running.
func (k *killer) measure() {
	k.child.Seed++
	p := k.child.start(k.t)
	p.await("model trained")
	p.retrain()
	training := p.await("training").at
	saving := p.await("saving").at
	k.training, k.saving = saving.Sub(training), p.await("saved").at.Sub(saving)
	p.await("model trained")
	p.terminate()
	k.seed = k.child.Seed
	k.content = k.read()
}

func (k *killer) read() []byte {
	k.t.Helper()
	content, err := os.ReadFile(k.child.ModelPath)
	require.NoError(k.t, err)
	return content
}

// report logs what the kills of a phase came to and begins to count anew.
func (k *killer) report(phase string, lasts time.Duration) {
	k.t.Logf("%s (%v): %d kills left the old model, %d the new one; %d left a part of a model beside it",
		phase, lasts.Round(time.Millisecond), k.old, k.new, k.leftovers)
	k.old, k.new, k.leftovers = 0, 0, 0
}

// kill starts the service, has it train a model of a new seed, kills it at a moment
// of the phase, and looks at the file.
func (k *killer) kill(phase string, lasts time.Duration) {
	k.t.Helper()
	k.child.Seed++
	p := k.child.start(k.t)
	require.Equal(k.t, k.seed, p.await("model loaded").Seed, "the start serves the model that was saved last")
	require.Empty(k.t, k.temporary(), "the start clears leftovers away")
	p.retrain()
	p.await(phase)
	// Mostly within the phase, as long as it took when it was measured, and
	// sometimes after its end. Squared, because it may have become faster since.
	late := 1.5 * math.Pow(k.random.Float64(), 2)
	time.Sleep(time.Duration(late * float64(lasts)))
	saved := p.kill("saved")

	if len(k.temporary()) > 0 {
		k.leftovers++
	}
	model, err := als.ReadFile(k.child.ModelPath)
	require.NoError(k.t, err, "the file is no whole model")
	switch model.Config().Seed {
	case k.seed:
		require.False(k.t, saved, "the service had said that the new model was saved")
		require.True(k.t, bytes.Equal(k.content, k.read()), "the file holds the old model, but not as it was")
		k.old++
	case k.child.Seed:
		k.new++
		k.seed, k.content = k.child.Seed, k.read()
	default:
		require.Fail(k.t, "the model is neither the old nor the new one")
	}
}

// temporary are the files beside the model.
func (k *killer) temporary() []string {
	k.t.Helper()
	entries, err := os.ReadDir(filepath.Dir(k.child.ModelPath))
	require.NoError(k.t, err)
	var names []string
	for _, e := range entries {
		if e.Name() != filepath.Base(k.child.ModelPath) {
			names = append(names, e.Name())
		}
	}
	return names
}
