package serve_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/serve"
)

// TestStopDrains stops the service while requests are under way: all of them are
// answered, new connections are not taken, and Run returns nil.
func TestStopDrains(t *testing.T) {
	s, waiting, release := slow(t, func(*serve.Config) {})
	under := behind(s, 6, anyUser)
	// Two or more have a stream, the others wait for one.
	require.Eventually(t, func() bool { return waiting() > 0 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		return strings.Contains(s.get("/metrics").body, "\nhalfstep_requests_in_flight 6\n")
	}, 10*time.Second, time.Millisecond)
	s.cancel()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond)
	require.Empty(t, s.result, "Run waits for the requests")
	release()
	for range 6 {
		require.Len(t, (<-under).list(t).Items, 10)
	}
	require.NoError(t, s.wait())
}

// TestStopCutsOff: a request that outlasts Limits.Drain is cut off, and Run says
// so.
func TestStopCutsOff(t *testing.T) {
	s, waiting, release := slow(t, func(c *serve.Config) { c.Limits.Drain = 20 * time.Millisecond })
	under := behind(s, 1, anyUser)
	require.Eventually(t, func() bool { return waiting() == 1 }, 10*time.Second, time.Millisecond)
	s.cancel()
	a := <-under
	require.Zero(t, a.status, "the connection is closed")
	release()
	require.ErrorIs(t, s.wait(), context.DeadlineExceeded)
	require.ErrorContains(t, s.wait(), "cut off after 20ms")
}

// TestStopWhileTraining: a stop ends the training soon, whatever it has to do, and
// leaves the saved model as it was.
func TestStopWhileTraining(t *testing.T) {
	c := config(t)
	c.ModelPath = filepath.Join(t.TempDir(), "model.safetensors")
	s := start(t, c).ready()
	require.NoError(t, s.stop())
	saved, err := os.ReadFile(c.ModelPath)
	require.NoError(t, err)

	c.Device = openCPU(t)
	c.Train.Rank, c.Train.Iterations = 64, 1_000_000 // hours
	begun := make(chan struct{}, 2)
	inner := c.Load
	c.Load = func(ctx context.Context) (*als.Ratings, error) {
		begun <- struct{}{}
		return inner(ctx)
	}
	s = start(t, c).ready()
	<-begun
	s.retrain()
	<-begun
	time.Sleep(50 * time.Millisecond)
	stopping := time.Now()
	require.NoError(t, s.stop())
	t.Logf("stopped in %v", time.Since(stopping))
	require.Less(t, time.Since(stopping), 2*time.Second)
	after, err := os.ReadFile(c.ModelPath)
	require.NoError(t, err)
	require.Equal(t, saved, after)
	entries, err := os.ReadDir(filepath.Dir(c.ModelPath))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// TestStopBeforeReady: a stop during the first training is no failure.
func TestStopBeforeReady(t *testing.T) {
	c := config(t)
	c.Train.Rank, c.Train.Iterations = 64, 1_000_000
	s := start(t, c)
	require.Equal(t, http.StatusServiceUnavailable, s.get("/readyz").status)
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, s.stop())
}

// TestListenerFails: a listener that breaks ends the service with its error.
func TestListenerFails(t *testing.T) {
	c := config(t)
	server, err := serve.New(c)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	err = server.Run(t.Context(), l)
	require.ErrorIs(t, err, net.ErrClosed, fmt.Sprint(err))
}
