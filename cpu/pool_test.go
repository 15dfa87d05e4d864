package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// counting notes which participant ran which task.
type counting struct {
	runs []atomic.Int32
	busy []atomic.Int32 // of each participant
	wait time.Duration
	bad  atomic.Int32 // participants found at work on two tasks
}

func newCounting(tasks, participants int) *counting {
	return &counting{runs: make([]atomic.Int32, tasks), busy: make([]atomic.Int32, participants)}
}

func (c *counting) task(who, i int) {
	if c.busy[who].Add(1) != 1 {
		c.bad.Add(1)
	}
	time.Sleep(c.wait)
	c.runs[i].Add(1)
	c.busy[who].Add(-1)
}

func (c *counting) requireOnce(t *testing.T) {
	t.Helper()
	require.Zero(t, c.bad.Load(), "a participant ran two tasks at once")
	for i := range c.runs {
		require.Equal(t, int32(1), c.runs[i].Load(), "runs of task %d", i)
	}
}

func TestPoolRunsEveryTaskOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 7} {
		p := newPool(threads)
		var j job
		for _, count := range []int{0, 1, 2, 6, 7, 8, 1000} {
			for _, limit := range []int{1, 2, threads} {
				c := newCounting(count, max(min(limit, threads), 1))
				p.run(&j, c, count, limit)
				c.requireOnce(t)
			}
		}
		p.close()
	}
}

func TestPoolHelpersJoinUpToTheLimit(t *testing.T) {
	p := newPool(4)
	defer p.close()
	var j job
	for _, limit := range []int{2, 3, 4} {
		c := newCounting(60, limit)
		c.wait = time.Millisecond
		p.run(&j, c, 60, limit)
		c.requireOnce(t)
		require.Equal(t, limit, j.joined)
	}
}

func TestPoolSharedByStreams(t *testing.T) {
	p := newPool(4)
	defer p.close()
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			var j job
			for range 200 {
				c := newCounting(17, 4)
				p.run(&j, c, 17, 4)
				c.requireOnce(t)
			}
		})
	}
	all.Wait()
	require.Empty(t, p.jobs)
}

func TestPoolCloseEndsItsGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	p := newPool(9)
	require.Equal(t, before+8, runtime.NumGoroutine())
	p.close()
	// A helper that is done may take a moment to go.
	for range 1000 {
		if runtime.NumGoroutine() == before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	require.Equal(t, before, runtime.NumGoroutine())
}
