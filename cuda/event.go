package cuda

import (
	"errors"
	"sync"
	"time"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
)

// events are the events of the driver that nobody uses now. To make one takes
// longer than to record it.
type events struct {
	context *driver.Context

	mu   sync.Mutex
	idle []*driver.Event
}

func (e *events) take() (*driver.Event, error) {
	e.mu.Lock()
	if n := len(e.idle); n > 0 {
		event := e.idle[n-1]
		e.idle = e.idle[:n-1]
		e.mu.Unlock()
		return event, nil
	}
	e.mu.Unlock()
	return e.context.NewEvent()
}

// give takes an event back. Streams may still wait for it: they wait for what it
// stood for when they were told to.
func (e *events) give(event *driver.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.idle = append(e.idle, event)
}

func (e *events) close() error {
	var errs []error
	for _, event := range e.idle {
		errs = append(errs, event.Destroy())
	}
	return errors.Join(errs...)
}

// spin is how long a wait asks again and again before it sleeps: waking up takes
// longer than most kernels.
const spin = 20 * time.Microsecond

// await returns when the event has come to pass.
func await(e *driver.Event) error {
	for start := time.Now(); time.Since(start) < spin; {
		if done, err := e.Query(); done || err != nil {
			return err
		}
	}
	return e.Sync()
}

// event is a kernels.Event.
type event struct {
	stream *stream
	raw    *driver.Event
	end    int // of the stream's log
}

func (s *stream) record() (*event, error) {
	end := s.log.end()
	raw, err := s.mark()
	if err != nil {
		return nil, s.fault(err)
	}
	return &event{stream: s, raw: raw, end: end}, nil
}

func (e *event) Done() (bool, error) {
	done, err := e.raw.Query()
	if err != nil {
		return false, e.stream.fault(err)
	}
	if done {
		e.stream.log.finished(e.end)
	}
	return done, nil
}

func (e *event) Free() error {
	e.stream.dev.events.give(e.raw)
	return nil
}
