package serve

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// Config is what a Server serves and how. Device and Load are required; the zero
// value of everything else is a default.
type Config struct {
	// Device trains and answers. It stays the caller's and must be open until
	// Server.Run has returned.
	Device kernels.Device

	// Load returns the ratings, with users and items under int64 keys. It is
	// called once before every training, never twice at once, and should return
	// soon after its context ends.
	Load func(context.Context) (*als.Ratings, error)

	// Train is how models are trained. The zero value is als.DefaultConfig.
	Train als.Config

	// ModelPath is the file that every model is saved to and that the start
	// reads. It belongs to one Server alone. Empty: models are not saved.
	ModelPath string

	// Retrain is the age at which the model is trained anew. 0: on request alone.
	Retrain time.Duration

	Limits Limits

	// Logger gets the events of models and of requests, the latter at the level
	// debug if they went well. The default is slog.Default.
	Logger *slog.Logger
}

// Limits bound what a client can ask of a Server. A zero is the default.
type Limits struct {
	// N is the most items of an answer, 100 by default.
	N int

	// Concurrent is the most requests under /v1 at once, 256 by default. One more
	// is answered 429.
	Concurrent int

	// Timeout is the most time that a request may wait for the device, 5 s by
	// default.
	Timeout time.Duration

	// HeaderBytes and BodyBytes bound what is read of a request, 16 KiB and 4 KiB
	// by default.
	HeaderBytes int
	BodyBytes   int64

	// Drain is the most time that requests under way get when the Server stops,
	// 10 s by default.
	Drain time.Duration
}

// withDefaults replaces zeros by the defaults.
func (c Config) withDefaults() Config {
	if c.Train == (als.Config{}) {
		c.Train = als.DefaultConfig()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	l := &c.Limits
	l.N = orDefault(l.N, 100)
	l.Concurrent = orDefault(l.Concurrent, 256)
	l.Timeout = orDefault(l.Timeout, 5*time.Second)
	l.HeaderBytes = orDefault(l.HeaderBytes, 16<<10)
	l.BodyBytes = orDefault(l.BodyBytes, 4<<10)
	l.Drain = orDefault(l.Drain, 10*time.Second)
	return c
}

func orDefault[T int | int64 | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return v
}

// validate names the first field that makes no sense.
func (c Config) validate() error {
	switch l := c.Limits; {
	case c.Device == nil:
		return fmt.Errorf("serve: Config.Device is missing")
	case c.Load == nil:
		return fmt.Errorf("serve: Config.Load is missing")
	case c.Retrain < 0:
		return fmt.Errorf("serve: Config.Retrain is %v, want at least 0", c.Retrain)
	case l.N < 1 || l.N > math.MaxInt32:
		return fmt.Errorf("serve: Limits.N is %d, want 1 to %d", l.N, math.MaxInt32)
	case l.Concurrent < 1:
		return fmt.Errorf("serve: Limits.Concurrent is %d, want at least 1", l.Concurrent)
	case l.Timeout < 0:
		return fmt.Errorf("serve: Limits.Timeout is %v, want more than 0", l.Timeout)
	case l.HeaderBytes < 0:
		return fmt.Errorf("serve: Limits.HeaderBytes is %d, want more than 0", l.HeaderBytes)
	case l.BodyBytes < 0:
		return fmt.Errorf("serve: Limits.BodyBytes is %d, want more than 0", l.BodyBytes)
	case l.Drain < 0:
		return fmt.Errorf("serve: Limits.Drain is %v, want more than 0", l.Drain)
	}
	if err := c.Train.Validate(); err != nil {
		return fmt.Errorf("serve: Config.Train: %w", err)
	}
	return nil
}
