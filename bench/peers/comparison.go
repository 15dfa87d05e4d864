package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// Check is one quantity that both sides computed.
type Check struct {
	Peer     string `json:"peer"` // with its version
	Quantity string `json:"quantity"`

	// Ours and Theirs are the two values, nil where many are compared.
	Ours   *float64 `json:"ours,omitempty"`
	Theirs *float64 `json:"theirs,omitempty"`

	Difference float64 `json:"difference"`
	Bar        float64 `json:"bar"` // the largest difference that passes
}

// Passed reports whether the difference is a number within the bar.
func (c Check) Passed() bool { return c.Difference <= c.Bar }

// Comparison is the settings of a run.
type Comparison struct {
	Device kernels.Device
	Python string   // the interpreter of an environment with requirements.txt
	Dir    string   // where the files go that the systems exchange; made if needed
	Seeds  []uint64 // of the splits and starts, at least one

	// Step, unless it is nil, is called before every piece of work with what it is.
	Step func(string)

	checks []Check
}

// Run makes all checks and returns them. A check that does not pass is no error.
func (c *Comparison) Run(ctx context.Context, ratings *als.Ratings) ([]Check, error) {
	if len(c.Seeds) == 0 {
		return nil, fmt.Errorf("peers: no seeds")
	}
	if err := c.prepare(); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	c.checks = nil
	for _, compare := range []func(context.Context, *als.Ratings) error{
		c.compareImplicit, c.compareSparkExplicit, c.compareSparkImplicit,
	} {
		if err := compare(ctx, ratings); err != nil {
			return c.checks, fmt.Errorf("peers: %w", err)
		}
	}
	return c.checks, nil
}

// prepare makes the folder with the scripts in it. The scripts run there, so paths
// become absolute.
func (c *Comparison) prepare() (err error) {
	if c.Python, err = exec.LookPath(c.Python); err != nil {
		return err
	}
	if c.Python, err = filepath.Abs(c.Python); err != nil {
		return err
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	return writeScripts(c.Dir)
}

func (c *Comparison) add(check Check) { c.checks = append(c.checks, check) }

func (c *Comparison) step(format string, args ...any) {
	if c.Step != nil {
		c.Step(fmt.Sprintf(format, args...))
	}
}
