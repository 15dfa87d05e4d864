package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A float32 x is the sum of three bfloat16, its pieces x1, x2 and x3 of 8 bits each, and a
// product of two is
//
//	x·y = x1·y1 + (x1·y2 + x2·y1) + (x1·y3 + x2·y2 + x3·y1) + ...,
//
// where what is left out is below 2^-22 of it and has no preferred sign. The tile registers
// multiply bfloat16 so fast that six products of tiles take half the time of one in
// float32.
//
// Operands are packed in tiles of 16 rows of 16 pairs, a row of pairs for a row of A and a
// column of pairs for a column of B. A pair has the elements p and p+16 of the 32 of a step
// along the inner dimension: then a vector of pairs comes from two vectors of float32
// without a shuffle. A step has three tiles, the pieces, of 1 KiB each.
func gemmPieces(g *generator) {
	splitPieces(g)
	pieceBounds(g)
	multiplyPieces(g)
}

const (
	tileBytes = 1024
	stepBytes = 3 * tileBytes // the pieces of 16 rows or columns
	tileRows  = 16
)

// splitPieces makes tiles. The first piece is x rounded to bfloat16, so that what is left
// has either sign; the second is what is left, truncated, and the third what is left then,
// exactly: 7 bits at most.
//
// The floor is 20 operations in two ports for 32 elements, 0.31 cycles an element, and 0.23
// for the transpose.
func splitPieces(g *generator) {
	g.function("splitPieces", "func(tiles int, dst *float32, dstStep int, src *float32, srcStep, row, pair, both, single, lower, upper int, begin bool, seen *float32, seenStep int, aside *float32, asideStep int)",
		"splitPiecesAMX writes the pieces of tiles ≥ 1 steps to dst, dstStep bytes apart. Row i of a step\nhas pairs of what is at src[i·row] and src[i·row+pair], of which lower and upper elements are\nthere, up to 16; the first both rows have pairs, the next single rows have no second elements,\nand the others have none at all. Steps are srcStep bytes apart in src. Where aside is not\nnil, these are written there, asideStep bytes apart, and the transposed tiles to dst.\n\nThree vectors at seen, of the first step, and so many bytes further of the next, are brought up\nto date: the greatest first pieces without sign, the least that are not 0, less 1, and bits that\nare 0 in the lower half of each element if the pieces are exact. Where begin is true nothing has\nbeen seen before.")
	s := &splitting{generator: g,
		greatest: g.vector(), least: g.vector(), inexact: g.vector(),
		high: g.vector(), half: g.vector(), unsigned: g.vector(), ones: g.vector(),
		dst: g.argument("dst"), src: g.argument("src"), seen: g.argument("seen"),
		row: g.length("row"), pair: g.length("pair"), tiles: g.argument("tiles"),
	}
	s.lower, s.upper = g.firstLanes(g.argument("lower")), g.firstLanes(g.argument("upper"))
	g.constant(0xffff0000, s.high)
	g.constant(0x8000, s.half)
	g.constant(0x7fff7fff, s.unsigned)
	g.VPTERNLOGD(operand.U8(0xff), s.ones, s.ones, s.ones)

	tiles := g.label("tiles")
	g.Label(tiles)
	bounds := []reg.VecVirtual{s.greatest, s.least, s.inexact}
	begin, begun := g.label("begin"), g.label("begun")
	g.CMPB(g.param("begin"), operand.U8(0))
	g.JNE(operand.LabelRef(begin))
	for i, v := range bounds {
		g.VMOVDQU32(operand.Mem{Base: s.seen, Disp: i * g.bytes()}, v)
	}
	g.JMP(operand.LabelRef(begun))
	g.Label(begin)
	g.zero(s.greatest, s.inexact)
	g.VMOVDQU32(s.ones, s.least)
	g.CMPQ(g.param("seenStep"), operand.U8(0)) // the steps of one panel?
	g.JNE(operand.LabelRef(begun))
	g.MOVB(operand.U8(0), g.param("begin"))
	g.Label(begun)
	s.to, s.from = g.argument("aside"), g.GP64()
	g.TESTQ(s.to, s.to)
	g.CMOVQEQ(s.dst, s.to)
	g.MOVQ(s.src, s.from)
	s.rows("both", func(from operand.Mem) {
		z := g.vector()
		from.Index, from.Scale = s.pair, 1
		g.VMOVUPS_Z(from, s.upper.k, z)
		s.split(z)
	})
	s.rows("single", func(operand.Mem) {
		z := g.vector()
		g.zero(z)
		s.split(z)
	})
	s.clear()
	for i, v := range bounds {
		g.VMOVDQU32(v, operand.Mem{Base: s.seen, Disp: i * g.bytes()})
	}
	s.transpose()

	step := g.GP64()
	g.MOVQ(g.param("asideStep"), step)
	g.ADDQ(step, g.param("aside"))
	g.ADDQ(g.param("dstStep"), s.dst)
	g.ADDQ(g.param("srcStep"), s.src)
	g.ADDQ(g.param("seenStep"), s.seen)
	g.DECQ(s.tiles)
	g.JNZ(operand.LabelRef(tiles))
	g.end()
}

