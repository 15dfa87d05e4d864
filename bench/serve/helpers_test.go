package serve_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/bench/serve"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// shape is the data that most tests serve.
var shape = dataset.Synthetic{Users: 120, Items: 80, Ratings: 3000, Seed: 1}

// load makes the ratings of a shape.
func load(ctx context.Context, s dataset.Synthetic) (*als.Ratings, error) {
	d, err := dataset.Load(ctx, s)
	if err != nil {
		return nil, err
	}
	return d.Train, nil
}

// openCPU opens a device that must be empty and close without a leak at the end of
// the test.
func openCPU(t testing.TB) kernels.Device {
	t.Helper()
	dev, err := cpu.Open(kernels.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Zero(t, dev.Info().MemoryLive)
		require.NoError(t, dev.Close())
	})
	return dev
}

// config serves the ratings of shape with a quick training.
func config(t testing.TB) serve.Config {
	t.Helper()
	t.Logf("seed %d", shape.Seed)
	train := als.DefaultConfig()
	train.Iterations = 2
	return serve.Config{
		Device: openCPU(t),
		Load:   func(ctx context.Context) (*als.Ratings, error) { return load(ctx, shape) },
		Train:  train,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// service is a Server that runs.
type service struct {
	t      testing.TB
	url    string
	client *http.Client
	cancel context.CancelFunc
	result chan error
	once   sync.Once
	err    error
}

// start runs a Server on loopback until the end of the test.
func start(t testing.TB, c serve.Config) *service {
	t.Helper()
	server, err := serve.New(c)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	s := &service{
		t:      t,
		url:    "http://" + listener.Addr().String(),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: 30 * time.Second},
		cancel: cancel,
		result: make(chan error, 1),
	}
	go func() { s.result <- server.Run(ctx, listener) }()
	t.Cleanup(func() {
		_ = s.stop()
		s.client.CloseIdleConnections()
	})
	return s
}

// stop ends the service as a signal would and returns what Run returned.
func (s *service) stop() error {
	s.cancel()
	return s.wait()
}

// wait returns what Run returns.
func (s *service) wait() error {
	s.once.Do(func() {
		select {
		case s.err = <-s.result:
		case <-time.After(30 * time.Second):
			s.t.Error("the service does not stop")
		}
	})
	return s.err
}

// ready waits until there is a model.
func (s *service) ready() *service {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.get("/readyz").status == http.StatusOK }, 20*time.Second, 5*time.Millisecond)
	return s
}

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *service) get(path string) answer { return s.do(http.MethodGet, path, "") }

func (s *service) do(method, path, body string) answer {
	s.t.Helper()
	a, err := s.try(method, path, body)
	require.NoError(s.t, err, "%s %s", method, path)
	return a
}

func (s *service) try(method, path, body string) (answer, error) {
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// code is the code of an error, and its message.
func (a answer) problem(t testing.TB) (code, message string) {
	t.Helper()
	require.Equal(t, "application/json", a.header.Get("Content-Type"), a.body)
	var e struct {
		Error struct{ Code, Message string }
	}
	decode(t, a.body, &e)
	require.NotEmpty(t, e.Error.Message)
	return e.Error.Code, e.Error.Message
}

// list is an answer that holds items.
type list struct {
	User, Model int64
	Item        int64
	Items       []struct {
		Item  int64
		Score float64
	}
}

// list reads an answer that must be one.
func (a answer) list(t testing.TB) list {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	var l list
	decode(t, a.body, &l)
	return l
}

func decode(t testing.TB, text string, to any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), to), text)
}
