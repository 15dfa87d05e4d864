package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A tile of a product stays in registers while the inner dimension passes by: two
// vectors of columns by as many rows as there are registers for. A step takes a row
// of B, two vectors, and multiplies it with one element of each row of A, which is
// read as a broadcast. The elements of A are found by two distances, so that A may
// lie either way round in memory and need not be packed; the rows of B are
// contiguous.
//
// Registers, for the most rows of a tile:
//
//	AVX-512  14 rows ×2, 2 of B, 1 of A          31 of 32
//	AVX2      6 rows ×2, 2 of B, 1 of A, mask    16 of 16
//
// A step of the largest tile issues 28 multiply-adds and 16 loads on AVX-512, 12 and
// 8 on AVX2, so with two ports for either the multiply-adds are the limit.
func gemm(g *generator) {
	gemmTiles(g)
	packTransposed(g)
	copyPanel(g)
}

// gemmTiles makes a body for each height and each kind of last vector.
func gemmTiles(g *generator) {
	most := g.pairHeight()
	g.function("gemmTiles", "func(height, tiles, columns int, a *float32, rowA, stepA int, b *float32, stepB int, next *float32, advance int, c *float32, ldc, k int, alpha, beta float32)",
		fmt.Sprintf("gemmTiles%s computes C = alpha·A·B + beta·C for tiles ≥ 1 times height ≤ %d rows of C\nand up to %d columns. Element (i, p) of A is at a[i·rowA+p·stepA], element (p, j) of B at\nb[p·stepB+j], and k ≥ 1. Where beta is 0, C is not read. Every second step fetches\nwhat is at next into the second level of the cache, and next advances by so many bytes.", g.name, most, 2*g.lanes))
	t := &productTiles{generator: g,
		a: g.argument("a"), c: g.argument("c"), tiles: g.param("tiles"),
		row: g.length("rowA"), step: g.length("stepA"), stepB: g.length("stepB"), ldc: g.length("ldc"), next: g.argument("next"), advance: g.argument("advance"),
	}
	t.last = g.AllocLocal(8)
	t.row3, t.row5 = g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: t.row, Index: t.row, Scale: 2}, t.row3)
	g.LEAQ(operand.Mem{Base: t.row, Index: t.row, Scale: 4}, t.row5)

	single, whole := g.label("single"), g.label("whole")
	columns := g.argument("columns")
	g.CMPQ(columns, operand.U8(2*g.lanes))
	g.JEQ(operand.LabelRef(whole))
	g.CMPQ(columns, operand.U8(g.lanes))
	g.JLE(operand.LabelRef(single))
	g.SUBQ(operand.U8(g.lanes), columns)
	last := g.firstLanes(columns)
	g.heights(most, func(height int) { t.body(height, 2, &last) })
	g.Label(whole)
	g.heights(most, func(height int) { t.body(height, 2, nil) })
	g.Label(single)
	last = g.firstLanes(columns)
	g.heights(most, func(height int) { t.body(height, 1, &last) })
}

// productTiles are the operands of gemmTiles that stay in registers. Distances are
// in bytes.
type productTiles struct {
	*generator
	a, c             reg.GPVirtual // of the tile
	tiles            operand.Mem   // left
	last             operand.Mem   // row of C of the tile
	row, row3, row5  reg.GPVirtual // distance of rows of A, three and five times that
	step, stepB, ldc reg.GPVirtual
	next, advance    reg.GPVirtual
}

// rowsPerBase is how many rows of A an address reaches with the distances at hand.
const rowsPerBase = 7

// element is the address of row i, below rowsPerBase, of A.
func (t *productTiles) element(base reg.GPVirtual, i int) operand.Mem {
	m := operand.Mem{Base: base}
	switch i {
	case 0:
	case 1, 2, 4:
		m.Index, m.Scale = t.row, uint8(i)
	case 3, 6:
		m.Index, m.Scale = t.row3, uint8(i/3)
	case 5:
		m.Index, m.Scale = t.row5, 1
	}
	return m
}

