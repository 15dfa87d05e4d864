package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The Cholesky factorization A = Uᵀ·U of one system, from the left, a panel of 8 rows of U
// at a time. Up to three vectors of each row, or one with AVX2, are in registers while the
// rows above the panel pass by:
//
//	U[q][c] = (A[q][c] - Σ_{p<q} U[p][q]·U[p][c]) / U[q][q]
//
// A step costs a multiply-add for each vector, and a broadcast from memory of U[p][q] serves
// all that a row has. A is read from the lower triangle, whose blocks are transposed in
// registers; U goes to the upper one, with 1/U[q][q] on the diagonal. What a block on
// the diagonal has below it never reaches another lane. Lanes beyond the last column
// repeat that column, as the rows they come from are replaced by the last.
//
// The pivots wait for each other by a division and a multiply-add of single numbers, 15
// cycles: a pivot and the element beside it are computed by themselves, from the two rows that
// have them as they were before the last pivot. The two rows after a pivot's are updated by
// elements that were divided by it, and only the others wait for the row of U in memory.
//
// Registers of three vectors: 24 rows, the right-hand side, 3 vectors from above and a
// broadcast, 29 of 32; of one with AVX2 11 of 16, and 15 at the pivots.
//
// The floor is n³/3 + 2n² operations. On a Xeon of 2023 a system of order 32, 64 and 128
// in the second-level cache takes 0.40, 1.25 and 5.7 µs with AVX-512 (15, 34 and 58 % of
// the peak), 0.42, 1.6 and 9.0 µs with AVX2. Panels of as many rows as a vector has lanes, whose
// pivots waited for a reciprocal root, two multiplications and a multiply-add of vectors, took
// 0.55, 1.65 and 7.2 µs, and 0.56, 1.95 and 10.3 µs. What limits it are the multiply-adds, of
// which vectors on the diagonal have more than they need, 3.6 µs at order 128, and what comes
// between them: with one row of eight multiplied the same order takes 3.4 µs. If pivots
// do not wait, or blocks to the right are not divided, it takes as long.
func cholesky(g *generator) {
	choleskyPanel(g)
	solvePanel(g)
}

// panelHeight is the number of rows of U that are computed together.
const panelHeight = 8

// panel are the registers of choleskyPanel.
type panel struct {
	lda           reg.GPVirtual
	top, diagonal reg.GPVirtual // the panel's first column in the first row of A and of the panel
	column        reg.GPVirtual // the vectors in hand, from the panel's first column on, in bytes
	from          reg.GPVirtual // the rows of A that become those vectors, from the panel's first column on
	rows          reg.GPVirtual // how many of these there are, to the end of A
	vectors       reg.GPVirtual // that are left
}

// choleskyPanel computes vectors of the panel in groups of three, as long as there are
// enough: what is above them passes by once, and an element of it that is broadcast serves
// them all. The first group has the block on the diagonal.
func choleskyPanel(g *generator) {
	g.function("choleskyPanel", "func(a *float32, lda, n, first int, x *float32, tolerance float32) int",
		fmt.Sprintf("choleskyPanel%s computes the rows of U from first on, a multiple of %d, as many as that,\nand these elements of x, the solution of Uᵀ·x = b for the right-hand side\nin row n of a. It returns 0 or the pivot, from 1, that was not above tolerance\ntimes its diagonal element.", g.name, panelHeight))
	w := panel{lda: g.length("lda"), top: g.argument("a"), diagonal: g.GP64(), column: g.GP64(), from: g.GP64(), rows: g.argument("n"), vectors: g.GP64()}
	first := g.argument("first")
	block := g.GP64()
	g.MOVQ(first, block)
	g.ANDQ(operand.I32(-g.lanes), block)
	g.SUBQ(block, w.rows)
	g.MOVQ(block, w.from)
	g.IMULQ(w.lda, w.from)
	g.LEAQ(operand.Mem{Base: w.top, Index: first, Scale: 4}, w.top)
	g.ADDQ(w.top, w.from)
	g.MOVQ(first, w.diagonal)
	g.IMULQ(w.lda, w.diagonal)
	g.ADDQ(w.top, w.diagonal)
	g.MOVQ(block, w.column)
	g.SUBQ(first, w.column)
	g.SHLQ(operand.U8(2), w.column)
	g.LEAQ(operand.Mem{Base: w.rows, Disp: g.lanes - 1}, w.vectors)
	g.SHRQ(operand.U8(bits.TrailingZeros(uint(g.lanes))), w.vectors)

	right, done := g.label("right"), g.label("done")
	g.widths(w.vectors, func(width int) {
		g.firstBlocks(w, first, width)
		g.JMP(operand.LabelRef(right))
	})
	g.Label(right)
	g.TESTQ(w.vectors, w.vectors)
	g.JZ(operand.LabelRef(done))
	g.widths(w.vectors, func(width int) {
		g.rightBlocks(w, width)
		g.JMP(operand.LabelRef(right))
	})
	g.Label(done)
	sound := g.GP64()
	g.XORQ(sound, sound)
	g.VZEROUPPER()
	g.Store(sound, g.ReturnIndex(0))
	g.RET()
}

