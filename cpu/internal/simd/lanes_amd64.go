//go:build amd64 && !noasm

package simd

// solveLanes takes as many systems at a time as a vector has lanes. A call of the
// assembly is a panel, a row, or the way back.
func solveLanes(s Systems, info []int32, tolerance float32, scratch []float32) {
	n, lanes, panels := s.Order, Lanes(s.Order), panels(s.Order)
	l := scratch[:panelStart(panels)*lanes]
	z := scratch[len(l) : lanesSize(n)*lanes]
	var ahead coming
	if len(info) > lanes {
		ahead = newComing(&s, lanes, scratch[lanesSize(n)*lanes:])
	}
	for len(info) > 0 {
		count := min(len(info), lanes)
		a, b := lanePlaces(s.StepA, count), lanePlaces(s.StepB, count)
		var failed [16]int32
		loadLanes(&z[0], lanes, &s.B[0], &b, n)
		for p := range panels {
			panel := l[panelStart(p)*lanes : panelStart(p+1)*lanes]
			rows := min(n-p*panelRows, panelRows)
			if rows < panelRows {
				padPanel(panel, rows, lanes)
			}
			for i := range rows {
				row := p*panelRows + i
				loadLanes(&panel[i*lanes], panelRows*lanes, &s.A[row*s.LDA], &a, min(n, (p+1)*panelRows))
			}
			before, steps := ahead.during(p)
			bringLanes(&s, before)
			factorLanes(l, p, z, tolerance, &failed, &s, steps)
		}
		if active == avx2 {
			backLanesAVX2(&l[0], panels, &z[0], n, &failed[0])
			storeLanesAVX2(&s.B[0], &b[0], &z[0], n, &failed[0])
		} else {
			backLanesAVX512(&l[0], panels, &z[0], n, &failed[0])
			storeLanesAVX512(&s.B[0], &b[0], &z[0], n, &failed[0])
		}
		for i := range count {
			info[i] = failed[laneOf(i, count)]
		}
		if info = info[count:]; len(info) > 0 {
			s.A, s.B = s.A[count*s.StepA:], s.B[count*s.StepB:]
		}
	}
}

// factorLanes factorizes a panel and fetches lines of systems meanwhile, of which there are
// none or as many as the panel has steps.
func factorLanes(l []float32, panel int, z []float32, tolerance float32, failed *[16]int32, s *Systems, fetch []float32) {
	// With nothing to fetch it is the beginning of l, again and again.
	var none float32
	from, step, next, each := &l[0], 0, &none, 0
	if len(fetch) > 0 {
		from, step, next, each = &s.A[0], 4*s.StepA, &fetch[0], 4
	}
	if active == avx2 {
		factorLanesAVX2(&l[0], panel, &z[0], tolerance, &failed[0], from, step, next, each)
	} else {
		factorLanesAVX512(&l[0], panel, &z[0], tolerance, &failed[0], from, step, next, each)
	}
}

// bringLanes fetches lines of systems.
func bringLanes(s *Systems, fetch []float32) {
	if len(fetch) == 0 {
		return
	}
	if active == avx2 {
		bringLanesAVX2(&s.A[0], 4*s.StepA, &fetch[0], len(fetch))
	} else {
		bringLanesAVX512(&s.A[0], 4*s.StepA, &fetch[0], len(fetch))
	}
}

// places says where the operands of the lanes are, in bytes: those of lane 4q+i are
// places[i-1] after places[2+q], where places[-1] and places[2] would be 0.
type places [6]int

// lanePlaces are the places of so many systems that are step elements apart. Where
// there are fewer than lanes, some lanes have the same system: the last four that
// there are, or the last one.
func lanePlaces(step, count int) (p places) {
	for i := 1; i < 4; i++ {
		p[i-1] = 4 * step * min(i, count-1)
	}
	for q := 1; q < 4; q++ {
		p[2+q] = 4 * step * min(4*q, max(count-4, 0))
	}
	return p
}

// laneOf is a lane that has system i of count.
func laneOf(i, count int) int {
	if whole := count &^ 3; i >= whole && whole > 0 {
		return whole + i - (count - 4)
	}
	return i
}

// padPanel makes the rows of a panel from rows on those of the unit matrix, where the
// panel is the last one.
func padPanel(panel []float32, rows, lanes int) {
	clear(panel)
	diagonal := panel[len(panel)-panelRows*panelRows*lanes:]
	for i := rows; i < panelRows; i++ {
		Fill(diagonal[(panelRows*i+i)*lanes:][:lanes], 1)
	}
}

func loadLanes(to *float32, apart int, from *float32, at *places, columns int) {
	if active == avx2 {
		loadLanesAVX2(to, 4*apart, from, &at[0], columns)
	} else {
		loadLanesAVX512(to, 4*apart, from, &at[0], columns)
	}
}