// body emits the loop over tiles of a height and a number of vectors, of which the
// last may have a mask.
func (t *productTiles) body(height, width int, lanes *mask) {
	g := t.generator
	maskOf := func(j int) *mask {
		if j == width-1 {
			return lanes
		}
		return nil
	}
	tiles, steps := g.label("tiles"), g.label("steps")
	g.Label(tiles)

	if row := g.GP64(); g.wide() {
		g.IMUL3Q(operand.U8(height-1), t.ldc, row)
		g.ADDQ(t.c, row)
		g.MOVQ(row, t.last)
	} else {
		g.MOVQ(t.c, row)
		for range height {
			t.fetchRow(row, width*g.bytes())
			g.ADDQ(t.ldc, row)
		}
	}
	bases := make([]reg.GPVirtual, (height+rowsPerBase-1)/rowsPerBase)
	for i := range bases {
		bases[i] = g.GP64()
		if i == 0 {
			g.MOVQ(t.a, bases[0])
		} else {
			g.LEAQ(operand.Mem{Base: bases[i-1], Index: t.row, Scale: 1}, bases[i])
			g.LEAQ(operand.Mem{Base: bases[i], Index: t.row3, Scale: 2}, bases[i])
		}
	}
	b, left := g.argument("b"), g.argument("k")
	sums, vectors, broadcast := g.vectors(height*width), g.vectors(width), g.vector()
	g.zero(sums...)
	row := g.GP64() // of C, the next to be fetched
	if g.wide() {
		g.MOVQ(t.c, row)
	}
	g.Label(steps)
	for j, v := range vectors {
		g.read(operand.Mem{Base: b, Disp: j * g.bytes()}, maskOf(j), v)
	}
	t.fetch(height, width*g.bytes(), left, row)
	for i := range height {
		from := t.element(bases[i/rowsPerBase], i%rowsPerBase)
		if width == 1 {
			g.multiplyAdd(from, vectors[0], sums[i], broadcast)
			continue
		}
		g.VBROADCASTSS(from, broadcast)
		for j, v := range vectors {
			g.VFMADD231PS(broadcast, v, sums[i*width+j])
		}
	}
	for _, base := range bases {
		g.ADDQ(t.step, base)
	}
	g.ADDQ(t.stepB, b)
	g.DECQ(left)
	g.JNZ(operand.LabelRef(steps))

	t.store(height, width, sums, maskOf, vectors[0], broadcast)

	// The next tile is height rows further on.
	down := g.GP64()
	for _, p := range []struct{ at, distance reg.GPVirtual }{{t.a, t.row}, {t.c, t.ldc}} {
		g.IMUL3Q(operand.U8(height), p.distance, down)
		g.ADDQ(down, p.at)
	}
	g.DECQ(t.tiles)
	g.JNZ(operand.LabelRef(tiles))
	g.end()
}

// fetch brings what is at next to the second level of the cache, a line each second step,
// and the rows of C from row on to the first level.
//
// On AVX-512 the steps between have a row each, when no more steps are left than there
// are rows to fetch and to wait for them: the lines of 14 rows at once would take the line
// fill buffers from the operands, and by the end of the tile they would have left the
// cache again. The 6 lines of AVX2 are fetched before the steps: fetched between them, a
// product took a fifth longer.
func (t *productTiles) fetch(height, bytes int, left, row reg.GPVirtual) {
	g := t.generator
	const wait = 32 // steps
	done := g.label("fetched")
	g.TESTQ(operand.U32(1), left)
	if g.wide() {
		odd := g.label("odd")
		g.JNZ(operand.LabelRef(odd))
		g.CMPQ(left, operand.U32(2*height+wait))
		g.JG(operand.LabelRef(done))
		t.fetchRow(row, bytes)
		g.ADDQ(t.ldc, row)
		g.CMPQ(row, t.last)
		g.CMOVQGT(t.last, row)
		g.JMP(operand.LabelRef(done))
		g.Label(odd)
	} else {
		g.JNZ(operand.LabelRef(done))
	}
	g.PREFETCHT1(operand.Mem{Base: t.next})
	g.ADDQ(t.advance, t.next)
	g.Label(done)
}

// fetchRow brings a row of C to the first level of the cache.
func (t *productTiles) fetchRow(row reg.GPVirtual, bytes int) {
	for i := 0; i < bytes; i += 64 {
		t.PREFETCHT0(operand.Mem{Base: row, Disp: i})
	}
}

// store writes alpha times the sums, plus beta·C, to C.
func (t *productTiles) store(height, width int, sums []reg.VecVirtual, maskOf func(j int) *mask, factor, old reg.VecVirtual) {
	g := t.generator
	scaled, alpha := g.label("scaled"), g.GP32()
	g.MOVL(g.argumentAddress("alpha"), alpha)
	g.CMPL(alpha, operand.U32(math.Float32bits(1)))
	g.JEQ(operand.LabelRef(scaled))
	g.VBROADCASTSS(g.argumentAddress("alpha"), factor)
	for _, s := range sums {
		g.VMULPS(factor, s, s)
	}
	g.Label(scaled)
	rows := func(write func(sum reg.VecVirtual, m *mask, to operand.Mem)) {
		to := g.GP64()
		g.MOVQ(t.c, to)
		for i := range height {
			if i > 0 {
				g.ADDQ(t.ldc, to)
			}
			for j := range width {
				write(sums[i*width+j], maskOf(j), operand.Mem{Base: to, Disp: j * g.bytes()})
			}
		}
	}
	overwrite, stored := g.label("overwrite"), g.label("stored")
	beta := g.GP32()
	g.MOVL(g.argumentAddress("beta"), beta)
	g.SHLL(operand.U8(1), beta) // without its sign
	g.JZ(operand.LabelRef(overwrite))
	g.VBROADCASTSS(g.argumentAddress("beta"), factor)
	rows(func(sum reg.VecVirtual, m *mask, to operand.Mem) {
		g.read(to, m, old)
		g.VFMADD231PS(factor, old, sum)
		g.write(sum, m, to)
	})
	g.JMP(operand.LabelRef(stored))
	g.Label(overwrite)
	rows(g.write)
	g.Label(stored)
}