// widths emits a body for each number of vectors that is computed together.
func (g *generator) widths(left reg.GPVirtual, body func(width int)) {
	if !g.wide() {
		body(1)
		return
	}
	one, two := g.label("one"), g.label("two")
	g.CMPQ(left, operand.U8(1))
	g.JEQ(operand.LabelRef(one))
	g.CMPQ(left, operand.U8(2))
	g.JEQ(operand.LabelRef(two))
	g.CMPQ(left, operand.U8(4))
	g.JEQ(operand.LabelRef(two))
	body(3)
	g.Label(two)
	body(2)
	g.Label(one)
	body(1)
}

// blocks loads so many vectors of each row of the panel, and goes on to those after them.
func (g *generator) blocks(w panel, width int) [][]reg.VecVirtual {
	rows := make([][]reg.VecVirtual, panelHeight)
	for j := range width {
		for q, v := range g.transposedRows(w, j == width-1) {
			rows[q] = append(rows[q], v)
		}
	}
	g.SUBQ(operand.U8(width), w.vectors)
	return rows
}

// above subtracts from the rows of the panel what those above it contribute. step, unless it
// is nil, gets the first vector and its number.
func (g *generator) above(w panel, rows [][]reg.VecVirtual, step func(p reg.GPVirtual, v reg.VecVirtual)) {
	v, element, row, p := g.vectors(len(rows[0])), g.vector(), g.GP64(), g.GP64()
	loop, done := g.label("above"), g.label("subtracted")
	g.MOVQ(w.top, row)
	if step != nil {
		g.XORQ(p, p)
	}
	g.CMPQ(row, w.diagonal)
	g.JGE(operand.LabelRef(done))
	g.Label(loop)
	for j, x := range v {
		g.VMOVUPS(operand.Mem{Base: row, Index: w.column, Scale: 1, Disp: j * g.bytes()}, x)
	}
	for q, r := range rows {
		g.subtract(operand.Mem{Base: row, Disp: 4 * q}, v, r, element)
	}
	if step != nil {
		step(p, v[0])
		g.INCQ(p)
	}
	g.ADDQ(w.lda, row)
	g.CMPQ(row, w.diagonal)
	g.JLT(operand.LabelRef(loop))
	g.Label(done)
}

// subtract computes sums -= v times the element at an address.
func (g *generator) subtract(element operand.Mem, v, sums []reg.VecVirtual, scratch reg.VecVirtual) {
	if len(v) == 1 && g.wide() {
		g.VFNMADD231PS_BCST(element, v[0], sums[0])
		return
	}
	g.VBROADCASTSS(element, scratch)
	for j, s := range sums {
		g.VFNMADD231PS(scratch, v[j], s)
	}
}

