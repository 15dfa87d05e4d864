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
//
// On an Intel Xeon of 2023 (240 GFLOP/s a core) 14 rows by 3706 of rank 64 reach 233
// GFLOP/s without a hit. With the 10 best kept, of 6040 rows, it is 155, or 139 with
// what was seen left out: some 70 insertions a row are the rest, and the bits of what
// was seen. With hits inserted in Go, a call for each strip that has one, it was 97.
func strips(g *generator) {
	heights := []int{14, 10, 7, 4, 2, 1}
	if !g.wide() {
		heights = []int{6, 4, 2, 1}
	}
	for _, height := range heights {
		scoreStrips(g, height)
		if g.wide() {
			keepBest(g, height)
		}
	}
	packRows(g)
}

// ahead is how far before their use the elements of Y are fetched, in bytes.
const ahead = 1 << 11

func scoreStrips(g *generator, height int) {
	name := fmt.Sprintf("scoreStrips%dx", height)
	g.function(name, "func(x, panel *float32, k, strips int, least *float32, open, hits *uint32, scores *float32) int",
		fmt.Sprintf("%s%s computes the scores of %d rows with strip after strip until one has a hit.\nIt returns the number of strips that are left, those with hits included.", name, g.name, height))
	panel, left := g.argument("panel"), g.argument("strips")
	least, open, hits := g.argument("least"), g.argument("open"), g.argument("hits")

	next, found, none := g.label("strips"), g.label("found"), g.label("none")
	g.Label(next)
	sums := g.stripSums(height, panel)

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
			high, bound, low := g.GP32(), g.vector(), g.vector()
			g.VBROADCASTSS(operand.Mem{Base: least, Disp: 4 * i}, bound)
			g.VCMPPS(operand.U8(atLeast), bound, s[0], low)
			g.VCMPPS(operand.U8(atLeast), bound, s[1], bound)
			g.VMOVMSKPS(low, bits)
			g.VMOVMSKPS(bound, high)
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
	g.storeScores(sums, g.argument("scores"))
	g.Label(none)
	g.VZEROUPPER()
	g.Store(left, g.ReturnIndex(0))
	g.RET()
}

// stripSums computes the scores of a tile, from the arguments x and k, and moves panel to
// the next strip.
func (g *generator) stripSums(height int, panel reg.GPVirtual) [][]reg.VecVirtual {
	sums := make([][]reg.VecVirtual, height)
	for i := range sums {
		sums[i] = g.vectors(2)
		g.zero(sums[i]...)
	}
	at, p, elements := g.argument("x"), g.argument("k"), g.label("elements")
	y, element := g.vectors(2), g.vector()
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
	return sums
}

// storeScores writes the scores of a tile row by row.
func (g *generator) storeScores(sums [][]reg.VecVirtual, scores reg.GPVirtual) {
	for i, s := range sums {
		for j := range s {
			g.VMOVUPS(s[j], operand.Mem{Base: scores, Disp: (2*i + j) * g.bytes()})
		}
	}
}

