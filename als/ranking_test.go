package als_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// rankingParts are ratings in two parts in which everything occurs that
// EvaluateRanking tells apart: users and items without ratings in training or
// without any, held-out ratings that are zero or negative, and pairs in both parts.
func rankingParts(t testing.TB, seed uint64) (train, test *als.Ratings) {
	whole := lowRank(t, seed, 60, 50, 900)
	random := rand.New(rand.NewPCG(seed, 2))
	var kept, held []triple
	for _, x := range triplesOf(whole) {
		switch {
		case x.user == 3 || x.item == 5 || x.user != 4 && random.IntN(3) == 0:
			x.value -= float32(random.IntN(2)) * 3 // -2 to 5
			held = append(held, x)
		case random.IntN(40) == 0:
			held = append(held, x)
			fallthrough
		default:
			kept = append(kept, x)
		}
	}
	return newRatings(t, 60, 50, kept), newRatings(t, 60, 50, held)
}

func rankingConfigs() map[string]als.Config {
	configs := make(map[string]als.Config)
	for name, change := range map[string]func(*als.Config){
		"explicit":             func(*als.Config) {},
		"explicit with biases": func(c *als.Config) { c.Biases = true },
		"implicit":             func(c *als.Config) { c.Convention = als.Implicit },
		"ials nonnegative":     func(c *als.Config) { c.Convention, c.Solver = als.IALS, als.NonNegative },
		"ials with biases":     func(c *als.Config) { c.Convention, c.Biases = als.IALS, true },
	} {
		cfg := als.DefaultConfig()
		cfg.Rank, cfg.Iterations = 6, 3
		change(&cfg)
		configs[name] = cfg
	}
	return configs
}

// slowRanking is EvaluateRanking as it is defined: the score of every candidate in
// float64, sorted.
type slowRanking struct {
	model       *als.Model
	train, test *als.Ratings
	relevant    func(rating float32) bool

	// candidates gives what a held-out item is ranked among, itself included; nil
	// for one list a user of all that the user has not seen.
	candidates func(user int, item int32) []int32
}

func (s slowRanking) score(user int, item int32) float64 {
	sum := float64(s.model.ItemBias(int(item)))
	y := s.model.ItemFactors(int(item))
	for k, x := range s.model.UserFactors(user) {
		sum += float64(x) * float64(y[k])
	}
	return sum
}

// unseen are the known items that a user rated in none of the parts.
func (s slowRanking) unseen(user int, parts ...*als.Ratings) []int32 {
	var list []int32
	for i := range int32(s.model.Items()) {
		rated := s.model.ItemRatings(int(i)) == 0
		for _, p := range parts {
			rated = rated || slices.Contains(itemsOf(p, user), i)
		}
		if !rated {
			list = append(list, i)
		}
	}
	return list
}

// list sorts candidates by score, best first and the lower item first of equal
// ones, and measures the list.
func (s slowRanking) list(user int, candidates, relevant []int32, cutoffs []int) (sorted []int32, measured []als.ListMetrics, auc float64) {
	sorted = slices.Clone(candidates)
	slices.SortFunc(sorted, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.score(user, b), s.score(user, a)), cmp.Compare(a, b))
	})
	for _, k := range cutoffs {
		measured = append(measured, als.MeasureList(sorted, relevant, k))
	}
	above, pairs := 0.0, 0.0
	for _, r := range relevant {
		for _, c := range candidates {
			if slices.Contains(relevant, c) {
				continue
			}
			pairs++
			switch a, b := s.score(user, r), s.score(user, c); {
			case a > b:
				above++
			case a == b:
				above += 0.5
			}
		}
	}
	return sorted, measured, above / pairs
}