// splitting are the operands of splitPieces that stay in registers.
type splitting struct {
	*generator
	greatest, least, inexact   reg.VecVirtual
	high, half, unsigned, ones reg.VecVirtual // constants
	dst, src, seen             reg.GPVirtual
	row, pair, tiles           reg.GPVirtual // distances in bytes, steps left
	to, from                   reg.GPVirtual // of the row
	lower, upper               mask
}

// rows emits a loop over as many rows as an argument says.
func (s *splitting) rows(count string, body func(from operand.Mem)) {
	g := s.generator
	loop, none := g.label(count), g.label("none")
	left := g.argument(count)
	g.TESTQ(left, left)
	g.JZ(operand.LabelRef(none))
	g.Label(loop)
	body(operand.Mem{Base: s.from})
	g.ADDQ(s.row, s.from)
	g.ADDQ(operand.U8(64), s.to)
	g.DECQ(left)
	g.JNZ(operand.LabelRef(loop))
	g.Label(none)
}

// split writes a row of each piece: the pairs of what is at from, and z.
func (s *splitting) split(z reg.VecVirtual) {
	g := s.generator
	x := g.vector()
	g.VMOVUPS_Z(operand.Mem{Base: s.from}, s.lower.k, x)
	rounded, roundedZ, pairs := g.vector(), g.vector(), g.vector()
	g.VPADDD(s.half, x, rounded)
	g.VPADDD(s.half, z, roundedZ)
	const orAnd, or = 0xf8, 0xfe // a | b&c and a | b | c
	write := func(piece int, first, second reg.VecVirtual) {
		g.VPSRLD(operand.U8(16), first, pairs)
		g.VPTERNLOGD(operand.U8(orAnd), s.high, second, pairs)
		g.VMOVDQU32(pairs, operand.Mem{Base: s.to, Disp: piece * tileBytes})
	}
	subtract := func(v, piece reg.VecVirtual) {
		g.VPANDD(s.high, piece, piece)
		g.VSUBPS(piece, v, v)
	}
	write(0, rounded, roundedZ)
	g.VPANDD(s.unsigned, pairs, pairs)
	g.VPMAXUW(pairs, s.greatest, s.greatest)
	g.VPADDW(s.ones, pairs, pairs)
	g.VPMINUW(pairs, s.least, s.least)
	subtract(x, rounded)
	subtract(z, roundedZ)
	write(1, x, z)
	g.VPANDD(s.high, x, rounded)
	g.VSUBPS(rounded, x, x)
	g.VPANDD(s.high, z, roundedZ)
	g.VSUBPS(roundedZ, z, z)
	write(2, x, z)
	g.VPTERNLOGD(operand.U8(or), x, z, s.inexact)
}

