package main

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halfstep-ml/halfstep/bench/workload"
	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/cuda"
	"github.com/halfstep-ml/halfstep/kernels"
)

const (
	giga = 1e9

	// peakTime is how long a measurement of a peak takes: many times the slice of
	// a scheduler, and little beside the kernel that it is compared with.
	peakTime = 20 * time.Millisecond

	// peakRounds is a call of cpu.MultiplyAdds of about 100 µs.
	peakRounds = 1 << 15

	// copyRows × copyCols floats are 64 MiB, beyond the caches of a core.
	copyRows, copyCols = 1 << 18, 64
)

// peaks measures what a device can do at most, in the unit that a kernel is held to.
type peaks struct {
	target
	copying *workload.Work // nil where arithmetic is the limit
}

func newPeaks(t target, dev kernels.Device, memory bool) (peaks, error) {
	if !memory {
		return peaks{target: t}, nil
	}
	w, err := workload.Copy(copyRows, copyCols).Prepare(dev)
	if err != nil {
		return peaks{}, err
	}
	return peaks{target: t, copying: w}, w.Verify()
}

func (p peaks) close() error {
	if p.copying == nil {
		return nil
	}
	return p.copying.Close()
}

// measure returns operations or bytes a second of the whole device, 0 where it is
// not known.
func (p peaks) measure() (float64, error) {
	if p.copying != nil {
		s, err := p.copying.Time(peakTime)
		return p.copying.Bytes / s, err
	}
	backend, ordinal, _ := strings.Cut(p.name, ":")
	switch backend {
	case "cpu":
		return multiplyAdds(p.threads), nil
	case "cuda":
		n, _ := strconv.Atoi(ordinal) // the device has opened: it is a number or nothing
		return cuda.MultiplyAdds(n, peakTime)
	}
	return 0, nil
}

// multiplyAdds returns the operations a second of all threads together.
func multiplyAdds(threads int) float64 {
	var wait sync.WaitGroup
	rates := make([]float64, threads)
	for i := range rates {
		wait.Go(func() {
			operations := 0
			start := time.Now()
			for time.Since(start) < peakTime {
				operations += cpu.MultiplyAdds(peakRounds)
			}
			rates[i] = float64(operations) / time.Since(start).Seconds()
		})
	}
	wait.Wait()
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	return sum
}
