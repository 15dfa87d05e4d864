package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// solvePanel: what the later elements of x contribute is a dot product for each row, with the
// elements that were computed last at its end. The elements of the panel then follow one after
// another, those of its second half with both halves of their columns. The columns are divided
// by the diagonal, so that an element waits for a broadcast and a multiply-add alone; what
// would reach elements that are done is 0 in them.
//
// A vector has as many lanes as the panel has rows, with AVX-512 as well. Order 128 takes 0.5
// µs with it, of 5.7 with the factorization; 0.8 with panels of 16 rows, whose sums were added
// up and whose blocks on the diagonal were turned by transposing 16 vectors. The floor is n²
// operations, 0.07 µs at the peak; what limits it is that elements wait for each other, 5
// cycles each and between panels for the sums.
func solvePanel(g *generator) {
	g.function("solvePanel", "func(a *float32, lda, n, first int, x *float32)",
		fmt.Sprintf("solvePanel%s solves U·x = z for the elements of x from first on, a multiple of %d, as many\nas that, when those after them are done. x holds z until then.", g.name, panelHeight))
	u := g.panelOfU()
	sums := g.panelSums(u)
	present := g.presentLanes(u)
	rest := g.YMM()
	g.load(operand.Mem{Base: u.x}, present, rest)
	halves := [2]reg.Register{rest.AsX(), g.XMM()}
	g.VEXTRACTF128(operand.U8(1), rest, halves[1])
	for i, h := range halves {
		g.VSUBPS(sums[i], h, h)
	}

	inverse := g.eliminate(u, halves)
	for i, h := range halves {
		g.VMULPS(inverse[i], h, h)
	}
	g.VINSERTF128(operand.U8(1), halves[1], rest, rest)
	partial := g.label("partial")
	g.CMPQ(u.count, operand.U8(panelHeight))
	g.JLT(operand.LabelRef(partial))
	// A vector that is stored as one can be read before it is in the cache.
	g.VMOVUPS(rest, operand.Mem{Base: u.x})
	g.end()
	g.Label(partial)
	g.store(rest, present, operand.Mem{Base: u.x})
	g.end()
}

// panelOfU are the registers of solvePanel.
type panelOfU struct {
	block reg.GPVirtual // the panel's block on the diagonal
	lda   reg.GPVirtual
	x     reg.GPVirtual
	count reg.GPVirtual // elements of x from the panel's first on, to the end
}

func (g *generator) panelOfU() panelOfU {
	u := panelOfU{block: g.argument("first"), lda: g.length("lda"), x: g.argument("x"), count: g.argument("n")}
	first, a := g.argument("first"), g.argument("a")
	g.SUBQ(first, u.count)
	g.LEAQ(operand.Mem{Base: u.x, Index: first, Scale: 4}, u.x)
	g.IMULQ(u.lda, u.block)
	g.ADDQ(a, u.block)
	g.LEAQ(operand.Mem{Base: u.block, Index: first, Scale: 4}, u.block)
	return u
}

// presentLanes is the mask of the elements of a panel, of which the last may have fewer.
func (g *generator) presentLanes(u panelOfU) mask {
	lanes := g.GP64()
	g.MOVQ(operand.I32(panelHeight), lanes)
	g.CMPQ(u.count, lanes)
	g.CMOVQLT(u.count, lanes)
	return g.firstLanes(lanes)
}

