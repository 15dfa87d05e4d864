package simd

// The systems of the dual form have an unknown for each of n ratings:
//
//	(Y·Yᵀ + λI)·z = t, where Y has the n rows y_j of k elements; x = Yᵀ·z.
//
// Y·Yᵀ is Σ_c y_c·y_cᵀ over the columns of Y, so that the sums of a Normal serve if the
// rows are transposed first. Zeros make up their order, which leave λ on the diagonal and
// 0 in z.
//
// The floor is kn(n+1) operations for the sums, n³/3 + 2n² to solve and 2nk for x. On a
// Xeon of 2023 at rank 128 rows of 64 ratings of random columns reach half of the peak: a
// fourth of the time goes to transposing the rows, which come from beyond the first-level
// cache, half to the tiles, a sixth to solving. Fetching the rows of the next system
// meanwhile, in one go or between the tiles, gained nothing.

// DualStep is the distance of the orders of DualOrder.
const DualStep = 8

// DualOrder is the order of the systems of rows with n ≥ 1 ratings, a multiple of
// DualStep. For AVX-512 the design of whole tiles begins at 16.
func DualOrder(n int) int {
	order := roundUp(n, DualStep)
	if active == avx512 {
		order = max(order, diagonalLanes)
	}
	return order
}

// A panel of the transposed rows has dualElements elements, as the blocks of other sums
// have, or dualColumns columns. With twice as many elements or columns rows of 64 and 104
// ratings of random columns took 20 % and 5 % longer at rank 128, those of ml-1m as long.
const (
	dualElements = 1 << 12
	dualColumns  = 32
)

// dualBlock is how many columns of Y are summed at a time: what stays in the first-level
// cache.
func (n *Normal) dualBlock() int { return max(dualElements/n.padded/16*16, dualColumns) }

// DualScratch is the number of elements of scratch memory that SumProducts needs.
func (n *Normal) DualScratch() int {
	block := n.dualBlock() + 1
	return block*(n.padded+1) + n.Scratch(block, false)
}

// SumProducts sets the sums to Y·Yᵀ, where row j of Y is the first k ≥ 1 elements of row
// ids[j] of y and then, unless it is 0, last. There are at most as many rows as the order,
// and one at least. consecutive has the numbers from 0 on, one more than k. scratch has
// DualScratch elements. The right-hand side is zero.
func (n *Normal) SumProducts(sums, y []float32, ldy, k int, last float32, ids, consecutive []int32, scratch []float32) {
	block := n.dualBlock()
	targets, scratch := scratch[:block+1], scratch[block+1:]
	panel, panels := scratch[:(block+1)*n.padded], scratch[(block+1)*n.padded:]
	clear(targets)
	var before []float32
	for c := 0; c < k; c += block {
		columns := min(k-c, block)
		transposeRows(panel, n.padded, y[c:], ldy, columns, ids)
		if c+columns == k && last != 0 {
			column := panel[columns*n.padded:][:n.padded]
			Fill(column[:len(ids)], last)
			clear(column[len(ids):])
			columns++
		}
		n.Add(sums, before, panel, n.padded, consecutive[:columns], nil, targets[:columns], panels)
		before = sums
	}
}

// transposeRows writes element c of row ids[j] of y, which has k ≥ 1, to dst[c·width+j],
// and zeros from there to width, a multiple of 8 unless the path is portable.
func transposeRows(dst []float32, width int, y []float32, ldy, k int, ids []int32) {
	from := 0
	if active != portable {
		if from = k &^ 3; from > 0 {
			transposeRowsVector(dst[:from*width], width, y, ldy, ids, from)
		}
	}
	for c := from; c < k; c++ {
		column := dst[c*width : (c+1)*width]
		for j, id := range ids {
			column[j] = y[int(id)*ldy+c]
		}
		clear(column[len(ids):])
	}
}

// SetRightSide sets the first elements of the right-hand side, which SumProducts leaves
// as they are.
func (n *Normal) SetRightSide(sums, right []float32) {
	if active != avx512 {
		copy(sums[n.order*n.padded:(n.order+1)*n.padded], right)
		return
	}
	size := designSize(n.design)
	for at := size - diagonalLanes; len(right) > 0; at += size {
		right = right[copy(sums[at:at+diagonalLanes], right):]
	}
}

// Trace is the sum of the diagonal of the sums.
func (n *Normal) Trace(sums []float32) float32 {
	var s float32
	if active != avx512 {
		for i := range n.order {
			s += sums[i*n.padded+i]
		}
		return s
	}
	size := designSize(n.design)
	for at := 0; at < n.padded/diagonalLanes*size; at += size {
		// The first product of the design of a whole tile is that of each element with
		// itself.
		for _, v := range sums[at : at+diagonalLanes] {
			s += v
		}
	}
	return s
}
