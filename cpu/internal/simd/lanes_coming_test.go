//go:build amd64 && !noasm

package simd

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestComing: over a batch every line of the lower triangles is fetched, in the order of
// the rows: the lead of the batch after it and the rest of its own, which the batch before
// it began.
func TestComing(t *testing.T) {
	for _, lanes := range []int{8, 16} {
		for _, order := range []int{1, 3, 4, 10, 31, 32, 33, 48, 64, 90, 128} {
			for _, lda := range []int{order, order + 3, PanelStride(order + 1)} {
				testComing(t, fmt.Sprintf("%d lanes, order %d, rows of %d", lanes, order, lda), lanes, Systems{Order: order, LDA: lda, StepA: order*lda + 5})
			}
		}
	}
	s := Systems{Order: comingMost + 1, LDA: 200, StepA: 200 * 200}
	c := newComing(&s, 16, nil)
	before, steps := c.during(3)
	require.Empty(t, before)
	require.Empty(t, steps)
}

func testComing(t *testing.T, what string, lanes int, s Systems) {
	scratch := make([]float32, comingScratch(s.Order))
	c := newComing(&s, lanes, scratch)
	var own, next []int
	for p := range panels(s.Order) {
		before, steps := c.during(p)
		if len(steps) > 0 {
			require.Len(t, steps, p*(p+1)/2, "%s, panel %d", what, p)
		}
		for _, v := range append(append([]float32(nil), before...), steps...) {
			place := int(math.Float32bits(v))
			if batch := 4 * lanes * s.StepA; place >= batch {
				next = append(next, place-batch)
			} else {
				require.Empty(t, next, "%s: a line of the batch after one of the next", what)
				own = append(own, place)
			}
		}
	}
	var want []int
	seen := map[int]bool{}
	for r := range s.Order {
		for j := range r + 1 {
			line := 4 * (r*s.LDA + j) / 64 * 64
			if seen[line] {
				continue
			}
			seen[line] = true
			for system := 0; system < lanes; system += 4 {
				want = append(want, line+4*system*s.StepA)
			}
		}
	}
	var got []int
	for i, place := range append(next, own...) {
		if all := append(next, own...); i == 0 || place != all[i-1] {
			got = append(got, place)
		}
	}
	require.Equal(t, want, got, what)
	if s.Order >= comingSteps {
		require.InDelta(t, len(want)/comingLead, countDifferent(next), 1, "%s, lead", what)
	} else {
		require.Empty(t, own, what)
	}
}

func countDifferent(places []int) int {
	n := 0
	for i, place := range places {
		if i == 0 || place != places[i-1] {
			n++
		}
	}
	return n
}
