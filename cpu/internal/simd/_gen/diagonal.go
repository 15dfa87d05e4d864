package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// diagonalBlock is the number of ratings whose products are added up in registers
// before they go to the sums in memory, which keeps rounding errors small.
const diagonalBlock = 256

// diagonal: the tiles on the diagonal of the normal equations, by the designs, for
// AVX-512.
func diagonal(g *generator) {
	for _, d := range designs {
		g.diagonalRows(d)
		g.spread(d)
		g.pack(d)
		g.solveSums(d)
	}
	g.diagonalBelow()
	g.place()
}

// table512 makes a table of 16 numbers a row.
func (g *generator) table512(name string, rows ...[lanes512]int) operand.Mem {
	g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, row := range rows {
		for l, v := range row {
			g.AddDatum(4*(i*lanes512+l), operand.U32(v))
		}
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
}

// line are the registers for one row of factors.
type line struct {
	z, permuted, operand reg.VecVirtual
	scaled               reg.VecVirtual // z times its weight
	order                reg.VecVirtual // of the permutation
}

func (g *generator) line(d *design) line {
	l := line{z: g.vector(), operand: g.vector(), scaled: g.vector()}
	if d.permute != nil {
		l.permuted, l.order = g.vector(), g.vector()
		g.VMOVUPS(g.table512("permute"+d.name()+g.name+fmt.Sprint(g.labels), *d.permute), l.order)
	}
	return l
}

// diagonalStep adds the products of a row of factors to the sums, the last of which
// is the right-hand side, and returns the line times its weight. With a mask the sums change
// where it is set. The line is kept beside that: to read it again for the products that it is an
// operand of took rows of order 10 20 % longer and of 16 10 %.
func (g *generator) diagonalStep(d *design, l line, row operand.Mem, weight *operand.Mem, target operand.Mem, sums []reg.VecVirtual, some ...reg.OpmaskVirtual) (scaled reg.VecVirtual) {
	add := func(from operand.Op, z, sum reg.VecVirtual, do func(...operand.Op)) {
		ops := []operand.Op{from, z}
		for _, k := range some {
			ops = append(ops, k)
		}
		do(append(ops, sum)...)
	}
	g.VMOVUPS(row, l.z)
	add(target, l.z, sums[len(d.products)], g.VFMADD231PS_BCST)
	scaled = l.z
	if weight != nil {
		scaled = l.scaled
		g.VMULPS_BCST(*weight, l.z, scaled)
	}
	if d.permute != nil {
		g.VPERMPS(scaled, l.order, l.permuted)
	}
	for i, p := range d.products {
		z := scaled
		if p.permuted {
			z = l.permuted
		}
		from := row.Offset(4 * p.at)
		loaded := i > 0 && d.products[i-1].width == p.width && d.products[i-1].at == p.at
		switch {
		case p.width == 1:
			add(from, z, sums[i], g.VFMADD231PS_BCST)
			continue
		case p.width == lanes512:
			add(l.z, z, sums[i], g.VFMADD231PS)
			continue
		case loaded:
		case p.width == 2:
			g.VBROADCASTSD(from, l.operand)
		case p.width == 4:
			g.VBROADCASTF32X4(from, l.operand)
		case p.width == 8:
			g.VBROADCASTF64X4(from, l.operand)
		}
		add(l.operand, z, sums[i], g.VFMADD231PS)
	}
	return scaled
}

// diagonalRows takes many rows of ratings in a call. Ratings go two at a time, where
// the registers and the latency of the additions ask for it to sums of their own. The
// last two of a block may be one, which a mask tells and not a branch: every branch
// that depends on a row's length is mispredicted.
//
// On the ratings of ml-1m by user a rating of order 10 takes 3.6 to 4.0 cycles. Tried
// and slower, against 4.0 in the same run: not fetching ahead, 4.3 to 4.4; eight rows
// ahead in registers instead, 4.15. With the factors of 64 columns and nothing fetched
// it is 3.5, of which the end of a row is some 25 cycles. With two ids to a load, taken apart,
// and a register each for ids, targets, weights and the count, half-steps of order 10 took 4 %
// longer and of order 16 5 %.
func (g *generator) diagonalRows(d *design) {
	g.function("normalRows"+d.name(), "func(sums, before *float32, offsets *int64, rows int, y *float32, ldy int, ids *int32, ahead int, w, t *float32)",
		fmt.Sprintf(`normalRows%s%s writes the sums of order ≤ %d of rows ≥ 1 rows, %d elements each: what their
ratings contribute and, unless it is nil, before, which is the same for all. A row's ratings
are as many as its offsets are apart; ids, w (or nil) and t begin with the first. Sums of
rows without ratings stay as they are.
Unless ahead is 0, the factors of the ratings so far ahead are fetched to the cache: ids are
read there.`, d.name(), g.name, d.order, d.size()))
	sums, offsets, rows := g.argument("sums"), g.argument("offsets"), g.argument("rows")
	y, ldy, ids, ahead := g.argument("y"), g.length("ldy"), g.argument("ids"), g.length("ahead")
	w, t := g.argument("w"), g.argument("t")
	l := g.line(d)
	n := len(d.products) + 1
	first := g.vectors(n)
	second := first
	if 2*n < 20 {
		second = g.vectors(n)
	}
	left, block, stop, at, next := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	before := g.AllocLocal(8) // the sums before a block
	both := g.K()

	loops := func(weighted, fetch bool) {
		nextRow, nextBlock, pairs, last, done := g.label("row"), g.label("block"), g.label("pairs"), g.label("last"), g.label("done")
		// One register moves: the others say how far from t they are.
		beside := func(distance reg.GPVirtual, i int) operand.Mem {
			return operand.Mem{Base: t, Index: distance, Scale: 1, Disp: 4 * i}
		}
		step := func(at reg.GPVirtual, i int, sums []reg.VecVirtual, some ...reg.OpmaskVirtual) {
			g.IMULQ(ldy, at)
			var weight *operand.Mem
			if weighted {
				m := beside(w, i)
				weight = &m
			}
			g.diagonalStep(d, l, operand.Mem{Base: y, Index: at, Scale: 1}, weight, operand.Mem{Base: t, Disp: 4 * i}, sums, some...)
		}
		if fetch {
			g.ADDQ(ids, ahead)
			g.SUBQ(t, ahead)
		}
		if weighted {
			g.SUBQ(t, w)
		}
		g.SUBQ(t, ids)
		g.Label(nextRow)
		g.MOVQ(operand.Mem{Base: offsets, Disp: 8}, left)
		g.SUBQ(operand.Mem{Base: offsets}, left)
		g.ADDQ(operand.U8(8), offsets)
		g.TESTQ(left, left)
		g.JZ(operand.LabelRef(done))
		from := g.argument("before")
		g.MOVQ(from, before)

		g.Label(nextBlock)
		g.MOVQ(operand.I32(diagonalBlock), block)
		g.CMPQ(left, block)
		g.CMOVQLT(left, block)
		g.SUBQ(block, left)
		g.zero(first...)
		if &second[0] != &first[0] {
			g.zero(second...)
		}
		g.LEAQ(operand.Mem{Base: t, Index: block, Scale: 4, Disp: -8}, stop)
		g.CMPQ(t, stop)
		g.JGE(operand.LabelRef(last))
		g.Label(pairs)
		if fetch {
			for i := range 2 {
				g.MOVLQSX(beside(ahead, i), at)
				g.IMULQ(ldy, at)
				g.PREFETCHT0(operand.Mem{Base: y, Index: at, Scale: 1})
			}
		}
		g.MOVLQSX(beside(ids, 0), next)
		g.MOVLQSX(beside(ids, 1), at)
		step(next, 0, first)
		step(at, 1, second)
		g.ADDQ(operand.U8(8), t)
		g.CMPQ(t, stop)
		g.JLT(operand.LabelRef(pairs))

		g.Label(last)
		// t is at stop for two ratings and one after it for one, which then is the second too.
		g.MOVLQSX(beside(ids, 0), next)
		step(next, 0, first)
		g.MOVQ(stop, block)
		g.SUBQ(t, block)
		g.LEAQ(operand.Mem{Base: stop, Disp: 4}, t)
		g.MOVLQSX(beside(ids, 0), at)
		g.SARQ(operand.U8(2), block)
		g.NOTQ(block)
		g.KMOVW(block.As32(), both)
		step(at, 0, second, both)
		g.ADDQ(operand.U8(4), t)
		if &second[0] != &first[0] {
			for i, s := range first {
				g.VADDPS(second[i], s, s)
			}
		}
		from = g.GP64()
		g.MOVQ(before, from)
		g.keep([][]reg.VecVirtual{first}, sums, from, nil)
		g.MOVQ(sums, before)
		g.TESTQ(left, left)
		g.JNZ(operand.LabelRef(nextBlock))
		g.Label(done)
		g.ADDQ(operand.I32(4*d.size()), sums)
		g.DECQ(rows)
		g.JNZ(operand.LabelRef(nextRow))
		g.end()
	}
	g.dispatch(w, ahead, loops)
}

// spread writes the sums of a design as rows of a matrix. Eight tiles of order 16 take 0.32
// µs, and 0.42 when other work has had the first-level cache. Permuting the vectors of a row
// in place of gathering it, 79 permutations a tile, took 0.26 and 0.48, as their indices are
// 5 KB.
func (g *generator) spread(d *design) {
	g.function("normalSpread"+d.name(), "func(a *float32, lda, rows int, b, sums *float32)",
		fmt.Sprintf(`normalSpread%s%s writes the sums of a tile to rows ≥ 1 rows of %d elements, both
triangles, from a on, and as many elements of the right-hand side to b. What is beyond
the order is unspecified.`, d.name(), g.name, lanes512))
	a, lda, rows, b, sums := g.argument("a"), g.length("lda"), g.argument("rows"), g.argument("b"), g.argument("sums")
	var table [][lanes512]int
	for i := range d.order {
		var row [lanes512]int
		for j := range row {
			row[j] = d.pair(i, min(j, d.order-1))
		}
		table = append(table, row)
	}
	var right [lanes512]int
	for j := range right {
		right[j] = d.rightSide() + d.single(min(j, d.order-1))
	}
	table = append(table, right)
	places := g.GP64()
	g.LEAQ(g.table512("places"+d.name()+g.name, table...), places)
	index, v, all := g.vector(), g.vector(), g.K()
	row := func(from, to operand.Mem) {
		g.KXNORW(all, all, all)
		g.VMOVUPS(from, index)
		g.zero(v)
		g.VGATHERDPS(operand.Mem{Base: sums, Index: index, Scale: 4}, all, v)
		g.VMOVUPS(v, to)
	}
	row(operand.Mem{Base: places, Disp: d.order * g.bytes()}, operand.Mem{Base: b})
	loop := g.label("rows")
	g.Label(loop)
	row(operand.Mem{Base: places}, operand.Mem{Base: a})
	g.ADDQ(operand.I32(g.bytes()), places)
	g.ADDQ(lda, a)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef(loop))
	g.end()
}

