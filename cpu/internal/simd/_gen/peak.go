package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
)

// peak makes the loop that the fractions of the machine's peak refer to: products
// added to as many sums as hide their latency, and nothing from memory.
func peak(g *generator) {
	sums := 12
	if g.wide() {
		sums = 24
	}
	g.function("fma", "func(rounds int)",
		fmt.Sprintf("fma%s adds products of vectors to %d sums, rounds ≥ 1 times.", g.name, sums))
	rounds := g.argument("rounds")
	x, y, s := g.vector(), g.vector(), g.vectors(sums)
	g.zero(x, y)
	g.zero(s...)
	loop := g.label("loop")
	g.Label(loop)
	for _, v := range s {
		g.VFMADD231PS(x, y, v)
	}
	g.DECQ(rounds)
	g.JNZ(operand.LabelRef(loop))
	g.end()
}
