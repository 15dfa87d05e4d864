//go:build amd64 && !noasm

package simd

import "math"

// coming are the lines of the cache that are fetched while a batch of systems is solved,
// in the order in which panels read them: what the batch itself has left after the lead,
// then the lead of the next batch. After the last batch of a call there may be one in the
// next call; fetching what is not there does nothing.
//
// Memory is kept busy at an even pace. The lines of a panel grow as its number, its work
// as the square of that: left to the processor, a batch waits for memory in its first
// panels and does not need it in its last ones.
type coming struct {
	places []float32 // of a line of 4 systems, in bytes after the batch, as bits
	steps  bool      // the steps of a panel's tiles fetch them
	pace   int       // how many for each step, or tile, times 1<<paceBits
}

// What the lead is for is that panels read the first lines faster than at an even pace, by
// 18 % of a batch at the most. With half a batch order 64 took 10 % longer, and 128 5 %.
// Batches of low orders are too short for that: they are fetched as a whole.
const (
	comingLead  = 4  // a batch has this many leads
	comingSteps = 32 // the least order to fetch by steps
	paceBits    = 32
)

// newComing lists the lines of s. scratch has comingScratch elements.
func newComing(s *Systems, lanes int, scratch []float32) coming {
	if s.Order > comingMost || 8*lanes*s.StepA > math.MaxUint32 {
		return coming{}
	}
	groups, lines := lanes/4, 0
	s.visitLines(func(int) { lines += groups })
	c := coming{steps: s.Order >= comingSteps}
	places, lead := lines, lines
	if c.steps {
		// Where there are more steps than lines, a line is fetched more than once.
		places, lead = max(lines, stepsBefore(panels(s.Order))), lines/comingLead
	}
	c.places = scratch[:places]
	c.pace = (places<<paceBits-1)/c.before(panels(s.Order)) + 1

	// The first lines are the lead of the next batch, after those that this one has left.
	batch := 4 * lanes * s.StepA
	at, rest := (lines-lead)*places/lines, (lines-lead)*places%lines
	s.visitLines(func(place int) {
		for g := range groups {
			if lead == 0 {
				at, rest, batch = 0, 0, 0
			}
			lead--
			for rest += places; rest >= lines; rest -= lines {
				c.places[at] = math.Float32frombits(uint32(batch + place + 4*4*g*s.StepA))
				at++
			}
		}
	})
	return c
}

// visitLines calls a function with the place of each line that has a part of the lower
// triangle of a system, in bytes, in the order of the rows.
func (s *Systems) visitLines(visit func(place int)) {
	next := 0
	for r := range s.Order {
		first, last := r*s.LDA/lineElements, (r*s.LDA+r)/lineElements
		for next = max(next, first); next <= last; next++ {
			visit(4 * lineElements * next)
		}
	}
}

// during is what to fetch before a panel and what its steps fetch, of which there is none
// or one for each.
func (c *coming) during(panel int) (before, steps []float32) {
	if len(c.places) == 0 {
		return nil, nil
	}
	first, next := c.before(panel), c.before(panel+1)
	lo, end := first*c.pace>>paceBits, min(next*c.pace>>paceBits, len(c.places))
	mid := end
	if c.steps {
		mid -= next - first // what the steps are too few for comes before them
	}
	return c.places[lo:mid], c.places[mid:end]
}

// before is the work of the panels before one, in steps or tiles.
func (c *coming) before(panel int) int {
	if c.steps {
		return stepsBefore(panel)
	}
	return panel * (panel + 1) / 2
}
