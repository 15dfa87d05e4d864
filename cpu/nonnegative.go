package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

const (
	// backupSteps is how many full exchanges may fail to bring the number of
	// misplaced unknowns down: 3, as Kim and Park choose.
	backupSteps = 3

	// splitsPerUnknown and splitsAtLeast bound the splits that are tried for a
	// row. Rows settle within a dozen; one that comes here goes in circles,
	// because rounding decides its signs.
	splitsPerUnknown = 10
	splitsAtLeast    = 100
)

// nonNegative finds the minimum over factors that are not negative, by block
// principal pivoting (Kim and Park 2011, Fast nonnegative matrix factorization: an
// active-set-like method and comparisons, SIAM J. Sci. Comput. 33(6)).
//
// It costs what Cholesky does and, for each split of the unknowns that is tried,
// another m³/3 + 3·K² operations for m passive ones.
func nonNegative(h *halfStep, w *rowScratch, q *query) {
	k := h.unknowns
	s := split{
		a:        h.system(w, q, 0, k, nil),
		own:      w.spare,
		ld:       h.needs.ld,
		x:        h.x.row(q.row),
		solution: w.vector,
		gradient: newGradient(w.gradient, k),
		passive:  w.passive,
		marked:   w.marked,
		index:    w.index,
		signed:   h.stored,
	}
	h.finish(q.row, s.settle(), k)
}

// split divides the unknowns of A·x = b into passive ones, which solve their own
// part of the system, and active ones, which are 0. It is the solution if no passive
// unknown is negative and the gradient A·x - b of no active one is.
type split struct {
	a      []float32 // lower triangle, and b as the row below
	own    []float32 // the part of the passive unknowns
	ld     int
	x      []float32 // all unknowns
	signed int       // the unknowns from here on may be negative: always passive

	passive  []uint8   // 1 for a passive unknown
	marked   []uint8   // 1 for a misplaced unknown
	index    []int32   // the passive unknowns, ascending
	solution []float32 // their values
	gradient gradient  // of the active unknowns
}

// gradient is A·x - b, of which the active unknowns, which are 0, have an element each,
// and the sums of the magnitudes of its terms.
type gradient struct {
	value, scale []float32 // of simd.SymmetricLength
	x            []float32 // with zeros up to that length
	scratch      []float32
}

// gradientSize is the memory of a gradient for k unknowns.
func gradientSize(k int) int { return 3*simd.SymmetricLength(k) + 2*k }

// newGradient cuts memory of gradientSize up.
func newGradient(memory []float32, k int) gradient {
	n := simd.SymmetricLength(k)
	clear(memory[2*n+k : 3*n])
	return gradient{value: memory[:n], scale: memory[n : 2*n], x: memory[2*n : 3*n], scratch: memory[3*n:]}
}

// settle exchanges misplaced unknowns until there are none and returns 0, the pivot
// that failed, or -1. All of them change sides while that makes their number fall,
// and backupSteps times more while it does not; then only the last one does, which
// ends after finitely many steps (Murty 1974).
func (s *split) settle() int {
	k := len(s.x)
	b := s.a[k*s.ld:]
	for i := range s.passive {
		s.passive[i] = 0
		if b[i] > 0 || i >= s.signed {
			s.passive[i] = 1
		}
	}
	fewest, backups := k+1, backupSteps
	for range max(splitsPerUnknown*k, splitsAtLeast) {
		if pivot := s.solvePassive(); pivot != 0 {
			return pivot
		}
		count, last := s.misplaced()
		switch {
		case count == 0:
			for i, v := range s.x[:s.signed] {
				s.x[i] = max(v, 0)
			}
			return 0
		case count < fewest:
			fewest, backups = count, backupSteps
		case backups > 0:
			backups--
		default:
			s.passive[last] ^= 1
			continue
		}
		for i, m := range s.marked {
			s.passive[i] ^= m
		}
	}
	return -1
}

// solvePassive computes x for the present split. It returns 0 or the unknown, from
// 1, whose pivot failed.
func (s *split) solvePassive() int {
	s.index = s.index[:0]
	for i, p := range s.passive {
		if p != 0 {
			s.index = append(s.index, int32(i))
		}
	}
	b := s.a[len(s.x)*s.ld:]
	rhs := s.own[len(s.index)*s.ld:]
	for m, i := range s.index {
		from, to := s.a[int(i)*s.ld:], s.own[m*s.ld:]
		for n, j := range s.index[:m+1] {
			to[n] = from[j]
		}
		rhs[m] = b[i]
	}
	solution := s.solution[:len(s.index)]
	if pivot := simd.Solve(solution, s.own, s.ld, pivotTolerance(len(s.x))); pivot != 0 {
		return int(s.index[pivot-1]) + 1
	}
	clear(s.x)
	for m, i := range s.index {
		s.x[i] = solution[m]
	}
	return 0
}

// misplaced marks the unknowns on the wrong side of the split and returns how many
// there are and the last of them. Signs are judged with rounding in mind: a number
// counts as negative below -K·2⁻²³ times the largest unknown or, for a gradient, the
// sum of the magnitudes of its terms. NaN is misplaced on either side, so that it
// reaches a pivot.
func (s *split) misplaced() (count, last int) {
	tolerance := pivotTolerance(len(s.x))
	var largest float32
	for _, v := range s.solution[:len(s.index)] {
		largest = max(largest, abs(v))
	}
	clear(s.marked)
	k, g := len(s.x), &s.gradient
	b := s.a[k*s.ld:]
	if len(s.index) < k {
		copy(g.x, s.x)
		simd.SymmetricProduct(g.value, g.scale, s.a, s.ld, g.x, g.scratch, k)
	}
	for i := range s.signed {
		value, scale := s.x[i], largest
		if s.passive[i] == 0 {
			value, scale = g.value[i]-b[i], g.scale[i]+abs(b[i])
		}
		if !(value >= -tolerance*scale) {
			s.marked[i] = 1
			count++
			last = i
		}
	}
	return count, last
}
