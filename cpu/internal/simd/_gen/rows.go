package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows: the functions that go over rows y_j of a matrix which are found by ids.
func rows(g *generator) {
	dotRows(g)
	weightedSum(g, 4)
	weightedSum(g, 1)
}

// dotRows takes a group of ratings at a time, as many as a vector has lanes, and half
// of them or all while columns pass by, one vector of x with each. The sums are then
// transposed and added up, in the same pairs for each rating, so that a product does not
// depend on its place. The last group of a row has a mask; what it lacks of ids is 0,
// which is a row of Y wherever there is one.
//
// Floor on AVX-512: 45 additions and shuffles of the transposition and 16 multiply-adds a
// group at rank 16, on two ports, are 2 cycles a rating. On an Intel Xeon of 2023 it takes
// 2.6 (0.68 ns) from the first-level cache. With 25 million ratings of 62,000 columns a
// rating takes 1.8 ns at rank 10 and 7.4 at 64 (2.0 and 8.0 if rows of Y are not fetched
// ahead): the stream of 8 bytes a rating and rows from the second and third level limit it.
// Fetching 16, 48, 64 or 96 ratings ahead was no better than 32; fetched to the second level
// only, rank 64 takes 10 ns; addresses computed in vectors, through the stack, doubled the
// time.
func dotRows(g *generator) {
	g.function("dotRows", "func(dst, x *float32, ldx, k int, y *float32, ldy int, ids *int32, beside *float32, ends *int64, at, end int64, fetch int)",
		"dotRows"+g.name+" computes dst[j-at] = x_r·y_j for the ratings at ≤ j < end, where rating j is of\nrow ids[j-at] of Y and of the first row r of X that ends above j: ends has the end of each. It\ntakes k ≥ 1 elements and one rating or more; ldx and ldy are in bytes. What is beside the ids\nis fetched with them. Of the rows of Y the first 1, 2 or 4 lines of the cache are fetched\nwhile other ratings pass, or none if fetch is 0.")
	ldx, ends, at, end, fetch := g.param("ldx"), g.param("ends"), g.param("at"), g.param("end"), g.param("fetch")
	group := g.lanes
	lastIDs := g.AllocLocal(g.bytes())

	// What is not needed for every rating stays in memory: dst and beside as distances
	// from ids, and the bytes of the whole vectors of a row.
	dst, beside, wholes := g.param("dst"), g.param("beside"), g.param("k")
	x, ids, y, ldy := g.argument("x"), g.argument("ids"), g.argument("y"), g.argument("ldy")
	g.SUBQ(ids, dst)
	g.SUBQ(ids, beside)
	whole, rest, scratch := g.argument("k"), g.GP64(), g.GP64()
	g.MOVQ(whole, rest)
	g.ANDQ(operand.I32(g.lanes-1), rest)
	tail := g.firstLanes(rest)
	g.SUBQ(rest, whole)
	g.SHLQ(operand.U8(2), whole)
	g.MOVQ(whole, wholes)
	partial := g.AllocLocal(8) // elements beyond the whole vectors
	g.MOVQ(rest, partial)

	nextRow, groups, body, store, rowDone := g.label("rows"), g.label("groups"), g.label("body"), g.label("store"), g.label("row")
	left, from, lanes := g.GP64(), g.GP64(), g.mask()
	g.Label(nextRow)
	g.MOVQ(ends, scratch)
	g.MOVQ(operand.Mem{Base: scratch}, left)
	g.ADDQ(operand.U8(8), scratch)
	g.MOVQ(scratch, ends)
	g.CMPQ(left, end)
	g.CMOVQGT(end, left)
	g.MOVQ(left, scratch)
	g.SUBQ(at, left)
	g.MOVQ(scratch, at)

	g.Label(groups)
	g.MOVQ(ids, from)
	g.setAllLanes(lanes)
	g.CMPQ(left, operand.U8(group))
	g.JGE(operand.LabelRef(body))
	g.TESTQ(left, left)
	g.JZ(operand.LabelRef(rowDone))
	g.setLanes(lanes, left)
	whatIsLeft := g.vector()
	g.load(operand.Mem{Base: ids}, lanes, whatIsLeft)
	g.VMOVUPS(whatIsLeft, lastIDs)
	g.LEAQ(lastIDs, from)

	g.Label(body)
	g.PREFETCHT0(operand.Mem{Base: ids, Disp: streamAhead})
	g.MOVQ(beside, scratch)
	g.PREFETCHT0(operand.Mem{Base: ids, Index: scratch, Scale: 1, Disp: streamAhead})
	g.fetchRows(fetch, end, at, left, ids, y, ldy)
	sums := g.vectors(group)
	const together = 8 // rows whose addresses are in registers
	for half := 0; half < group; half += together {
		part := sums[half : half+together]
		g.zero(part...)
		if half > 0 {
			g.CMPQ(left, operand.U8(half))
			g.JLE(operand.LabelRef(store))
		}
		row := make([]reg.GPVirtual, together)
		for j := range row {
			row[j] = g.GP64()
			g.MOVLQSX(operand.Mem{Base: from, Disp: 4 * (half + j)}, row[j])
			g.IMULQ(ldy, row[j])
			g.ADDQ(y, row[j])
		}
		column, v := g.GP64(), g.vector()
		columns, last, added := g.label("columns"), g.label("last"), g.label("added")
		g.XORQ(column, column)
		g.Label(columns)
		g.CMPQ(column, wholes)
		g.JGE(operand.LabelRef(last))
		g.VMOVUPS(operand.Mem{Base: x, Index: column, Scale: 1}, v)
		for j, s := range part {
			g.VFMADD231PS(operand.Mem{Base: row[j], Index: column, Scale: 1}, v, s)
		}
		g.ADDQ(operand.U8(g.bytes()), column)
		g.JMP(operand.LabelRef(columns))
		g.Label(last)
		g.CMPQ(partial, operand.U8(0))
		g.JEQ(operand.LabelRef(added))
		g.load(operand.Mem{Base: x, Index: column, Scale: 1}, tail, v)
		element := g.vector()
		for j, s := range part {
			from := operand.Mem{Base: row[j], Index: column, Scale: 1}
			if g.wide() {
				g.VFMADD231PS(from, v, tail.k, s)
			} else {
				g.load(from, tail, element)
				g.VFMADD231PS(element, v, s)
			}
		}
		g.Label(added)
	}
	g.Label(store)
	g.MOVQ(dst, scratch)
	g.store(g.transposedSums(sums), lanes, operand.Mem{Base: ids, Index: scratch, Scale: 1})
	g.CMPQ(left, operand.U8(group))
	g.JLE(operand.LabelRef(rowDone))
	g.ADDQ(operand.U8(4*group), ids)
	g.SUBQ(operand.U8(group), left)
	g.JMP(operand.LabelRef(groups))

	g.Label(rowDone)
	g.LEAQ(operand.Mem{Base: ids, Index: left, Scale: 4}, ids)
	g.ADDQ(ldx, x)
	g.MOVQ(at, scratch)
	g.CMPQ(scratch, end)
	g.JLT(operand.LabelRef(nextRow))
	g.end()
}

