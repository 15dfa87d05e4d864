package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// productWidth is the most vectors that a row has in normalProduct.
const productWidth = 8

// productRows is how many rows normalProduct takes at a time.
const productRows = 4

// normalProduct: dst += Σ_j w_j·(x·y_j)·y_j, which is what conjugate gradients do with
// the ratings of a row. The rows are read twice while they are in the first-level
// cache. The sum stays in registers, with AVX-512 x too; the scores of some rows go
// through memory to be read as broadcasts.
//
// Floor on AVX-512: two loads of each vector, two a cycle. At rank 128 conjugate gradients
// take about three times the 8 cycles of a row; rows that come from the second-level cache
// are likely to be the limit. Fetching the four rows after those in hand lost 3 % there.
func normalProduct(g *generator) {
	g.function("normalProduct", "func(width int, dst, x *float32, last int, y *float32, ldy int, ids *int32, n int, w, scores *float32)",
		fmt.Sprintf("normalProduct%s computes dst += Σ w_j·(x·y_j)·y_j for width ≤ %d vectors of\ncolumns, the last of which has last elements, and n ids, a multiple of %d above 0.\nscores has room for %[3]d.", g.name, productWidth, productRows))
	dst, x, y, ldy := g.argument("dst"), g.argument("x"), g.argument("y"), g.length("ldy")
	ids, n, w, scores := g.argument("ids"), g.argument("n"), g.argument("w"), g.argument("scores")
	tail := g.firstLanes(g.argument("last"))
	width := g.argument("width")
	labels := make([]string, productWidth+1)
	for i := productWidth; i > 1; i-- {
		labels[i] = g.label("width")
		g.CMPQ(width, operand.U8(i))
		g.JEQ(operand.LabelRef(labels[i]))
	}
	rows := make([]reg.GPVirtual, productRows)
	for j := range rows {
		rows[j] = g.GP64()
	}
	for vectors := 1; vectors <= productWidth; vectors++ {
		if vectors > 1 {
			g.Label(labels[vectors])
		}
		sums, v := g.vectors(vectors), g.vector()
		g.zero(sums...)
		// addProducts computes to += factor times vector i of a row.
		addProducts := func(row reg.GPVirtual, i int, factor, to reg.VecVirtual) {
			from := operand.Mem{Base: row, Disp: i * g.bytes()}
			switch {
			case i < vectors-1:
				g.VFMADD231PS(from, factor, to)
			case g.wide():
				g.VFMADD231PS(from, factor, tail.k, to)
			default:
				element := g.vector()
				g.load(from, tail, element)
				g.VFMADD231PS(element, factor, to)
			}
		}
		loadX := func(i int, to reg.VecVirtual) {
			from := operand.Mem{Base: x, Disp: i * g.bytes()}
			if i < vectors-1 {
				g.VMOVUPS(from, to)
			} else {
				g.load(from, tail, to)
			}
		}
		var held []reg.VecVirtual
		if g.wide() {
			held = g.vectors(vectors)
			for i, h := range held {
				loadX(i, h)
			}
		}
		loop := g.label("rows")
		g.Label(loop)
		for j, row := range rows {
			g.MOVLQSX(operand.Mem{Base: ids, Disp: 4 * j}, row)
			g.IMULQ(ldy, row)
			g.ADDQ(y, row)
		}
		dots := g.vectors(productRows)
		g.zero(dots...)
		for i := range vectors {
			factor := v
			if g.wide() {
				factor = held[i]
			} else {
				loadX(i, v)
			}
			for j, row := range rows {
				addProducts(row, i, factor, dots[j])
			}
		}
		four := g.sumsOfFour(dots)
		g.VMULPS(operand.Mem{Base: w}, four, four)
		g.VMOVUPS(four, operand.Mem{Base: scores})
		for j, row := range rows {
			g.VBROADCASTSS(operand.Mem{Base: scores, Disp: 4 * j}, v)
			for i, s := range sums {
				addProducts(row, i, v, s)
			}
		}
		g.ADDQ(operand.U8(4*productRows), ids)
		g.ADDQ(operand.U8(4*productRows), w)
		g.SUBQ(operand.U8(productRows), n)
		g.JNZ(operand.LabelRef(loop))
		for i, s := range sums {
			at := operand.Mem{Base: dst, Disp: i * g.bytes()}
			if i < vectors-1 {
				g.addTo(at, nil, s, v)
			} else {
				g.addTo(at, &tail, s, v)
			}
		}
		g.end()
	}
}

// sumsOfFour adds the lanes of each of four vectors up. It overwrites them.
func (g *generator) sumsOfFour(s []reg.VecVirtual) reg.VecVirtual {
	t := g.vector()
	for i := 0; i < 4; i += 2 {
		g.VUNPCKHPS(s[i+1], s[i], t)
		g.VUNPCKLPS(s[i+1], s[i], s[i])
		g.VADDPS(t, s[i], s[i])
	}
	g.VUNPCKHPD(s[2], s[0], t)
	g.VUNPCKLPD(s[2], s[0], s[0])
	g.VADDPS(t, s[0], s[0])
	// Every part of 128 bits has a part of the four sums now.
	if g.wide() {
		g.VEXTRACTF64X4(operand.U8(1), s[0], t.AsY())
		g.VADDPS(t.AsY(), s[0].AsY(), s[0].AsY())
		g.VEXTRACTF32X4(operand.U8(1), s[0].AsY(), t.AsX())
	} else {
		g.VEXTRACTF128(operand.U8(1), s[0].AsY(), t.AsX())
	}
	sum := g.XMM()
	g.VADDPS(t.AsX(), s[0].AsX(), sum)
	return sum
}
