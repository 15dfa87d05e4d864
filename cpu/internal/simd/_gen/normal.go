package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The normal equations of a row are sums over rows y_r of a matrix that are
// scattered in memory: A += Σ w_r·y_r·y_rᵀ, the lower triangle, and b += Σ t_r·y_r.
//
// A tile is a part of A that stays in registers while all rows r pass by. Its
// columns are one vector or two, read from y_r; each of its rows is one element of
// y_r, read as a broadcast, so that a step costs a multiply-add for each vector of
// the tile. Nothing is packed: the rows are found by their ids, and they are padded
// to whole vectors. For a weighted sum the vectors are multiplied by w_r, once for all pair
// tiles with the same columns.
//
// A top tile lies on the diagonal and has the right-hand sides of its columns as
// well. For AVX2 it is one vector wide, or two with the second to the right of the
// diagonal, for which it has the right-hand side alone. For AVX-512 the designs halve
// the work on the diagonal. A pair tile lies below, two vectors wide.
//
// With 64 ratings of factors in the cache the tiles of AVX-512 reach 73, 82 and 81 % of the
// peak at order 32, 64 and 128; with whole squares on the diagonal they reached 57, 71 and
// 80. Those of AVX2 reach 61, 70 and 75 %, and 59, 67 and 72 with a loop of one rating that
// adds up its address. What is missing is mostly the end of each tile, some 40 cycles, and
// in the tiles on the diagonal: with many ratings a tile of 14 rows runs at the peak, the
// others take 6.9 and 14.4 cycles a rating of 6 and 14. Blocks of one and a half and of twice
// as many ratings, or of equal length, changed half-steps by less than the noise. A loop has
// few operations on integers: with a counter of its own, and places ahead that were compared
// with the last one, order 32, 64 and 128 reached 70, 80 and 80 %.
//
// Rows from the second-level cache are fetched ahead by the first tiles; without that order
// 32 takes 12 % longer. A line a rating by more tiles, 8, 32 or 64 ratings ahead, was no
// faster, nor were rows copied side by side, nor the sums of a tile fetched at its beginning,
// nor, at rank 128, lines fetched to the second-level cache 32 or 64 ratings before that (0.96 to
// 1.04 of the time). Calls for many rows at a time, which gain at order 16, gain nothing at 32
// and 64. Half-steps are further from the peak than the tiles because the clock is lower in them
// than in the loop that the peak is measured by: right after half-steps on ml-1m that loop made
// 189 to 217 GFLOP/s, and 212 to 242 after 20 ms of itself. Loads lower it: 24 multiply-adds
// take 12 cycles by themselves and with 12 broadcasts, but at 3.46 and 3.25 GHz, with one of 24
// in each at 3.13.
//
// Tried with the tile registers of AMX, as gemm uses them, in prototypes: the pieces of
// gathered rows are one operand, and have to be transposed to be the other. A rating took
// 40 and 119 ns at rank 64 and 128, for the tiles alone, where half-steps take 35 and 140 in
// all: twelve bytes of pieces for an element, written and read, do not stay in the
// first-level cache. With blocks of 32 ratings, whose pieces do at rank 64, and the pieces of
// all factors made once it took 23 and 105, 9 and 32 of them to bring the pieces together,
// and 28 at rank 64 with one block brought together while the one before it is multiplied. A
// product of tiles seems to keep one of the two units, the one that shuffles: four take 20 ns,
// with 48 multiply-adds beside them too, and 30 with 96.
//
// Registers of the tiles, for the heights that occur:
//
//	AVX-512  pair  14 rows ×2,                     2 vectors, 1 broadcast    31 of 32
//	AVX2     top    8 rows ×1, 2 right-hand sides, 2 vectors, 1 coefficient  13 of 16
//	         pair   6 rows ×2,                     2 vectors, 1 broadcast    15 of 16
func normal(g *generator) {
	if !g.wide() {
		topTiles(g)
		topPair(g)
		pairTilesAVX2(g, pairPlain)
		pairTilesAVX2(g, pairScaled)
		return
	}
	diagonal(g)
	for _, kind := range []string{pairPlain, pairAhead, pairScaled} {
		pairTiles(g, kind)
	}
}

// pairHeight is the most rows of a pair tile.
func (g *generator) pairHeight() int {
	if g.wide() {
		return 14
	}
	return 6
}

