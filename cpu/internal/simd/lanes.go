package simd

// Systems are systems A·x = b of one order, at even distances.
type Systems struct {
	Order int

	// The rows of A are LDA apart. Only lower triangles are read.
	A          []float32
	LDA, StepA int

	B     []float32
	StepB int
}

// Lanes is how many systems of an order SolveLanes takes at a time: the lanes of a
// vector, or 1. Beyond some order the systems of all lanes do not fit the cache.
func Lanes(order int) int {
	switch {
	case active == avx512 && order <= lanesLimit512:
		return 16
	case active == avx2 && order <= lanesLimit2:
		return 8
	default:
		return 1
	}
}

// The highest orders to solve in lanes: on an Intel Xeon of 2023 with 2 MiB of cache a
// system of 128 takes 5.0 µs, and 5.7 alone; of 192, 19 and 16. With AVX2 256 takes 62
// and 63 µs.
const (
	lanesLimit512 = 128
	lanesLimit2   = 256
)

// SolveLanes overwrites the b of each system with its solution and its info with 0.
// There are as many systems as elements of info.
//
// A pivot must exceed tolerance times the diagonal element that it comes from. Where
// one does not, info becomes the first such, counted from 1, and b zeros, and where
// a solution is not finite, info becomes the order. What a system gets depends on
// that system alone.
//
// A batch that is not full costs what a full one does. scratch has
// LanesScratch(order) elements.
func SolveLanes(s Systems, info []int32, tolerance float32, scratch []float32) {
	if s.Order == 0 || len(info) == 0 {
		clear(info)
		return
	}
	if Lanes(s.Order) > 1 {
		solveLanes(s, info, tolerance, scratch)
		return
	}
	for i := range info {
		a, b := s.A[i*s.StepA:], s.B[i*s.StepB:]
		info[i] = int32(solveOne(b[:s.Order], a, s.LDA, tolerance, scratch))
	}
}

// LanesScratch is the number of elements of scratch memory that SolveLanes needs.
func LanesScratch(order int) int {
	lanes := Lanes(order)
	if lanes == 1 {
		return (order + 1) * PanelStride(order+1)
	}
	return lanesSize(order)*lanes + comingScratch(order)
}

// lanesSize is the number of vectors of L and of the right-hand side.
func lanesSize(order int) int { return panelStart(panels(order)) + panels(order)*panelRows }

// comingMost is the highest order whose systems are fetched ahead.
const comingMost = 128

// lineElements is the number of elements of a line of the cache.
const lineElements = 16

// comingScratch is the number of elements that coming needs at the most: a row has a line
// for each 16 elements and two more, and there are lines of 4 groups of systems.
func comingScratch(order int) int {
	if order > comingMost {
		return 0
	}
	return max(stepsBefore(panels(order)), 4*order*(order+2*2*lineElements)/(2*lineElements))
}

// stepsBefore is how many steps, of 4 columns for a tile, the panels before one take.
func stepsBefore(panel int) int { return (panel - 1) * panel * (panel + 1) / 6 }

// panels is the number of panels of an order.
func panels(order int) int { return (order + panelRows - 1) / panelRows }

// panelRows is the number of rows of a panel of SolveLanes.
const panelRows = 4

// panelStart is the number of vectors before a panel of the lower triangle.
func panelStart(panel int) int { return panelRows * panelRows * panel * (panel + 1) / 2 }

// solveOne is SolveLanes for one system.
func solveOne(b, a []float32, lda int, tolerance float32, scratch []float32) int {
	n := len(b)
	ld := PanelStride(n + 1)
	for i := range n {
		copy(scratch[i*ld:i*ld+i+1], a[i*lda:])
	}
	copy(scratch[n*ld:], b)
	info := Solve(b, scratch, ld, tolerance)
	if info == 0 && !Finite(b) {
		info = n
	}
	if info != 0 {
		clear(b)
	}
	return info
}
