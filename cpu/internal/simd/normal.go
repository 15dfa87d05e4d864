package simd

// Normal adds to the normal equations of a row what the ratings of a block
// contribute: A += Σ_j w[j]·y_j·y_jᵀ, of which the lower triangle is in the first k
// rows of a, and b += Σ_j t[j]·y_j, which is the row below. The rows of a are
// lda ≥ PanelStride(k+1) apart; what is above the diagonal is overwritten. y_j is
// row ids[j] of the matrix y with its first k elements; where only stored = k-1 are
// stored, the last is 1. y may be empty where stored is 0.
//
// w and t are as long as ids or longer. If not weighted, the elements of w are 1.
// panels has NormalScratch elements.
func Normal(a []float32, lda, k int, y []float32, ldy, stored int, ids []int32, weighted bool, w, t, panels []float32) {
	if len(ids) == 0 {
		return
	}
	if active == portable {
		normalPanels(a, lda, k, y, ldy, stored, ids, weighted, w, t, panels)
		return
	}
	w, t = w[:len(ids)], t[:len(ids)]
	b, bias := a[k*lda:k*lda+k], a[(k-1)*lda:(k-1)*lda+k]
	if stored > 0 {
		normalTiles(a, lda, b, y, ldy, stored, ids, weightsOf(weighted, w), &t[0])
		if stored < k {
			WeightedSum(bias[:stored], y, ldy, ids, w)
		}
	}
	if stored < k {
		var sum, right float32
		for j, v := range w {
			sum += v
			right += t[j]
		}
		bias[stored] += sum
		b[stored] += right
	}
}

// weightsOf returns nil for weights that are all 1.
func weightsOf(weighted bool, w []float32) *float32 {
	if !weighted {
		return nil
	}
	return &w[0]
}

// NormalScratch is the number of elements of scratch memory that Normal needs for
// blocks of at most n ratings.
func NormalScratch(lda, n int, weighted bool) int {
	switch {
	case active != portable:
		return 0
	case weighted:
		return 2 * n * lda
	default:
		return n * lda
	}
}

// normalPanels is Normal as one rank update of panels: those of y, with t after the
// last unknown on the left side.
func normalPanels(a []float32, lda, k int, y []float32, ldy, stored int, ids []int32, weighted bool, w, t, panels []float32) {
	n := len(ids)
	plain := panels[:n*lda]
	if stored > 0 {
		gather(plain, lda, y, ldy, stored, ids)
	} else {
		clear(plain)
	}
	if stored < k {
		for j := range n {
			plain[j*lda+k-1] = 1
		}
	}
	left := plain
	if weighted {
		left = panels[n*lda : 2*n*lda]
		scaleRows(left, plain, lda, w[:n])
	}
	for j, v := range t[:n] {
		left[j*lda+k] = v
	}
	rankUpdate(a, left, plain, lda, n)
}