// ratings is the loop over the rows y_r.
type ratings struct {
	ids    reg.GPVirtual
	n      reg.GPVirtual
	y, ldy reg.GPVirtual
	w      reg.GPVirtual // 0 where there are no weights; nil where there never are
}

func (g *generator) ratings() ratings {
	return ratings{g.argument("ids"), g.argument("n"), g.argument("y"), g.length("ldy"), g.argument("w")}
}

// each emits the loop. step gets the number of the row, less that of all rows, and its
// address. The registers of ids, and of others that have an element of each row, are moved to
// the ends of their slices.
func (g *generator) each(q ratings, step func(r, row reg.GPVirtual), others ...reg.GPVirtual) {
	r, row := g.GP64(), g.GP64()
	for _, end := range append(others, q.ids) {
		g.LEAQ(operand.Mem{Base: end, Index: q.n, Scale: 4}, end)
	}
	g.MOVQ(q.n, r)
	g.NEGQ(r)
	loop := g.label("ratings")
	g.Label(loop)
	g.MOVLQSX(operand.Mem{Base: q.ids, Index: r, Scale: 4}, row)
	g.IMULQ(q.ldy, row)
	g.ADDQ(q.y, row)
	step(r, row)
	g.INCQ(r)
	g.JNZ(operand.LabelRef(loop))
}

// eachOffset emits the loop for AVX2, once with weights and once without, and finish
// after either. step gets what addresses the rating's element of t or q.w, whether
// there are weights, and how many bytes from q.y on the row is. The registers of ids,
// weights and t, which may be nil, are moved to the ends of their slices.
//
// Multiply-adds of 256 bits go to two units that integers use as well, so the loop has
// few of them: two ratings in a turn, addresses that the loads add up, one counter.
func (g *generator) eachOffset(q ratings, t *reg.GPVirtual, step func(at func(base reg.GPVirtual) operand.Mem, weighted bool, row reg.GPVirtual), finish func()) {
	r, row := g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: q.ids, Index: q.n, Scale: 4}, q.ids)
	if t != nil {
		g.LEAQ(operand.Mem{Base: *t, Index: q.n, Scale: 4}, *t)
	}
	g.MOVQ(q.n, r)
	g.NEGQ(r)
	loops := func(weighted bool) {
		even, loop, done := g.label("even"), g.label("ratings"), g.label("done")
		one := func(i int) {
			at := func(base reg.GPVirtual) operand.Mem {
				return operand.Mem{Base: base, Index: r, Scale: 4, Disp: 4 * i}
			}
			g.MOVLQSX(at(q.ids), row)
			g.IMULQ(q.ldy, row)
			step(at, weighted, row)
		}
		g.TESTQ(operand.U32(1), r)
		g.JZ(operand.LabelRef(even))
		one(0)
		g.INCQ(r)
		g.JZ(operand.LabelRef(done))
		g.Label(even)
		g.Label(loop)
		one(0)
		one(1)
		g.ADDQ(operand.U8(2), r)
		g.JNZ(operand.LabelRef(loop))
		g.Label(done)
		finish()
		g.end()
	}
	if q.w != nil {
		plain := g.label("plain")
		g.TESTQ(q.w, q.w)
		g.JZ(operand.LabelRef(plain))
		g.LEAQ(operand.Mem{Base: q.w, Index: q.n, Scale: 4}, q.w)
		loops(true)
		g.Label(plain)
	}
	loops(false)
}

// fetchLines is how many cache lines of a row are fetched ahead in a tile.
const fetchLines = 4

// fetch are the registers to fetch rows ahead.
type fetch struct {
	ids reg.GPVirtual // of those rows
	ldy reg.GPVirtual
	y   reg.GPVirtual
	at  reg.GPVirtual
}

// fetch loads the arguments for it.
func (g *generator) fetch(q ratings) fetch {
	f := fetch{g.GP64(), q.ldy, g.argument("from"), g.GP64()}
	ahead := g.argument("ahead")
	g.LEAQ(operand.Mem{Base: q.ids, Index: ahead, Scale: 4}, f.ids)
	return f
}

// fetchAhead brings lines of the row that is ahead of row r to the cache.
func (g *generator) fetchAhead(f fetch, r reg.GPVirtual, lines int) {
	g.MOVLQSX(operand.Mem{Base: f.ids, Index: r, Scale: 4}, f.at)
	g.IMULQ(f.ldy, f.at)
	for i := range lines {
		g.PREFETCHT0(operand.Mem{Base: f.y, Index: f.at, Scale: 1, Disp: 64 * i})
	}
}