func (s slowRanking) evaluate(cutoffs ...int) als.Ranking {
	var r als.Ranking
	users := make([][]als.ListMetrics, len(cutoffs)) // a mean for each user
	covered := make([]map[int32]bool, len(cutoffs))
	for c := range covered {
		covered[c] = make(map[int32]bool)
	}
	var aucs []float64
	for user := range s.test.Users() {
		var relevant []int32
		dropped := false
		items, values := s.test.User(user)
		for j, i := range items {
			if !s.relevant(values[j]) {
				continue
			}
			if s.model.UserRatings(user) == 0 || s.model.ItemRatings(int(i)) == 0 || slices.Contains(itemsOf(s.train, user), i) {
				r.Dropped++
				dropped = true
				continue
			}
			relevant = append(relevant, i)
		}
		if len(relevant) == 0 {
			if dropped {
				r.DroppedUsers++
			}
			continue
		}
		r.Users++
		r.Relevant += int64(len(relevant))
		var lists [][]als.ListMetrics
		var listAUC []float64
		if s.candidates == nil {
			sorted, m, auc := s.list(user, s.unseen(user, s.train), relevant, cutoffs)
			lists, listAUC = append(lists, m), append(listAUC, auc)
			for c, k := range cutoffs {
				for _, i := range sorted[:min(k, len(sorted))] {
					covered[c][i] = true
				}
			}
		} else {
			for _, i := range relevant {
				_, m, auc := s.list(user, s.candidates(user, i), []int32{i}, cutoffs)
				lists, listAUC = append(lists, m), append(listAUC, auc)
			}
		}
		for c := range cutoffs {
			var of []als.ListMetrics
			for _, m := range lists {
				of = append(of, m[c])
			}
			users[c] = append(users[c], meanOf(of))
		}
		aucs = append(aucs, mean(listAUC))
	}
	known := 0
	for i := range s.model.Items() {
		if s.model.ItemRatings(i) > 0 {
			known++
		}
	}
	for c := range cutoffs {
		r.At = append(r.At, als.RankingAt{ListMetrics: meanOf(users[c]), Coverage: float64(len(covered[c])) / float64(known)})
	}
	r.AUC = mean(aucs)
	return r
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func requireRanking(t *testing.T, want, got als.Ranking) {
	t.Helper()
	require.Equal(t, want.Users, got.Users)
	require.Equal(t, want.Relevant, got.Relevant)
	require.Equal(t, want.Dropped, got.Dropped)
	require.Equal(t, want.DroppedUsers, got.DroppedUsers)
	require.InDelta(t, want.AUC, got.AUC, 1e-12, "AUC")
	require.Len(t, got.At, len(want.At))
	for c := range want.At {
		requireMetrics(t, want.At[c].ListMetrics, got.At[c].ListMetrics, 1e-12)
		require.InDelta(t, want.At[c].Coverage, got.At[c].Coverage, 1e-12, "coverage at %d", want.At[c].K)
	}
}

func TestEvaluateRankingEqualsReference(t *testing.T) {
	train, test := rankingParts(t, 61)
	dev := open(t, kernels.Options{})
	for name, cfg := range rankingConfigs() {
		t.Run(name, func(t *testing.T) {
			model, err := als.Train(t.Context(), dev, train, cfg)
			require.NoError(t, err)
			slow := slowRanking{model: model, train: train, test: test, relevant: func(r float32) bool { return r > 0 }}
			want := slow.evaluate(1, 3, 10, 49, 1000)
			require.Positive(t, want.Dropped)
			require.Positive(t, want.DroppedUsers)
			for _, rows := range []int{0, 1, 7} {
				got, err := als.EvaluateRanking(t.Context(), dev, model, train, test,
					als.WithCutoffs(3, 1000, 1, 10, 49, 3), als.WithAUC(), als.WithBlockRows(rows))
				require.NoError(t, err)
				requireRanking(t, want, got)
			}

			slow.relevant = func(r float32) bool { return r >= 4 }
			want = slow.evaluate(10)
			want.AUC = 0 // not asked for
			got, err := als.EvaluateRanking(t.Context(), dev, model, train, test, als.WithThreshold(4))
			require.NoError(t, err)
			requireRanking(t, want, got)
		})
	}
}

func TestEvaluateRankingWithoutTrain(t *testing.T) {
	train, _ := rankingParts(t, 62)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
	require.NoError(t, err)
	slow := slowRanking{model: model, train: newRatings(t, 60, 50, nil), test: train, relevant: func(r float32) bool { return r > 0 }}
	got, err := als.EvaluateRanking(t.Context(), dev, model, nil, train, als.WithAUC())
	require.NoError(t, err)
	require.Greater(t, got.AUC, 0.5)
	requireRanking(t, slow.evaluate(10), got)
}

// TestRankingOfAUserWithNothingElse has a user who has seen all but the held-out
// item: it is found, no AUC can be said of it, and there is nothing to sample.
func TestRankingOfAUserWithNothingElse(t *testing.T) {
	train := newRatings(t, 3, 3, []triple{{0, 0, 4}, {0, 1, 2}, {1, 0, 1}, {1, 2, 5}, {2, 2, 3}})
	test := newRatings(t, 3, 3, []triple{{0, 2, 5}, {2, 0, 4}})
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
	require.NoError(t, err)
	first, err := model.Score(2, 0)
	require.NoError(t, err)
	second, err := model.Score(2, 1)
	require.NoError(t, err)
	auc := 0.0
	if first > second {
		auc = 1
	}
	for _, options := range [][]als.RankingOption{nil, {als.WithSampledNegatives(5, 1)}} {
		got, err := als.EvaluateRanking(t.Context(), dev, model, train, test, append(options, als.WithAUC())...)
		require.NoError(t, err)
		require.Equal(t, 2, got.Users)
		require.Equal(t, auc, got.AUC)
		require.Equal(t, 1.0, got.At[0].HitRate)
		require.Equal(t, (1+1/(2-auc))/2, got.At[0].MRR) // of user 2: 1 or 1/2
	}
}

// TestRankingOfEqualScores has two items with the same ratings and so the same
// factors. The lower one comes first.
func TestRankingOfEqualScores(t *testing.T) {
	train := newRatings(t, 3, 3, []triple{{0, 0, 4}, {0, 1, 2}, {0, 2, 2}, {1, 1, 5}, {1, 2, 5}, {2, 0, 3}})
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
	require.NoError(t, err)
	require.Equal(t, model.ItemFactors(1), model.ItemFactors(2))
	for _, options := range [][]als.RankingOption{nil, {als.WithSampledNegatives(1, 1)}} {
		for item, place := range map[int32]float64{1: 1, 2: 2} {
			test := newRatings(t, 3, 3, []triple{{2, item, 1}})
			got, err := als.EvaluateRanking(t.Context(), dev, model, train, test, append(options, als.WithAUC())...)
			require.NoError(t, err)
			require.Equal(t, 1/place, got.At[0].MRR, "item %d", item)
			require.Equal(t, 0.5, got.AUC)
		}
	}
}

// TestSampledNegativesEqualReference compares with the reference for the samples
// drawn, and, where the sample is all there is, for what it must be.
func TestSampledNegativesEqualReference(t *testing.T) {
	const seed = 5
	train, test := rankingParts(t, 63)
	dev := open(t, kernels.Options{})
	for name, cfg := range rankingConfigs() {
		t.Run(name, func(t *testing.T) {
			model, err := als.Train(t.Context(), dev, train, cfg)
			require.NoError(t, err)
			slow := slowRanking{model: model, train: train, test: test, relevant: func(r float32) bool { return r > 0 }}
			for _, n := range []int{1, 9, 40, 1000} {
				slow.candidates = func(user int, item int32) []int32 {
					if n == 1000 {
						return append(slow.unseen(user, train, test), item)
					}
					return als.SampleCandidates(model, train, test, user, item, n, seed)
				}
				want := slow.evaluate(1, 3, 10)
				for c := range want.At {
					want.At[c].Coverage = 0
				}
				for _, rows := range []int{0, 1, 7} {
					got, err := als.EvaluateRanking(t.Context(), dev, model, train, test, als.WithCutoffs(1, 3, 10),
						als.WithSampledNegatives(n, seed), als.WithAUC(), als.WithBlockRows(rows))
					require.NoError(t, err)
					requireRanking(t, want, got)
				}
			}
		})
	}
}

// TestSampleIsFair counts how often each item is drawn.
func TestSampleIsFair(t *testing.T) {
	train, test := rankingParts(t, 64)
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), train, als.DefaultConfig())
	require.NoError(t, err)
	slow := slowRanking{model: model}
	const seeds, n = 3000, 4
	for _, user := range []int{0, 4, 17, 58} {
		unrated := slow.unseen(user, train, test)
		require.Greater(t, len(unrated), 2*n)
		item := itemsOf(test, user)
		if len(item) == 0 {
			item = []int32{0}
		}
		drawn := make(map[int32]int)
		for seed := range uint64(seeds) {
			candidates := als.SampleCandidates(model, train, test, user, item[0], n, seed)
			require.Len(t, candidates, n+1)
			require.True(t, slices.IsSorted(candidates))
			require.Len(t, slices.Compact(slices.Clone(candidates)), n+1)
			require.Contains(t, candidates, item[0])
			for _, i := range candidates {
				drawn[i]++
			}
		}
		delete(drawn, item[0])
		require.Len(t, drawn, len(unrated))
		p := float64(n) / float64(len(unrated))
		for _, i := range unrated {
			require.InDelta(t, seeds*p, drawn[i], 4.5*math.Sqrt(seeds*p*(1-p)), "user %d, item %d", user, i)
		}
	}
}

