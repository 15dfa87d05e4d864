package als_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// open returns a CPU device whose Close, at the end of the test, must find
// nothing left behind.
func open(t testing.TB, opts kernels.Options) kernels.Device {
	t.Helper()
	dev, err := cpu.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Zero(t, dev.Info().MemoryLive)
		require.NoError(t, dev.Close())
	})
	return dev
}

// lowRank returns ratings of 1 to 5 with a low-rank truth, some users and items
// without any.
func lowRank(t testing.TB, seed uint64, users, items, n int) *als.Ratings {
	t.Helper()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const rank = 3
	x, y := make([]float64, users*rank), make([]float64, items*rank)
	for _, f := range [][]float64{x, y} {
		for j := range f {
			f[j] = random.NormFloat64()
		}
	}
	list := randomTriples(random, users-1, items-1, n)
	for j, r := range list {
		score := 3 + 0.3*random.NormFloat64()
		for k := range rank {
			score += x[int(r.user)*rank+k] * y[int(r.item)*rank+k] / 2
		}
		list[j].value = float32(math.Round(min(max(score, 1), 5)))
	}
	return newRatings(t, users, items, list)
}

// variants are configurations of every convention and solver, with and without
// biases.
func variants() map[string]als.Config {
	all := make(map[string]als.Config)
	for c := als.Explicit; c <= als.IALS; c++ {
		for s := als.Cholesky; s <= als.NonNegative; s++ {
			for _, biases := range []bool{false, true} {
				cfg := als.DefaultConfig()
				cfg.Rank, cfg.Iterations = 6, 3
				cfg.Convention, cfg.Solver, cfg.Biases = c, s, biases
				cfg.BiasLambda, cfg.ItemLambda = 0.3, 0.15
				cfg.Block = 4
				all[fmt.Sprintf("%v %v biases=%v", c, s, biases)] = cfg
			}
		}
	}
	return all
}

// TestLossIsTheObjective compares the loss with the objective summed over every
// pair in float64, straight from the formulas of package kernels.
func TestLossIsTheObjective(t *testing.T) {
	ratings := lowRank(t, 11, 40, 30, 500)
	dev := open(t, kernels.Options{})
	for name, cfg := range variants() {
		for _, r := range []als.Regularization{als.Count, als.Plain, als.Power} {
			cfg.Regularization, cfg.Nu = r, 0.5
			t.Run(fmt.Sprint(name, " ", r), func(t *testing.T) {
				model, err := als.Train(t.Context(), dev, ratings, cfg, als.WithLoss())
				require.NoError(t, err)
				losses := model.Losses()
				require.Len(t, losses, cfg.Iterations)
				require.InEpsilon(t, objective(model, ratings), losses[len(losses)-1], 1e-5)
				if cfg.Solver != als.CG { // three steps from far may overshoot
					require.IsDecreasing(t, losses)
				}
			})
		}
	}
}

// objective is the loss of a model over all pairs.
func objective(m *als.Model, ratings *als.Ratings) float64 {
	cfg := m.Config()
	stored := make(map[[2]int]float64)
	for r := range ratings.All() {
		stored[[2]int{r.User, r.Item}] = float64(r.Value)
	}
	sum := 0.0
	for u := range m.Users() {
		for i := range m.Items() {
			score := float64(m.Mean()) + float64(m.UserBias(u)) + float64(m.ItemBias(i))
			for k, x := range m.UserFactors(u) {
				score += float64(x) * float64(m.ItemFactors(i)[k])
			}
			r, rated := stored[[2]int{u, i}]
			preference := 0.0
			if r > 0 {
				preference = 1
			}
			switch {
			case cfg.Convention == als.Explicit && rated:
				sum += (r - score) * (r - score)
			case cfg.Convention == als.Implicit:
				sum += (1 + cfg.Alpha*math.Abs(r)) * (preference - score) * (preference - score)
			case cfg.Convention == als.Confidence && rated:
				sum += math.Abs(r) * (preference - score) * (preference - score)
			case cfg.Convention == als.Confidence:
				sum += score * score
			case cfg.Convention == als.IALS:
				sum += cfg.W0 * score * score
				if rated {
					sum += (r - score) * (r - score)
				}
			}
		}
	}
	penalty := func(lambda float64, n, others int, factors []float32, bias float32) {
		weight := float64(n)
		if cfg.Convention == als.IALS {
			weight += cfg.W0 * float64(others)
		}
		switch cfg.Regularization {
		case als.Plain:
			weight = 1
		case als.Power:
			weight = math.Pow(weight, cfg.Nu)
		}
		for _, f := range factors {
			sum += lambda * weight * float64(f) * float64(f)
		}
		sum += cfg.BiasLambda * weight * float64(bias) * float64(bias)
	}
	for u := range m.Users() {
		penalty(cfg.Lambda, m.UserRatings(u), m.Items(), m.UserFactors(u), m.UserBias(u))
	}
	for i := range m.Items() {
		penalty(cfg.ItemLambda, m.ItemRatings(i), m.Users(), m.ItemFactors(i), m.ItemBias(i))
	}
	return sum
}