// multiply multiplies vectors by the element at an address.
func (g *generator) multiply(element operand.Mem, scratch reg.VecVirtual, v ...reg.VecVirtual) {
	g.VBROADCASTSS(element, scratch)
	for _, x := range v {
		g.VMULPS(scratch, x, x)
	}
}

// multiplyAdd computes sum += x times the element at an address.
func (g *generator) multiplyAdd(element operand.Mem, x, sum, scratch reg.VecVirtual) {
	if g.wide() {
		g.VFMADD231PS_BCST(element, x, sum)
		return
	}
	g.VBROADCASTSS(element, scratch)
	g.VFMADD231PS(scratch, x, sum)
}

// addTo adds a sum to what is in memory. Without a mask it is the whole vector.
func (g *generator) addTo(to operand.Mem, m *mask, sum, scratch reg.VecVirtual) {
	if m == nil {
		g.VADDPS(to, sum, sum)
		g.VMOVUPS(sum, to)
		return
	}
	g.load(to, *m, scratch)
	g.VADDPS(scratch, sum, sum)
	g.store(sum, *m, to)
}

// keep writes sums of a tile to memory: rows of them, apart bytes apart, plus what the
// same rows from before on have, unless before is 0. It moves to and before.
func (g *generator) keep(rows [][]reg.VecVirtual, to, before, apart reg.GPVirtual) {
	fresh, done := g.label("fresh"), g.label("kept")
	write := func(add bool) {
		for i, row := range rows {
			if i > 0 {
				g.ADDQ(apart, to)
				if add {
					g.ADDQ(apart, before)
				}
			}
			for j, s := range row {
				if add {
					g.VADDPS(operand.Mem{Base: before, Disp: j * g.bytes()}, s, s)
				}
				g.VMOVUPS(s, operand.Mem{Base: to, Disp: j * g.bytes()})
			}
		}
	}
	g.TESTQ(before, before)
	g.JZ(operand.LabelRef(fresh))
	write(true)
	g.JMP(operand.LabelRef(done))
	g.Label(fresh)
	write(false)
	g.Label(done)
}

// heights emits one body for each height up to the most, and the jump to that of
// the argument height.
func (g *generator) heights(most int, body func(height int)) {
	height := g.argument("height")
	labels := make([]string, most+1)
	for h := most; h > 1; h-- {
		labels[h] = g.label("height")
		g.CMPQ(height, operand.U8(h))
		g.JEQ(operand.LabelRef(labels[h]))
	}
	body(1)
	for h := 2; h <= most; h++ {
		g.Label(labels[h])
		body(h)
	}
}

const sharedArguments = "y *float32, ldy int, ids *int32, n int, w "

// topTiles: tiles on the diagonal, one vector wide, of any height up to a vector's
// length.
func topTiles(g *generator) {
	g.function("normalTop", "func(height int, a *float32, lda int, b *float32, "+sharedArguments+", t *float32)",
		fmt.Sprintf("normalTop%s adds to the tile of A on the diagonal that begins at a, height ≤ %d rows by\n%d columns, and to the right-hand sides at b.", g.name, g.lanes, g.lanes))
	a, lda, b, t, q := g.argument("a"), g.length("lda"), g.argument("b"), g.argument("t"), g.ratings()
	g.heights(g.lanes, func(height int) {
		x, scratch, right, sums := g.vector(), g.vector(), g.vector(), g.vectors(height)
		g.zero(right)
		g.zero(sums...)
		g.eachOffset(q, &t, func(at func(reg.GPVirtual) operand.Mem, weighted bool, row reg.GPVirtual) {
			g.VMOVUPS(element(q.y, row, 0), x)
			g.multiplyAdd(at(t), x, right, scratch)
			if weighted {
				g.multiply(at(q.w), scratch, x)
			}
			for i, s := range sums {
				g.multiplyAdd(element(q.y, row, i), x, s, scratch)
			}
		}, func() {
			g.addTo(operand.Mem{Base: b}, nil, right, nil)
			for i, s := range sums {
				if i > 0 {
					g.ADDQ(lda, a)
				}
				g.addTo(operand.Mem{Base: a}, nil, s, nil)
			}
		})
	})
}

