package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

// generation waits until the service serves the model of that number.
func (s *service) generation(number int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		return strings.Contains(s.get("/metrics").body, fmt.Sprintf("\nhalfstep_model_generation %d\n", number))
	}, 20*time.Second, 2*time.Millisecond)
}

func (s *service) retrain() {
	s.t.Helper()
	require.Equal(s.t, http.StatusAccepted, s.do(http.MethodPost, "/v1/retrain", "").status)
}

// TestNotReady asks a service that is still loading, then one that has loaded.
func TestNotReady(t *testing.T) {
	c := config(t)
	loaded := make(chan struct{})
	inner := c.Load
	c.Load = func(ctx context.Context) (*als.Ratings, error) {
		<-loaded
		return inner(ctx)
	}
	s := start(t, c)
	require.Equal(t, http.StatusOK, s.get("/healthz").status)
	require.Equal(t, http.StatusOK, s.get("/metrics").status)
	for _, a := range []answer{s.get("/readyz"), s.get(anyUser), s.do(http.MethodPost, "/v1/retrain", "")} {
		require.Equal(t, http.StatusServiceUnavailable, a.status)
		code, _ := a.problem(t)
		require.Equal(t, "not_ready", code)
		require.Equal(t, "1", a.header.Get("Retry-After"))
	}
	close(loaded)
	s.ready()
	require.Equal(t, http.StatusOK, s.get(anyUser).status)
}

// TestSwapUnderLoad exchanges the model as fast as it can be trained while clients
// ask. Each request is answered, with a list from one model.
func TestSwapUnderLoad(t *testing.T) {
	const clients, swaps = 8, 15
	c := config(t)
	c.Train.Iterations = 1
	s := start(t, c).ready()
	var done atomic.Bool
	var answered atomic.Int64
	var wait sync.WaitGroup
	failures := make(chan string, clients)
	for n := range clients {
		wait.Go(func() {
			last := int64(0)
			for user := int64(n); !done.Load(); user++ {
				a, err := s.try(http.MethodGet, fmt.Sprintf("/v1/users/%d/recommendations?exclude_seen=false", user%100+1), "")
				var got list
				if err == nil {
					err = json.Unmarshal([]byte(a.body), &got)
				}
				if err != nil || a.status != http.StatusOK || len(got.Items) != 10 || got.Model < last {
					failures <- fmt.Sprintf("status %d after model %d: %s %v", a.status, last, a.body, err)
					return
				}
				last = got.Model
				answered.Add(1)
			}
		})
	}
	for n := range swaps {
		s.retrain()
		s.generation(n + 2)
	}
	done.Store(true)
	wait.Wait()
	close(failures)
	for f := range failures {
		t.Error(f)
	}
	t.Logf("%d requests during %d exchanges", answered.Load(), swaps)
	require.Positive(t, answered.Load())
}

// TestRetrainDuringTraining: a request that comes while a training is under way is
// honored by one more, however many there are.
func TestRetrainDuringTraining(t *testing.T) {
	c := config(t)
	inner, loads := c.Load, atomic.Int64{}
	begun, hold := make(chan struct{}, 10), make(chan struct{}, 10)
	c.Load = func(ctx context.Context) (*als.Ratings, error) {
		loads.Add(1)
		begun <- struct{}{}
		<-hold
		return inner(ctx)
	}
	hold <- struct{}{}
	s := start(t, c).ready()
	<-begun
	s.retrain()
	<-begun // the training of this request has begun, so another is wanted
	for range 5 {
		s.retrain()
	}
	for range 10 - 2 {
		hold <- struct{}{}
	}
	s.generation(3)
	time.Sleep(50 * time.Millisecond)
	require.Equal(t, int64(3), loads.Load())
}

// TestSchedule: the model is trained anew at its age, counted from when it was
// saved.
func TestSchedule(t *testing.T) {
	c := config(t)
	c.Retrain = 30 * time.Millisecond
	c.ModelPath = filepath.Join(t.TempDir(), "model.safetensors")
	s := start(t, c).ready()
	s.generation(3)
	require.NoError(t, s.stop())

	c.Device = openCPU(t)
	c.Retrain = time.Hour
	s = start(t, c).ready()
	time.Sleep(50 * time.Millisecond)
	s.generation(1)
	require.Contains(t, s.get("/metrics").body, `halfstep_trainings_total{result="ok"} 0`, "a young model is not trained anew")
	require.NoError(t, s.stop())

	old := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(c.ModelPath, old, old))
	c.Device = openCPU(t)
	start(t, c).generation(2)
}

// TestScheduleAfterSlowTraining: a model that took longer to train than it may age
// is served for its age before the next training.
func TestScheduleAfterSlowTraining(t *testing.T) {
	c := config(t)
	c.Retrain = 100 * time.Millisecond
	inner := c.Load
	var ended time.Time
	pauses := make(chan time.Duration, 100)
	c.Load = func(ctx context.Context) (*als.Ratings, error) {
		if !ended.IsZero() {
			pauses <- time.Since(ended)
		}
		time.Sleep(120 * time.Millisecond)
		defer func() { ended = time.Now() }()
		return inner(ctx)
	}
	start(t, c).ready()
	for range 2 {
		require.GreaterOrEqual(t, <-pauses, c.Retrain)
	}
}

