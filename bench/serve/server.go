package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Server is the service. Make one with New and Run it once.
type Server struct {
	config  Config
	log     *slog.Logger
	metrics *metrics
	handler http.Handler

	// current is the model that is asked, nil before the first.
	current  atomic.Pointer[generation]
	stopping atomic.Bool

	slots  chan struct{} // one element for each request under /v1
	wanted chan struct{} // holds an element while a training is asked for
	lost   chan error    // holds the fault that took the device
}

// New returns a Server that is still to be run, or an error that names the field
// of the configuration that makes no sense.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		config: c,
		log:    c.Logger,
		slots:  make(chan struct{}, c.Limits.Concurrent),
		wanted: make(chan struct{}, 1),
		lost:   make(chan error, 1),
	}
	s.metrics = newMetrics(s)
	s.handler = s.routes()
	return s, nil
}

// Run serves on the listener, which it closes, until ctx ends; then it takes no
// more connections, lets the requests under way finish, ends a training, and
// returns nil. A model that is being saved is saved to its end.
//
// It returns an error if the listener fails, there is no first model to serve, the
// device was lost, or requests were cut off because they took longer than
// Limits.Drain.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	web := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		// A request waits for the device as long as Timeout allows, then it is
		// written to a client that may be slow.
		WriteTimeout:   s.config.Limits.Timeout + 10*time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: s.config.Limits.HeaderBytes,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	accepting, models := make(chan error, 1), make(chan error, 1)
	go func() { accepting <- web.Serve(l) }()
	go func() { models <- s.keepModel(ctx) }()
	s.log.Info("listening", "address", l.Addr().String())

	var failure error
	keeping := true
	select {
	case <-ctx.Done():
	case failure = <-accepting:
	case failure = <-s.lost:
	case failure = <-models:
		keeping = false
	}
	stop()
	err := errors.Join(failure, s.drain(web))
	if keeping {
		err = errors.Join(err, <-models)
	}
	if g := s.current.Load(); g != nil {
		err = errors.Join(err, g.recommender.Close())
	}
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	s.log.Info("stopped")
	return nil
}

// drain takes no more connections and waits for the requests under way.
func (s *Server) drain(web *http.Server) error {
	s.stopping.Store(true)
	s.log.Info("stopping", "requests", len(s.slots))
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Limits.Drain)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		return fmt.Errorf("requests cut off after %v: %w", s.config.Limits.Drain, errors.Join(err, web.Close()))
	}
	return nil
}

// deviceLost ends Run: no call on this device will succeed again. Whoever started
// the service starts it anew, and it serves the model saved last.
func (s *Server) deviceLost(err error) {
	select {
	case s.lost <- err:
	default:
	}
}
