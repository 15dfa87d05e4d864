package als_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// faults are the ways in which every call is made to fail once.
var faults = map[string]struct {
	ops   []string
	cause error
}{
	"no memory":   {[]string{"NewStream", "NewCSR", "Alloc"}, kernelstest.NoRoom},
	"transfers":   {[]string{"Write", "Read", "Sync"}, errors.New("transfer failed")},
	"device lost": {nil, kernels.ErrDeviceLost},
}

// failEach makes every call of the work fail once in each of the ways. The work
// must return the fault, and leave nothing on the device.
func failEach(t *testing.T, work func(dev kernels.Device) error) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			kernelstest.FailEach(t, func() kernels.Device {
				dev, err := cpu.Open(kernels.Options{Threads: 1})
				require.NoError(t, err)
				return dev
			}, fault.ops, fault.cause, work)
		})
	}
}

func TestFaultsInTraining(t *testing.T) {
	whole := lowRank(t, 61, 30, 20, 300)
	train, validation, err := whole.Split(0.2, 1)
	require.NoError(t, err)
	for name, cfg := range variants() {
		cfg.Iterations = 2
		t.Run(name, func(t *testing.T) {
			failEach(t, func(dev kernels.Device) error {
				// Small chunks, so that slices of the ratings are made too.
				m, err := als.Train(t.Context(), dev, train, cfg, als.WithLoss(), als.WithValidation(validation, 5), als.WithChunkOps(5000))
				if err != nil {
					require.Nil(t, m, "half a model")
				}
				return err
			})
		})
	}
}

// TestFaultsInSecondTries has a row that the device cannot solve, so that the host
// must fetch and write factors.
func TestFaultsInSecondTries(t *testing.T) {
	b := als.NewBuilder[int32, int32]()
	for u := range int32(20) {
		for i := range int32(10) {
			if u < 19 || i == 7 {
				require.NoError(t, b.Add(u, i, float32(1+(u*i+u+i*i)%5)))
			}
		}
	}
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	cfg := als.DefaultConfig()
	cfg.Rank, cfg.Lambda, cfg.Iterations = 2, 0, 1
	failEach(t, func(dev kernels.Device) error {
		m, err := als.Train(t.Context(), dev, ratings, cfg)
		if err == nil {
			require.Equal(t, int64(1), m.SecondTries())
		}
		return err
	})
}

func TestFaultsInEvaluation(t *testing.T) {
	ratings := lowRank(t, 62, 30, 20, 300)
	cfg := als.DefaultConfig()
	cfg.Biases = true
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg)
	require.NoError(t, err)
	failEach(t, func(dev kernels.Device) error {
		errs, err := als.Evaluate(t.Context(), dev, model, ratings)
		if err != nil {
			require.Zero(t, errs)
		}
		return err
	})
}

func TestFaultsInRecommending(t *testing.T) {
	ratings := lowRank(t, 63, 30, 20, 300)
	model, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, als.DefaultConfig())
	require.NoError(t, err)
	failEach(t, func(dev kernels.Device) (err error) {
		rec, err := als.NewRecommender(dev, model, als.WithSeen(ratings), als.WithStreams(2))
		if err != nil {
			require.Nil(t, rec)
			return err
		}
		defer func() { err = errors.Join(err, rec.Close()) }()
		for range 2 {
			if _, err := rec.Recommend(t.Context(), 1, 3); err != nil {
				return err
			}
			if _, err := rec.Score(t.Context(), 1, 2, 3); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestLittleRoomMeansSmallerChunks: a half-step that does not fit is done in
// smaller chunks, with the same result.
func TestLittleRoomMeansSmallerChunks(t *testing.T) {
	ratings := lowRank(t, 64, 60, 50, 900)
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			want, err := als.Train(t.Context(), open(t, kernels.Options{}), ratings, cfg)
			require.NoError(t, err)
			for call := 1; call <= 6; call++ {
				dev := kernelstest.Faulty(open(t, kernels.Options{}), kernelstest.Fault{
					Ops: []string{"HalfStep", "Slice"}, Call: call, Err: kernelstest.NoRoom,
				})
				got, err := als.Train(t.Context(), dev, ratings, cfg)
				require.NoError(t, err)
				require.True(t, dev.Fired())
				require.Equal(t, want, got)
			}
		})
	}
}

// TestLittleRoomMeansSmallerChunksOfTheLoss: what does not fit at once is added up in
// parts.
func TestLittleRoomMeansSmallerChunksOfTheLoss(t *testing.T) {
	ratings := lowRank(t, 65, 60, 50, 900)
	cfg := als.DefaultConfig()
	cfg.Convention, cfg.Iterations = als.Implicit, 3
	losses := func(dev kernels.Device) (losses []float64) {
		_, err := als.Train(t.Context(), dev, ratings, cfg, als.WithLoss(), als.WithProgress(func(p als.Progress) {
			losses = append(losses, p.Loss)
		}))
		require.NoError(t, err)
		return losses
	}
	want := losses(open(t, kernels.Options{}))
	for call := 1; call <= 3; call++ {
		dev := kernelstest.Faulty(open(t, kernels.Options{}), kernelstest.Fault{Ops: []string{"Loss"}, Call: call, Err: kernelstest.NoRoom})
		require.InEpsilonSlice(t, want, losses(dev), 1e-12)
		require.True(t, dev.Fired())
	}
}
