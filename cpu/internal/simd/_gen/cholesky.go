package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The Cholesky factorization A = Uᵀ·U of one system, from the left, a panel of as
// many rows of U as a vector has lanes at a time. The rows of a block of U, a panel
// by a vector of columns, are in registers while the rows above the panel pass by:
//
//	U[q][c] = (A[q][c] - Σ_{p<q} U[p][q]·U[p][c]) / U[q][q]
//
// A step costs a multiply-add for each row of the panel, with U[p][q] as a broadcast
// from memory. A is read from the lower triangle, whose blocks are transposed in
// registers; U goes to the upper one, with 1/U[q][q] on the diagonal. What a block on
// the diagonal has below it never reaches another lane. Lanes beyond the last column
// repeat that column, as the rows they come from are replaced by the last.
//
// Registers: a row of the block each, the right-hand side, the vector, a scratch
// vector, the numbers of a permutation: 19 of 32 with AVX-512, 12 of 16 with AVX2, and
// while transposing 17 and 9.
//
// The floor is n³/3 + 2n² operations. On a Xeon of 2023 a system of order 32, 64 and 128
// in the second-level cache takes 0.49, 1.50 and 5.9 µs with AVX-512 (11, 26 and 52 % of
// the peak), 0.52, 1.81 and 9.3 µs with AVX2 (20, 42 and 62 %). What limits it is the chain
// from pivot to pivot, some 30 cycles each, of which the blocks to the right hide a part.
// Where a row and, on the way back, an element went to the next one through memory, the
// times were 0.65, 1.83 and 7.1 µs (with a square root and a division too), and 0.61, 2.03
// and 9.8 µs.
func cholesky(g *generator) {
	choleskyPanel(g)
	solvePanel(g)
}

// system are the operands of a panel.
type system struct {
	a, lda   reg.GPVirtual
	n, first reg.GPVirtual
	x        reg.GPVirtual
	b        reg.GPVirtual // the right-hand side of the panel, in the row below A
	diagonal reg.GPVirtual // the panel's block on the diagonal
	at       reg.GPVirtual // the panel's first column, in bytes
	count    reg.GPVirtual // rows of the panel
}

func (g *generator) system() system {
	s := system{a: g.argument("a"), lda: g.length("lda"), n: g.argument("n"), first: g.argument("first"), x: g.argument("x")}
	s.at, s.b, s.diagonal = g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(s.first, s.at)
	g.SHLQ(operand.U8(2), s.at)
	g.MOVQ(s.n, s.b)
	g.IMULQ(s.lda, s.b)
	g.ADDQ(s.a, s.b)
	g.ADDQ(s.at, s.b)
	g.MOVQ(s.first, s.diagonal)
	g.IMULQ(s.lda, s.diagonal)
	g.ADDQ(s.a, s.diagonal)
	g.ADDQ(s.at, s.diagonal)
	s.count = g.columnsFrom(s, s.first)
	return s
}

// columnsFrom is how many columns a vector that begins at a column has.
func (g *generator) columnsFrom(s system, column reg.GPVirtual) reg.GPVirtual {
	count, lanes := g.GP64(), g.GP64()
	g.MOVQ(s.n, count)
	g.SUBQ(column, count)
	g.MOVQ(operand.I32(g.lanes), lanes)
	g.CMPQ(count, lanes)
	g.CMOVQGT(lanes, count)
	return count
}

// transposed loads a vector of each of count rows that begin at from, the last one
// again for those that are missing, and returns the columns. It changes from.
func (g *generator) transposed(from, lda, count reg.GPVirtual) []reg.VecVirtual {
	v := g.vectors(g.lanes)
	next := g.GP64()
	for i := range v {
		g.VMOVUPS(operand.Mem{Base: from}, v[i])
		if i+1 < len(v) {
			g.LEAQ(operand.Mem{Base: from, Index: lda, Scale: 1}, next)
			g.CMPQ(count, operand.U8(i+1))
			g.CMOVQGT(next, from)
		}
	}
	return g.transpose(v)
}