// element addresses element i of a row that is so many bytes from y on.
func element(y, row reg.GPVirtual, i int) operand.Mem {
	return operand.Mem{Base: y, Index: row, Scale: 1, Disp: 4 * i}
}

// topPair: a whole tile on the diagonal, with the right-hand sides of the columns
// of the vector to its right.
func topPair(g *generator) {
	g.function("normalTopPair", "func(a *float32, lda int, b *float32, "+sharedArguments+", t *float32)",
		fmt.Sprintf("normalTopPair%s adds to the square tile of A on the diagonal that begins at a, %d rows\nand columns, and to the right-hand sides at b of those and of as many columns after\nthem.", g.name, g.lanes))
	a, lda, b, t, q := g.argument("a"), g.length("lda"), g.argument("b"), g.argument("t"), g.ratings()
	x, y, scratch, right, sums := g.vector(), g.vector(), g.vector(), g.vectors(2), g.vectors(g.lanes)
	g.zero(right...)
	g.zero(sums...)
	g.eachOffset(q, &t, func(at func(reg.GPVirtual) operand.Mem, weighted bool, row reg.GPVirtual) {
		g.VMOVUPS(element(q.y, row, 0), x)
		g.VMOVUPS(element(q.y, row, g.lanes), y)
		g.VBROADCASTSS(at(t), scratch)
		g.VFMADD231PS(scratch, x, right[0])
		g.VFMADD231PS(scratch, y, right[1])
		if weighted {
			g.multiply(at(q.w), scratch, x)
		}
		for i, s := range sums {
			g.multiplyAdd(element(q.y, row, i), x, s, scratch)
		}
	}, func() {
		for i, s := range right {
			g.addTo(operand.Mem{Base: b, Disp: i * g.bytes()}, nil, s, nil)
		}
		for i, s := range sums {
			if i > 0 {
				g.ADDQ(lda, a)
			}
			g.addTo(operand.Mem{Base: a}, nil, s, nil)
		}
	})
}

// pairTilesAVX2: tiles below the diagonal, two vectors wide. Of those with the same columns
// the first multiplies the vectors by the weights, and keeps them for the others.
func pairTilesAVX2(g *generator, kind string) {
	most := g.pairHeight()
	doc := fmt.Sprintf("normalPair%s%s adds to the tile of A that begins at a, height ≤ %d rows by %d columns. The\ncolumns of y begin at y, the rows down elements after that.", kind, g.name, most, 2*g.lanes)
	weights := ", w, scaled *float32"
	if kind == pairScaled {
		doc += " The columns are read from scaled."
		weights = ", scaled *float32"
	} else {
		doc += "\nWith weights the columns times the weights go to scaled, rating by rating."
	}
	g.function("normalPair"+kind, "func(height int, a *float32, lda, down int, y *float32, ldy int, ids *int32, n int"+weights+")", doc)
	q := ratings{ids: g.argument("ids"), n: g.argument("n"), y: g.argument("y"), ldy: g.length("ldy")}
	if kind != pairScaled {
		q.w = g.argument("w")
	}
	down, scaled := g.length("down"), g.argument("scaled")
	g.heights(most, func(height int) {
		x, broadcast, sums := g.vectors(2), g.vector(), g.vectors(2*height)
		g.zero(sums...)
		g.ADDQ(q.y, down)
		g.eachOffset(q, nil, func(at func(reg.GPVirtual) operand.Mem, weighted bool, row reg.GPVirtual) {
			for i, v := range x {
				from := element(q.y, row, i*g.lanes)
				if kind == pairScaled {
					from = operand.Mem{Base: scaled, Disp: i * g.bytes()}
				}
				g.VMOVUPS(from, v)
			}
			if weighted {
				g.multiply(at(q.w), broadcast, x...)
				for i, v := range x {
					g.VMOVUPS(v, operand.Mem{Base: scaled, Disp: i * g.bytes()})
				}
			}
			if weighted || kind == pairScaled {
				g.ADDQ(operand.U8(2*g.bytes()), scaled)
			}
			for i := range height {
				g.VBROADCASTSS(element(down, row, i), broadcast)
				g.VFMADD231PS(broadcast, x[0], sums[2*i])
				g.VFMADD231PS(broadcast, x[1], sums[2*i+1])
			}
		}, func() {
			at, lda := g.argument("a"), g.length("lda")
			for i := range height {
				if i > 0 {
					g.ADDQ(lda, at)
				}
				g.addTo(operand.Mem{Base: at}, nil, sums[2*i], nil)
				g.addTo(operand.Mem{Base: at, Disp: g.bytes()}, nil, sums[2*i+1], nil)
			}
		})
	})
}