// packTransposed transposes squares of four elements in each 128-bit lane of a
// vector. The lanes are filled by loads, so that the rows come out in order.
func packTransposed(g *generator) {
	g.function("packTransposed", "func(dst *float32, ldd int, src *float32, lds, groups int)",
		fmt.Sprintf("packTransposed%s writes the transpose of %d rows of src with groups ≥ 1 times 4 columns\nto dst, whose rows are ldd elements apart.", g.name, g.lanes))
	dst, ldd, src, lds, groups := g.argument("dst"), g.length("ldd"), g.argument("src"), g.length("lds"), g.argument("groups")
	lds3 := g.GP64()
	g.LEAQ(operand.Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	rows := []reg.GPVirtual{src} // every fourth row
	for len(rows) < g.lanes/4 {
		r := g.GP64()
		g.LEAQ(operand.Mem{Base: rows[len(rows)-1], Index: lds, Scale: 4}, r)
		rows = append(rows, r)
	}
	loop := g.label("groups")
	g.Label(loop)
	v := g.vectors(4)
	for i := range v {
		for lane, row := range rows {
			from := operand.Mem{Base: row}
			switch i {
			case 1, 2:
				from.Index, from.Scale = lds, uint8(i)
			case 3:
				from.Index, from.Scale = lds3, 1
			}
			switch {
			case lane == 0:
				g.VMOVUPS(from, v[i].AsX())
			case g.wide():
				g.VINSERTF32X4(operand.U8(lane), from, v[i], v[i])
			default:
				g.VINSERTF128(operand.U8(lane), from, v[i], v[i])
			}
		}
	}
	w := g.vectors(4) // pairs of elements of columns: 0 and 1 of rows 0, 1; of 2, 3; 2 and 3 of ...
	g.VUNPCKLPS(v[1], v[0], w[0])
	g.VUNPCKLPS(v[3], v[2], w[1])
	g.VUNPCKHPS(v[1], v[0], w[2])
	g.VUNPCKHPS(v[3], v[2], w[3])
	for i := range 2 {
		g.VUNPCKLPD(w[2*i+1], w[2*i], v[2*i])
		g.VUNPCKHPD(w[2*i+1], w[2*i], v[2*i+1])
	}
	for i, x := range v {
		if i > 0 {
			g.ADDQ(ldd, dst)
		}
		g.VMOVUPS(x, operand.Mem{Base: dst})
	}
	g.ADDQ(ldd, dst)
	for _, row := range rows {
		g.ADDQ(operand.U8(16), row)
	}
	g.DECQ(groups)
	g.JNZ(operand.LabelRef(loop))
	g.end()
}

// copyPanel copies rows of up to two vectors.
func copyPanel(g *generator) {
	g.function("copyPanel", "func(dst *float32, ldd int, src *float32, lds, columns, rows int)",
		fmt.Sprintf("copyPanel%s copies rows ≥ 1 times up to %d columns.", g.name, 2*g.lanes))
	dst, ldd, src, lds := g.argument("dst"), g.length("ldd"), g.argument("src"), g.length("lds")
	columns, left := g.argument("columns"), g.argument("rows")
	copies := func(width int, last *mask) {
		v := g.vectors(width)
		loop := g.label("rows")
		g.Label(loop)
		for j, x := range v {
			if j == width-1 {
				g.read(operand.Mem{Base: src, Disp: j * g.bytes()}, last, x)
			} else {
				g.read(operand.Mem{Base: src, Disp: j * g.bytes()}, nil, x)
			}
		}
		for j, x := range v {
			if j == width-1 {
				g.write(x, last, operand.Mem{Base: dst, Disp: j * g.bytes()})
			} else {
				g.write(x, nil, operand.Mem{Base: dst, Disp: j * g.bytes()})
			}
		}
		g.ADDQ(lds, src)
		g.ADDQ(ldd, dst)
		g.DECQ(left)
		g.JNZ(operand.LabelRef(loop))
		g.end()
	}
	single, whole := g.label("single"), g.label("whole")
	g.CMPQ(columns, operand.U8(2*g.lanes))
	g.JEQ(operand.LabelRef(whole))
	g.CMPQ(columns, operand.U8(g.lanes))
	g.JLE(operand.LabelRef(single))
	g.SUBQ(operand.U8(g.lanes), columns)
	last := g.firstLanes(columns)
	copies(2, &last)
	g.Label(whole)
	copies(2, nil)
	g.Label(single)
	last = g.firstLanes(columns)
	copies(1, &last)
}

// argumentAddress is where an argument is on the stack.
func (g *generator) argumentAddress(name string) operand.Mem {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}