// firstBlocks emits the vectors from the block on the diagonal on, with the right-hand side.
func (g *generator) firstBlocks(w panel, first reg.GPVirtual, width int) {
	rows := g.blocks(w, width)
	b, x, right := g.GP64(), g.argument("x"), g.vector()
	n := g.argument("n")
	g.SUBQ(first, n)
	g.IMULQ(w.lda, n)
	g.LEAQ(operand.Mem{Base: w.diagonal, Index: n, Scale: 1}, b)
	g.VMOVUPS(operand.Mem{Base: b, Index: w.column, Scale: 1}, right)
	g.above(w, rows, func(p reg.GPVirtual, v reg.VecVirtual) {
		g.subtract(operand.Mem{Base: x, Index: p, Scale: 4}, []reg.VecVirtual{v}, []reg.VecVirtual{right}, g.vector())
	})

	count := g.argument("n")
	g.SUBQ(first, count)
	finished := g.label("finished")
	row, numbers := g.GP64(), g.GP64()
	g.MOVQ(w.diagonal, row)
	g.LEAQ(operand.Mem{Base: x, Index: first, Scale: 4}, x)
	g.LEAQ(g.numbers(), numbers)
	g.SUBQ(w.column, numbers)
	// lane is a column of the panel in a row, in the first lane.
	lane := func(from reg.VecVirtual, q int) reg.VecVirtual {
		index := g.vector()
		g.VBROADCASTSS(operand.Mem{Base: numbers, Disp: 4 * q}, index)
		g.VPERMPS(from, index, index)
		return index
	}
	var pivot, beside reg.VecVirtual
	pivot, beside = lane(rows[0][0], 0), lane(rows[0][0], 1)
	for q, r := range rows {
		diagonal := operand.Mem{Base: row, Disp: 4 * q}
		sound := g.label("sound")
		least := g.XMM()
		g.VMOVSS(g.param("tolerance"), least)
		g.VMULSS(diagonal, least, least)
		g.VUCOMISS(least, pivot.AsX())
		g.JHI(operand.LabelRef(sound))
		failed := g.GP64()
		g.LEAQ(operand.Mem{Base: first, Disp: q + 1}, failed)
		g.VZEROUPPER()
		g.Store(failed, g.ReturnIndex(0))
		g.RET()
		g.Label(sound)

		var next, nextBeside reg.VecVirtual
		if q+1 < panelHeight {
			factor := g.vector()
			g.VDIVSS(pivot.AsX(), beside.AsX(), factor.AsX())
			next = lane(rows[q+1][0], q+1)
			g.VFNMADD231SS(factor.AsX(), beside.AsX(), next.AsX())
			if q+2 < panelHeight {
				far := lane(r[0], q+2)
				nextBeside = lane(rows[q+1][0], q+2)
				g.VFNMADD231SS(factor.AsX(), far.AsX(), nextBeside.AsX())
				g.VDIVSS(pivot.AsX(), far.AsX(), far.AsX())
				g.VBROADCASTSS(far.AsX(), far)
				for j, v := range r {
					g.VFNMADD231PS(far, v, rows[q+2][j])
				}
			}
			g.VBROADCASTSS(factor.AsX(), factor)
			for j, v := range r {
				g.VFNMADD231PS(factor, v, rows[q+1][j])
			}
		}
		inverse := g.vector()
		g.inverseRootOf(pivot.AsX(), inverse.AsX())
		solution := lane(right, q)
		g.VMULSS(inverse.AsX(), solution.AsX(), solution.AsX())
		g.VMOVSS(solution.AsX(), operand.Mem{Base: x, Disp: 4 * q})
		scale := g.vector()
		g.VBROADCASTSS(inverse.AsX(), scale)
		for j, v := range r {
			g.VMULPS(scale, v, v)
			g.VMOVUPS(v, operand.Mem{Base: row, Index: w.column, Scale: 1, Disp: j * g.bytes()})
		}
		scratch := g.vector()
		for below := q + 3; below < panelHeight; below++ {
			g.subtract(operand.Mem{Base: row, Disp: 4 * below}, r, rows[below], scratch)
		}
		g.VMOVSS(inverse.AsX(), diagonal)
		if q+1 < panelHeight {
			g.VBROADCASTSS(solution.AsX(), solution)
			g.VFNMADD231PS(solution, r[0], right)
			g.CMPQ(count, operand.U8(q+1))
			g.JEQ(operand.LabelRef(finished))
			g.ADDQ(w.lda, row)
		}
		pivot, beside = next, nextBeside
	}
	g.Label(finished)
	g.ADDQ(operand.I32(width*g.bytes()), w.column)
}

// rightBlocks emits vectors to the right of the block on the diagonal.
func (g *generator) rightBlocks(w panel, width int) {
	rows := g.blocks(w, width)
	g.above(w, rows, nil)
	row, scratch := g.GP64(), g.vector()
	g.MOVQ(w.diagonal, row)
	for q, r := range rows {
		g.VBROADCASTSS(operand.Mem{Base: row, Disp: 4 * q}, scratch)
		for j, v := range r {
			g.VMULPS(scratch, v, v)
			g.VMOVUPS(v, operand.Mem{Base: row, Index: w.column, Scale: 1, Disp: j * g.bytes()})
		}
		for below := q + 1; below < len(rows); below++ {
			g.subtract(operand.Mem{Base: row, Disp: 4 * below}, r, rows[below], scratch)
		}
		if q+1 < len(rows) {
			g.ADDQ(w.lda, row)
		}
	}
	g.ADDQ(operand.I32(width*g.bytes()), w.column)
}

