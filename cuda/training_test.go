package cuda_test

import (
	"encoding/csv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
	"github.com/halfstep-ml/halfstep/kernels"
)

// emulated builds the emulated GPU, and at the end of the test looks for what it
// reports and for what was left on it.
func emulated(t *testing.T) emulator.Library {
	t.Helper()
	lib := emulator.Build(t)
	before := lib.Live() // a device that was lost leaves what it had, until the process ends
	t.Cleanup(func() {
		lib.CheckReports(t)
		require.Equal(t, before, lib.Live(), "left on the GPU")
	})
	return lib
}

// closed opens a device for the length of a test.
func closed(t *testing.T, opts kernels.Options) kernels.Device {
	t.Helper()
	d := open(t, opts)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func cpuDevice(t *testing.T) kernels.Device {
	t.Helper()
	d, err := cpu.Open(kernels.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// randomRatings returns n ratings from 1 to 5 at random.
func randomRatings(t *testing.T, users, items, n int) *als.Ratings {
	t.Helper()
	const seed = 5
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	b := als.NewBuilder[int32, int32]()
	for _, pair := range rng.Perm(users * items)[:n] {
		require.NoError(t, b.Add(int32(pair/items), int32(pair%items), float32(1+rng.IntN(5))))
	}
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	return ratings
}

// latestSmall reads ml-latest-small from the folder that HALFSTEP_DATA names.
func latestSmall(t *testing.T) *als.Ratings {
	t.Helper()
	folder := os.Getenv("HALFSTEP_DATA")
	if folder == "" {
		t.Skip("HALFSTEP_DATA is not set: no ml-latest-small")
	}
	file, err := os.Open(filepath.Join(folder, "ml-latest-small", "ratings.csv"))
	require.NoError(t, err)
	defer file.Close()
	b := als.NewBuilder[int32, int32]()
	r := csv.NewReader(file)
	for row, err := r.Read(); err != io.EOF; row, err = r.Read() {
		require.NoError(t, err)
		if row[0] == "userId" {
			continue
		}
		user, err := strconv.Atoi(row[0])
		require.NoError(t, err)
		item, err := strconv.Atoi(row[1])
		require.NoError(t, err)
		value, err := strconv.ParseFloat(row[2], 32)
		require.NoError(t, err)
		require.NoError(t, b.Add(int32(user), int32(item), float32(value)))
	}
	ratings, err := b.Ratings(t.Context())
	require.NoError(t, err)
	return ratings
}

// TestTrainingAgreesWithCPU trains on real ratings on both devices from one seed. The
// losses may differ by rounding alone.
func TestTrainingAgreesWithCPU(t *testing.T) {
	emulated(t)
	ratings := latestSmall(t)
	for name, convention := range map[string]als.Convention{"explicit": als.Explicit, "implicit": als.Implicit} {
		t.Run(name, func(t *testing.T) {
			cfg := als.DefaultConfig()
			cfg.Convention, cfg.Iterations = convention, 3
			want, err := als.Train(t.Context(), cpuDevice(t), ratings, cfg, als.WithLoss())
			require.NoError(t, err)
			got, err := als.Train(t.Context(), closed(t, kernels.Options{}), ratings, cfg, als.WithLoss())
			require.NoError(t, err)
			require.Len(t, got.Losses(), cfg.Iterations)
			for i, loss := range got.Losses() {
				require.InEpsilon(t, want.Losses()[i], loss, 1e-4, "iteration %d", i+1)
			}
			t.Logf("losses %v, on cpu %v", got.Losses(), want.Losses())
		})
	}
}

// TestTrainingStreamsRatings trains in a quarter of the memory that the ratings of one
// side take: the rows are brought to the device in chunks, with the same result.
func TestTrainingStreamsRatings(t *testing.T) {
	lib := emulated(t)
	const users, items, n = 400, 300, 60_000
	ratings := randomRatings(t, users, items, n)
	const bytes = 8 * n // an id and a value each
	for name, convention := range map[string]als.Convention{"explicit": als.Explicit, "implicit": als.Implicit} {
		t.Run(name, func(t *testing.T) {
			cfg := als.DefaultConfig()
			cfg.Convention, cfg.Iterations = convention, 2
			train := func(opts kernels.Options, observe func(als.Progress)) *als.Model {
				dev := open(t, opts)
				model, err := als.Train(t.Context(), dev, ratings, cfg, als.WithProgress(observe))
				require.NoError(t, err)
				require.NoError(t, dev.Close())
				return model
			}
			// Other tests leave memory of devices that were lost.
			most, pinned, before := 0, 0, lib.Live()
			observe := func(als.Progress) {
				live := lib.Live()
				most, pinned = max(most, live.Bytes-before.Bytes), max(pinned, live.Host-before.Host)
			}
			want := train(kernels.Options{}, observe)
			require.Greater(t, most, bytes)
			defer lib.SetMemory(0)
			for _, onDemand := range []bool{false, true} {
				lib.SetMemory(before.Bytes + bytes/4) // what exceeds the limit is refused
				lib.SetOnDemand(onDemand)
				most, pinned = 0, 0
				got := train(kernels.Options{MemoryLimit: bytes / 4}, observe)
				lib.SetOnDemand(false)
				require.Positive(t, most)
				require.LessOrEqual(t, most, bytes/4)
				require.Equal(t, 2*4, pinned, "four blocks for the stream and four for its ring")
				sameModel(t, want, got)
			}
		})
	}
}

// TestTrainingOverlapsUploads: where ratings do not fit the device, training takes little
// longer than the slower of copies and kernels, from the first chunk of als to the last.
func TestTrainingOverlapsUploads(t *testing.T) {
	lib := emulated(t)
	const n = 60_000
	ratings := randomRatings(t, 400, 300, n)
	cfg := als.DefaultConfig()
	cfg.Iterations = 2
	train := func(bytesRate, blocksRate float64) (took, copying, solving float64) {
		lib.SetClock(bytesRate, blocksRate)
		defer lib.SetClock(0, 0)
		dev := open(t, kernels.Options{MemoryLimit: 8 * n / 4}) // a quarter of the ratings
		_, err := als.Train(t.Context(), dev, ratings, cfg)
		require.NoError(t, err)
		took = lib.HostTime()
		require.NoError(t, dev.Close())
		for _, o := range lib.Operations() {
			switch o.Name {
			case "cuMemcpyHtoDAsync":
				copying += o.Ended - o.Begun
			case "cuMemcpyDtoHAsync":
			default:
				solving += o.Ended - o.Begun
			}
		}
		return took, copying, solving
	}
	_, bytes, blocks := train(1, 1)
	for _, want := range []float64{0.5, 1, 2} { // seconds of copies for a second of kernels
		took, copying, solving := train(bytes/want, blocks)
		t.Logf("copies %.3f s, kernels %.3f s, together %.3f s", copying, solving, took)
		require.InDelta(t, want, copying, 0.1)
		require.InDelta(t, 1, solving, 0.1)
		require.Less(t, took, 1.2*max(copying, solving))
	}
}

// TestNoRoomForTheFactors: what cannot be had in chunks is refused with the bytes that
// were wanted and are free.
func TestNoRoomForTheFactors(t *testing.T) {
	emulated(t)
	ratings := randomRatings(t, 400, 300, 2000)
	_, err := als.Train(t.Context(), closed(t, kernels.Options{MemoryLimit: 10_000}), ratings, als.DefaultConfig())
	var refused *kernels.MemoryError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, int64(ratings.Users()*10*4), refused.Wanted)
	require.LessOrEqual(t, refused.Free, int64(10_000))
}

// TestRecommendingAgreesWithCPU asks for recommendations from several goroutines.
func TestRecommendingAgreesWithCPU(t *testing.T) {
	emulated(t)
	ratings := randomRatings(t, 60, 50, 900)
	model, err := als.Train(t.Context(), cpuDevice(t), ratings, als.DefaultConfig())
	require.NoError(t, err)
	onCPU, err := als.NewRecommender(cpuDevice(t), model, als.WithSeen(ratings))
	require.NoError(t, err)
	onGPU, err := als.NewRecommender(closed(t, kernels.Options{}), model, als.WithSeen(ratings), als.WithStreams(3))
	require.NoError(t, err)
	var got [60][]als.Scored
	var errs [60]error
	var all sync.WaitGroup
	for user := range got {
		all.Go(func() { got[user], errs[user] = onGPU.Recommend(t.Context(), user, 5) })
	}
	all.Wait()
	require.NoError(t, onGPU.Close())
	for user := range got {
		require.NoError(t, errs[user])
		want, err := onCPU.Recommend(t.Context(), user, 5)
		require.NoError(t, err)
		require.Len(t, got[user], len(want))
		for i := range want {
			require.InDelta(t, want[i].Score, got[user][i].Score, 1e-5, "user %d", user)
		}
	}
	require.NoError(t, onCPU.Close())
}
