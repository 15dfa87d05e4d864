package peers

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// Race is a piece of work that this library and another system were timed on in
// turns, with the same number of threads.
type Race struct {
	Work    string  `json:"work"`
	Peer    string  `json:"peer"` // with its version
	Threads int     `json:"threads"`
	Ours    Seconds `json:"ours"`
	Theirs  Seconds `json:"theirs"`
	Ratio   float64 `json:"ratio"` // theirs by ours, of the medians: above 1, ours is faster

	// Note says what else was compared, such as the losses reached.
	Note string `json:"note,omitempty"`
}

// Seconds are the measurements of one side.
type Seconds struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func newSeconds(measured []float64) Seconds {
	s := slices.Sorted(slices.Values(measured))
	middle := (s[(len(s)-1)/2] + s[len(s)/2]) / 2
	return Seconds{Median: middle, Min: s[0], Max: s[len(s)-1]}
}

// Speed is the settings of races on the CPU.
type Speed struct {
	Python  string        // the interpreter of an environment with requirements.txt
	Dir     string        // where the files go that the systems exchange; made if needed
	Compile string        // the C compiler for the loops over OpenBLAS
	Threads []int         // of both sides, each in turn
	Rounds  int           // measurements of each side
	Least   time.Duration // the least that a measurement of a kernel takes

	// File is ratings in the CSV format of MovieLens 20M and later, for the races
	// of reading and of whole jobs.
	File string

	// Step, unless it is nil, is called before every race with what it is.
	Step func(string)

	races []Race
}

// speedGroups are the races by the name they are asked for.
var speedGroups = []struct {
	name string
	run  func(*Speed, context.Context, *als.Ratings) error
}{
	{"blas", (*Speed).raceOpenBLAS},
	{"train", (*Speed).raceTraining},
	{"recommend", (*Speed).raceRecommending},
	{"csv", (*Speed).raceReading},
	{"spark", (*Speed).raceSpark},
}

// SpeedGroups lists the names of the groups of races.
func SpeedGroups() []string {
	names := make([]string, len(speedGroups))
	for i, g := range speedGroups {
		names[i] = g.name
	}
	return names
}

// Run holds the races of the groups that are named. Those of training and
// recommending are on the ratings given.
func (s *Speed) Run(ctx context.Context, ratings *als.Ratings, groups []string) ([]Race, error) {
	c := Comparison{Python: s.Python, Dir: s.Dir}
	if err := c.prepare(); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	s.Python, s.Dir = c.Python, c.Dir
	for _, name := range groups {
		if !slices.Contains(SpeedGroups(), name) {
			return nil, fmt.Errorf("peers: no races %q, want some of %s", name, strings.Join(SpeedGroups(), ","))
		}
	}
	s.races = nil
	for _, g := range speedGroups {
		if !slices.Contains(groups, g.name) {
			continue
		}
		if err := g.run(s, ctx, ratings); err != nil {
			return s.races, fmt.Errorf("peers: %s: %w", g.name, err)
		}
	}
	return s.races, nil
}

// settling is the pause before a measurement: the threads of OpenBLAS go on turning for
// some 25 ms after a call, on the cores of whoever comes next.
const settling = 100 * time.Millisecond

// side measures one side of a race once and returns its seconds.
type side func() (float64, error)

// race has both sides take turns and notes the outcome.
func (s *Speed) race(ctx context.Context, work, peer string, threads int, ours, theirs side) (*Race, error) {
	if s.Step != nil {
		s.Step(fmt.Sprintf("%s, %d threads, %s", work, threads, peer))
	}
	var times [2][]float64
	for range s.Rounds {
		for i, measure := range []side{ours, theirs} {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			time.Sleep(settling)
			seconds, err := measure()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", work, err)
			}
			times[i] = append(times[i], seconds)
		}
	}
	r := Race{Work: work, Peer: peer, Threads: threads, Ours: newSeconds(times[0]), Theirs: newSeconds(times[1])}
	r.Ratio = r.Theirs.Median / r.Ours.Median
	s.races = append(s.races, r)
	return &s.races[len(s.races)-1], nil
}

// onCPU gives a function the CPU device with so many workers, and as many threads to
// the rest of the library.
func onCPU(threads int, use func(kernels.Device) error) (err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	dev, err := kernels.Open("cpu", kernels.Options{Threads: threads})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	return use(dev)
}

// answered asks a peer for a time.
func answered(p *peerProcess, r request) side {
	return func() (float64, error) {
		var answer struct{ Seconds float64 }
		err := p.ask(r, &answer)
		return answer.Seconds, err
	}
}
