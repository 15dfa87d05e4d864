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
// through memory to be read as broadcasts, while the scores of the next are made.
//
// Floor on AVX-512: two loads of each vector, two a cycle. At rank 128 a row takes 16 cycles
// in place of 8, with 64 rows of a table of 1.3 MB in each of three calls. Tried there, as
// shares of the floor:
//
//	0.45  scores of four rows, then their products, which wait for the scores
//	0.48  scores of the next four rows among the products of these
//
// Products four or eight vectors behind the scores gained nothing more. What is left is
// reading rows from the second-level cache. Fetching the four rows after those in hand
// lost 3 %.
func normalProduct(g *generator) {
	g.function("normalProduct", "func(width int, dst, x *float32, last int, y *float32, ldy int, ids *int32, n int, w, scores *float32)",
		fmt.Sprintf("normalProduct%s computes dst += Σ w_j·(x·y_j)·y_j for width ≤ %d vectors of\ncolumns, the last of which has last elements, and n ids, a multiple of %d above 0.\nscores has room for %[3]d.", g.name, productWidth, productRows))
	p := &normalProducts{generator: g,
		x: g.argument("x"), y: g.argument("y"), ldy: g.length("ldy"), ids: g.argument("ids"), n: g.argument("n"),
		w: g.argument("w"), scores: g.argument("scores"), tail: g.firstLanes(g.argument("last")),
	}
	width := g.argument("width")
	labels := make([]string, productWidth+1)
	for i := productWidth; i > 1; i-- {
		labels[i] = g.label("width")
		g.CMPQ(width, operand.U8(i))
		g.JEQ(operand.LabelRef(labels[i]))
	}
	for j := range productRows {
		p.rows[j], p.before[j] = g.GP64(), g.GP64()
	}
	for vectors := 1; vectors <= productWidth; vectors++ {
		if vectors > 1 {
			g.Label(labels[vectors])
		}
		p.body(vectors)
	}
}

// normalProducts are the operands of normalProduct that stay in registers.
type normalProducts struct {
	*generator
	x, y, ldy, ids, n, w, scores reg.GPVirtual
	rows                         [productRows]reg.GPVirtual // whose scores are made
	before                       [productRows]reg.GPVirtual // whose scores are there
	tail                         mask

	sums, dots []reg.VecVirtual
	held       []reg.VecVirtual // x, where there is room
	factor     reg.VecVirtual
}

// body emits all for a number of vectors.
func (p *normalProducts) body(vectors int) {
	g := p.generator
	p.sums, p.factor, p.dots, p.held = g.vectors(vectors), g.vector(), g.vectors(productRows), nil
	g.zero(p.sums...)
	if g.wide() {
		p.held = g.vectors(vectors)
		for i, to := range p.held {
			p.loadX(i, to)
		}
	}
	loop, last := g.label("rows"), g.label("last")
	p.begin()
	for i := range vectors {
		p.addDots(i)
	}
	p.finish()
	g.JZ(operand.LabelRef(last))
	g.Label(loop)
	for j, row := range p.rows {
		g.MOVQ(row, p.before[j])
	}
	p.begin()
	if g.wide() {
		factors := g.vectors(productRows)
		for j, f := range factors {
			g.VBROADCASTSS(operand.Mem{Base: p.scores, Disp: 4 * j}, f)
		}
		for i, sum := range p.sums {
			p.addDots(i)
			for j, row := range p.before {
				p.addProduct(row, i, factors[j], sum)
			}
		}
	} else {
		for i := range vectors {
			p.addDots(i)
		}
		p.addRows(p.before)
	}
	p.finish()
	g.JNZ(operand.LabelRef(loop))
	g.Label(last)
	p.addRows(p.rows)

	dst := g.argument("dst")
	for i, s := range p.sums {
		at := operand.Mem{Base: dst, Disp: i * g.bytes()}
		if i < vectors-1 {
			g.addTo(at, nil, s, p.factor)
		} else {
			g.addTo(at, &p.tail, s, p.factor)
		}
	}
	g.end()
}

// begin finds the next rows.
func (p *normalProducts) begin() {
	for j, row := range p.rows {
		p.MOVLQSX(operand.Mem{Base: p.ids, Disp: 4 * j}, row)
		p.IMULQ(p.ldy, row)
		p.ADDQ(p.y, row)
	}
	p.zero(p.dots...)
}

// addDots multiplies vector i of the rows by that of x.
func (p *normalProducts) addDots(i int) {
	factor := p.factor
	if p.held != nil {
		factor = p.held[i]
	} else {
		p.loadX(i, factor)
	}
	for j, row := range p.rows {
		p.addProduct(row, i, factor, p.dots[j])
	}
}

// finish makes the scores of the rows.
func (p *normalProducts) finish() {
	four := p.sumsOfFour(p.dots)
	p.VMULPS(operand.Mem{Base: p.w}, four, four)
	p.VMOVUPS(four, operand.Mem{Base: p.scores})
	p.ADDQ(operand.U8(4*productRows), p.ids)
	p.ADDQ(operand.U8(4*productRows), p.w)
	p.SUBQ(operand.U8(productRows), p.n)
}

// addRows adds scores times rows to the sums.
func (p *normalProducts) addRows(rows [productRows]reg.GPVirtual) {
	for j, row := range rows {
		p.VBROADCASTSS(operand.Mem{Base: p.scores, Disp: 4 * j}, p.factor)
		for i, s := range p.sums {
			p.addProduct(row, i, p.factor, s)
		}
	}
}

// addProduct computes to += factor times vector i of a row.
func (p *normalProducts) addProduct(row reg.GPVirtual, i int, factor, to reg.VecVirtual) {
	from := operand.Mem{Base: row, Disp: i * p.bytes()}
	switch {
	case i < len(p.sums)-1:
		p.VFMADD231PS(from, factor, to)
	case p.wide():
		p.VFMADD231PS(from, factor, p.tail.k, to)
	default:
		element := p.vector()
		p.load(from, p.tail, element)
		p.VFMADD231PS(element, factor, to)
	}
}

// loadX reads vector i of x.
func (p *normalProducts) loadX(i int, to reg.VecVirtual) {
	from := operand.Mem{Base: p.x, Disp: i * p.bytes()}
	if i < len(p.sums)-1 {
		p.VMOVUPS(from, to)
	} else {
		p.load(from, p.tail, to)
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