// TestFailedTraining: the model before stays, the failure is counted, and the next
// training can succeed.
func TestFailedTraining(t *testing.T) {
	c := config(t)
	c.ModelPath = filepath.Join(t.TempDir(), "model.safetensors")
	inner, fail := c.Load, atomic.Bool{}
	c.Load = func(ctx context.Context) (*als.Ratings, error) {
		if fail.Load() {
			return nil, errors.New("the database is gone")
		}
		return inner(ctx)
	}
	s := start(t, c).ready()
	before := s.get(anyUser).list(t)
	saved, err := os.ReadFile(c.ModelPath)
	require.NoError(t, err)
	fail.Store(true)
	s.retrain()
	require.Eventually(t, func() bool {
		return strings.Contains(s.get("/metrics").body, `halfstep_trainings_total{result="failed"} 1`)
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, before, s.get(anyUser).list(t))
	after, err := os.ReadFile(c.ModelPath)
	require.NoError(t, err)
	require.Equal(t, saved, after)
	fail.Store(false)
	s.retrain()
	s.generation(2)
}

// TestUnsaved: a model that cannot be saved is not served.
func TestUnsaved(t *testing.T) {
	c := config(t)
	folder := filepath.Join(t.TempDir(), "models")
	require.NoError(t, os.Mkdir(folder, 0o700))
	c.ModelPath = filepath.Join(folder, "model.safetensors")
	s := start(t, c).ready()
	require.NoError(t, os.Rename(folder, folder+".gone"))
	s.retrain()
	require.Eventually(t, func() bool {
		return strings.Contains(s.get("/metrics").body, `halfstep_trainings_total{result="failed"} 1`)
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, int64(1), s.get(anyUser).list(t).Model)
}

// TestNoFirstModel ends the service: there is nothing to serve, now or later.
func TestNoFirstModel(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	for name, prepare := range map[string]func(t *testing.T, write func(*als.Model)) (want string, load error){
		"no ratings": func(*testing.T, func(*als.Model)) (string, error) {
			return "the database is gone", errors.New("the database is gone")
		},
		"no model file": func(t *testing.T, _ func(*als.Model)) (string, error) {
			require.NoError(t, os.WriteFile(path, []byte("my only copy of something else"), 0o600))
			return "bad model file", nil
		},
		"cut off": func(t *testing.T, write func(*als.Model)) (string, error) {
			write(modelOf[int64](t))
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(path, info.Size()-1))
			return "bad model file", nil
		},
		"other ids": func(t *testing.T, write func(*als.Model)) (string, error) {
			write(modelOf[int32](t))
			return "kind int32", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer os.Remove(path)
			c := config(t)
			c.ModelPath = path
			want, failure := prepare(t, func(m *als.Model) { require.NoError(t, als.WriteFile(path, m)) })
			if failure != nil {
				c.Load = func(context.Context) (*als.Ratings, error) { return nil, failure }
			}
			before, _ := os.ReadFile(path)
			require.ErrorContains(t, start(t, c).wait(), want)
			after, _ := os.ReadFile(path)
			require.Equal(t, before, after, "a file that is not ours stays as it was")
		})
	}
}

// modelOf trains a model of two users and items under keys of a type.
func modelOf[K int32 | int64](t *testing.T) *als.Model {
	t.Helper()
	b := als.NewBuilder[K, K]()
	for n := K(0); n < 4; n++ {
		require.NoError(t, b.Add(n/2, n%2, float32(n)))
	}
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	m, err := als.Train(t.Context(), openCPU(t), ratings, als.DefaultConfig())
	require.NoError(t, err)
	return m
}

// TestRestartWithOtherRatings starts with a saved model and ratings that came in
// another order since, with users and items that it does not know: it answers as
// before about those it knows, what they have seen since left out.
func TestRestartWithOtherRatings(t *testing.T) {
	c := config(t)
	c.ModelPath = filepath.Join(t.TempDir(), "model.safetensors")
	s := start(t, c).ready()
	before := s.get(anyUser + "?n=20").list(t)
	require.NoError(t, s.stop())
	seenSince := before.Items[0].Item

	c.Device = openCPU(t)
	inner := c.Load
	c.Load = func(ctx context.Context) (*als.Ratings, error) {
		ratings, err := inner(ctx)
		if err != nil {
			return nil, err
		}
		users, err := als.IndexOf[int64](ratings.UserIDs())
		if err != nil {
			return nil, err
		}
		items, err := als.IndexOf[int64](ratings.ItemIDs())
		if err != nil {
			return nil, err
		}
		b := als.NewBuilder[int64, int64]()
		add := func(user, item int64, value float32) { err = errors.Join(err, b.Add(user, item, value)) }
		add(1_000_000, 2_000_000, 3)
		add(1, seenSince, 3)
		for user := ratings.Users() - 1; user >= 0; user-- {
			rated, values := ratings.User(user)
			for j, item := range rated {
				add(users.Key(user), items.Key(int(item)), values[j])
			}
		}
		if err != nil {
			return nil, err
		}
		return b.Ratings(t.Context())
	}
	s = start(t, c).ready()
	after := s.get(anyUser + "?n=19").list(t)
	require.Equal(t, before.Items[1:], after.Items)
	require.Equal(t, http.StatusNotFound, s.get("/v1/users/1000000/recommendations").status)
	s.retrain()
	s.generation(2)
	require.Equal(t, http.StatusOK, s.get("/v1/users/1000000/recommendations").status, "the next training knows the new user")
}

// TestLeftovers: temporary files of writers that were killed are removed, other
// files are not. That als.WriteFile names them so is seen by the soak test, which
// kills writers.
func TestLeftovers(t *testing.T) {
	c := config(t)
	dir := t.TempDir()
	c.ModelPath = filepath.Join(dir, "model.safetensors")
	for _, name := range []string{".model.safetensors.123.tmp", ".other.safetensors.123.tmp", "notes.txt", ".model.safetensors.bak"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	start(t, c).ready()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{".model.safetensors.bak", ".other.safetensors.123.tmp", "model.safetensors", "notes.txt"}, names)
}