// keepBest has the best candidates of a row in a vector of scores, which fall, and one of
// ids. Places without a candidate, the last ones, are NaN. A candidate goes behind those
// that are at least as high: the others are moved on by an expansion that leaves its
// place out.
func keepBest(g *generator, height int) {
	name := fmt.Sprintf("keepBest%dx", height)
	g.function(name, "func(x, panel *float32, k, strips int, open, hits *uint32, scores *float32, first, n int, best *float32, ids *int32)",
		fmt.Sprintf("%s%s computes the scores of %d rows with the strips and inserts those that belong\namong the n best of a row. first is the id of the first column.", name, g.name, height))
	panel, left := g.argument("panel"), g.argument("strips")
	open, worst, first := g.argument("open"), g.argument("best"), g.argument("first")
	scratch := g.argument("n")
	g.LEAQ(operand.Mem{Base: worst, Index: scratch, Scale: 4, Disp: -4}, worst)

	next, done := g.label("strips"), g.label("done")
	g.Label(next)
	sums := g.stripSums(height, panel)
	const notBelowOrEqual, atLeast = 0x16, 0x1d // quiet; the first is true for NaN
	any, hits := g.GP32(), g.argument("hits")
	g.XORL(any, any)
	for i, s := range sums {
		bits, low, high := g.GP32(), g.K(), g.K()
		bound := operand.Mem{Base: worst, Disp: i * g.bytes()}
		g.VCMPPS_BCST(operand.U8(notBelowOrEqual), bound, s[0], low)
		g.VCMPPS_BCST(operand.U8(notBelowOrEqual), bound, s[1], high)
		g.KUNPCKWD(low, high, low)
		g.KMOVD(low, bits)
		g.ANDL(operand.Mem{Base: open, Disp: 4 * i}, bits)
		g.MOVL(bits, operand.Mem{Base: hits, Disp: 4 * i})
		g.ORL(bits, any)
	}
	g.TESTL(any, any)
	g.JZ(operand.LabelRef(done))

	scores := g.argument("scores")
	g.storeScores(sums, scores)
	best, ids, rows := g.argument("best"), g.argument("ids"), g.GP64()
	g.MOVQ(operand.U32(height), rows)
	row, nextRow, candidate, rejected := g.label("row"), g.label("nextRow"), g.label("candidate"), g.label("rejected")
	bits, j, at := g.GP32(), g.GP32(), g.GP32()
	kept, keptIDs, score, id := g.vector(), g.vector(), g.vector(), g.vector()
	g.Label(row)
	g.MOVL(operand.Mem{Base: hits}, bits)
	g.TESTL(bits, bits)
	g.JZ(operand.LabelRef(nextRow))
	g.VMOVUPS(operand.Mem{Base: best}, kept)
	g.VMOVUPS(operand.Mem{Base: ids}, keptIDs)
	g.Label(candidate)
	g.TZCNTL(bits, j)
	g.LEAL(operand.Mem{Base: bits, Disp: -1}, at)
	g.ANDL(at, bits)
	g.VBROADCASTSS(operand.Mem{Base: scores, Index: j.As64(), Scale: 4}, score)
	g.VUCOMISS(score.AsX(), score.AsX())
	g.JP(operand.LabelRef(rejected))
	before := g.K()
	g.VCMPPS(operand.U8(atLeast), score, kept, before)
	g.KMOVW(before, at)
	g.POPCNTL(at, at)
	g.CMPQ(at.As64(), g.param("n"))
	g.JGE(operand.LabelRef(rejected))
	g.ADDL(first.As32(), j)
	g.VPBROADCASTD(j, id)
	place := g.GP32()
	g.MOVL(operand.U32(1), place)
	g.SHLXL(at, place, place)
	g.NOTL(place)
	others := g.K()
	g.KMOVW(place, others)
	g.VEXPANDPS(kept, others, score)
	g.VPEXPANDD(keptIDs, others, id)
	g.VMOVAPS(score, kept)
	g.VMOVAPS(id, keptIDs)
	g.Label(rejected)
	g.TESTL(bits, bits)
	g.JNZ(operand.LabelRef(candidate))
	g.VMOVUPS(kept, operand.Mem{Base: best})
	g.VMOVUPS(keptIDs, operand.Mem{Base: ids})
	g.Label(nextRow)
	g.ADDQ(operand.U8(4), hits)
	g.ADDQ(operand.I32(g.bytes()), best)
	g.ADDQ(operand.I32(g.bytes()), ids)
	g.ADDQ(operand.I32(2*g.bytes()), scores)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef(row))

	g.Label(done)
	g.ADDQ(operand.I32(4*height), open)
	g.ADDQ(operand.U8(2*g.lanes), first)
	g.DECQ(left)
	g.JNZ(operand.LabelRef(next))
	g.end()
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
