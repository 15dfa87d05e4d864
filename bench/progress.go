package main

import (
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// interactive reports whether progress may be shown: on a terminal alone.
func (c *common) interactive() bool {
	f, ok := c.stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progressBytes shows how much of a file was read.
func (c *common) progressBytes(what string) func(read, total int64) {
	if !c.interactive() {
		return func(int64, int64) {}
	}
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(c.stderr),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
	return func(read, total int64) {
		if bar.GetMax64() != total {
			bar.ChangeMax64(total)
		}
		_ = bar.Set64(read)
		if read >= total {
			_ = bar.Finish()
		}
	}
}

// progressSteps shows how many of n steps are done.
func (c *common) progressSteps(what string, n int) (step, done func()) {
	if !c.interactive() {
		return func() {}, func() {}
	}
	bar := progressbar.NewOptions(n,
		progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(c.stderr), progressbar.OptionClearOnFinish())
	return func() { _ = bar.Add(1) }, func() { _ = bar.Finish() }
}
