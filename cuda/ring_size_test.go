package cuda

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRingSize: the size of a ring for copies and half-steps of several speeds, and for
// memory that is short.
func TestRingSize(t *testing.T) {
	const (
		kib, mib, gib = 1 << 10, 1 << 20, 1 << 30

		plenty = 1 << 40
	)
	for name, c := range map[string]struct {
		work          ringWork
		longest, free int64
		want          ringSize
	}{
		// √(100 µs · 100 GB · 10 GB/s) is 316 MB.
		"as fast as copies": {ringWork{total: 100e9, copying: 10e9, solving: 10e9}, mib, plenty, ringSize{3, 316_227_766}},
		"twice as slow":     {ringWork{total: 100e9, copying: 10e9, solving: 5e9}, mib, plenty, ringSize{2, 316_227_766}},
		"a bit slower":      {ringWork{total: 100e9, copying: 10e9, solving: 6e9}, mib, plenty, ringSize{3, 316_227_766}},
		// The copies are what is not hidden, and the faster of the two counts.
		"far slower": {ringWork{total: 100e9, copying: 10e9, solving: 1e8}, mib, plenty, ringSize{2, 316_227_766}},
		"far faster": {ringWork{total: 100e9, copying: 10e9, solving: 1e12}, mib, plenty, ringSize{2, 3_162_277_660}},
		// A hundredth of the ratings, a tenth of the buffer.
		"fewer ratings":   {ringWork{total: 1e9, copying: 10e9, solving: 10e9}, mib, plenty, ringSize{3, 31_622_776}},
		"hardly any":      {ringWork{total: 5000, copying: 10e9, solving: 10e9}, 400, plenty, ringSize{3, 5000}},
		"a long row":      {ringWork{total: 1e9, copying: 10e9, solving: 10e9}, 2 * gib, plenty, ringSize{3, 2 * gib}},
		"little memory":   {ringWork{total: 100e9, copying: 10e9, solving: 10e9}, kib, 6 * mib, ringSize{3, mib}},
		"a row of a half": {ringWork{total: 100e9, copying: 10e9, solving: 10e9}, 3 * mib, 12 * mib, ringSize{2, 3 * mib}},
		"no overlap":      {ringWork{total: 100e9, copying: 10e9, solving: 10e9}, 4 * mib, 12 * mib, ringSize{1, 4 * mib}},
		"no room":         {ringWork{total: 100e9, copying: 10e9, solving: 10e9}, 4 * mib, 3 * mib, ringSize{1, 4 * mib}},
	} {
		got := c.work.size(c.longest, c.free)
		require.Equal(t, c.want.buffers, got.buffers, name)
		require.InDelta(t, c.want.bytes, got.bytes, 1, name)
	}
}

// TestRingSizeIsBest: by the formula that it comes from, no other size takes less time.
func TestRingSizeIsBest(t *testing.T) {
	for _, w := range []ringWork{
		{total: 100e9, copying: 10e9, solving: 10e9}, {total: 1e9, copying: 10e9, solving: 3e9}, {total: 7e10, copying: 2e9, solving: 4e11},
	} {
		c, k := 1/w.copying, 1/w.solving
		took := func(bytes float64) float64 {
			total := float64(w.total)
			return total*max(c, k) + chunkOverhead*total/bytes + bytes*min(c, k)
		}
		best := float64(w.size(1, 1<<60).bytes)
		for _, other := range []float64{0.5, 0.9, 1.1, 2} {
			require.Less(t, took(best), took(other*best), "%+v: %v times the size", w, other)
		}
	}
}
