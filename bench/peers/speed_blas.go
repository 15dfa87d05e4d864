package peers

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/workload"
	"github.com/halfstep-ml/halfstep/kernels"
)

// raceOpenBLAS times dense kernels against OpenBLAS: sgemm, ssyrk, and a C loop over
// sposv, which has no batches and so runs with one thread alone.
func (s *Speed) raceOpenBLAS(ctx context.Context, _ *als.Ratings) (err error) {
	loops := filepath.Join(s.Dir, "blas_loops.so")
	compile := exec.CommandContext(ctx, s.Compile, "-O2", "-shared", "-fPIC", "-o", loops, filepath.Join(s.Dir, "blas_loops.c"))
	if text, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", s.Compile, err, tail(text))
	}
	blas, err := start(ctx, s.Python, s.Dir, nil, "speed_blas.py", loops)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blas.stop()) }()

	type pair struct {
		ours   workload.Case
		theirs request
	}
	var pairs []pair
	for _, size := range [][3]int{{64, 64, 64}, {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048}, {200_000, 64, 64}} {
		m, n, k := size[0], size[1], size[2]
		pairs = append(pairs, pair{workload.Gemm(m, n, k), request{"work": "gemm", "m": m, "n": n, "k": k}})
	}
	for _, k := range []int{64, 128} {
		const rows = 200_000
		pairs = append(pairs, pair{workload.Gram(rows, k), request{"work": "gram", "rows": rows, "k": k}})
	}
	for _, size := range [][2]int{{100_000, 10}, {100_000, 64}, {10_000, 128}} {
		count, n := size[0], size[1]
		pairs = append(pairs, pair{workload.SolveSPD(count, n), request{"work": "solve", "count": count, "n": n}})
	}
	for _, p := range pairs {
		for _, threads := range s.Threads {
			if p.ours.Kernel == "solve_spd" && threads > 1 {
				continue
			}
			p.theirs["threads"], p.theirs["least"] = threads, s.Least.Seconds()
			err := onCPU(threads, func(dev kernels.Device) (err error) {
				work, err := p.ours.Prepare(dev)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, work.Close()) }()
				if err := work.Verify(); err != nil {
					return err
				}
				_, err = s.race(ctx, p.ours.String(), "OpenBLAS "+blas.version, threads,
					func() (float64, error) { return work.Time(s.Least) }, answered(blas, p.theirs))
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
