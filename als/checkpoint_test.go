package als_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// TestResumeGivesTheSameBits stops training at a checkpoint, goes on from the file
// and compares the model file with that of training that never stopped.
func TestResumeGivesTheSameBits(t *testing.T) {
	whole := lowRank(t, 51, 120, 90, 2500)
	train, validation, err := whole.Split(0.2, 1)
	require.NoError(t, err)
	dev := open(t, kernels.Options{})
	for name, cfg := range variants() {
		for _, early := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				cfg.Iterations = 6
				options := []als.TrainOption{als.WithLoss()}
				if early {
					cfg.Lambda = 0.001 // overfits, so that the best iteration is an early one
					options = append(options, als.WithValidation(validation, 3))
				}
				want, err := als.Train(t.Context(), dev, train, cfg, options...)
				require.NoError(t, err)

				path := filepath.Join(t.TempDir(), "checkpoint")
				ctx, cancel := context.WithCancel(t.Context())
				_, err = als.Train(ctx, dev, train, cfg, append(options, als.WithCheckpoint(path, 2),
					als.WithProgress(func(p als.Progress) {
						if p.Iteration == 3 {
							cancel()
						}
					}))...)
				require.ErrorIs(t, err, context.Canceled)

				checkpoint, err := als.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, 2, checkpoint.Iterations())
				got, err := als.Train(t.Context(), dev, train, cfg, append(options, als.WithResume(checkpoint))...)
				require.NoError(t, err)
				require.Equal(t, encode(t, want), encode(t, got))
			})
		}
	}
}

func TestCheckpointHoldsTheBestModel(t *testing.T) {
	whole := lowRank(t, 53, 120, 90, 2000)
	train, validation, err := whole.Split(0.3, 1)
	require.NoError(t, err)
	dev := open(t, kernels.Options{})
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Iterations, cfg.Lambda = 4, 12, 0.001
	path := filepath.Join(t.TempDir(), "checkpoint")
	want, err := als.Train(t.Context(), dev, train, cfg, als.WithValidation(validation, 4), als.WithCheckpoint(path, 1))
	require.NoError(t, err)
	checkpoint, err := als.ReadFile(path)
	require.NoError(t, err)
	require.Less(t, want.Iterations(), checkpoint.Iterations(), "the case wants a best iteration before the last")
	got, err := als.Train(t.Context(), dev, train, cfg, als.WithValidation(validation, 4), als.WithResume(checkpoint))
	require.NoError(t, err)
	require.Equal(t, encode(t, want), encode(t, got), "nothing was left to do")
}

func TestEarlyStop(t *testing.T) {
	whole := lowRank(t, 53, 120, 90, 2000)
	train, validation, err := whole.Split(0.3, 1)
	require.NoError(t, err)
	dev := open(t, kernels.Options{})
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Iterations, cfg.Lambda = 4, 50, 0.001
	var seen []float64
	m, err := als.Train(t.Context(), dev, train, cfg, als.WithValidation(validation, 2),
		als.WithProgress(func(p als.Progress) { seen = append(seen, p.ValidationRMSE) }))
	require.NoError(t, err)
	require.Less(t, len(seen), 50, "overfitting ends the training")
	require.Equal(t, len(seen), m.Iterations()+2)
	require.Equal(t, seen[:m.Iterations()], m.Validation())
	for _, v := range seen {
		require.GreaterOrEqual(t, v, seen[m.Iterations()-1], "the model is that of the lowest error")
	}
	errs, err := als.Evaluate(t.Context(), dev, m, validation)
	require.NoError(t, err)
	require.Equal(t, seen[m.Iterations()-1], errs.RMSE)
}

func TestWarmStart(t *testing.T) {
	ratings := lowRank(t, 54, 120, 90, 2500)
	dev := open(t, kernels.Options{})
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			cfg.Iterations = 8
			cold, err := als.Train(t.Context(), dev, ratings, cfg, als.WithLoss())
			require.NoError(t, err)
			// Going on from where it ended is one more iteration.
			cfg.Iterations = 9
			want, err := als.Train(t.Context(), dev, ratings, cfg)
			require.NoError(t, err)
			cfg.Iterations = 1
			warm, err := als.Train(t.Context(), dev, ratings, cfg, als.WithStart(cold))
			require.NoError(t, err)
			for u := range want.Users() {
				require.Equal(t, want.UserFactors(u), warm.UserFactors(u))
			}
			for i := range want.Items() {
				require.Equal(t, want.ItemFactors(i), warm.ItemFactors(i))
			}
		})
	}
}