// place moves vectors.
func (g *generator) place() {
	g.function("normalPlace", "func(to, from *float32, places *int32, n int)",
		fmt.Sprintf("normalPlace%s copies n ≥ 1 vectors. The numbers of each in to and from are a pair of\nplaces.", g.name))
	to, from, places, n := g.argument("to"), g.argument("from"), g.argument("places"), g.argument("n")
	source, target, v, loop := g.GP64(), g.GP64(), g.vector(), g.label("places")
	g.Label(loop)
	g.MOVLQSX(operand.Mem{Base: places}, target)
	g.MOVLQSX(operand.Mem{Base: places, Disp: 4}, source)
	g.SHLQ(operand.U8(6), target)
	g.SHLQ(operand.U8(6), source)
	g.VMOVUPS(operand.Mem{Base: from, Index: source, Scale: 1}, v)
	g.VMOVUPS(v, operand.Mem{Base: to, Index: target, Scale: 1})
	g.ADDQ(operand.U8(8), places)
	g.DECQ(n)
	g.JNZ(operand.LabelRef(loop))
	g.end()
}

// pack brings rows of factors to the form of a design's line.
func (g *generator) pack(d *design) {
	g.function("normalPack"+d.name(), "func(dst, y *float32, ldy, stored, columns int, ids *int32, n int)",
		fmt.Sprintf(`normalPack%s%s writes n ≥ 1 rows of factors as %d elements each. The first stored ≤ %d are
in y; those up to columns are 1, the rest 0. The rows are those of ids, or the first n where
that is nil.`, d.name(), g.name, lanes512, d.order))
	dst, y, ldy := g.argument("dst"), g.argument("y"), g.length("ldy")
	stored, columns, ids, n := g.argument("stored"), g.argument("columns"), g.argument("ids"), g.argument("n")
	v, ones, order := g.vector(), g.vector(), g.vector()
	g.VMOVUPS(g.table512("line"+d.name()+g.name, d.z), order)
	some := g.firstLanes(stored)
	g.SHLQ(operand.U8(2), stored)
	// The ones: lanes of columns that are not stored.
	bias, one := g.firstLanes(columns), g.GP32()
	g.KANDNW(bias.k, some.k, bias.k)
	g.MOVL(operand.U32(0x3f800000), one)
	g.VPBROADCASTD_Z(one, bias.k, ones)
	row := g.GP64()
	loops := func(next func()) {
		loop := g.label("rows")
		g.Label(loop)
		next()
		g.VMOVUPS_Z(operand.Mem{Base: row}, some.k, v)
		g.VORPS(ones, v, v)
		g.VPERMPS(v, order, v)
		g.VMOVUPS(v, operand.Mem{Base: dst})
		g.ADDQ(operand.U8(g.bytes()), dst)
		g.DECQ(n)
		g.JNZ(operand.LabelRef(loop))
		g.end()
	}
	consecutive := g.label("consecutive")
	g.TESTQ(ids, ids)
	g.JZ(operand.LabelRef(consecutive))
	loops(func() {
		g.MOVLQSX(operand.Mem{Base: ids}, row)
		g.ADDQ(operand.U8(4), ids)
		g.IMULQ(ldy, row)
		g.ADDQ(y, row)
	})
	g.Label(consecutive)
	g.SUBQ(ldy, y)
	loops(func() {
		g.ADDQ(ldy, y)
		g.MOVQ(y, row)
	})
}

