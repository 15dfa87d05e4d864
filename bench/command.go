package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/kernels"
)

// common is the flags that every experiment takes.
type common struct {
	backends []string
	threads  []int
	seed     uint64
	json     string
	report   string
	tf32     bool

	stdout, stderr io.Writer
}

func rootCommand(stdout, stderr io.Writer) *cobra.Command {
	c := &common{stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:   "bench",
		Short: "Run the experiments of halfstep on every device of this machine",
		Long: `Run the experiments of halfstep on every device of this machine.

Without a subcommand this is the main job: a data set shaped like MovieLens 1M
(6,040 users, 3,706 items, a million ratings) is made in memory from the seed,
ALS is trained on it on every backend that opens and, on the CPU, on 1, 2, 4 …
threads, and a table is printed. It is "bench als" with all its defaults.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return defaultALSJob(c).run(cmd.Context())
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetOut(stdout)
	root.SetErr(stderr)
	f := root.PersistentFlags()
	f.StringSliceVar(&c.backends, "backends", nil, "backends to run, such as cpu,cuda (default: all that open)")
	f.IntSliceVar(&c.threads, "threads", nil, "thread counts of the CPU runs, such as 1,2 (default: 1,2,4 … and all cores)")
	f.BoolVar(&c.tf32, "tf32", false, "let GPUs round factors to TF32 where that is faster")
	f.Uint64Var(&c.seed, "seed", 1, "seed of the data, the split and the model")
	f.StringVar(&c.json, "json", "", "write the results as JSON to this file; - is stdout, with nothing else on it")
	f.StringVar(&c.report, "report", "", "write a Markdown report and SVG charts to this folder")
	root.AddCommand(alsCommand(c), searchCommand(c), rankCommand(c), synthCommand(c), kernelsCommand(c), peersCommand(c), serveCommand(c))
	return root
}

// target is a device to run on: a backend, and for the CPU a number of threads.
type target struct {
	name    string
	threads int // 0 where the backend has no threads of ours
	tf32    bool
}

// skip is a backend that was not run.
type skip struct {
	Backend string `json:"backend"`
	Reason  string `json:"reason"`
}

// knownBackends are tried in this order when none are named.
var knownBackends = []string{"cpu", "cuda"}

// targets lists what to run on: every backend that opens, and the reasons of
// those that do not. It fails if none opens, or if one that was named does not
// exist in this program.
func (c *common) targets() ([]target, []skip, error) {
	names := c.backends
	if len(names) == 0 {
		names = slices.Clone(knownBackends)
		for _, name := range kernels.Backends() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	threads, err := c.threadCounts()
	if err != nil {
		return nil, nil, err
	}
	var targets []target
	var skipped []skip
	for _, name := range names {
		dev, err := kernels.Open(name, kernels.Options{})
		if err != nil {
			skipped = append(skipped, skip{Backend: name, Reason: err.Error()})
			continue
		}
		threaded := dev.Info().Threads > 0
		if err := dev.Close(); err != nil {
			return nil, nil, err
		}
		if !threaded {
			targets = append(targets, target{name: name, tf32: c.tf32})
			continue
		}
		for _, n := range threads {
			targets = append(targets, target{name: name, threads: n})
		}
	}
	if len(targets) == 0 {
		for _, s := range skipped {
			fmt.Fprintf(c.stderr, "%s: %s\n", s.Backend, s.Reason)
		}
		return nil, nil, fmt.Errorf("none of the backends %q opens", names)
	}
	return targets, skipped, nil
}

// threadCounts is what --threads says, or the powers of two up to all cores, and
// all cores.
func (c *common) threadCounts() ([]int, error) {
	for _, n := range c.threads {
		if n < 1 {
			return nil, fmt.Errorf("--threads: %d, want at least 1", n)
		}
	}
	if len(c.threads) > 0 {
		return c.threads, nil
	}
	cores := runtime.GOMAXPROCS(0)
	var counts []int
	for n := 1; n < cores; n *= 2 {
		counts = append(counts, n)
	}
	return append(counts, cores), nil
}

func (t target) open() (kernels.Device, error) {
	return kernels.Open(t.name, kernels.Options{Threads: t.threads, ReducedPrecision: t.tf32})
}

func (t target) String() string {
	if t.threads == 0 {
		return t.name
	}
	return fmt.Sprintf("%s, %s", t.name, plural(t.threads, "thread"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
