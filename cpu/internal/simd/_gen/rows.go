package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows: the functions that go over rows y_j of a matrix which are found by ids.
func rows(g *generator) {
	dotRows(g)
	weightedSum(g, 4)
	weightedSum(g, 1)
	scores(g)
}

// group is the number of rows whose dot products are computed together.
const group = 4

// dotRows takes four rows at a time, one vector of x with each. The four sums are
// then added up across the lanes in the same pairs for each row, so that a product
// does not depend on the place of its row. What is left of the ids makes a group
// whose last row is repeated.
func dotRows(g *generator) {
	g.function("dotRows", "func(dst, x *float32, k int, y *float32, ldy int, ids *int32, n int)",
		"dotRows"+g.name+" computes dst[j] = x·y_j for k ≥ 1 elements and n ids.")
	dst, x, y, ldy, ids, n := g.argument("dst"), g.argument("x"), g.argument("y"), g.length("ldy"), g.argument("ids"), g.argument("n")
	whole, rest := g.argument("k"), g.GP64()
	g.MOVQ(whole, rest)
	g.ANDQ(operand.I32(g.lanes-1), rest)
	g.SUBQ(rest, whole)
	g.SHLQ(operand.U8(2), whole) // the bytes of the whole vectors of a row
	tail := g.firstLanes(rest)

	row := make([]reg.GPVirtual, group)
	for i := range row {
		row[i] = g.GP64()
	}
	find := func(j int) {
		g.MOVLQSX(operand.Mem{Base: ids, Disp: 4 * j}, row[j])
		g.IMULQ(ldy, row[j])
		g.ADDQ(y, row[j])
	}
	products := func() reg.VecVirtual {
		s := g.vectors(group)
		g.zero(s...)
		at := g.GP64()
		v, element := g.vector(), g.vector()
		loop, last, done := g.label("columns"), g.label("last"), g.label("added")
		g.XORQ(at, at)
		g.Label(loop)
		g.CMPQ(at, whole)
		g.JGE(operand.LabelRef(last))
		g.VMOVUPS(operand.Mem{Base: x, Index: at, Scale: 1}, v)
		for j := range s {
			g.VFMADD231PS(operand.Mem{Base: row[j], Index: at, Scale: 1}, v, s[j])
		}
		g.ADDQ(operand.U8(g.bytes()), at)
		g.JMP(operand.LabelRef(loop))
		g.Label(last)
		g.TESTQ(operand.U32(g.lanes-1), g.argument("k"))
		g.JZ(operand.LabelRef(done))
		g.load(operand.Mem{Base: x, Index: at, Scale: 1}, tail, v)
		for j := range s {
			g.load(operand.Mem{Base: row[j], Index: at, Scale: 1}, tail, element)
			g.VFMADD231PS(element, v, s[j])
		}
		g.Label(done)
		return g.acrossLanes(s)
	}

	groups, few, done := g.label("groups"), g.label("few"), g.label("done")
	g.Label(groups)
	g.CMPQ(n, operand.U8(group))
	g.JLT(operand.LabelRef(few))
	for j := range row {
		find(j)
	}
	g.VMOVUPS(products().AsX(), operand.Mem{Base: dst})
	g.ADDQ(operand.U8(4*group), dst)
	g.ADDQ(operand.U8(4*group), ids)
	g.SUBQ(operand.U8(group), n)
	g.JMP(operand.LabelRef(groups))

	g.Label(few)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	find(0)
	for j := 1; j < group; j++ {
		g.MOVQ(row[j-1], row[j])
		if j == group-1 {
			break // at most three are left
		}
		have := g.label("have")
		g.CMPQ(n, operand.U8(j+1))
		g.JLT(operand.LabelRef(have))
		find(j)
		g.Label(have)
	}
	s := products()
	for j := range group - 1 {
		g.VMOVSS(s.AsX(), operand.Mem{Base: dst, Disp: 4 * j})
		g.DECQ(n)
		g.JZ(operand.LabelRef(done))
		g.VPERMILPS(operand.U8(0b111001), s.AsX(), s.AsX())
	}
	g.Label(done)
	g.end()
}

// acrossLanes adds the lanes of four vectors up and returns the sums in four lanes.
func (g *generator) acrossLanes(s []reg.VecVirtual) reg.VecVirtual {
	if g.wide() {
		high := g.YMM()
		for _, v := range s {
			g.VEXTRACTF32X8(operand.U8(1), v, high)
			g.VADDPS(high, v.AsY(), v.AsY())
		}
	}
	g.VHADDPS(s[1].AsY(), s[0].AsY(), s[0].AsY())
	g.VHADDPS(s[3].AsY(), s[2].AsY(), s[2].AsY())
	g.VHADDPS(s[2].AsY(), s[0].AsY(), s[0].AsY())
	high := s[1].AsX()
	g.VEXTRACTF128(operand.U8(1), s[0].AsY(), high)
	g.VADDPS(high, s[0].AsX(), s[0].AsX())
	return s[0]
}