// diagonalBelow is the tile on the diagonal with the one below it, for orders above 16.
//
// The one below has fewer rows where the order ends in it: with all 16 of them half-steps of
// order 20, 24 and 50 took 32, 16 and 10 % longer. Two elements to a load, for the line and for
// the line with neighbours swapped, halve its loads but add a shuffle to a rating and some to
// its end: order 32 and 64 took 0.98 to 1.04 of the time.
//
// Registers: 11 sums of the design of order 16, 16 of the tile below, the line, its
// weighted and permuted forms and that permutation, an operand: 32.
func (g *generator) diagonalBelow() {
	d := designs[len(designs)-1]
	g.function("normalTopBelow", "func(height int, sums, before, a, beforeA *float32, lda int, y *float32, ldy int, ids *int32, n int, w, t, from *float32, ahead int)",
		fmt.Sprintf(`normalTopBelow%s writes the sums of a tile on the diagonal, whose columns of y begin at y,
as normalRows%s does, and the tile of A at a, which is below it: what the ratings contribute and,
unless they are nil, before and the tile at beforeA. That has %d columns and height rows, up to %d
more, and %[3]d at most. If ahead is not 0, two cache lines of the rows so far ahead are fetched,
as normalPairAhead does.`, g.name, d.name(), lanes512, belowStep-1))
	q := g.ratings()
	f, distance := g.fetch(q), g.argument("ahead")
	t, l := g.argument("t"), g.line(d)
	top, all := g.vectors(len(d.products)+1), g.vectors(lanes512)
	loops := func(below []reg.VecVirtual, weighted, ahead bool) {
		g.zero(top...)
		g.zero(below...)
		g.each(q, func(r, row reg.GPVirtual) {
			var weight *operand.Mem
			if weighted {
				weight = &operand.Mem{Base: q.w, Index: r, Scale: 4}
			}
			if ahead {
				g.fetchAhead(f, r, 2)
			}
			scaled := g.diagonalStep(d, l, operand.Mem{Base: row}, weight, operand.Mem{Base: t, Index: r, Scale: 4}, top)
			for i, s := range below {
				g.VFMADD231PS_BCST(operand.Mem{Base: row, Disp: g.bytes() + 4*i}, scaled, s)
			}
		}, f.ids, q.w, t)
		g.keep([][]reg.VecVirtual{top}, g.argument("sums"), g.argument("before"), nil)
		var rows [][]reg.VecVirtual
		for i := range below {
			rows = append(rows, below[i:i+1])
		}
		g.keep(rows, g.argument("a"), g.argument("beforeA"), g.length("lda"))
		g.end()
	}
	body := func(rows int) {
		g.dispatch(q.w, distance, func(weighted, ahead bool) { loops(all[:rows], weighted, ahead) })
	}
	for rows := belowStep; rows < lanes512; rows += belowStep {
		higher := g.label("higher")
		g.CMPQ(g.param("height"), operand.U8(rows))
		g.JG(operand.LabelRef(higher))
		body(rows)
		g.Label(higher)
	}
	body(lanes512)
}

// belowStep is the step of the heights that the tile below one on the diagonal may have.
const belowStep = 4

// dispatch emits loops for weights or none, and for fetching ahead or not.
func (g *generator) dispatch(w, ahead reg.GPVirtual, loops func(weighted, ahead bool)) {
	plain, still, stillPlain := g.label("plain"), g.label("still"), g.label("still")
	g.TESTQ(w, w)
	g.JZ(operand.LabelRef(plain))
	g.TESTQ(ahead, ahead)
	g.JZ(operand.LabelRef(still))
	loops(true, true)
	g.Label(still)
	loops(true, false)
	g.Label(plain)
	g.TESTQ(ahead, ahead)
	g.JZ(operand.LabelRef(stillPlain))
	loops(false, true)
	g.Label(stillPlain)
	loops(false, false)
}