// transpose transposes a square of vectors: pairs of elements, then pairs of pairs,
// within the parts of 128 bits, then the parts.
func (g *generator) transpose(v []reg.VecVirtual) []reg.VecVirtual {
	n := len(v)
	// exchange replaces each pair that is so far apart by two combinations of it.
	exchange := func(distance int, low, high func(x, y, to reg.VecVirtual)) {
		for i := range n {
			if i&distance != 0 {
				continue
			}
			x, y, l := v[i], v[i+distance], g.vector()
			low(x, y, l)
			high(x, y, y)
			v[i] = l
		}
	}
	exchange(1,
		func(x, y, to reg.VecVirtual) { g.VUNPCKLPS(y, x, to) },
		func(x, y, to reg.VecVirtual) { g.VUNPCKHPS(y, x, to) })
	exchange(2,
		func(x, y, to reg.VecVirtual) { g.VUNPCKLPD(y, x, to) },
		func(x, y, to reg.VecVirtual) { g.VUNPCKHPD(y, x, to) })
	// Register 4g+r now has, in part h of 128 bits, the elements 4h+c of the rows
	// 4g to 4g+3, where c is r with its two bits exchanged. What follows brings the
	// parts h of all g to the registers 4h+r.
	if g.wide() {
		exchange(4,
			func(x, y, to reg.VecVirtual) { g.VSHUFF32X4(operand.U8(0x88), y, x, to) },
			func(x, y, to reg.VecVirtual) { g.VSHUFF32X4(operand.U8(0xdd), y, x, to) })
		exchange(8,
			func(x, y, to reg.VecVirtual) { g.VSHUFF32X4(operand.U8(0x88), y, x, to) },
			func(x, y, to reg.VecVirtual) { g.VSHUFF32X4(operand.U8(0xdd), y, x, to) })
	} else {
		exchange(4,
			func(x, y, to reg.VecVirtual) { g.VPERM2F128(operand.U8(0x20), y, x, to) },
			func(x, y, to reg.VecVirtual) { g.VPERM2F128(operand.U8(0x31), y, x, to) })
	}
	columns := make([]reg.VecVirtual, n)
	for i := range v {
		columns[i&^3|i&1<<1|i>>1&1] = v[i]
	}
	return columns
}

// multiplySubtract computes sum -= x times the element at an address.
func (g *generator) multiplySubtract(element operand.Mem, x, sum, scratch reg.VecVirtual) {
	if g.wide() {
		g.VFNMADD231PS_BCST(element, x, sum)
		return
	}
	g.VBROADCASTSS(element, scratch)
	g.VFNMADD231PS(scratch, x, sum)
}

// above emits the loop over the rows above the panel, with their address.
func (g *generator) above(s system, step func(p, row reg.GPVirtual)) {
	p, row := g.GP64(), g.GP64()
	loop, done := g.label("above"), g.label("subtracted")
	g.XORQ(p, p)
	g.MOVQ(s.a, row)
	g.Label(loop)
	g.CMPQ(p, s.first)
	g.JGE(operand.LabelRef(done))
	step(p, row)
	g.ADDQ(s.lda, row)
	g.INCQ(p)
	g.JMP(operand.LabelRef(loop))
	g.Label(done)
}