// weightedSum takes so many vectors of each row, or up to one.
func weightedSum(g *generator, width int) {
	if width == 1 {
		g.function("weightedSumLast", "func(dst *float32, columns int, y *float32, ldy int, ids *int32, n int, w *float32)",
			"weightedSumLast"+g.name+" computes dst += Σ w_j·y_j for the first columns, 1 to a vector's.")
	} else {
		g.function("weightedSum", "func(dst *float32, y *float32, ldy int, ids *int32, n int, w *float32)",
			"weightedSum"+g.name+" computes dst += Σ w_j·y_j for four vectors of columns.")
	}
	dst, q := g.argument("dst"), g.ratings()
	var columns mask
	if width == 1 {
		columns = g.firstLanes(g.argument("columns"))
	}
	s, v, weight := g.vectors(width), g.vector(), g.vector()
	g.zero(s...)
	g.each(q, func(r, row reg.GPVirtual) {
		g.VBROADCASTSS(operand.Mem{Base: q.w, Index: r, Scale: 4}, weight)
		if width == 1 {
			g.load(operand.Mem{Base: row}, columns, v)
			g.VFMADD231PS(v, weight, s[0])
			return
		}
		for i := range s {
			g.VFMADD231PS(operand.Mem{Base: row, Disp: i * g.bytes()}, weight, s[i])
		}
	})
	for i := range s {
		if width == 1 {
			g.addTo(operand.Mem{Base: dst}, &columns, s[0], v)
		} else {
			g.addTo(operand.Mem{Base: dst, Disp: i * g.bytes()}, nil, s[i], v)
		}
	}
	g.end()
}

// scoreRows is the number of rows of X in a tile of scores: with group rows of Y, 16
// sums of 32 registers or 8 of 16.
func (g *generator) scoreRows() int {
	if g.wide() {
		return 4
	}
	return 2
}

// scores makes tiles of dot products. Every product adds as it does in dotRows. The
// distances of rows may be 0.
func scores(g *generator) {
	height := g.scoreRows()
	g.function("scores", "func(dst *float32, ldd int, x *float32, ldx int, y *float32, ldy, k, groups int)",
		fmt.Sprintf("scores%s computes dst = X·Yᵀ for %d rows of X, with k ≥ 1 columns, and groups ≥ 1\nof %d rows of Y.", g.name, height, group))
	dst, groups := g.argument("dst"), g.argument("groups")
	rows := func(name, distance string, count int) []reg.GPVirtual {
		row := []reg.GPVirtual{g.argument(name)}
		next := g.length(distance)
		for len(row) < count {
			r := g.GP64()
			g.LEAQ(operand.Mem{Base: row[len(row)-1], Index: next, Scale: 1}, r)
			row = append(row, r)
		}
		return row
	}
	x, y := rows("x", "ldx", height), rows("y", "ldy", group)
	whole, rest := g.argument("k"), g.GP64()
	g.MOVQ(whole, rest)
	g.ANDQ(operand.I32(g.lanes-1), rest)
	tail := g.firstLanes(rest)
	g.SUBQ(rest, whole)
	g.SHLQ(operand.U8(2), whole)

	next := g.label("groups")
	g.Label(next)
	at, columns, last, added := g.GP64(), g.label("columns"), g.label("last"), g.label("added")
	g.XORQ(at, at)
	sums := make([][]reg.VecVirtual, height)
	for i := range sums {
		sums[i] = g.vectors(group)
		g.zero(sums[i]...)
	}
	left, right := g.vectors(height), g.vector()
	step := func(load func(from reg.GPVirtual, to reg.VecVirtual)) {
		for i, row := range x {
			load(row, left[i])
		}
		for j, row := range y {
			load(row, right)
			for i := range sums {
				g.VFMADD231PS(right, left[i], sums[i][j])
			}
		}
	}
	g.Label(columns)
	g.CMPQ(at, whole)
	g.JGE(operand.LabelRef(last))
	step(func(from reg.GPVirtual, to reg.VecVirtual) {
		g.VMOVUPS(operand.Mem{Base: from, Index: at, Scale: 1}, to)
	})
	g.ADDQ(operand.U8(g.bytes()), at)
	g.JMP(operand.LabelRef(columns))
	g.Label(last)
	g.TESTQ(operand.U32(g.lanes-1), g.argument("k"))
	g.JZ(operand.LabelRef(added))
	step(func(from reg.GPVirtual, to reg.VecVirtual) {
		g.load(operand.Mem{Base: from, Index: at, Scale: 1}, tail, to)
	})
	g.Label(added)
	to, ldd := g.GP64(), g.length("ldd")
	g.MOVQ(dst, to)
	for i, s := range sums {
		if i > 0 {
			g.ADDQ(ldd, to)
		}
		g.VMOVUPS(g.acrossLanes(s).AsX(), operand.Mem{Base: to})
	}
	g.ADDQ(operand.U8(4*group), dst)
	distance := g.argument("ldy")
	g.SHLQ(operand.U8(4), distance) // group rows, in bytes
	for _, row := range y {
		g.ADDQ(distance, row)
	}
	g.DECQ(groups)
	g.JNZ(operand.LabelRef(next))
	g.end()
}
