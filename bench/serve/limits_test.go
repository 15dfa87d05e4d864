package serve_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/serve"
	"github.com/halfstep-ml/halfstep/kernels"
)

// slow is a service whose device scores nothing until release is called.
func slow(t *testing.T, set func(*serve.Config)) (s *service, waiting func() int, release func()) {
	t.Helper()
	c := config(t)
	gated := &gatedDevice{Device: c.Device}
	c.Device = gated
	set(&c)
	s = start(t, c).ready()
	var mu sync.Mutex
	count := 0
	open := make(chan struct{})
	gated.before(func() error {
		mu.Lock()
		count++
		mu.Unlock()
		<-open
		return nil
	})
	release = sync.OnceFunc(func() { close(open) })
	t.Cleanup(release)
	return s, func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}, release
}

const anyUser = "/v1/users/1/recommendations"

// behind sends requests that end when the service lets them.
func behind(s *service, n int, path string) <-chan answer {
	answers := make(chan answer, n)
	for range n {
		go func() {
			a, err := s.try(http.MethodGet, path, "")
			if err != nil {
				a.body = err.Error()
			}
			answers <- a
		}()
	}
	return answers
}

// TestTooManyRequests fills the service. One more is turned away at once, health
// and metrics are not, and there is room again afterwards.
func TestTooManyRequests(t *testing.T) {
	s, _, release := slow(t, func(c *serve.Config) { c.Limits.Concurrent = 3 })
	under := behind(s, 3, anyUser)
	full := func() bool { return strings.Contains(s.get("/metrics").body, "\nhalfstep_requests_in_flight 3\n") }
	require.Eventually(t, full, 10*time.Second, time.Millisecond)

	a := s.get(anyUser)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	code, _ := a.problem(t)
	require.Equal(t, "too_many_requests", code)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Equal(t, http.StatusTooManyRequests, s.do(http.MethodPost, "/v1/retrain", "").status)
	require.Equal(t, http.StatusOK, s.get("/healthz").status)
	require.Equal(t, http.StatusOK, s.get("/readyz").status)

	release()
	for range 3 {
		require.Len(t, (<-under).list(t).Items, 10)
	}
	require.Len(t, s.get(anyUser).list(t).Items, 10)
}

// TestTimeout has more requests wait than the device has streams: those that get
// none in time are told so.
func TestTimeout(t *testing.T) {
	s, waiting, release := slow(t, func(c *serve.Config) { c.Limits.Timeout = 50 * time.Millisecond })
	// Fill the streams one after another: while one more comes through to the
	// device, there is a stream left.
	var held []<-chan answer
	for n := 0; waiting() == n; n++ {
		held = append(held, behind(s, 1, anyUser))
		deadline := time.Now().Add(200 * time.Millisecond)
		for waiting() == n && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
	}
	a := s.get(anyUser)
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	code, _ := a.problem(t)
	require.Equal(t, "timeout", code)
	release()
	for _, h := range held {
		<-h
	}
	require.Equal(t, http.StatusOK, s.get(anyUser).status, "the stream of a request that timed out is there again")
}

// TestLargeHeader: a header beyond the limit is refused before a handler sees it.
func TestLargeHeader(t *testing.T) {
	c := config(t)
	c.Limits.HeaderBytes = 2 << 10
	s := start(t, c).ready()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	// net/http allows 4 KiB more than it is told.
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", anyUser, strings.Repeat("x", 8<<10))
	answer, err := io.ReadAll(conn)
	if err != nil { // the server may reset the connection before all is read
		t.Log(err)
	}
	require.True(t, strings.HasPrefix(string(answer), "HTTP/1.1 431"), "%q", answer)
}

// TestClientGone: a client that hangs up while it waits costs nothing but its
// place in the queue.
func TestClientGone(t *testing.T) {
	s, waiting, release := slow(t, func(*serve.Config) {})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", anyUser)
	require.Eventually(t, func() bool { return waiting() == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, conn.Close())
	release()
	require.Eventually(t, func() bool {
		return strings.Contains(s.get("/metrics").body, "\nhalfstep_requests_in_flight 0\n")
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, s.stop())
}

// TestConfig names the field that makes no sense.
func TestConfig(t *testing.T) {
	for field, spoil := range map[string]func(*serve.Config){
		"Device":             func(c *serve.Config) { c.Device = nil },
		"Load":               func(c *serve.Config) { c.Load = nil },
		"Retrain":            func(c *serve.Config) { c.Retrain = -1 },
		"Limits.N":           func(c *serve.Config) { c.Limits.N = -1 },
		"Limits.Concurrent":  func(c *serve.Config) { c.Limits.Concurrent = -1 },
		"Limits.Timeout":     func(c *serve.Config) { c.Limits.Timeout = -1 },
		"Limits.HeaderBytes": func(c *serve.Config) { c.Limits.HeaderBytes = -1 },
		"Limits.BodyBytes":   func(c *serve.Config) { c.Limits.BodyBytes = -1 },
		"Limits.Drain":       func(c *serve.Config) { c.Limits.Drain = -1 },
		"Rank":               func(c *serve.Config) { c.Train.Rank = 0 },
	} {
		c := config(t)
		spoil(&c)
		_, err := serve.New(c)
		require.ErrorContains(t, err, field)
	}
	c := config(t)
	c.Train = als.Config{}
	_, err := serve.New(c)
	require.NoError(t, err, "the zero value is the default")
}

// TestDeviceLost: a device that is lost while it is asked ends the service with
// that error, so that it is started anew.
func TestDeviceLost(t *testing.T) {
	c := config(t)
	gated := &gatedDevice{Device: c.Device}
	c.Device = gated
	s := start(t, c).ready()
	gated.before(func() error { return &kernels.LostError{Cause: kernels.ErrDeviceLost} })
	a := s.get(anyUser)
	require.Equal(t, http.StatusInternalServerError, a.status)
	code, message := a.problem(t)
	require.Equal(t, "internal", code)
	require.NotContains(t, message, "device", "causes are for the log")
	require.ErrorIs(t, s.wait(), kernels.ErrDeviceLost)
}