// Kinds of tiles below the diagonal.
const (
	pairPlain  = ""
	pairAhead  = "Ahead"
	pairScaled = "Scaled"
)

// pairTiles: tiles below the diagonal, two vectors wide, for AVX-512. Their loads leave
// room to fetch rows ahead. Of the tiles with the same columns the first multiplies the
// vectors by the weights, and keeps them for the others.
func pairTiles(g *generator, kind string) {
	most := g.pairHeight()
	doc := fmt.Sprintf(`normalPair%s%s writes the tile of A that begins at a, height ≤ %d rows by %d columns: what
the ratings contribute and, unless it is nil, the tile that begins at before. The columns
of y begin at y, the rows down elements after that.`, kind, g.name, most, 2*g.lanes)
	const head = "height int, a, before *float32, lda, down int, y *float32, ldy int, ids *int32, n int, "
	weights := "w, scaled *float32"
	switch kind {
	case pairPlain:
		doc += "\nWith weights the columns times the weights go to scaled, rating by rating."
	case pairAhead:
		doc += fmt.Sprintf(`
With weights the columns times the weights go to scaled, rating by rating.
Meanwhile %d cache lines of the rows so far ahead are fetched, where the first row has
them at from: ids are read there.`, fetchLines)
		weights += ", from *float32, ahead int"
	case pairScaled:
		doc += "\nThe columns are read from scaled."
		weights = "scaled *float32"
	}
	g.function("normalPair"+kind, "func("+head+weights+")", doc)
	q := ratings{ids: g.argument("ids"), n: g.argument("n"), y: g.argument("y"), ldy: g.length("ldy")}
	if kind != pairScaled {
		q.w = g.argument("w")
	}
	var f fetch
	if kind == pairAhead {
		f = g.fetch(q)
	}
	down, scaled := g.length("down"), g.argument("scaled")
	g.heights(most, func(height int) {
		x, broadcast := g.vectors(2), g.vector()
		var others []reg.GPVirtual
		weighted := g.GP64() // 0 where there are no weights
		if kind != pairScaled {
			g.MOVQ(q.w, weighted)
			others = append(others, q.w)
		}
		if kind == pairAhead {
			others = append(others, f.ids)
		}
		var sums [][]reg.VecVirtual
		for range height {
			sums = append(sums, g.vectors(2))
			g.zero(sums[len(sums)-1]...)
		}
		// columns moves both vectors of a rating.
		columns := func(from reg.GPVirtual, move func(m operand.Mem, v reg.VecVirtual)) {
			for i, v := range x {
				move(operand.Mem{Base: from, Disp: i * g.bytes()}, v)
			}
		}
		load := func(m operand.Mem, v reg.VecVirtual) { g.VMOVUPS(m, v) }
		g.each(q, func(r, row reg.GPVirtual) {
			if kind == pairScaled {
				columns(scaled, load)
				g.ADDQ(operand.U8(2*g.bytes()), scaled)
			} else {
				columns(row, load)
				plain := g.label("plain")
				g.TESTQ(weighted, weighted)
				g.JZ(operand.LabelRef(plain))
				g.multiply(operand.Mem{Base: q.w, Index: r, Scale: 4}, broadcast, x...)
				columns(scaled, func(m operand.Mem, v reg.VecVirtual) { g.VMOVUPS(v, m) })
				g.ADDQ(operand.U8(2*g.bytes()), scaled)
				g.Label(plain)
			}
			if kind == pairAhead {
				g.fetchAhead(f, r, fetchLines)
			}
			for i, s := range sums {
				g.VBROADCASTSS(operand.Mem{Base: row, Index: down, Scale: 1, Disp: 4 * i}, broadcast)
				g.VFMADD231PS(broadcast, x[0], s[0])
				g.VFMADD231PS(broadcast, x[1], s[1])
			}
		}, others...)
		g.keep(sums, g.argument("a"), g.argument("before"), g.length("lda"))
		g.end()
	})
}
