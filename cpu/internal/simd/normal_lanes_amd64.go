//go:build amd64 && !noasm

package simd

import "math"

// LaneScratch is the number of elements of scratch memory that SolveRows needs.
func (n *Normal) LaneScratch() int {
	if n.Batched() {
		return n.size * diagonalLanes
	}
	return LanesScratch(n.order) + designSize(n.design)*diagonalLanes
}

// LanePlaces is the number of places that SolveRows needs.
func (n *Normal) LanePlaces() int {
	if n.Batched() {
		return 0 // they are in the code
	}
	tiles := n.padded / diagonalLanes
	return tiles * 2 * (diagonalLanes*(diagonalLanes+1)/2 + diagonalLanes)
}

// FindPlaces writes for SolveRows where the sums of the tiles on the diagonal go:
// pairs of a vector of the lanes and a sum of the tile. It uses the memory for the
// sums of a row and, of PanelStride(order+1) columns, for its system.
func (n *Normal) FindPlaces(places []int32, sums, system []float32) {
	places = places[:n.LanePlaces()]
	if len(places) == 0 {
		return
	}
	lda := PanelStride(n.order + 1)
	n.numbers(sums[:n.size], system, lda)
	panels := panels(n.order)
	for i := range places {
		places[i] = -1
	}
	for col := 0; col < n.order; col += diagonalLanes {
		first := col / diagonalLanes * designSize(n.design)
		end := min(n.order, col+diagonalLanes)
		at := col / diagonalLanes * (n.LanePlaces() / (n.padded / diagonalLanes))
		put := func(vector int, sum float32) {
			places[at], places[at+1] = int32(vector), int32(math.Float32bits(sum))-int32(first)
			at += 2
		}
		for i := col; i < end; i++ {
			for j := col; j <= i; j++ {
				put(panelStart(i/panelRows)+panelRows*j+i%panelRows, system[i*lda+j])
			}
			put(panelStart(panels)+i, system[n.order*lda+i])
		}
	}
}

// numbers spreads the numbers of the sums, as bits.
func (n *Normal) numbers(sums, system []float32, lda int) {
	for i := range sums {
		sums[i] = math.Float32frombits(uint32(i))
	}
	n.Spread(system, lda, n.order, sums)
}

// collectTiles is Collect: all tiles on the diagonal have the places of the first one.
func (n *Normal) collectTiles(sums, a []float32, lda int) {
	const lanes = diagonalLanes
	size := designSize(n.design)
	tile := Normal{order: min(n.order, lanes), padded: lanes, design: n.design, stride: lanes, size: size}
	var numbered [11 * lanes]float32
	var system [(lanes + 1) * 3 * lanes]float32
	step := PanelStride(tile.order + 1)
	tile.numbers(numbered[:size], system[:(tile.order+1)*step], step)
	for col := 0; col < n.order; col += lanes {
		own, end := sums[col/lanes*size:][:size], min(n.order, col+lanes)
		for i := col; i < end; i++ {
			row := a[i*lda : i*lda+i+1]
			if col > 0 {
				copy(sums[n.matrix+i*n.apart:], row[:col])
			}
			for j, v := range row[col:] {
				own[math.Float32bits(system[(i-col)*step+j])] = v
			}
		}
		for j, v := range a[n.order*lda+col : n.order*lda+end] {
			own[math.Float32bits(system[tile.order*step+j])] = v
		}
	}
}

// shifts are what is added to the diagonals of the systems in the lanes.
type shifts struct{ factors, bias, ones [diagonalLanes]float32 }

// shifts returns those of count rows. A lane beyond the last row has one of the rows
// once more.
func (s *SummedRows) shifts(count int) (v shifts) {
	for lane := range v.ones {
		row := min(lane&3, count-1) + min(lane&^3, max(count-4, 0))
		v.factors[lane], v.bias[lane], v.ones[lane] = s.Factors[row], s.Bias[row], 1
	}
	return v
}

// solveRows solves the systems of all rows at once, in lanes.
func (n *Normal) solveRows(s *SummedRows, info []int32, places []int32, tolerance float32, scratch []float32) {
	count := len(info)
	_ = s.X[(count-1)*s.LDX+n.order-1]
	sums, x := lanePlaces(n.size, count), lanePlaces(s.LDX, count)
	shifts := s.shifts(count)
	var failed [diagonalLanes]int32
	if n.Batched() {
		n.solveDesign(s, &x, &sums, &shifts, tolerance, &failed, scratch)
	} else {
		n.solvePanels(s, &x, &sums, &shifts, tolerance, &failed, places, scratch)
	}
	for i := range info {
		info[i] = failed[laneOf(i, count)]
	}
}

// solveDesign is for orders of one tile.
func (n *Normal) solveDesign(s *SummedRows, x, sums *places, v *shifts, tolerance float32, failed *[diagonalLanes]int32, scratch []float32) {
	scratch = scratch[:n.size*diagonalLanes]
	to, from, at, in, add, stored := &s.X[0], &s.Sums[0], &x[0], &sums[0], &v.factors[0], s.Stored
	switch n.design {
	case 8:
		normalSolve8AVX512(to, at, from, in, add, stored, n.order, tolerance, &failed[0], &scratch[0])
	case 10:
		normalSolve10AVX512(to, at, from, in, add, stored, n.order, tolerance, &failed[0], &scratch[0])
	case 12:
		normalSolve12AVX512(to, at, from, in, add, stored, n.order, tolerance, &failed[0], &scratch[0])
	default:
		normalSolve16AVX512(to, at, from, in, add, stored, n.order, tolerance, &failed[0], &scratch[0])
	}
}

// solvePanels loads the sums of all rows into the lanes of L and of the right-hand
// side, and solves.
func (n *Normal) solvePanels(s *SummedRows, x, at *places, v *shifts, tolerance float32, failed *[diagonalLanes]int32, places []int32, scratch []float32) {
	const lanes = diagonalLanes
	panels := panels(n.order)
	l := scratch[:panelStart(panels)*lanes]
	z := scratch[len(l):][:panels*panelRows*lanes]
	tile := scratch[len(l)+len(z):][:designSize(n.design)*lanes]
	if rows := n.order % panelRows; rows > 0 {
		padPanel(l[panelStart(panels-1)*lanes:], rows, lanes)
		clear(z[n.order*lanes:])
	}
	tiles := n.padded / lanes
	pairs := len(places) / tiles
	for t := range tiles {
		loadLanes(&tile[0], lanes, &s.Sums[t*designSize(n.design)], at, len(tile)/lanes)
		end := min(n.order, (t+1)*lanes)
		rows := end - t*lanes
		normalPlaceAVX512(&l[0], &tile[0], &places[t*pairs], rows*(rows+1)/2+rows)
		if t == 0 {
			continue
		}
		for i := t * lanes; i < end; i++ {
			panel := l[panelStart(i/panelRows)*lanes:]
			loadLanes(&panel[i%panelRows*lanes], panelRows*lanes, &s.Sums[n.matrix+i*n.apart], at, t*lanes)
		}
	}
	for i := range n.order {
		diagonal := &v.factors
		if i >= s.Stored {
			diagonal = &v.bias
		}
		Add(diagonal[:], l[(panelStart(i/panelRows)+panelRows*i+i%panelRows)*lanes:][:lanes])
	}
	for p := range panels {
		factorLanes(l, p, z, tolerance, failed, nil, nil)
	}
	backLanesAVX512(&l[0], panels, &z[0], n.order, &failed[0])
	storeLanesAVX512(&s.X[0], &x[0], &z[0], n.order, &failed[0])
}
