package cpu_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// TestGemmUnderSignals multiplies on more threads than there are cores while signals and
// switches between threads interrupt them: registers that neither Go nor a signal handler
// knows, those of AMX, have to outlive these. The bits are always the same.
func TestGemmUnderSignals(t *testing.T) {
	const n, seed = 256, 9
	t.Logf("seed %d", seed)
	if pprof.StartCPUProfile(io.Discard) == nil { // else there is a profile already
		defer pprof.StopCPUProfile()
	}
	end := time.Now().Add(300 * time.Millisecond)
	results := make([]chan []float32, 2*runtime.GOMAXPROCS(0)+1)
	var wait sync.WaitGroup
	for i := range results {
		results[i] = make(chan []float32, 1)
		d := open(t, kernels.Options{Threads: 1})
		s, err := d.NewStream()
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(seed, seed))
		var m [3]kernels.Matrix
		for j := range m {
			m[j], err = kernels.AllocMatrix(s, n, n)
			require.NoError(t, err)
			values := make([]float32, n*n)
			for k := range values {
				values[k] = float32(rng.NormFloat64())
			}
			require.NoError(t, kernels.Upload(s, m[j].Buf, values))
		}
		wait.Go(func() {
			got, last := make([]float32, n*n), []float32(nil)
			for time.Now().Before(end) {
				if err := errors.Join(s.Gemm(false, true, 1, m[0], m[1], 0, m[2]), kernels.Download(s, got, m[2].Buf)); err != nil {
					t.Error(err)
					break
				}
				if last != nil && !slices.Equal(last, got) {
					t.Error("other bits than before")
					break
				}
				last = append(last[:0], got...)
				if i == 0 {
					runtime.GC() // stops the others by signals
				}
			}
			results[i] <- append([]float32(nil), got...)
			if err := errors.Join(m[0].Buf.Mem.Free(), m[1].Buf.Mem.Free(), m[2].Buf.Mem.Free(), s.Close(), d.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	first := <-results[0]
	for _, r := range results[1:] {
		require.Equal(t, first, <-r)
	}
}
