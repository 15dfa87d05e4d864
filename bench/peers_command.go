package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/bench/dataset"
	"github.com/halfstep-ml/halfstep/bench/peers"
	"github.com/halfstep-ml/halfstep/kernels"
)

// peersJob is the experiment peers with its settings.
type peersJob struct {
	*common
	data   string
	python string
	out    string // a folder; empty for a temporary one
	seeds  int
}

// peersResult is the outcome of the experiment peers, and its JSON.
type peersResult struct {
	Experiment string        `json:"experiment"`
	Machine    machine       `json:"machine"`
	Data       dataInfo      `json:"data"`
	Backend    string        `json:"backend"`
	Device     string        `json:"device"`
	Path       string        `json:"path"`
	Seeds      []uint64      `json:"seeds"`
	Checks     []peers.Check `json:"checks"`
}

func peersCommand(c *common) *cobra.Command {
	j := &peersJob{common: c}
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Compare results with implicit and Spark MLlib",
		Long: `Train on the same ratings as the real implicit and the real Spark MLlib and compare
what comes out. The command fails if a difference is above its bar.

  implicit  rank 32, ratings of 4 and more, 3 iterations from one start, by Cholesky
            and by conjugate gradients: how far the factors of the row that differs
            most are from implicit's in float64, by their length; "theirs" is the
            same of implicit in float32
  Spark     rank 10, 10 iterations, a fifth of the ratings held out: the RMSE over
            them of the convention explicit, and NDCG@10 of those of 4 and more of
            the convention implicit, each the mean over the seeds
  ranx      the ranking metrics of our lists

It needs ratings from 1 to 5, such as MovieLens 1M, Java 17, and a Python that has
what bench/peers/scripts/requirements.txt lists: "make peers" sets one up. It runs
on the first of --backends that opens, cpu by default.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return j.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&j.data, "data", "", "ratings: a file or folder, its format is detected")
	f.StringVar(&j.python, "python", "python3", "the Python to run the scripts with")
	f.StringVar(&j.out, "out", "", "keep the files that the systems exchange in this folder")
	f.IntVar(&j.seeds, "seeds", 3, "how many seeds, from --seed on, Spark is compared over")
	_ = cmd.MarkFlagRequired("data")
	cmd.AddCommand(speedCommand(c))
	return cmd
}

func (j *peersJob) run(ctx context.Context) (err error) {
	if j.seeds < 1 {
		return fmt.Errorf("--seeds: %d, want at least 1", j.seeds)
	}
	src, err := dataset.Open(j.data, dataset.WithProgress(j.progressBytes("load")))
	if err != nil {
		return err
	}
	d, err := dataset.Load(ctx, src)
	if err != nil {
		return err
	}
	names := j.backends
	if len(names) == 0 {
		names = knownBackends
	}
	dev, _, err := kernels.OpenFirst(kernels.Options{}, names...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	dir := j.out
	if dir == "" {
		if dir, err = os.MkdirTemp("", "halfstep-peers-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	info := dev.Info()
	result := &peersResult{
		Experiment: "peers",
		Machine:    thisMachine(),
		Data:       dataInfo{Name: d.Name, Users: d.Train.Users(), Items: d.Train.Items(), Ratings: d.Train.Len()},
		Backend:    info.Backend, Device: info.Model, Path: info.Path,
	}
	for n := range j.seeds {
		result.Seeds = append(result.Seeds, j.seed+uint64(n))
	}
	comparison := &peers.Comparison{
		Device: dev, Python: j.python, Dir: dir, Seeds: result.Seeds,
		Step: func(what string) { fmt.Fprintln(j.stderr, what) },
	}
	if result.Checks, err = comparison.Run(ctx, d.Train); err != nil {
		return err
	}
	return j.publish(result)
}

func (j *peersJob) publish(r *peersResult) error {
	if err := j.show(r); err != nil {
		return err
	}
	failed := 0
	for _, c := range r.Checks {
		if !c.Passed() {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s of %d above the bar", plural(failed, "difference"), len(r.Checks))
	}
	return nil
}

// writeTable prints the result for a person.
func (r *peersResult) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "data: %s: %s users, %s items, %s ratings; seeds %v\n", r.Data.Name,
		thousands(int64(r.Data.Users)), thousands(int64(r.Data.Items)), thousands(r.Data.Ratings), r.Seeds)
	fmt.Fprintf(w, "machine: %s\n%s: %s, path %s\n\n", r.Machine, r.Backend, r.Device, r.Path)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "peer\tquantity\tours\ttheirs\tdifference\tbar\t")
	value := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return strconv.FormatFloat(*v, 'g', 5, 64)
	}
	for _, c := range r.Checks {
		verdict := "ok"
		if !c.Passed() {
			verdict = "FAILED"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2g\t%g\t%s\n",
			c.Peer, c.Quantity, value(c.Ours), value(c.Theirs), c.Difference, c.Bar, verdict)
	}
	return t.Flush()
}
