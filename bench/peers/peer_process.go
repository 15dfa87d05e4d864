package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// peerProcess is a script that answers requests, so that another system and this
// library can take turns without starting it anew.
type peerProcess struct {
	script  string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	said    *lastWords
	version string
}

// request is the name of a function of the script, under "work", and its arguments.
type request map[string]any

// start runs a script of answer.py with additions to the environment and asks for
// the version of its system. The caller stops it.
func start(ctx context.Context, python, dir string, env []string, script string, args ...string) (*peerProcess, error) {
	cmd := exec.CommandContext(ctx, python, append([]string{script}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 10 * time.Second
	p := &peerProcess{script: script, cmd: cmd, said: &lastWords{}}
	cmd.Stderr = p.said
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var v struct{ Version string }
	if err := p.ask(request{"work": "version"}, &v); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	p.version = v.Version
	return p, nil
}

// ask waits for the answer to a request.
func (p *peerProcess) ask(r request, answer any) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		return p.failed(r, err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return p.failed(r, err)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		return fmt.Errorf("%s, %v: the answer %q: %w", p.script, r["work"], line, err)
	}
	return nil
}

func (p *peerProcess) failed(r request, err error) error {
	return fmt.Errorf("%s, %v: %w\n%s", p.script, r["work"], err, p.said.tail())
}

// stop ends the script by ending its requests.
func (p *peerProcess) stop() error {
	err := p.in.Close()
	return errors.Join(err, p.cmd.Wait())
}

// lastWords keeps what a script says while it runs, of which the end is shown if
// it fails.
type lastWords struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *lastWords) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *lastWords) tail() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(tail(w.text.Bytes()))
}
