package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// strips: scores of tiles of rows of X against strips of rows of Y, which are packed:
// element p of all rows of a strip is together, so that a lane is a row of Y and a
// score is summed in the order of p, whatever the tile.
//
// A tile is so many rows by two vectors: its sums stay in registers while p goes from
// 0 to k, and are compared there. With 14 rows on AVX-512 that is 28 sums, two
// vectors of Y and one broadcast element of X: 28 multiply-adds (14 cycles) and 16
// loads (8 cycles) an element. With 6 rows on AVX2, 12 multiply-adds (6 cycles) and 8
// loads (4 cycles).
func strips(g *generator) {
	heights := []int{14, 10, 7, 4, 2, 1}
	if !g.wide() {
		heights = []int{6, 4, 2, 1}
	}
	for _, height := range heights {
		scoreStrips(g, height)
	}
	packRows(g)
}

// ahead is how far before their use the elements of Y are fetched, in bytes.
const ahead = 1 << 11

func scoreStrips(g *generator, height int) {
	name := fmt.Sprintf("scoreStrips%dx", height)
	g.function(name, "func(x, panel *float32, k, strips int, least *float32, open, hits *uint32, scores *float32) int",
		fmt.Sprintf("%s%s computes the scores of %d rows with strip after strip until one has a hit.\nIt returns the number of strips that are left, those with hits included.", name, g.name, height))
	x, panel, k, left := g.argument("x"), g.argument("panel"), g.argument("k"), g.argument("strips")
	least, open, hits := g.argument("least"), g.argument("open"), g.argument("hits")

	next, found, none := g.label("strips"), g.label("found"), g.label("none")
	g.Label(next)
	sums := make([][]reg.VecVirtual, height)
	for i := range sums {
		sums[i] = g.vectors(2)
		g.zero(sums[i]...)
	}
	at, p, elements := g.GP64(), g.GP64(), g.label("elements")
	y, element := g.vectors(2), g.vector()
	g.MOVQ(x, at)
	g.MOVQ(k, p)
	g.Label(elements)
	g.VMOVUPS(operand.Mem{Base: panel}, y[0])
	g.VMOVUPS(operand.Mem{Base: panel, Disp: g.bytes()}, y[1])
	for line := 0; line < 2*g.bytes(); line += 64 {
		g.PREFETCHT0(operand.Mem{Base: panel, Disp: ahead + line})
	}
	for i, s := range sums {
		g.VBROADCASTSS(operand.Mem{Base: at, Disp: 4 * i}, element)
		g.VFMADD231PS(y[0], element, s[0])
		g.VFMADD231PS(y[1], element, s[1])
	}
	g.ADDQ(operand.I32(2*g.bytes()), panel)
	g.ADDQ(operand.I32(4*height), at)
	g.DECQ(p)
	g.JNZ(operand.LabelRef(elements))

	const atLeast = 0x1d // ordered and quiet: never true for NaN
	any := g.GP32()
	g.XORL(any, any)
	for i, s := range sums {
		bits := g.GP32()
		if g.wide() {
			low, high := g.K(), g.K()
			g.VCMPPS_BCST(operand.U8(atLeast), operand.Mem{Base: least, Disp: 4 * i}, s[0], low)
			g.VCMPPS_BCST(operand.U8(atLeast), operand.Mem{Base: least, Disp: 4 * i}, s[1], high)
			g.KUNPCKWD(low, high, low)
			g.KMOVD(low, bits)
		} else {
			high := g.GP32()
			g.VBROADCASTSS(operand.Mem{Base: least, Disp: 4 * i}, element)
			g.VCMPPS(operand.U8(atLeast), element, s[0], y[0])
			g.VCMPPS(operand.U8(atLeast), element, s[1], y[1])
			g.VMOVMSKPS(y[0], bits)
			g.VMOVMSKPS(y[1], high)
			g.SHLL(operand.U8(g.lanes), high)
			g.ORL(high, bits)
		}
		g.ANDL(operand.Mem{Base: open, Disp: 4 * i}, bits)
		g.MOVL(bits, operand.Mem{Base: hits, Disp: 4 * i})
		g.ORL(bits, any)
	}
	g.TESTL(any, any)
	g.JNZ(operand.LabelRef(found))
	g.ADDQ(operand.I32(4*height), open)
	g.DECQ(left)
	g.JNZ(operand.LabelRef(next))
	g.JMP(operand.LabelRef(none))

	g.Label(found)
	scores := g.argument("scores")
	for i, s := range sums {
		for j := range s {
			g.VMOVUPS(s[j], operand.Mem{Base: scores, Disp: (2*i + j) * g.bytes()})
		}
	}
	g.Label(none)
	g.VZEROUPPER()
	g.Store(left, g.ReturnIndex(0))
	g.RET()
}

// packRows transposes blocks of eight rows and four columns, which are eight vectors
// of four elements in memory and become four of eight.
func packRows(g *generator) {
	g.function("packRows", "func(dst *float32, width int, src *float32, ld, quads int)",
		"packRows"+g.name+" copies element p of eight rows of src to dst[p*width:], for the first 4·quads\nelements, quads ≥ 1.")
	dst, width := g.argument("dst"), g.length("width")
	src, ld, quads := g.argument("src"), g.length("ld"), g.argument("quads")
	lower, triple := g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: src, Index: ld, Scale: 4}, lower)
	g.LEAQ(operand.Mem{Base: ld, Index: ld, Scale: 2}, triple)
	loop := g.label("quads")
	g.Label(loop)
	// v[i] has row i in its lower half and row i+4 in its upper half.
	v := make([]reg.VecVirtual, 4)
	for i := range v {
		row := func(base reg.GPVirtual) operand.Mem {
			switch i {
			case 0:
				return operand.Mem{Base: base}
			case 3:
				return operand.Mem{Base: base, Index: triple, Scale: 1}
			default:
				return operand.Mem{Base: base, Index: ld, Scale: uint8(i)}
			}
		}
		v[i] = g.YMM()
		g.VMOVUPS(row(src), v[i].AsX())
		g.VINSERTF128(operand.U8(1), row(lower), v[i], v[i])
	}
	a, b, c, d := g.YMM(), g.YMM(), g.YMM(), g.YMM()
	g.VUNPCKLPS(v[1], v[0], a)
	g.VUNPCKLPS(v[3], v[2], b)
	g.VUNPCKHPS(v[1], v[0], c)
	g.VUNPCKHPS(v[3], v[2], d)
	for i, from := range [][2]reg.VecVirtual{{a, b}, {a, b}, {c, d}, {c, d}} {
		out := g.YMM()
		const lows, highs = 0b01_00_01_00, 0b11_10_11_10
		pairs := operand.U8(lows)
		if i%2 == 1 {
			pairs = highs
		}
		g.VSHUFPS(pairs, from[1], from[0], out)
		g.VMOVUPS(out, operand.Mem{Base: dst})
		g.ADDQ(width, dst)
	}
	g.ADDQ(operand.U8(16), src)
	g.ADDQ(operand.U8(16), lower)
	g.DECQ(quads)
	g.JNZ(operand.LabelRef(loop))
	g.end()
}
