package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

// sharedTerms are the terms that the normal equations of all rows share, g·Gram and
// -g·OffsetGram. The sums of a row begin with them: added to each system in the end they
// took 7 % of a half-step of rank 128. Participant 0 has them for all.
type sharedTerms struct {
	system []float32 // to prepare
	sums   []float32 // of h.normal; nil where rows share nothing
}

func (h *halfStep) layoutShared(a *arena) (s sharedTerms) {
	s.system = carve[float32](a, (h.needs.order+1)*h.needs.ld)
	if h.allPairs != 0 && !h.needs.scores {
		s.sums = carve[float32](a, h.normal.Size())
	}
	return s
}

// prepareShared computes the shared terms.
func (h *halfStep) prepareShared() {
	s := &h.work[0].shared
	h.common = s.sums
	if h.common == nil {
		return
	}
	k, ld := h.unknowns, h.needs.ld
	for i := range k {
		simd.ScaleTo(s.system[i*ld:i*ld+k], h.allPairs, h.gram.row(i))
	}
	rhs := s.system[k*ld : k*ld+k]
	clear(rhs)
	if len(h.offsetGram) > 0 {
		simd.ScaleTo(rhs, -h.allPairs, h.offsetGram)
	}
	h.normal.Collect(h.common, s.system)
}