// panelSums are the products of the panel's rows and the elements of x after it, in two halves.
func (g *generator) panelSums(u panelOfU) [2]reg.Register {
	v, sums := g.YMM(), registers(panelHeight, g.YMM)
	for _, s := range sums {
		g.VXORPS(s, s, s)
	}
	third, at := g.GP64(), g.GP64()
	loop, added := g.label("columns"), g.label("added")
	g.LEAQ(operand.Mem{Base: u.lda, Index: u.lda, Scale: 2}, third)
	g.LEAQ(operand.Mem{Base: u.count, Disp: -1}, at)
	g.ANDQ(operand.I32(-panelHeight), at)
	g.JZ(operand.LabelRef(added))
	last := g.GP64()
	g.MOVQ(u.count, last)
	g.SUBQ(at, last)
	g.load(operand.Mem{Base: u.x, Index: at, Scale: 4}, g.firstLanes(last), v)
	g.Label(loop)
	rows := g.GP64()
	g.LEAQ(operand.Mem{Base: u.block, Index: at, Scale: 4}, rows)
	for i := 0; i < panelHeight; i += 4 {
		if i > 0 {
			g.LEAQ(operand.Mem{Base: rows, Index: u.lda, Scale: 4}, rows)
		}
		g.VFMADD231PS(operand.Mem{Base: rows}, v, sums[i])
		g.VFMADD231PS(operand.Mem{Base: rows, Index: u.lda, Scale: 1}, v, sums[i+1])
		g.VFMADD231PS(operand.Mem{Base: rows, Index: u.lda, Scale: 2}, v, sums[i+2])
		g.VFMADD231PS(operand.Mem{Base: rows, Index: third, Scale: 1}, v, sums[i+3])
	}
	g.SUBQ(operand.U8(panelHeight), at)
	g.JZ(operand.LabelRef(added))
	g.VMOVUPS(operand.Mem{Base: u.x, Index: at, Scale: 4}, v)
	g.JMP(operand.LabelRef(loop))
	g.Label(added)
	var halves [2]reg.Register
	for i := range halves {
		four := sums[4*i : 4*i+4]
		c := g.transposeTo(registers(4, g.YMM), registers(4, g.YMM), four)
		upper := g.XMM()
		g.VADDPS(c[1], c[0], c[0])
		g.VADDPS(c[3], c[2], c[2])
		g.VADDPS(c[2], c[0], c[0])
		g.VEXTRACTF128(operand.U8(1), c[0], upper)
		g.VADDPS(c[0].AsX(), upper, upper)
		halves[i] = upper
	}
	return halves
}

// eliminate takes the panel's elements from those before them, but for the factors on the
// diagonal, which it returns.
func (g *generator) eliminate(u panelOfU, halves [2]reg.Register) (inverse [2]reg.Register) {
	const half = panelHeight / 2
	// The rows of each half, as far as they are there: beyond the last row it is that one.
	row := [2]reg.GPVirtual{u.block, g.GP64()}
	g.LEAQ(operand.Mem{Base: u.block, Index: u.lda, Scale: 4}, row[1])
	g.CMPQ(u.count, operand.U8(half))
	g.CMOVQLE(u.block, row[1])
	// square returns columns of half j, of the rows of half i.
	square := func(i, j int) []reg.VecVirtual {
		v, at, next := registers(4, g.XMM), g.GP64(), g.GP64()
		g.MOVQ(row[i], at)
		for q := range v {
			g.VMOVUPS(operand.Mem{Base: at, Disp: 4 * half * j}, v[q])
			if q+1 < len(v) {
				g.LEAQ(operand.Mem{Base: at, Index: u.lda, Scale: 1}, next)
				g.CMPQ(u.count, operand.U8(half*i+q+1))
				g.CMOVQGT(next, at)
			}
		}
		return g.transposeTo(registers(4, g.XMM), registers(4, g.XMM), v)
	}
	none, factor := g.XMM(), g.XMM()
	g.VXORPS(none, none, none)
	for j := 1; j >= 0; j-- {
		own := square(j, j)
		var above []reg.VecVirtual
		if j > 0 {
			above = square(0, j)
		}
		inverse[j] = g.XMM()
		g.VBLENDPS(operand.U8(1<<1), own[1], own[0], inverse[j])
		g.VBLENDPS(operand.U8(1<<2), own[2], inverse[j], inverse[j])
		g.VBLENDPS(operand.U8(1<<3), own[3], inverse[j], inverse[j])
		for i := half - 1; i >= 0; i-- {
			splat, absent := operand.U8(i*0x55), g.label("absent")
			if q := half*j + i; q > 0 {
				g.CMPQ(u.count, operand.U8(q))
				g.JLE(operand.LabelRef(absent))
			} else {
				break
			}
			g.VPERMILPS(splat, own[i], factor)
			element := g.XMM()
			g.VPERMILPS(splat, halves[j], element)
			if i > 0 {
				g.VMULPS(factor, own[i], own[i])
				g.VBLENDPS(operand.U8(0xf<<i&0xf), none, own[i], own[i])
				g.VFNMADD231PS(element, own[i], halves[j])
			}
			if j > 0 {
				g.VMULPS(factor, above[i], above[i])
				g.VFNMADD231PS(element, above[i], halves[0])
			}
			g.Label(absent)
		}
	}
	return inverse
}
