package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/serve"
	"github.com/halfstep-ml/halfstep/kernels"
)

// serveJob is the demonstration service with its settings.
type serveJob struct {
	*common
	config  als.Config
	data    dataFlags
	address string
	model   string
	retrain time.Duration
	limits  serve.Limits
	level   slog.Level
}

func serveCommand(c *common) *cobra.Command {
	j := &serveJob{common: c, config: als.DefaultConfig()}
	var config configFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve recommendations over HTTP from a model that is kept up to date",
		Long: `Serve recommendations over HTTP from a model that is kept up to date.

  GET  /v1/users/{id}/recommendations      ?n=10&exclude_seen=true
  GET  /v1/items/{id}/similar              ?n=10
  GET  /v1/users/{id}/explanations/{item}  ?n=10
  POST /v1/retrain
  GET  /healthz, /readyz, /metrics

The model saved in the file of --model is served at once; where there is none, one
is trained first. A training reads the data anew, saves the model and exchanges it
without dropping a request. An interrupt or SIGTERM lets the requests under way
finish. There is no authentication: keep --addr on loopback or behind something
that has it.

It runs on the first of the backends that opens, cuda before cpu; --threads with
one number leaves the other cores to the requests while a model is trained. The
log goes to stderr, as JSON.

` + dataHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWith(cmd, &config, &j.config, &j.data, j.run)
		},
	}
	f := cmd.Flags()
	j.data.add(f)
	config.add(f, &j.config)
	f.StringVar(&j.address, "addr", "127.0.0.1:8080", "address to listen on; port 0 takes a free one, which the log names")
	f.StringVar(&j.model, "model", "", "file that models are saved to and the start reads; one service a file (default: not saved)")
	f.DurationVar(&j.retrain, "retrain", 0, "age at which the model is trained anew, such as 10m (default: on request alone)")
	f.IntVar(&j.limits.N, "max-n", 100, "most items of an answer")
	f.IntVar(&j.limits.Concurrent, "max-concurrent", 256, "most requests at once; one more is answered 429")
	f.DurationVar(&j.limits.Timeout, "timeout", 5*time.Second, "most time that a request waits for the device")
	f.DurationVar(&j.limits.Drain, "drain", 10*time.Second, "most time for requests under way when the service stops")
	f.TextVar(&j.level, "log-level", slog.LevelInfo, "debug (every request), info, warn or error")
	return cmd
}

// check returns an error that names the flag that makes no sense here.
func (j *serveJob) check() error {
	switch {
	case j.json != "" || j.report != "":
		return errors.New("serve has no results: --json and --report are for experiments")
	case len(j.threads) > 1:
		return fmt.Errorf("--threads: %v, want one number", j.threads)
	case len(j.threads) == 1 && j.threads[0] < 1:
		return fmt.Errorf("--threads: %d, want at least 1", j.threads[0])
	case j.limits.N < 1 || j.limits.Concurrent < 1 || j.limits.Timeout <= 0 || j.limits.Drain <= 0:
		return errors.New("--max-n, --max-concurrent, --timeout and --drain must be above 0")
	}
	return nil
}

func (j *serveJob) run(ctx context.Context) (err error) {
	if err := j.check(); err != nil {
		return err
	}
	j.config.Seed = j.seed
	log := slog.New(slog.NewJSONHandler(j.stderr, &slog.HandlerOptions{Level: j.level}))
	dev, err := j.open(log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	server, err := serve.New(serve.Config{
		Device:    dev,
		Load:      j.load,
		Train:     j.config,
		ModelPath: j.model,
		Retrain:   j.retrain,
		Limits:    j.limits,
		Logger:    log,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", j.address)
	if err != nil {
		return err
	}
	return server.Run(ctx, listener)
}

// open opens the first backend that is there.
func (j *serveJob) open(log *slog.Logger) (kernels.Device, error) {
	names := j.backends
	if len(names) == 0 {
		names = []string{"cuda", "cpu"}
	}
	var opts kernels.Options
	if len(j.threads) == 1 {
		opts.Threads = j.threads[0]
	}
	dev, skipped, err := kernels.OpenFirst(opts, names...)
	if err != nil {
		return nil, err
	}
	for _, s := range skipped {
		log.Info("device skipped", "device", s.Name, "reason", s.Err)
	}
	info := dev.Info()
	log.Info("device opened", "backend", info.Backend, "model", info.Model, "threads", info.Threads)
	return dev, nil
}

func (j *serveJob) load(ctx context.Context) (*als.Ratings, error) {
	quiet := *j.common
	quiet.stderr = io.Discard // the log goes there, no progress
	d, err := j.data.load(ctx, &quiet, 0)
	if err != nil {
		return nil, err
	}
	return d.Train, nil
}