func TestSampledNegativesAreDeterministic(t *testing.T) {
	train, test := rankingParts(t, 65)
	var rankings []als.Ranking
	for _, c := range []struct {
		threads int
		seed    uint64
	}{{1, 1}, {2, 1}, {2, 2}} {
		dev := open(t, kernels.Options{Threads: c.threads})
		model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
		require.NoError(t, err)
		r, err := als.EvaluateRanking(t.Context(), dev, model, train, test, als.WithSampledNegatives(9, c.seed), als.WithCutoffs(1, 5))
		require.NoError(t, err)
		rankings = append(rankings, r)
	}
	require.Equal(t, rankings[0], rankings[1])
	require.NotEqual(t, rankings[1], rankings[2])
}

func TestEvaluateRankingErrors(t *testing.T) {
	train, test := rankingParts(t, 66)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
	require.NoError(t, err)
	for _, c := range []struct {
		field       string
		train, test *als.Ratings
		option      als.RankingOption
	}{
		{"WithCutoffs", train, test, als.WithCutoffs()},
		{"WithCutoffs", train, test, als.WithCutoffs(5, 0)},
		{"WithThreshold", train, test, als.WithThreshold(float32(math.NaN()))},
		{"WithSampledNegatives", train, test, als.WithSampledNegatives(0, 1)},
		{"train", newRatings(t, 61, 50, nil), test, als.WithCutoffs(1)},
		{"test", train, newRatings(t, 60, 51, nil), als.WithCutoffs(1)},
		{"test", train, newRatings(t, 60, 50, nil), als.WithCutoffs(1)},
		{"test", train, train, als.WithCutoffs(1)}, // all of it seen
		{"test", train, test, als.WithThreshold(6)},
		{"test", train, newRatings(t, 60, 50, []triple{{3, 7, 5}, {7, 5, 5}}), als.WithCutoffs(1)},
	} {
		r, err := als.EvaluateRanking(t.Context(), dev, model, c.train, c.test, c.option)
		var bad *als.ConfigError
		require.ErrorAs(t, err, &bad, c.field)
		require.Equal(t, c.field, bad.Field)
		require.Zero(t, r)
	}
}

