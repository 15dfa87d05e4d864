package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

// logBuffer collects a log that another goroutine writes.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// value is that of a key in the first line with the message, nil if there is none.
func (b *logBuffer) value(message, key string) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range bytes.Lines(b.text.Bytes()) {
		var fields map[string]any
		if json.Unmarshal(line, &fields) == nil && fields["msg"] == message {
			return fields[key]
		}
	}
	return nil
}

// TestServe runs the service as the command line does: it trains, answers, stops
// on a signal, and starts again from the saved model.
func TestServe(t *testing.T) {
	model := filepath.Join(t.TempDir(), "model.safetensors")
	for _, first := range []string{"model trained", "model loaded"} {
		ctx, signal := context.WithCancel(t.Context())
		var log logBuffer
		cmd := rootCommand(io.Discard, &log)
		cmd.SetArgs([]string{"serve", "--addr", "127.0.0.1:0", "--model", model, "--users", "60", "--items", "40",
			"--ratings", "900", "--rank", "6", "--iterations", "2", "--convention", "implicit", "--threads", "1", "--seed", "4"})
		result := make(chan error, 1)
		go func() { result <- cmd.ExecuteContext(ctx) }()
		require.Eventually(t, func() bool { return log.value(first, "time") != nil }, 20*time.Second, 5*time.Millisecond, &log.text)
		require.Equal(t, float64(1), log.value("device opened", "threads"))
		response, err := http.Get("http://" + log.value("listening", "address").(string) + "/v1/users/1/recommendations?n=3")
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode, string(body))
		signal()
		require.NoError(t, <-result)
	}
	saved, err := als.ReadFile(model)
	require.NoError(t, err)
	require.Equal(t, 60, saved.Users())
	require.Equal(t, 6, saved.Rank())
	require.Equal(t, als.Implicit, saved.Config().Convention)
	require.Equal(t, uint64(4), saved.Config().Seed)
}

func TestServeMistakes(t *testing.T) {
	for want, args := range map[string][]string{
		"--json":           {"--json", "-"},
		"--report":         {"--report", t.TempDir()},
		"want one number":  {"--threads", "1,2"},
		"want at least 1":  {"--threads", "0"},
		"--max-concurrent": {"--max-concurrent", "0"},
		"--timeout":        {"--timeout", "0s"},
		"no-such-file":     {"--data", filepath.Join(t.TempDir(), "no-such-file")},
		"Rank":             {"--rank", "0"},
		"missing port":     {"--addr", "here"},
		"abacus":           {"--backends", "abacus"},
		"Retrain":          {"--retrain", "-1s"},
	} {
		_, _, err := bench(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
		require.ErrorContains(t, err, want, args)
	}
}
