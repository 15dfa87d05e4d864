package simd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Benchmarks of this package run with operands that are in the cache, alternately
// with the machine's peak, and report the share of it.
//
// onEveryPathBenchmark runs one with every set of implementations.
func onEveryPathBenchmark(b *testing.B, run func(b *testing.B)) {
	RequestTiles()
	defer func(p path, granted bool) { active, tiled = p, granted }(active, tiled)
	if tiled {
		b.Run(Path(), run)
	}
	tiled = false
	for p := best(); p > portable; p-- {
		active = p
		b.Run(p.String(), run)
	}
}

// shareOfPeak alternates between op, which does so many operations, and the peak,
// for about as long each. The medians count, as other programs interfere.
func shareOfPeak(b *testing.B, operations float64, op func()) {
	const least = 1e6 // operations of a turn, some 10 µs
	repeats := int(least/operations) + 1
	rounds := int(least / float64(MultiplyAdds(1)))
	var own, peak []time.Duration
	for b.Loop() {
		start := time.Now()
		MultiplyAdds(rounds)
		middle := time.Now()
		for range repeats {
			op()
		}
		own = append(own, time.Since(middle))
		peak = append(peak, middle.Sub(start))
	}
	slices.Sort(own)
	slices.Sort(peak)
	gigaflops := operations * float64(repeats) / float64(own[len(own)/2].Nanoseconds())
	most := float64(rounds*MultiplyAdds(1)) / float64(peak[len(peak)/2].Nanoseconds())
	b.ReportMetric(gigaflops, "GFLOP/s")
	b.ReportMetric(most, "peak")
	b.ReportMetric(100*gigaflops/most, "%peak")
}

func BenchmarkNormal(b *testing.B) {
	onEveryPathBenchmark(b, func(b *testing.B) {
		for _, k := range []int{8, 10, 12, 16, 32, 64, 100, 128} {
			b.Run(fmt.Sprintf("rank=%d", k), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(seed, seed))
				const n, rows = 64, 64
				normal := NewNormal(k)
				y, ids := make([]float32, rows*normal.Stride()), randomIDs(rng, n, rows)
				normal.Pack(y, random(rng, rows*k), k, k, k, nil)
				t, sums := random(rng, n), make([]float32, normal.Size())
				shareOfPeak(b, float64(n*k*(k+1)), func() {
					normal.Add(sums, sums, y, normal.Stride(), ids, nil, t, nil)
				})
			})
		}
	})
}

// BenchmarkNormalRows sums rows of 20 to 300 ratings of a few factors, which the
// first-level cache holds, and of as many as ml-1m has items.
func BenchmarkNormalRows(b *testing.B) {
	for _, k := range []int{8, 10, 12, 16} {
		for _, columns := range []int{64, 3706} {
			b.Run(fmt.Sprintf("rank=%d/columns=%d", k, columns), func(b *testing.B) {
				n := NewNormal(k)
				if !n.Batched() {
					b.Skip("not on this path")
				}
				rng := rand.New(rand.NewPCG(seed, seed))
				const rows = 16
				offsets := []int64{0}
				for i := range rows {
					offsets = append(offsets, offsets[i]+20+int64(rng.IntN(281)))
				}
				total := int(offsets[rows])
				y, ids := make([]float32, columns*n.Stride()), randomIDs(rng, total+100, columns)
				n.Pack(y, random(rng, columns*k), k, k, k, nil)
				t, sums := random(rng, total), make([]float32, rows*n.Size())
				shareOfPeak(b, float64(total*k*(k+1)), func() {
					n.AddRows(sums, nil, offsets, y, n.Stride(), ids, nil, t)
				})
			})
		}
	}
}
