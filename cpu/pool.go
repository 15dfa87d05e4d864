package cpu

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// pool is the workers of a device. The goroutine that runs a job is one of them;
// the threads-1 helpers are goroutines of the pool and join any job that has tasks
// left and room for them.
type pool struct {
	threads int

	mu     sync.Mutex
	wake   sync.Cond // a job was added, or the pool is closed
	jobs   []*job    // under way, oldest first
	closed bool

	added atomic.Uint64 // jobs so far

	helpers sync.WaitGroup
}

// tasks is what a job runs.
type tasks interface {
	// task runs task i as participant who of the job. Participants are numbered
	// from 0 and run one task at a time.
	task(who, i int)
}

// job is one call cut into tasks. It is reused by its owner, who runs one at a
// time; no helper touches it after run has returned.
type job struct {
	body  tasks
	count int64
	limit int // participants, at most

	next atomic.Int64 // the first task that nobody has taken
	busy atomic.Int64 // helpers at their tasks

	// Guarded by the mutex of the pool.
	joined  int       // participants so far
	helping int       // helpers at work
	left    sync.Cond // helping has become 0
}

// wakefulness is how long a helper looks for another job before it sleeps, and the
// owner of a job for its helpers to end: calls that follow each other would spend as much
// on waking them as on some 10⁷ operations.
const wakefulness = 50 * time.Microsecond

func newPool(threads int) *pool {
	p := &pool{threads: threads}
	p.wake.L = &p.mu
	for range threads - 1 {
		p.helpers.Go(p.help)
	}
	return p
}

// close ends the helpers. No job may be under way.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wake.Broadcast()
	p.helpers.Wait()
}

// run runs tasks 0 to count-1 of the body with at most limit participants and
// returns when all have run. The caller is participant 0.
func (p *pool) run(j *job, body tasks, count, limit int) {
	limit = min(limit, count, p.threads)
	if limit <= 1 {
		for i := range count {
			body.task(0, i)
		}
		return
	}
	j.body, j.count, j.limit = body, int64(count), limit
	j.joined, j.helping = 1, 0
	j.left.L = &p.mu
	j.next.Store(0)

	p.mu.Lock()
	p.jobs = append(p.jobs, j)
	p.added.Add(1)
	p.mu.Unlock()
	for range limit - 1 {
		p.wake.Signal()
	}

	j.work(0)

	p.mu.Lock()
	at := slices.Index(p.jobs, j)
	p.jobs = slices.Delete(p.jobs, at, at+1)
	if j.helping > 0 {
		p.watch(j)
	}
	for j.helping > 0 {
		j.left.Wait()
	}
	p.mu.Unlock()
	j.body = nil
}

// watch waits for a short time, without the mutex that it is called with, for the
// helpers of a job to end.
func (p *pool) watch(j *job) {
	p.mu.Unlock()
	defer p.mu.Lock()
	for start := time.Now(); j.busy.Load() > 0 && time.Since(start) < wakefulness; {
		runtime.Gosched()
	}
}

// help is the life of a helper.
func (p *pool) help() {
	p.mu.Lock()
	defer p.mu.Unlock()
	awake := false
	for !p.closed {
		j := p.joinable()
		if j == nil {
			if awake {
				awake = p.another()
			} else {
				p.wake.Wait()
			}
			continue
		}
		awake = true
		who := j.joined
		j.joined++
		j.helping++
		j.busy.Add(1)
		p.mu.Unlock()
		j.work(who)
		j.busy.Add(-1)
		p.mu.Lock()
		j.helping--
		if j.helping == 0 {
			j.left.Signal()
		}
	}
}

// another waits for a short time, without the mutex that it is called with, for a job
// after those so far, and reports whether there was one.
func (p *pool) another() bool {
	seen := p.added.Load()
	p.mu.Unlock()
	defer p.mu.Lock()
	for start := time.Now(); time.Since(start) < wakefulness; {
		if p.added.Load() != seen {
			return true
		}
		runtime.Gosched()
	}
	return false
}

// joinable returns the oldest job that has tasks left and room for a participant,
// or nil.
func (p *pool) joinable() *job {
	for _, j := range p.jobs {
		if j.joined < j.limit && j.next.Load() < j.count {
			return j
		}
	}
	return nil
}

// work takes tasks until there are none left.
func (j *job) work(who int) {
	for {
		i := j.next.Add(1) - 1
		if i >= j.count {
			return
		}
		j.body.task(who, int(i))
	}
}