// streamAhead is how far before their use the ids, and what is beside them, are fetched,
// in bytes. With 25 million ratings, rank 10, 2 KB took 1 to 4 % longer and 4 KB 2 to 6 %;
// fetched with PREFETCHNTA, past all caches but the first, they took half as long again.
const streamAhead = 1 << 10

// rowsAhead is how many ratings before their use rows of Y are fetched.
const rowsAhead = 32

// fetchRows fetches the first lines of the rows of a group of ratings, rowsAhead after ids,
// if there are as many. left, and end without at, are what there is of this row of X and
// of those after it.
func (g *generator) fetchRows(lines, end, at operand.Mem, left, ids, y, ldy reg.GPVirtual) {
	done, row := g.label("fetched"), g.GP64()
	g.CMPQ(lines, operand.U8(0))
	g.JEQ(operand.LabelRef(done))
	g.MOVQ(end, row)
	g.SUBQ(at, row)
	g.ADDQ(left, row)
	g.CMPQ(row, operand.U8(rowsAhead+g.lanes))
	g.JL(operand.LabelRef(done))
	for _, count := range []int{4, 2, 1} {
		fewer := g.label("fewer")
		g.CMPQ(lines, operand.U8(count))
		g.JLT(operand.LabelRef(fewer))
		for j := range g.lanes {
			g.MOVLQSX(operand.Mem{Base: ids, Disp: 4 * (rowsAhead + j)}, row)
			g.IMULQ(ldy, row)
			for i := range count {
				g.PREFETCHT0(operand.Mem{Base: y, Index: row, Scale: 1, Disp: 64 * i})
			}
		}
		g.JMP(operand.LabelRef(done))
		g.Label(fewer)
	}
	g.Label(done)
}

