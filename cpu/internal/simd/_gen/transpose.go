package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose turns rows that are scattered in memory into the columns of a panel: eight
// rows at a time, whose squares of four elements are put together in vectors of eight.
// Vectors of 256 bits serve both sets: a square of 16 then takes 32 blends, 64 shuffles
// on two ports and 32 stores, where vectors of 512 bits have one port for shuffles and
// the addresses of 16 rows too few registers. With rows in the cache 8 by 4 elements take
// 7 cycles; the floor is 4, a store each.
func transpose(g *generator) {
	g.function("transposeRows", "func(dst *float32, apart int, y *float32, ldy int, ids *int32, n, width, columns int)",
		"transposeRows"+g.name+" writes element c of row ids[j] of y to dst[c·apart+j], for the first columns,\na multiple of 4 and not 0, and zeros where n ≤ j < width, a multiple of 8.")
	const rows = 8
	first := g.GP64()
	g.XORQ(first, first)
	groups, some, next := g.label("groups"), g.label("some"), g.label("next")
	g.Label(groups)

	// The rows are addressed by what is left of their columns. Beyond the last row it
	// is the last one.
	var row [rows]reg.GPVirtual
	left := g.argument("n")
	g.SUBQ(first, left)
	last, ids, ldy, end := g.argument("n"), g.argument("ids"), g.length("ldy"), g.length("columns")
	g.DECQ(last)
	g.ADDQ(g.param("y"), end)
	for i := range row {
		row[i] = g.GP64()
		g.LEAQ(operand.Mem{Base: first, Disp: i}, row[i])
		g.CMPQ(row[i], last)
		g.CMOVQGT(last, row[i])
		g.MOVLQSX(operand.Mem{Base: ids, Index: row[i], Scale: 4}, row[i])
		g.IMULQ(ldy, row[i])
		g.ADDQ(end, row[i])
	}
	to, second, apart, at := g.argument("dst"), g.GP64(), g.length("apart"), g.length("columns")
	g.LEAQ(operand.Mem{Base: to, Index: first, Scale: 4}, to)
	g.LEAQ(operand.Mem{Base: to, Index: apart, Scale: 2}, second)
	g.NEGQ(at)

	columns := func(present *reg.VecVirtual) {
		loop := g.label("columns")
		g.Label(loop)
		// v[i] has row i in its lower half and row i+4 in its upper half.
		var v, t, out [4]reg.VecVirtual
		for i := range v {
			v[i], t[i], out[i] = g.YMM(), g.YMM(), g.YMM()
			g.VMOVUPS(operand.Mem{Base: row[i], Index: at, Scale: 1}, v[i].AsX())
			g.VINSERTF128(operand.U8(1), operand.Mem{Base: row[i+4], Index: at, Scale: 1}, v[i], v[i])
		}
		g.transposeTo(t[:], out[:], v[:])
		for i, base := range []reg.GPVirtual{to, to, second, second} {
			if present != nil {
				g.VANDPS(*present, out[i], out[i])
			}
			m := operand.Mem{Base: base}
			if i%2 == 1 {
				m.Index, m.Scale = apart, 1
			}
			g.VMOVUPS(out[i], m)
		}
		g.LEAQ(operand.Mem{Base: to, Index: apart, Scale: 4}, to)
		g.LEAQ(operand.Mem{Base: second, Index: apart, Scale: 4}, second)
		g.ADDQ(operand.U8(16), at)
		g.JNZ(operand.LabelRef(loop))
	}
	g.CMPQ(left, operand.U8(rows))
	g.JLT(operand.LabelRef(some))
	columns(nil)
	g.JMP(operand.LabelRef(next))

	g.Label(some)
	whole, table := g.label("whole"), g.GP64()
	present := reg.VecVirtual(g.YMM())
	g.TESTQ(left, left)
	g.JGE(operand.LabelRef(whole))
	g.XORQ(left, left)
	g.Label(whole)
	g.LEAQ(g.maskTable(), table)
	g.NEGQ(left)
	g.VMOVUPS(operand.Mem{Base: table, Index: left, Scale: 4, Disp: g.bytes()}, present)
	columns(&present)

	g.Label(next)
	g.ADDQ(operand.U8(rows), first)
	g.CMPQ(first, g.param("width"))
	g.JLT(operand.LabelRef(groups))
	g.end()
}
