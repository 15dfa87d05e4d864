package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// multiplyPieces multiplies packed rows of A with 32 packed columns of B, 32 rows at a time:
// four tiles of sums, two of A and two of B fill the tile registers. The six products of
// pieces come in an order in which either pair of tiles stays for the next product, so that a
// step of 24 multiplications takes 14 loads. The sums then go through memory to C.
//
// The floor of a step is 24·16 cycles, 125 ns at 3.1 GHz. With A and B in the second level of
// the cache and 320 rows it takes 140 ns where all elements are 0 and 160 to 180 with random
// ones, for 512 products; with 6 to 9 steps, 200 to 220, and with 4, whose B stays in the first
// level, 170. To end a tile takes 84 ns, as long as its sums, the additions and the loads of the
// next one wait for each other. Tried without gain: fetching a row of C each step, steps in
// loops of 4, panels that are not multiples of a page.
func multiplyPieces(g *generator) {
	g.function("multiplyPieces", "func(rows, columns, steps int, a, b *float32, panel int, next *float32, lines int, alpha, beta float32, c *float32, ldc int, sums *float32)",
		"multiplyPiecesAMX computes C = alpha·A·B + beta·C for rows ≥ 1 and columns ≤ 32 and 32·steps ≥ 1\nproducts. Every 16 rows of A and columns of B have a panel of pieces; the panels are panel bytes\napart. Where beta is 0, C is not read. Every step fetches so many lines from next on into the\nsecond level of the cache. sums has room for 32×32.")
	m := &pieceProducts{generator: g,
		a: reg.R8, c: reg.R9, next: reg.R10, apart: reg.R12, steps: reg.RCX, scratch: reg.RAX,
		left: [2]reg.GPPhysical{reg.RSI, reg.RDI}, right: [2]reg.GPPhysical{reg.RBX, reg.RDX},
	}
	m.first, m.second = m.lanes(0), m.lanes(16)
	g.tilesBegin()
	g.Load(g.Param("a"), m.a)
	g.Load(g.Param("c"), m.c)
	g.Load(g.Param("next"), m.next)
	g.MOVQ(operand.U32(64), m.apart)

	strips := g.label("strips")
	var variants [2][2]string
	g.Label(strips)
	g.Load(g.Param("b"), m.right[0])
	g.MOVQ(g.param("panel"), m.left[1])
	g.LEAQ(operand.Mem{Base: m.right[0], Index: m.left[1], Scale: 1}, m.right[1])
	g.LEAQ(operand.Mem{Base: m.a, Index: m.left[1], Scale: 1}, m.left[1])
	g.MOVQ(m.a, m.left[0])
	g.MOVQ(g.param("steps"), m.steps)
	for down := range 2 {
		for across := range 2 {
			variants[down][across] = g.label("multiply")
		}
	}
	narrow, add := g.label("narrow"), g.label("add")
	g.CMPQ(g.param("columns"), operand.U8(tileRows))
	g.JLE(operand.LabelRef(narrow))
	for across := 1; across >= 0; across-- {
		if across == 0 {
			g.Label(narrow)
		}
		g.CMPQ(g.param("rows"), operand.U8(tileRows))
		g.JLE(operand.LabelRef(variants[0][across]))
		for down := 1; down >= 0; down-- {
			g.Label(variants[down][across])
			m.sum(down+1, across+1)
			g.JMP(operand.LabelRef(add))
		}
	}
	g.Label(add)
	m.add()

	g.MOVQ(g.param("panel"), m.left[0])
	g.LEAQ(operand.Mem{Base: m.a, Index: m.left[0], Scale: 2}, m.a)
	g.SUBQ(operand.U8(2*tileRows), g.param("rows"))
	g.JG(operand.LabelRef(strips))
	g.tilesEnd()
	g.end()
}

// pieceProducts are the operands of multiplyPieces that stay in registers, which must be
// physical in the addresses of tiles.
type pieceProducts struct {
	*generator
	first, second mask // of the columns of C

	a, c, next   reg.GPPhysical
	left, right  [2]reg.GPPhysical // the steps of two panels
	apart, steps reg.GPPhysical    // bytes between rows of tiles, steps left
	scratch      reg.GPPhysical
}

// lanes is the mask of those of 16 columns, from one on, that are there.
func (m *pieceProducts) lanes(from int) mask {
	g := m.generator
	count, none, most := g.argument("columns"), g.GP64(), g.GP64()
	g.SUBQ(operand.U8(from), count)
	g.XORQ(none, none)
	g.CMPQ(count, none)
	g.CMOVQLT(none, count)
	g.MOVQ(operand.U32(tileRows), most)
	g.CMPQ(count, most)
	g.CMOVQGT(most, count)
	return g.firstLanes(count)
}

