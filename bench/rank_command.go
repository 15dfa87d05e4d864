package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// rankJob is the experiment rank with its settings.
type rankJob struct {
	*common
	config     als.Config
	data       dataFlags
	leaveOut   int
	negatives  int
	cutoffs    []int
	atLeast    float64
	validation bool
}

// rankResult is the outcome of the experiment rank, and its JSON.
type rankResult struct {
	Experiment string      `json:"experiment"`
	Machine    machine     `json:"machine"`
	Device     string      `json:"device"`
	Data       string      `json:"data"`
	Config     als.Config  `json:"config"`
	Validation bool        `json:"validation"`
	Negatives  int         `json:"negatives"`
	Users      int         `json:"users"`
	Dropped    int64       `json:"dropped"`
	At         []rankingAt `json:"at"`
	Seconds    struct {
		Train    float64 `json:"train"`
		Evaluate float64 `json:"evaluate"`
	} `json:"seconds"`
}

type rankingAt struct {
	K         int     `json:"k"`
	HitRate   float64 `json:"hit_rate"`
	NDCG      float64 `json:"ndcg"`
	MRR       float64 `json:"mrr"`
	MAP       float64 `json:"map"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	Coverage  float64 `json:"coverage"`
}

func rankCommand(c *common) *cobra.Command {
	j := &rankJob{common: c, config: als.DefaultConfig()}
	j.config.Convention = als.IALS
	var config configFlags
	cmd := &cobra.Command{
		Use:   "rank",
		Short: "Train ALS on what users liked and measure how well it finds what was held out",
		Long: `Train ALS on what users liked and measure how well it finds what was held out.

Every rating of at least --at-least becomes a 1 and the others are left out. Of
every user --leave-out of them at random are held out. Each is ranked among
--negatives random items that the user has not rated, or among all such items.
With --validation the held-out ratings are set aside and as many of the others are
held out in their place: settings are chosen with it, and tested without. It runs
on the first backend that opens.

` + dataHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWith(cmd, &config, &j.config, &j.data, j.run)
		},
	}
	f := cmd.Flags()
	j.data.add(f)
	config.add(f, &j.config)
	f.IntVar(&j.leaveOut, "leave-out", 1, "ratings of every user that are held out")
	f.IntVar(&j.negatives, "negatives", 99, "items that each of them is ranked among; 0 for all")
	f.IntSliceVar(&j.cutoffs, "cutoffs", []int{10}, "lengths of the lists")
	f.Float64Var(&j.atLeast, "at-least", 0, "the lowest rating that counts")
	f.BoolVar(&j.validation, "validation", false, "set the held-out part aside and hold out another one of the rest")
	return cmd
}

func (j *rankJob) run(ctx context.Context) error {
	j.config.Seed = j.seed
	if err := j.config.Validate(); err != nil {
		return err
	}
	targets, _, err := j.targets()
	if err != nil {
		return err
	}
	d, err := j.data.load(ctx, j.common, 0)
	if err != nil {
		return err
	}
	liked, err := j.liked(d.Train)
	if err != nil {
		return err
	}
	train, test, err := liked.LeaveOut(j.leaveOut, j.seed)
	if err != nil {
		return err
	}
	if j.validation {
		if train, test, err = train.LeaveOut(j.leaveOut, j.seed+1); err != nil {
			return err
		}
	}
	t := most(targets)
	dev, err := t.open()
	if err != nil {
		return err
	}
	r, err := j.measure(ctx, dev, train, test)
	if e := dev.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	r.Device, r.Data = t.String(), d.Name
	if err := j.print(r, liked.Len()); err != nil {
		return err
	}
	return j.writeJSON(r)
}

// most is the first backend with the most threads.
func most(targets []target) target {
	t := targets[0]
	for _, other := range targets {
		if other.name == t.name {
			t = other
		}
	}
	return t
}

// liked is the ratings that count, each as a 1.
func (j *rankJob) liked(r *als.Ratings) (*als.Ratings, error) {
	var users, items []int32
	var ones []float32
	for rating := range r.All() {
		if float64(rating.Value) >= j.atLeast {
			users = append(users, int32(rating.User))
			items = append(items, int32(rating.Item))
			ones = append(ones, 1)
		}
	}
	return als.NewRatings(r.Users(), r.Items(), users, items, ones, als.RejectDuplicates)
}

func (j *rankJob) measure(ctx context.Context, dev kernels.Device, train, test *als.Ratings) (*rankResult, error) {
	step, done := j.progressSteps("rank", j.config.Iterations)
	start := time.Now()
	model, err := als.Train(ctx, dev, train, j.config, als.WithProgress(func(als.Progress) { step() }))
	done()
	if err != nil {
		return nil, err
	}
	r := &rankResult{
		Experiment: "rank", Machine: thisMachine(), Config: model.Config(),
		Validation: j.validation, Negatives: j.negatives,
	}
	r.Seconds.Train = time.Since(start).Seconds()
	opts := []als.RankingOption{als.WithCutoffs(j.cutoffs...)}
	if j.negatives > 0 {
		opts = append(opts, als.WithSampledNegatives(j.negatives, j.seed))
	}
	start = time.Now()
	ranking, err := als.EvaluateRanking(ctx, dev, model, train, test, opts...)
	if err != nil {
		return nil, err
	}
	r.Seconds.Evaluate = time.Since(start).Seconds()
	r.Users, r.Dropped = ranking.Users, ranking.Dropped
	for _, at := range ranking.At {
		r.At = append(r.At, rankingAt{
			K: at.K, HitRate: at.HitRate, NDCG: at.NDCG, MRR: at.MRR, MAP: at.MAP,
			Precision: at.Precision, Recall: at.Recall, Coverage: at.Coverage,
		})
	}
	return r, nil
}

func (j *rankJob) print(r *rankResult, liked int64) error {
	out := j.tables()
	among := "all items"
	if r.Negatives > 0 {
		among = fmt.Sprintf("%d sampled items", r.Negatives)
	}
	part := "test"
	if r.Validation {
		part = "validation"
	}
	fmt.Fprintf(out, "ALS: %s\n", describeConfig(r.Config))
	fmt.Fprintf(out, "data: %s: %s ratings that count, %d of every user held out for %s, ranked among %s\n",
		r.Data, thousands(liked), j.leaveOut, part, among)
	fmt.Fprintf(out, "%s users, %s held-out ratings dropped; trained in %.2f s, evaluated in %.2f s on %s\n\n",
		thousands(int64(r.Users)), thousands(r.Dropped), r.Seconds.Train, r.Seconds.Evaluate, r.Device)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "k\thit rate\tNDCG\tMRR\tMAP\tprecision\trecall\tcoverage\t\n")
	for _, at := range r.At {
		fmt.Fprintf(t, "%d\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%s\t\n", at.K, at.HitRate, at.NDCG, at.MRR, at.MAP,
			at.Precision, at.Recall, orDash(r.Negatives == 0, fmt.Sprintf("%.4f", at.Coverage)))
	}
	return t.Flush()
}