func choleskyPanel(g *generator) {
	g.function("choleskyPanel", "func(a *float32, lda, n, first int, x *float32, tolerance float32) int",
		"choleskyPanel"+g.name+" computes the rows of U from first on, as many as a vector has\nlanes, and these elements of x, the solution of Uᵀ·x = b for the right-hand side\nin row n of a. It returns 0 or the pivot, from 1, that was not above tolerance\ntimes its diagonal element.")
	s := g.system()
	inverse, tolerance, one, half, bits := g.XMM(), g.XMM(), g.XMM(), g.XMM(), g.GP32()
	g.Load(g.Param("tolerance"), tolerance)
	g.MOVL(operand.U32(0x3f800000), bits)
	g.VMOVD(bits, one)
	if g.wide() {
		g.MOVL(operand.U32(0x3f000000), bits)
		g.VMOVD(bits, half)
	}
	scratch, v := g.vector(), g.vector()

	g.Comment("The block on the diagonal.")
	from := g.GP64()
	g.MOVQ(s.diagonal, from)
	rows := g.transposed(from, s.lda, s.count)
	right := g.vector()
	g.VMOVUPS(operand.Mem{Base: s.b}, right)
	g.above(s, func(p, row reg.GPVirtual) {
		g.VMOVUPS(operand.Mem{Base: row, Index: s.at, Scale: 1}, v)
		at := g.GP64()
		g.LEAQ(operand.Mem{Base: row, Index: s.at, Scale: 1}, at)
		for q, r := range rows {
			g.multiplySubtract(operand.Mem{Base: at, Disp: 4 * q}, v, r, scratch)
		}
		g.multiplySubtract(operand.Mem{Base: s.x, Index: p, Scale: 4}, v, right, scratch)
	})
	finished := g.label("finished")
	row, x := g.GP64(), g.GP64()
	g.MOVQ(s.diagonal, row)
	g.LEAQ(operand.Mem{Base: s.x, Index: s.first, Scale: 4}, x)
	least, element := g.XMM(), g.XMM()
	for q, r := range rows {
		sound := g.label("sound")
		diagonal := operand.Mem{Base: row, Disp: 4 * q}
		g.VMULSS(diagonal, tolerance, least)
		g.broadcastLane(r, q, scratch)
		pivot := scratch.AsX()
		g.VUCOMISS(least, pivot)
		g.JHI(operand.LabelRef(sound))
		failed := g.GP64()
		g.LEAQ(operand.Mem{Base: s.first, Disp: q + 1}, failed)
		g.VZEROUPPER()
		g.Store(failed, g.ReturnIndex(0))
		g.RET()
		g.Label(sound)
		g.inverseRootOf(pivot, one, half, inverse)
		below := q + 1
		if below < len(rows) {
			// The next row waits for this one, so it does not wait for the memory too.
			g.broadcastLane(r, below, v)
			g.VBROADCASTSS(inverse, scratch)
			g.VMULPS(scratch, r, r)
			g.VMULPS(scratch, v, v)
			g.VFNMADD231PS(v, r, rows[below])
			below++
		} else {
			g.VBROADCASTSS(inverse, scratch)
			g.VMULPS(scratch, r, r)
		}
		g.VMOVUPS(r, operand.Mem{Base: row})
		g.VMOVSS(inverse, diagonal)
		for ; below < len(rows); below++ {
			g.multiplySubtract(operand.Mem{Base: row, Disp: 4 * below}, r, rows[below], scratch)
		}
		g.broadcastLane(right, q, scratch)
		g.VMULSS(inverse, scratch.AsX(), element)
		g.VMOVSS(element, operand.Mem{Base: x, Disp: 4 * q})
		if q+1 < len(rows) {
			g.VBROADCASTSS(element, scratch)
			g.VFNMADD231PS(scratch, r, right)
			g.CMPQ(s.count, operand.U8(q+1))
			g.JEQ(operand.LabelRef(finished))
			g.ADDQ(s.lda, row)
		}
	}
	g.Label(finished)

	g.Comment("The blocks to its right, where the panel is whole.")
	column, blocks, done := g.GP64(), g.label("blocks"), g.label("done")
	g.MOVQ(s.first, column)
	g.Label(blocks)
	g.ADDQ(operand.U8(g.lanes), column)
	g.CMPQ(column, s.n)
	g.JGE(operand.LabelRef(done))
	count := g.columnsFrom(s, column)
	g.MOVQ(column, from)
	g.IMULQ(s.lda, from)
	g.ADDQ(s.a, from)
	g.ADDQ(s.at, from)
	rows = g.transposed(from, s.lda, count)
	g.above(s, func(_, row reg.GPVirtual) {
		g.VMOVUPS(operand.Mem{Base: row, Index: column, Scale: 4}, v)
		at := g.GP64()
		g.LEAQ(operand.Mem{Base: row, Index: s.at, Scale: 1}, at)
		for q, r := range rows {
			g.multiplySubtract(operand.Mem{Base: at, Disp: 4 * q}, v, r, scratch)
		}
	})
	to := g.GP64()
	g.MOVQ(s.diagonal, row)
	g.MOVQ(s.diagonal, to)
	g.SUBQ(s.at, to)
	for q, r := range rows {
		g.VBROADCASTSS(operand.Mem{Base: row, Disp: 4 * q}, scratch)
		g.VMULPS(scratch, r, r)
		g.VMOVUPS(r, operand.Mem{Base: to, Index: column, Scale: 4})
		for below := q + 1; below < len(rows); below++ {
			g.multiplySubtract(operand.Mem{Base: row, Disp: 4 * below}, r, rows[below], scratch)
		}
		if q+1 < len(rows) {
			g.ADDQ(s.lda, row)
			g.ADDQ(s.lda, to)
		}
	}
	g.JMP(operand.LabelRef(blocks))
	g.Label(done)
	sound := g.GP64()
	g.XORQ(sound, sound)
	g.VZEROUPPER()
	g.Store(sound, g.ReturnIndex(0))
	g.RET()
}