// clear writes zeros to the rows that are left.
func (s *splitting) clear() {
	g := s.generator
	loop, none, left, zero := g.label("clear"), g.label("cleared"), g.GP64(), g.vector()
	g.MOVQ(operand.U32(tileRows), left)
	g.SUBQ(g.param("both"), left)
	g.SUBQ(g.param("single"), left)
	g.JZ(operand.LabelRef(none))
	g.zero(zero)
	g.Label(loop)
	for piece := range 3 {
		g.VMOVDQU32(zero, operand.Mem{Base: s.to, Disp: piece * tileBytes})
	}
	g.ADDQ(operand.U8(64), s.to)
	g.DECQ(left)
	g.JNZ(operand.LabelRef(loop))
	g.Label(none)
}

// transpose writes the tiles that are aside to dst.
func (s *splitting) transpose() {
	g := s.generator
	loop, direct := g.label("transpose"), g.label("direct")
	from, to, left := g.argument("aside"), g.GP64(), g.GP64()
	g.TESTQ(from, from)
	g.JZ(operand.LabelRef(direct))
	g.MOVQ(s.dst, to)
	g.MOVQ(operand.U32(3), left)
	g.Label(loop)
	for column := 0; column < tileRows; column += 4 {
		v := g.vectors(4)
		for i, x := range v {
			for lane := range 4 {
				m := operand.Mem{Base: from, Disp: (4*lane+i)*64 + 4*column}
				if lane == 0 {
					g.VMOVUPS(m, x.AsX())
				} else {
					g.VINSERTF32X4(operand.U8(lane), m, x, x)
				}
			}
		}
		for i, x := range g.transposeFour(v) {
			g.VMOVUPS(x, operand.Mem{Base: to, Disp: (column + i) * 64})
		}
	}
	g.ADDQ(operand.U32(tileBytes), from)
	g.ADDQ(operand.U32(tileBytes), to)
	g.DECQ(left)
	g.JNZ(operand.LabelRef(loop))
	g.Label(direct)
}

// pieceBounds reduces what splitPieces has seen to three numbers.
func pieceBounds(g *generator) {
	g.function("pieceBounds", "func(panels int, seen *float32, bounds *uint32)",
		"pieceBoundsAMX writes three numbers for each of panels ≥ 1: the greatest and the least of what\nsplitPieces has seen, and one that is not 0 if pieces are inexact.")
	panels, seen, bounds := g.argument("panels"), g.argument("seen"), g.argument("bounds")
	ones, low, number := g.vector(), g.vector(), g.GP32()
	g.VPTERNLOGD(operand.U8(0xff), ones, ones, ones)
	g.constant(0xffff, low)
	loop := g.label("panels")
	g.Label(loop)
	for i := range 2 {
		v, half := g.vector(), g.vector()
		g.VMOVDQU32(operand.Mem{Base: seen, Disp: i * g.bytes()}, v)
		if i == 0 {
			g.VPXORD(ones, v, v) // the greatest is the least of the complement
		}
		g.VEXTRACTI64X4(operand.U8(1), v, half.AsY())
		g.VPMINUW(half.AsY(), v.AsY(), v.AsY())
		g.VEXTRACTI128(operand.U8(1), v.AsY(), half.AsX())
		g.VPMINUW(half.AsX(), v.AsX(), v.AsX())
		g.VPHMINPOSUW(v.AsX(), v.AsX())
		g.VPEXTRW(operand.U8(0), v.AsX(), number)
		if i == 0 {
			g.XORL(operand.U32(0xffff), number)
		}
		g.MOVL(number, operand.Mem{Base: bounds, Disp: 4 * i})
	}
	inexact := g.K()
	g.VPTESTMD(operand.Mem{Base: seen, Disp: 2 * g.bytes()}, low, inexact)
	g.KMOVW(inexact, number)
	g.MOVL(number, operand.Mem{Base: bounds, Disp: 8})
	g.ADDQ(operand.U32(3*g.bytes()), seen)
	g.ADDQ(operand.U8(12), bounds)
	g.DECQ(panels)
	g.JNZ(operand.LabelRef(loop))
	g.end()
}