// sum emits the sums over all steps of down×across tiles.
func (m *pieceProducts) sum(down, across int) {
	g := m.generator
	loop, fetch, fetched := g.label("steps"), g.label("fetch"), g.label("fetched")
	each := func(do func(i, j int)) {
		for j := range across {
			for i := range down {
				do(i, j)
			}
		}
	}
	each(func(i, j int) { g.tileZero(2*i + j) })
	g.Label(loop)
	leftTiles := func(piece int) {
		for i := range down {
			g.tileLoad(tileAddress{m.left[i], m.apart, (piece - 1) * tileBytes}, 4+i)
		}
	}
	rightTiles := func(piece int) {
		for j := range across {
			g.tileLoad(tileAddress{m.right[j], m.apart, (piece - 1) * tileBytes}, 6+j)
		}
	}
	multiply := func() {
		each(func(i, j int) { g.tileMultiplyAdd(2*i+j, 4+i, 6+j) })
	}
	leftTiles(1)
	rightTiles(3)
	multiply()
	rightTiles(2)
	multiply()
	leftTiles(2)
	multiply()
	rightTiles(1)
	multiply()
	leftTiles(1)
	multiply()
	leftTiles(3)
	multiply()
	g.MOVQ(g.param("lines"), m.scratch)
	g.TESTQ(m.scratch, m.scratch)
	g.JZ(operand.LabelRef(fetched))
	g.Label(fetch)
	g.PREFETCHT1(operand.Mem{Base: m.next})
	g.ADDQ(operand.U8(64), m.next)
	g.DECQ(m.scratch)
	g.JNZ(operand.LabelRef(fetch))
	g.Label(fetched)
	for _, r := range []reg.GPPhysical{m.left[0], m.left[1], m.right[0], m.right[1]} {
		g.ADDQ(operand.U32(stepBytes), r)
	}
	g.DECQ(m.steps)
	g.JNZ(operand.LabelRef(loop))

	g.MOVQ(g.param("sums"), m.left[0])
	g.MOVQ(operand.U32(128), m.left[1])
	each(func(i, j int) { g.tileStore(2*i+j, tileAddress{m.left[0], m.left[1], i*2048 + j*64}) })
}

// add writes alpha times the sums, plus beta·C, to C.
func (m *pieceProducts) add() {
	g := m.generator
	x, y, alpha, beta := g.vector(), g.vector(), g.vector(), g.vector()
	g.VBROADCASTSS(g.argumentAddress("alpha"), alpha)
	g.VBROADCASTSS(g.argumentAddress("beta"), beta)
	rows, overwrite, stored := g.label("rows"), g.label("overwrite"), g.label("stored")
	g.MOVQ(g.param("rows"), m.steps)
	g.MOVQ(operand.U32(2*tileRows), m.scratch)
	g.CMPQ(m.steps, m.scratch)
	g.CMOVQGT(m.scratch, m.steps)
	g.MOVQ(g.param("sums"), m.left[0])
	g.MOVL(g.argumentAddress("beta"), m.scratch.As32())
	g.SHLL(operand.U8(1), m.scratch.As32()) // without its sign
	row := func(read bool) {
		g.VMULPS(operand.Mem{Base: m.left[0]}, alpha, x)
		g.VMULPS(operand.Mem{Base: m.left[0], Disp: 64}, alpha, y)
		for i, p := range []struct {
			sum reg.VecVirtual
			m   mask
		}{{x, m.first}, {y, m.second}} {
			at := operand.Mem{Base: m.c, Disp: 64 * i}
			if read {
				old := g.vector()
				g.VMOVUPS_Z(at, p.m.k, old)
				g.VFMADD231PS(beta, old, p.sum)
			}
			g.VMOVUPS(p.sum, p.m.k, at)
		}
		g.ADDQ(operand.U32(128), m.left[0])
		g.ADDQ(g.param("ldc"), m.c)
		g.DECQ(m.steps)
	}
	g.JZ(operand.LabelRef(overwrite))
	g.Label(rows)
	row(true)
	g.JNZ(operand.LabelRef(rows))
	g.JMP(operand.LabelRef(stored))
	g.Label(overwrite)
	row(false)
	g.JNZ(operand.LabelRef(overwrite))
	g.Label(stored)
}