// countdown is a context that is cancelled after it was asked a few times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	c.left--
	if c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestEvaluateRankingStopsWithItsContext(t *testing.T) {
	train, test := rankingParts(t, 67)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
	require.NoError(t, err)
	for _, left := range []int{0, 3} {
		for _, option := range []als.RankingOption{als.WithAUC(), als.WithSampledNegatives(9, 1)} {
			ctx := &countdown{t.Context(), left}
			_, err = als.EvaluateRanking(ctx, dev, model, train, test, option, als.WithBlockRows(1))
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, -1, ctx.left)
		}
	}
}

// TestEvaluateRankingFaults fails every call to the device once.
func TestEvaluateRankingFaults(t *testing.T) {
	train, test := rankingParts(t, 68)
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), train, als.DefaultConfig())
	require.NoError(t, err)
	fresh := func() kernels.Device {
		dev, err := cpu.Open(kernels.Options{Threads: 1})
		require.NoError(t, err)
		return dev
	}
	for name, options := range map[string][]als.RankingOption{
		"all":     {als.WithAUC()},
		"sampled": {als.WithSampledNegatives(9, 1), als.WithAUC()},
	} {
		t.Run(name, func(t *testing.T) {
			evaluate := func(rows int) func(kernels.Device) error {
				return func(dev kernels.Device) error {
					_, err := als.EvaluateRanking(t.Context(), dev, model, train, test, append(options, als.WithBlockRows(rows))...)
					return err
				}
			}
			kernelstest.FailEach(t, fresh, nil, kernels.ErrDeviceLost, evaluate(20))
			// A single list that does not fit cannot be halved.
			kernelstest.FailEach(t, fresh, []string{"Alloc", "NewCSR"}, kernelstest.NoRoom, evaluate(1))
		})
	}
}

// TestEvaluateRankingHalvesWhatDoesNotFit fails each allocation of the first block
// and expects the same result from smaller ones.
func TestEvaluateRankingHalvesWhatDoesNotFit(t *testing.T) {
	train, test := rankingParts(t, 69)
	dev := open(t, kernels.Options{})
	model, err := als.Train(t.Context(), dev, train, als.DefaultConfig())
	require.NoError(t, err)
	for _, option := range []als.RankingOption{als.WithAUC(), als.WithSampledNegatives(9, 1)} {
		want, err := als.EvaluateRanking(t.Context(), dev, model, train, test, option)
		require.NoError(t, err)
		halved := 0
		for n := 1; ; n++ {
			faulty := kernelstest.Faulty(dev, kernelstest.Fault{Ops: []string{"Alloc"}, Call: n, Err: kernelstest.NoRoom})
			got, err := als.EvaluateRanking(t.Context(), faulty, model, train, test, option)
			if !faulty.Fired() {
				break
			}
			if n <= 2 { // the items and their bitmap
				require.ErrorIs(t, err, kernels.ErrMemory)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, got)
			halved++
		}
		require.GreaterOrEqual(t, halved, 2)
	}
}