// TestNegativeRatingsDoNotCount: in the implicit conventions only positive
// ratings count for the regularization.
func TestNegativeRatingsDoNotCount(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 0))
	list := randomTriples(random, 30, 20, 200)
	for j := range list {
		if j%3 == 0 {
			list[j].value = -list[j].value
		}
	}
	ratings := newRatings(t, 30, 20, list)
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Iterations, cfg.Convention = 4, 20, als.Implicit
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg, als.WithLoss())
	require.NoError(t, err)
	losses := model.Losses()
	require.IsNonIncreasing(t, losses, "the half-steps and the loss regularize alike")
}

// TestMeanOfTheScore holds the constant of the score to its sum by hand: six pairs, of which
// three are rated 4, 2 and -1.
func TestMeanOfTheScore(t *testing.T) {
	ratings := newRatings(t, 2, 3, []triple{{0, 0, 4}, {0, 1, 2}, {1, 2, -1}})
	dev := open(t, kernels.Options{})
	for convention, want := range map[als.Convention]float64{
		als.Explicit:   (4.0 + 2 - 1) / 3,
		als.Implicit:   (5.0 + 3) / (5 + 3 + 2 + 3), // confidences 5, 3, 2, and 1 for the other three
		als.Confidence: (4.0 + 2) / (4 + 2 + 1 + 3),
		als.IALS:       (4.0 + 2 - 1) / (3 + 0.5*6),
	} {
		cfg := als.DefaultConfig()
		cfg.Rank, cfg.Iterations, cfg.Biases, cfg.W0, cfg.Convention = 2, 1, true, 0.5, convention
		cfg.Regularization = als.Plain // item 2 has no positive rating that λ·n would count
		m, err := als.Train(t.Context(), dev, ratings, cfg)
		require.NoError(t, err)
		require.InEpsilon(t, want, m.Mean(), 1e-6, "%v", convention)
		cfg.Biases = false
		m, err = als.Train(t.Context(), dev, ratings, cfg)
		require.NoError(t, err)
		require.Zero(t, m.Mean(), "%v without biases", convention)
	}
}

func TestSameBitsForAnyNumberOfThreads(t *testing.T) {
	ratings := lowRank(t, 13, 300, 200, 12_000)
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			var first *als.Model
			for _, threads := range []int{1, 2, 7} {
				model, err := als.Train(t.Context(), open(t, kernels.Options{Threads: threads}), ratings, cfg, als.WithLoss())
				require.NoError(t, err)
				if first == nil {
					first = model
				}
				require.Equal(t, first, model, "%d threads", threads)
			}
		})
	}
}

func TestEmptyRowsAreZeros(t *testing.T) {
	ratings := lowRank(t, 14, 50, 40, 600) // the last user and item have no ratings
	dev := open(t, kernels.Options{})
	for name, cfg := range variants() {
		model, err := als.Train(t.Context(), dev, ratings, cfg)
		require.NoError(t, err, name)
		require.Equal(t, make([]float32, cfg.Rank), model.UserFactors(49), name)
		require.Equal(t, make([]float32, cfg.Rank), model.ItemFactors(39), name)
		require.Zero(t, model.UserBias(49), name)
		require.Zero(t, model.UserRatings(49), name)
	}
}

