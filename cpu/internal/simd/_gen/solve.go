package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// solveSums solves 16 systems of a design, one in each lane, straight from their sums:
// the whole of it in one function without a loop over the unknowns, as everything is
// where the design has it.
//
// The factorization goes column by column. Column j is A's less what the columns
// before contribute; the right-hand side is one more row of it:
//
//	L[i][j] = (A[i][j] - Σ_{p<j} L[i][p]·L[j][p])·r[j], r[j] = 1/L[j][j]
//
// Everything takes the place of what it is computed from, r[j] that of A[j][j].
//
// The floor is the chain from pivot to pivot (a reciprocal square root with a step of
// Newton, a product and a multiply-add, some 35 cycles), then the shuffles that bring the
// sums to the lanes: 40 cycles for a vector of sums of 16 rows. On a Xeon of 2023 a row
// of order 10 takes 60 cycles and of order 16 120, with factorLanes and its kin 124 and
// 190.
func (g *generator) solveSums(d *design) {
	g.function("normalSolve"+d.name(), "func(x *float32, to *int, sums *float32, at *int, shifts *float32, stored, order int, tolerance float32, info *int32, scratch *float32)",
		fmt.Sprintf(`normalSolve%s%s solves the systems whose sums are in the places at, and writes the
solutions, or zeros where info is not 0, to those of to. shifts has three vectors that
are added to the diagonal: for the first stored unknowns, for those up to order, and
ones. info becomes the first pivot, from 1, that is not above tolerance times its
diagonal element, or order where the solution is not finite, or 0. scratch has %d
elements.`, d.name(), g.name, d.size()*lanes512))
	scratch := g.argument("scratch")
	g.toLanes(d, scratch)
	vector := func(n int) operand.Mem { return operand.Mem{Base: scratch, Disp: n * g.bytes()} }
	// element (i, j), and of the right-hand side where i is the order
	place := func(i, j int) operand.Mem {
		if i == d.order {
			return vector(d.rightSide() + d.single(j))
		}
		return vector(d.pair(i, j))
	}
	info := g.vector()
	g.zero(info)
	g.factorColumns(d, place, info)
	x := g.substituteBack(d, place, info)
	g.storeSolutions(d, x, info)
	g.VMOVUPS(info, operand.Mem{Base: g.argument("info")})
	g.end()
}

// toLanes writes the sums of 16 systems as vectors that have one of each.
func (g *generator) toLanes(d *design, scratch reg.GPVirtual) {
	p := g.places(g.argument("sums"), g.argument("at"))
	to, left, four := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(operand.I32(4), four)
	masks := g.quarters(four)
	g.MOVQ(scratch, to)
	g.MOVQ(operand.I32(int32(d.size()/lanes512)), left)
	loop := g.label("lanes")
	g.Label(loop)
	for i, v := range g.loadColumns(p, lanes512, masks, true) {
		g.VMOVUPS(v, operand.Mem{Base: to, Disp: i * g.bytes()})
	}
	g.advance(p, g.bytes())
	g.ADDQ(operand.I32(lanes512*g.bytes()), to)
	g.DECQ(left)
	g.JNZ(operand.LabelRef(loop))
}

// factorColumns factorizes, and solves for L·z = b.
func (g *generator) factorColumns(d *design, place func(i, j int) operand.Mem, info reg.VecVirtual) {
	shifts, stored, order := g.argument("shifts"), g.argument("stored"), g.argument("order")
	bias, one, shift := g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: shifts, Disp: g.bytes()}, bias)
	g.LEAQ(operand.Mem{Base: shifts, Disp: 2 * g.bytes()}, one)
	tolerance, unit, half := g.vector(), g.vector(), g.vector()
	g.broadcastArgument("tolerance", tolerance)
	g.constant(0x3f800000, unit)
	g.constant(0x3f000000, half)
	number := g.GP32()
	g.XORL(number, number)

	var left reg.VecVirtual // L[j][j-1], which is in a register already
	for j := range d.order {
		column := g.vectors(d.order + 1 - j)
		for i, s := range column {
			g.VMOVUPS(place(j+i, j), s)
		}
		pivot, bound := column[0], g.vector()
		g.MOVQ(shifts, shift)
		g.CMPQ(stored, operand.U8(j))
		g.CMOVQLE(bias, shift)
		g.CMPQ(order, operand.U8(j))
		g.CMOVQLE(one, shift)
		g.VADDPS(operand.Mem{Base: shift}, pivot, pivot)
		g.VMULPS(pivot, tolerance, bound)
		for p := range j {
			v := left
			if p < j-1 {
				v = g.vector()
				g.VMOVUPS(place(j, p), v)
			}
			g.VFNMADD231PS(v, v, pivot)
			for i, s := range column[1:] {
				g.VFNMADD231PS(place(j+1+i, p), v, s)
			}
		}
		g.INCL(number)
		g.noteFailures(info, number, notGreater, pivot, bound, bound)
		g.inverseRoot(pivot, unit, half)
		g.VMOVUPS(pivot, place(j, j))
		for i, s := range column[1:] {
			g.VMULPS(pivot, s, s)
			g.VMOVUPS(s, place(j+1+i, j))
		}
		left = column[1]
	}
}

// substituteBack solves Lᵀ·x = z in registers.
func (g *generator) substituteBack(d *design, place func(i, j int) operand.Mem, info reg.VecVirtual) []reg.VecVirtual {
	x, none, finite := g.vectors(d.order), g.vector(), g.vector()
	for j, v := range x {
		g.VMOVUPS(place(d.order, j), v)
	}
	g.zero(none, finite)
	for j := d.order - 1; j >= 0; j-- {
		g.VMULPS(place(j, j), x[j], x[j])
		// A number times 0 is NaN where it is not finite.
		g.VFMADD231PS(none, x[j], finite)
		for i := j - 1; i >= 0; i-- {
			g.VFNMADD231PS(place(j, i), x[j], x[i])
		}
	}
	g.noteFailures(info, g.argument("order").As32(), unordered, finite, finite, finite)
	return x
}

// storeSolutions writes the first order of the unknowns of each system.
func (g *generator) storeSolutions(d *design, x []reg.VecVirtual, info reg.VecVirtual) {
	p := g.places(g.argument("x"), g.argument("to"))
	sound, none := g.K(), g.vector()
	g.zero(none)
	g.VPCMPEQD(none, info, sound)
	order := g.argument("order")
	for col := 0; col < d.order; col += 4 {
		four := g.vectors(4)
		for i, v := range four {
			from := none
			if col+i < d.order {
				from = x[col+i]
			}
			g.VMOVAPS_Z(from, sound, v)
		}
		whole := col+4 <= d.least
		var some mask
		skip := g.label("stored")
		if !whole {
			g.SUBQ(operand.U8(col), order)
			g.JLE(operand.LabelRef(skip))
			some = g.quarters(order)[0]
			g.ADDQ(operand.U8(col), order)
		}
		for i, r := range g.transposeFour(four) {
			for q := range p.group {
				to := p.of(q, i)
				to.Disp = 4 * col
				switch part := g.XMM(); {
				case whole && q == 0:
					g.VMOVUPS(r.AsX(), to)
				case whole:
					g.VEXTRACTF32X4(operand.U8(q), r, to)
				default:
					g.VEXTRACTF32X4(operand.U8(q), r, part)
					g.VMOVUPS(part, some.k, to)
				}
			}
		}
		if !whole {
			g.Label(skip)
		}
	}
}
