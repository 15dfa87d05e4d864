package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows: the functions that go over rows y_j of a matrix which are found by ids.
func rows(g *generator) {
	dotRows(g)
	weightedSum(g, 4)
	weightedSum(g, 1)
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