func TestTrainRejects(t *testing.T) {
	dev := open(t, kernels.Options{})
	_, err := als.Train(t.Context(), dev, newRatings(t, 3, 3, nil), als.DefaultConfig())
	require.ErrorIs(t, err, als.ErrConfig)
	require.ErrorContains(t, err, "ratings are empty")
	_, err = als.Train(t.Context(), dev, nil, als.DefaultConfig())
	require.ErrorIs(t, err, als.ErrConfig)
	_, err = als.Train(t.Context(), dev, newRatings(t, 1, 1, []triple{{0, 0, 1}}), als.Config{})
	require.ErrorIs(t, err, als.ErrConfig)
	require.ErrorContains(t, err, "Rank is 0")
}

func TestSingularRowIsNamed(t *testing.T) {
	b := als.NewBuilder[string, string]()
	for _, item := range []string{"a", "b", "c", "d", "e"} {
		require.NoError(t, b.Add("ann", item, 3))
	}
	require.NoError(t, b.Add("bob", "a", 4)) // one rating, two factors, no regularization
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Lambda = 2, 0
	_, err = als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg)
	require.ErrorIs(t, err, als.ErrSingular)
	require.ErrorContains(t, err, `iteration 1, user "bob": pivot 2 is not positive`)
}

func TestProgress(t *testing.T) {
	ratings := lowRank(t, 15, 40, 30, 500)
	cfg := als.DefaultConfig()
	cfg.Iterations = 4
	var reports []als.Progress
	report := als.WithProgress(func(p als.Progress) { reports = append(reports, p) })
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg, report, als.WithLoss())
	require.NoError(t, err)
	require.Len(t, reports, 4)
	errs, err := als.Evaluate(t.Context(), open(t, kernels.Options{}), model, ratings)
	require.NoError(t, err)
	for i, p := range reports {
		require.Equal(t, i+1, p.Iteration)
		require.Equal(t, 4, p.Iterations)
		require.Equal(t, model.Losses()[i], p.Loss)
	}
	require.InEpsilon(t, errs.RMSE, reports[3].TrainRMSE, 1e-5)
}

func TestCancelledTraining(t *testing.T) {
	ratings := lowRank(t, 16, 400, 300, 50_000)
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Iterations = 32, 1_000_000
	dev := open(t, kernels.Options{})

	ctx, cancel := context.WithCancel(t.Context())
	var cancelled time.Time
	_, err := als.Train(ctx, dev, ratings, cfg, als.WithProgress(func(p als.Progress) {
		if p.Iteration == 2 {
			time.AfterFunc(5*time.Millisecond, func() { cancelled = time.Now(); cancel() })
		}
	}))
	require.ErrorIs(t, err, context.Canceled)
	t.Logf("returned %v after the cancellation", time.Since(cancelled))

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = als.Train(ctx, dev, ratings, cfg)
	require.ErrorIs(t, err, context.Canceled)
}

func TestLittleDeviceMemory(t *testing.T) {
	ratings := lowRank(t, 17, 40, 30, 500)
	_, err := als.Train(t.Context(), open(t, kernels.Options{MemoryLimit: 1000}), ratings, als.DefaultConfig())
	require.ErrorIs(t, err, kernels.ErrMemory)
	require.ErrorContains(t, err, "bytes wanted")
}

// TestSolversReachTheSameLoss: the iterative solvers end where the exact one does,
// or lower. NonNegative solves another problem, so it is not among them.
func TestSolversReachTheSameLoss(t *testing.T) {
	ratings := lowRank(t, 18, 300, 200, 9000)
	dev := open(t, kernels.Options{})
	for c := als.Explicit; c <= als.IALS; c++ {
		cfg := als.DefaultConfig()
		cfg.Convention, cfg.Iterations, cfg.Rank, cfg.Block = c, 40, 12, 4
		var exact float64
		for _, solver := range []als.Solver{als.Cholesky, als.CG, als.Subspace} {
			cfg.Solver = solver
			model, err := als.Train(t.Context(), dev, ratings, cfg, als.WithLoss())
			require.NoError(t, err)
			loss := model.Losses()[cfg.Iterations-1]
			if solver == als.Cholesky {
				exact = loss
			}
			t.Logf("%v, %v: loss %.6g, %+.3f%%", c, solver, loss, 100*(loss/exact-1))
			require.LessOrEqual(t, loss, 1.005*exact, "%v, %v", c, solver)
		}
	}
}