// broadcastLane sets every lane to one of a vector.
func (g *generator) broadcastLane(from reg.VecVirtual, lane int, to reg.VecVirtual) {
	number, index := g.GP32(), g.vector()
	g.MOVL(operand.U32(lane), number)
	if g.wide() {
		g.VPBROADCASTD(number, index)
	} else {
		g.VMOVD(number, index.AsX())
		g.VPBROADCASTD(index.AsX(), index)
	}
	g.VPERMPS(from, index, to)
}

// inverseRootOf computes 1/√x of one number, as inverseRoot does.
func (g *generator) inverseRootOf(x reg.Register, one, half, inverse reg.VecVirtual) {
	if !g.wide() {
		g.VSQRTSS(x, x, x)
		g.VDIVSS(x, one, inverse)
		return
	}
	r, e := g.XMM(), g.XMM()
	g.VRSQRT14SS(x, x, r)
	g.VMULSS(r, x, e)
	g.VMULSS(r, half, inverse)
	g.VFNMADD213SS(one, r, e)
	g.VFMADD213SS(r, e, inverse)
}

// solvePanel: what the later elements of x contribute is a dot product for each row,
// whose lanes are added up by a transposition; the elements of the panel follow one
// after another, with the columns of its block in registers. These are divided by the
// diagonal, so that an element waits for a permutation and a multiply-add alone.
func solvePanel(g *generator) {
	g.function("solvePanel", "func(a *float32, lda, n, first int, x *float32)",
		"solvePanel"+g.name+" solves U·x = z for the elements of x from first on, as many as a\nvector has lanes, when those after them are done. x holds z until then.")
	s := g.system()
	sums, v := g.vectors(g.lanes), g.vector()
	g.zero(sums...)
	column, columns, added := g.GP64(), g.label("columns"), g.label("added")
	g.MOVQ(s.first, column)
	row, from := g.GP64(), g.GP64()
	g.MOVQ(s.diagonal, from)
	g.SUBQ(s.at, from)
	g.Label(columns)
	g.ADDQ(operand.U8(g.lanes), column)
	g.CMPQ(column, s.n)
	g.JGE(operand.LabelRef(added))
	g.load(operand.Mem{Base: s.x, Index: column, Scale: 4}, g.firstLanes(g.columnsFrom(s, column)), v)
	g.LEAQ(operand.Mem{Base: from, Index: column, Scale: 4}, row)
	for i, sum := range sums {
		g.VFMADD231PS(operand.Mem{Base: row}, v, sum)
		if i+1 < len(sums) {
			g.ADDQ(s.lda, row)
		}
	}
	g.JMP(operand.LabelRef(columns))
	g.Label(added)
	sums = g.transpose(sums)
	for n := len(sums) / 2; n > 0; n /= 2 {
		for i := range n {
			g.VADDPS(sums[i+n], sums[i], sums[i])
		}
	}
	rest := g.vector()
	g.load(operand.Mem{Base: s.x, Index: s.first, Scale: 4}, g.firstLanes(s.count), rest)
	g.VSUBPS(sums[0], rest, rest)

	g.MOVQ(s.diagonal, from)
	block := g.transposed(from, s.lda, s.count)
	x := g.GP64()
	g.LEAQ(operand.Mem{Base: s.x, Index: s.first, Scale: 4}, x)
	element, scratch := g.XMM(), g.vector()
	// from is the last row of the panel now.
	for q := g.lanes - 1; q >= 0; q-- {
		absent := g.label("absent")
		if q > 0 {
			g.CMPQ(s.count, operand.U8(q))
			g.JLE(operand.LabelRef(absent))
		}
		inverse := operand.Mem{Base: from, Disp: 4 * q}
		g.broadcastLane(rest, q, v)
		g.VMULSS(inverse, v.AsX(), element)
		g.VMOVSS(element, operand.Mem{Base: x, Disp: 4 * q})
		if q > 0 {
			g.multiply(inverse, scratch, block[q])
			g.VFNMADD231PS(v, block[q], rest)
			g.SUBQ(s.lda, from)
			g.Label(absent)
		}
	}
	g.end()
}
