package cuda

import (
	"errors"
	"time"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	// peakOperations are those of a round of a thread of kernels/peak.cu.
	peakOperations = 2 * 16 * 64

	// peakBlocks for each multiprocessor fill it twice over: 8 blocks of blockThreads
	// are all threads it can have.
	peakBlocks = 16
)

// MultiplyAdds measures how many floating-point operations a second a GPU does that has
// nothing else to do: multiply-adds in registers, for about as long as is asked for
// and at least one launch. It is the peak that the speed of kernels is compared with.
func MultiplyAdds(ordinal int, least time.Duration) (operationsPerSecond float64, err error) {
	library, err := driver.Load()
	if err != nil {
		return 0, unavailable(err)
	}
	d, err := openDevice(library, ordinal, kernels.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	s, err := d.newStream()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	blocks := peakBlocks * d.context.Multiprocessors()
	out, err := s.scratch(4 * blocks)
	if err != nil {
		return 0, err
	}
	// The first launch is to warm up. Rounds double until a launch takes long enough.
	for rounds := 1; ; rounds *= 2 {
		start := time.Now()
		if err := s.launch("multiply_adds", line(blocks), line(blockThreads), 0, out, float32(0.999), float32(0.001), int32(rounds)); err != nil {
			return 0, err
		}
		if err := s.Sync(); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if rounds > 1 && took >= least || rounds >= 1<<20 {
			return peakOperations * float64(rounds) * float64(blocks) * blockThreads / took.Seconds(), nil
		}
	}
}
