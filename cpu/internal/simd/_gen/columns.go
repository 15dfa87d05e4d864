package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
)

// columns: sums over the rows of a matrix in float64. As many columns as unroll half
// vectors stay in registers while the rows pass by.
func columns(g *generator) {
	half := g.lanes / 2
	for _, width := range []int{unroll, 1} {
		name, doc := "sumRows", fmt.Sprintf("writes Σ x_r for rows ≥ 1 of %d columns.", unroll*half)
		signature := "func(dst *float64, x *float32, ldx, rows int)"
		if width == 1 {
			name, doc = "sumRowsLast", fmt.Sprintf("writes Σ x_r for rows ≥ 1 of columns, 1 to %d, and zeros up\nto %d.", half, half)
			signature = "func(dst *float64, columns int, x *float32, ldx, rows int)"
		}
		g.function(name, signature, name+g.name+" "+doc)
		dst, x, ldx, rows := g.argument("dst"), g.argument("x"), g.length("ldx"), g.argument("rows")
		var first *mask
		if width == 1 {
			m := g.firstLanes(g.argument("columns"))
			first = &m
		}
		sums, v := g.vectors(width), g.vector()
		g.zero(sums...)
		loop := g.label("rows")
		g.Label(loop)
		for i, s := range sums {
			g.readDouble(operand.Mem{Base: x, Disp: i * half * 4}, first, v)
			g.VADDPD(v, s, s)
		}
		g.ADDQ(ldx, x)
		g.DECQ(rows)
		g.JNZ(operand.LabelRef(loop))
		for i, s := range sums {
			g.VMOVUPD(s, operand.Mem{Base: dst, Disp: i * half * 8})
		}
		g.end()
	}
}
