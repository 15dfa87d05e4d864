package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/bench/serve"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// childEnv holds the JSON of a child where this program is one.
const childEnv = "HALFSTEP_SERVE_CHILD"

// TestMain runs the tests, or the service of a child process, which the soak tests
// kill.
func TestMain(m *testing.M) {
	text := os.Getenv(childEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var c child
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		err = c.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is what a child process serves.
type child struct {
	Data             dataset.Synthetic
	ModelPath        string
	Rank, Iterations int
	Solver           als.Solver
	Seed             uint64 // of training
}

// run serves on a free port until SIGTERM. The log on stderr names the port.
func (c child) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	dev, err := cpu.Open(kernels.Options{})
	if err != nil {
		return err
	}
	train := als.DefaultConfig()
	train.Rank, train.Iterations, train.Solver, train.Seed = c.Rank, c.Iterations, c.Solver, c.Seed
	server, err := serve.New(serve.Config{
		Device:    dev,
		Load:      func(ctx context.Context) (*als.Ratings, error) { return load(ctx, c.Data) },
		Train:     train,
		ModelPath: c.ModelPath,
		Logger:    slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := server.Run(ctx, listener); err != nil {
		return err
	}
	return dev.Close()
}

// process is a child that runs.
type process struct {
	service
	command *exec.Cmd
	events  chan event // closed when the process has ended
}

// event is a line of the log of a child.
type event struct {
	Message string `json:"msg"`
	Level   string
	Address string
	Seed    uint64
	Error   string

	at time.Time // when the parent read it
}

// start runs a child and waits until it listens.
func (c child) start(t testing.TB) *process {
	t.Helper()
	text, err := json.Marshal(c)
	require.NoError(t, err)
	p := &process{command: exec.Command(os.Args[0]), events: make(chan event, 1000)}
	p.command.Env = append(os.Environ(), childEnv+"="+string(text))
	log, err := p.command.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	go func() {
		defer close(p.events)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			e := event{at: time.Now()}
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil { // a panic, or the error of run
				e.Level, e.Error = "ERROR", lines.Text()
			}
			p.events <- e
		}
	}()
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	p.service = service{t: t, client: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
	p.url = "http://" + p.await("listening").Address
	return p
}

// await waits for an event. An error of the child before it fails the test.
func (p *process) await(message string) event {
	p.t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e, ok := <-p.events:
			require.True(p.t, ok, "the process has ended before %q", message)
			require.NotEqual(p.t, "ERROR", e.Level, "%s %s", e.Message, e.Error)
			if e.Message == message {
				return e
			}
		case <-late:
			require.Fail(p.t, "no event "+message)
		}
	}
}

// kill ends the process with SIGKILL and reports whether an event came since the
// last await.
func (p *process) kill(message string) (seen bool) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Kill())
	for e := range p.events {
		seen = seen || e.Message == message
	}
	_ = p.command.Wait() // it says that the process was killed
	return seen
}

// terminate ends the process with SIGTERM, which must go well.
func (p *process) terminate() {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(syscall.SIGTERM))
	for e := range p.events {
		require.NotEqual(p.t, "ERROR", e.Level, "%s %s", e.Message, e.Error)
	}
	require.NoError(p.t, p.command.Wait())
}