// transposedRows loads the panel's columns of as many rows as a vector has lanes, and goes
// on to those after them. Of the last of all there may be fewer; the last one then
// stands for those that are missing.
func (g *generator) transposedRows(w panel, last bool) []reg.VecVirtual {
	v := g.vectors(panelHeight)
	// A vector has what two rows that are 4 apart have in common columns: all of the panel's
	// with AVX-512, and with AVX2 four of them.
	load := func(i int, from operand.Mem) {
		switch x := v[i&3:]; {
		case g.wide() && i&4 == 0:
			g.VBROADCASTF64X4(from, x[i>>1&4])
		case g.wide():
			g.VINSERTF64X4(operand.U8(1), from, x[i>>1&4], x[i>>1&4])
		case i&4 == 0:
			g.VBROADCASTF128(from, x[0])
			g.VBROADCASTF128(from.Offset(16), x[4])
		default:
			g.VINSERTF128(operand.U8(1), from, x[0], x[0])
			g.VINSERTF128(operand.U8(1), from.Offset(16), x[4], x[4])
		}
	}
	loaded := g.label("loaded")
	if last {
		whole, next := g.label("whole"), g.GP64()
		g.CMPQ(w.rows, operand.U8(g.lanes))
		g.JGE(operand.LabelRef(whole))
		for i := range g.lanes {
			load(i, operand.Mem{Base: w.from})
			if i+1 < g.lanes {
				g.LEAQ(operand.Mem{Base: w.from, Index: w.lda, Scale: 1}, next)
				g.CMPQ(w.rows, operand.U8(i+1))
				g.CMOVQGT(next, w.from)
			}
		}
		g.JMP(operand.LabelRef(loaded))
		g.Label(whole)
	}
	third := g.GP64()
	g.LEAQ(operand.Mem{Base: w.lda, Index: w.lda, Scale: 2}, third)
	for i := 0; i < g.lanes; i += 4 {
		load(i, operand.Mem{Base: w.from})
		load(i+1, operand.Mem{Base: w.from, Index: w.lda, Scale: 1})
		load(i+2, operand.Mem{Base: w.from, Index: w.lda, Scale: 2})
		load(i+3, operand.Mem{Base: w.from, Index: third, Scale: 1})
		g.LEAQ(operand.Mem{Base: w.from, Index: w.lda, Scale: 4}, w.from)
	}
	g.SUBQ(operand.U8(g.lanes), w.rows)
	g.Label(loaded)
	low, high := g.transposeFour(v[:4]), g.transposeFour(v[4:])
	if !g.wide() {
		return append(low, high...)
	}
	for i := range low {
		x, y := low[i], high[i]
		v[i], v[i+4] = g.vector(), y
		g.VSHUFF32X4(operand.U8(0x88), y, x, v[i])
		g.VSHUFF32X4(operand.U8(0xdd), y, x, y)
	}
	return v
}

// numbers are 0, 1, 2, and so on, as many as a vector has lanes.
func (g *generator) numbers() operand.Mem {
	name := "numbers" + g.name
	if !g.numbered { // one to a file
		g.numbered = true
		g.StaticGlobal(name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range g.lanes {
			g.AddDatum(4*i, operand.U32(i))
		}
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
}

// inverseRootOf computes 1/√x of one number, as inverseRoot does.
func (g *generator) inverseRootOf(x, inverse reg.Register) {
	one := g.XMM()
	g.VMOVSS(g.number(0x3f800000), one)
	if !g.wide() {
		g.VSQRTSS(x, x, inverse)
		g.VDIVSS(inverse, one, inverse)
		return
	}
	r := g.XMM()
	g.VRSQRT14SS(x, x, r)
	g.VMULSS(r, x, inverse)
	g.VFNMADD231SS(inverse, r, one) // 1 - x·r²
	g.VMULSS(g.number(0x3f000000), r, inverse)
	g.VFMADD213SS(r, one, inverse) // r + r/2·(1 - x·r²)
}

// number is a number in memory.
func (g *generator) number(bits uint32) operand.Mem {
	name := fmt.Sprintf("float%x%s", bits, g.name)
	if g.floats == nil {
		g.floats = map[uint32]bool{}
	}
	if !g.floats[bits] { // one to a file
		g.floats[bits] = true
		g.StaticGlobal(name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		g.AddDatum(0, operand.U32(bits))
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
}
