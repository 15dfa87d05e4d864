package peers

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed scripts/*.py scripts/*.c
var scripts embed.FS

// writeScripts writes the scripts to a folder.
func writeScripts(dir string) error {
	files, err := scripts.ReadDir("scripts")
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := scripts.ReadFile("scripts/" + f.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// path is the place of a file that the systems exchange.
func (c *Comparison) path(format string, args ...any) string {
	return filepath.Join(c.Dir, fmt.Sprintf(format, args...))
}

// run runs a script in the folder and reads its result, a JSON object on stdout,
// into result, which may be nil if there is none.
func (c *Comparison) run(ctx context.Context, result any, script string, args ...string) error {
	cmd := exec.CommandContext(ctx, c.Python, append([]string{c.path("%s", script)}, args...)...)
	cmd.Dir = c.Dir
	// Spark's JVM holds the pipes for a moment after a cancelled interpreter.
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w\n%s", script, err, tail(stderr.Bytes()))
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(stdout.Bytes(), result); err != nil {
		return fmt.Errorf("%s: the result %q: %w", script, stdout.Bytes(), err)
	}
	return nil
}

// tail is the end of what a script said, where Python's tracebacks have the cause.
func tail(text []byte) []byte {
	const most = 2000
	return bytes.TrimSpace(text[max(0, len(text)-most):])
}