// transposedSums adds the lanes of each vector up, as many vectors as it has lanes, and
// returns the sums in the order of the vectors. Halves of two vectors become one, until
// one is left. It overwrites them.
func (g *generator) transposedSums(s []reg.VecVirtual) reg.VecVirtual {
	if !g.wide() {
		for n := len(s); n > 2; n /= 2 {
			for i := range n / 2 {
				g.VHADDPS(s[2*i+1], s[2*i], s[i])
			}
		}
		low := g.YMM()
		g.VPERM2F128(operand.U8(0x20), s[1], s[0], low)
		g.VPERM2F128(operand.U8(0x31), s[1], s[0], s[0])
		g.VADDPS(low, s[0], s[0])
		return s[0]
	}
	pair := func(a, b, dst reg.VecVirtual, low, high func(b, a, dst reg.VecVirtual)) {
		upper := g.vector()
		high(b, a, upper)
		low(b, a, dst)
		g.VADDPS(upper, dst, dst)
	}
	steps := []struct {
		low, high func(b, a, dst reg.VecVirtual)
	}{
		{
			func(b, a, dst reg.VecVirtual) { g.VUNPCKLPS(b, a, dst) },
			func(b, a, dst reg.VecVirtual) { g.VUNPCKHPS(b, a, dst) },
		},
		{
			func(b, a, dst reg.VecVirtual) { g.VUNPCKLPD(b, a, dst) },
			func(b, a, dst reg.VecVirtual) { g.VUNPCKHPD(b, a, dst) },
		},
		{
			func(b, a, dst reg.VecVirtual) { g.VSHUFF32X4(operand.U8(0x88), b, a, dst) },
			func(b, a, dst reg.VecVirtual) { g.VSHUFF32X4(operand.U8(0xdd), b, a, dst) },
		},
		{
			func(b, a, dst reg.VecVirtual) { g.VSHUFF32X4(operand.U8(0x88), b, a, dst) },
			func(b, a, dst reg.VecVirtual) { g.VSHUFF32X4(operand.U8(0xdd), b, a, dst) },
		},
	}
	for _, step := range steps {
		for i := range len(s) / 2 {
			pair(s[2*i], s[2*i+1], s[i], step.low, step.high)
		}
		s = s[:len(s)/2]
	}
	return s[0]
}

// weightedSum takes so many vectors of each row, or up to one.
func weightedSum(g *generator, width int) {
	if width == 1 {
		g.function("weightedSumLast", "func(dst *float32, columns int, y *float32, ldy int, ids *int32, n int, w *float32)",
			"weightedSumLast"+g.name+" computes dst += Σ w_j·y_j for the first columns, 1 to a vector's.")
	} else {
		g.function("weightedSum", "func(dst *float32, y *float32, ldy int, ids *int32, n int, w *float32)",
			"weightedSum"+g.name+" computes dst += Σ w_j·y_j for four vectors of columns.")
	}
	dst, q := g.argument("dst"), g.ratings()
	var columns mask
	if width == 1 {
		columns = g.firstLanes(g.argument("columns"))
	}
	// Rows take turns with two sums, as one would wait for itself.
	s, odd, v, weight := g.vectors(width), g.vectors(width), g.vector(), g.vector()
	g.zero(s...)
	g.zero(odd...)
	r, last, row := g.GP64(), g.GP64(), g.GP64()
	add := func(next int, sums []reg.VecVirtual) {
		g.MOVLQSX(operand.Mem{Base: q.ids, Index: r, Scale: 4, Disp: 4 * next}, row)
		g.IMULQ(q.ldy, row)
		g.ADDQ(q.y, row)
		g.VBROADCASTSS(operand.Mem{Base: q.w, Index: r, Scale: 4, Disp: 4 * next}, weight)
		if width == 1 {
			g.load(operand.Mem{Base: row}, columns, v)
			g.VFMADD231PS(v, weight, sums[0])
			return
		}
		for i, sum := range sums {
			g.VFMADD231PS(operand.Mem{Base: row, Disp: i * g.bytes()}, weight, sum)
		}
	}
	pairs, single, done := g.label("pairs"), g.label("single"), g.label("done")
	g.XORQ(r, r)
	g.LEAQ(operand.Mem{Base: q.n, Disp: -1}, last)
	g.Label(pairs)
	g.CMPQ(r, last)
	g.JGE(operand.LabelRef(single))
	add(0, s)
	add(1, odd)
	g.ADDQ(operand.U8(2), r)
	g.JMP(operand.LabelRef(pairs))
	g.Label(single)
	g.JNE(operand.LabelRef(done))
	add(0, s)
	g.Label(done)
	for i := range s {
		g.VADDPS(odd[i], s[i], s[i])
	}
	for i := range s {
		if width == 1 {
			g.addTo(operand.Mem{Base: dst}, &columns, s[0], v)
		} else {
			g.addTo(operand.Mem{Base: dst, Disp: i * g.bytes()}, nil, s[i], v)
		}
	}
	g.end()
}
