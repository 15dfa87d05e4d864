package als

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls work for each task from 0 to n-1, on GOMAXPROCS goroutines if there
// are so many tasks. It returns the error of the lowest task that failed; those
// above it may not have been run. When ctx ends it starts no further task and
// returns ctx.Err().
func parallel(ctx context.Context, n int, work func(task int) error) error {
	var next atomic.Int64
	var failed struct {
		sync.Mutex
		task int
		err  error
	}
	failed.task = n
	run := func() {
		for {
			task := int(next.Add(1)) - 1
			if task >= n {
				return
			}
			err := ctx.Err()
			if err == nil {
				err = work(task)
			}
			if err != nil {
				next.Store(int64(n))
				failed.Lock()
				if task < failed.task {
					failed.task, failed.err = task, err
				}
				failed.Unlock()
				return
			}
		}
	}
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) - 1 {
		helpers.Go(run)
	}
	run()
	helpers.Wait()
	return failed.err
}