func TestWarmStartWithNewRows(t *testing.T) {
	dev := open(t, kernels.Options{})
	cfg := als.DefaultConfig()
	before, err := als.Train(t.Context(), dev, lowRank(t, 55, 60, 50, 900), cfg)
	require.NoError(t, err)
	after, err := als.Train(t.Context(), dev, lowRank(t, 56, 70, 55, 1500), cfg, als.WithStart(before))
	require.NoError(t, err)
	require.Equal(t, 70, after.Users())
	require.NotZero(t, after.UserFactors(65))
}

func TestTrainOptionsThatMakeNoSense(t *testing.T) {
	ratings := lowRank(t, 57, 60, 50, 900)
	dev := open(t, kernels.Options{})
	cfg := als.DefaultConfig()
	m, err := als.Train(t.Context(), dev, ratings, cfg)
	require.NoError(t, err)
	other := cfg
	other.Lambda = 0.2
	biased := cfg
	biased.Biases = true
	fewer := cfg
	fewer.Iterations = 5
	small := lowRank(t, 58, 20, 20, 100)
	for name, c := range map[string]struct {
		cfg     als.Config
		ratings *als.Ratings
		option  als.TrainOption
		message string
	}{
		"resume with another lambda": {other, ratings, als.WithResume(m), "WithResume was trained with"},
		"resume with other ratings":  {cfg, small, als.WithResume(m), "WithResume has 60 users"},
		"resume past the end":        {fewer, ratings, als.WithResume(m), "Iterations is 5"},
		"start of another width":     {biased, ratings, als.WithStart(m), "WithStart has rank 10, biases false"},
		"start of more rows":         {cfg, small, als.WithStart(m), "WithStart has 60 users"},
		"no patience":                {cfg, ratings, als.WithValidation(ratings, 0), "a patience of 0"},
		"other validation rows":      {cfg, ratings, als.WithValidation(small, 1), "WithValidation has 20 users"},
		"checkpoint every 0":         {cfg, ratings, als.WithCheckpoint("x", 0), "every 0 iterations"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := als.Train(t.Context(), dev, c.ratings, c.cfg, c.option)
			require.ErrorIs(t, err, als.ErrConfig)
			require.ErrorContains(t, err, c.message)
		})
	}
	_, err = als.Train(t.Context(), dev, ratings, cfg, als.WithResume(m), als.WithStart(m))
	require.ErrorIs(t, err, als.ErrConfig)
}

// TestSecondTry gives one user so few ratings that its system is singular without
// regularization, among many whose systems are not.
func TestSecondTry(t *testing.T) {
	for _, solver := range []als.Solver{als.Cholesky, als.NonNegative} {
		b := als.NewBuilder[int32, int32]()
		for u := range int32(40) {
			for i := range int32(20) {
				if u < 39 || i == 7 {
					require.NoError(t, b.Add(u, i, float32(1+(u*i+u+i*i)%5)))
				}
			}
		}
		ratings, err := b.Ratings(t.Context())
		require.NoError(t, err)
		cfg := als.DefaultConfig()
		cfg.Rank, cfg.Lambda, cfg.Iterations, cfg.Solver = 2, 0, 1, solver
		var reported int64
		m, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg,
			als.WithProgress(func(p als.Progress) { reported = p.SecondTries }))
		require.NoError(t, err)
		require.Equal(t, int64(1), m.SecondTries(), "%v", solver)
		require.Equal(t, int64(1), reported)
		require.NotZero(t, m.UserFactors(39), "%v", solver)
		for _, v := range m.UserFactors(39) {
			require.Less(t, max(v, -v), float32(100), "the smallest of the many solutions, not a huge one")
		}
		back, err := als.Read(bytes.NewReader(encode(t, m)))
		require.NoError(t, err)
		require.Equal(t, int64(1), back.SecondTries())
	}
}

func TestAutoSaysWhatItChose(t *testing.T) {
	ratings := lowRank(t, 59, 30, 30, 300)
	dev := open(t, kernels.Options{})
	for rank, want := range map[int]als.Solver{8: als.Cholesky, 128: als.Cholesky, 129: als.CG} {
		cfg := als.DefaultConfig()
		cfg.Rank, cfg.Iterations, cfg.Solver = rank, 1, als.Auto
		require.Equal(t, want, cfg.Resolved().Solver)
		m, err := als.Train(t.Context(), dev, ratings, cfg)
		require.NoError(t, err)
		require.Equal(t, want, m.Config().Solver)
	}
}
