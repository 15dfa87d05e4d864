package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// halfWidth makes the function blockAVX2: the passes of blockAVX512 in vectors of 32 bytes
// and without its masks. The starts of fields are taken from a word of bits one by one, and
// the ends of lines are checked in the second pass, as PEXT is slow on many a processor that
// has no AVX-512.
type halfWidth struct{ *generator }

func (g halfWidth) block() {
	g.Function("blockAVX2")
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr(blockSignature)
	g.Doc("blockAVX2 is blockAVX512 for AVX2, BMI1, BMI2 and POPCNT.")
	g.text, g.starts = g.argument("text"), g.argument("starts")
	g.lines, g.dots = g.GP64(), g.GP64()
	g.findStarts()
	g.fields, g.ratings = g.argument("fields"), g.argument("ratings")
	g.gatherChecked()
	g.convertIDs()
	g.convertRatings()
	g.convertTimes()
	g.end()
}

// broadcast makes a vector of equal elements of a width in bytes.
func (g halfWidth) broadcast(width int, x reg.GPVirtual) reg.VecVirtual {
	v := g.YMM()
	if width == 8 {
		g.VMOVQ(x.As64(), v.AsX())
		g.VPBROADCASTQ(v.AsX(), v)
		return v
	}
	g.VMOVD(x.As32(), v.AsX())
	if width == 1 {
		g.VPBROADCASTB(v.AsX(), v)
	} else {
		g.VPBROADCASTD(v.AsX(), v)
	}
	return v
}

func (g halfWidth) bytes(x uint8) reg.VecVirtual  { return g.broadcast(1, g.word(uint32(x))) }
func (g halfWidth) words(x uint32) reg.VecVirtual { return g.broadcast(4, g.word(x)) }
func (g halfWidth) quads(x uint32) reg.VecVirtual { return g.broadcast(8, g.word(x)) }

// table makes a vector of elements of a width in bytes.
func (g halfWidth) table(name string, width int, element func(i int) int) reg.VecVirtual {
	v := g.YMM()
	g.VMOVDQU(g.data(name, 32/width, width, element), v)
	return v
}

// mask makes a word with a bit for each of 64 bytes of two vectors.
func (g halfWidth) mask(lower, upper reg.VecVirtual) reg.GPVirtual {
	low, high := g.GP64(), g.GP64()
	g.VPMOVMSKB(lower, low.As32())
	g.VPMOVMSKB(upper, high.As32())
	g.SHLQ(operand.U8(32), high)
	g.ORQ(high, low)
	return low
}

// findStarts is the first pass. It counts ends of lines to be as many as every fourth end
// of a field, where gatherChecked finds one.
func (g halfWidth) findStarts() {
	size, at := g.argument("size"), g.GP64()
	zero, nine, dot, newline := g.bytes('0'), g.bytes(9), g.bytes('.'), g.bytes('\n')
	separator := g.broadcast(1, g.argument("separator"))
	bad, to, newlines := g.GP64(), g.GP64(), g.GP64()
	g.XORQ(bad, bad)
	g.XORQ(at, at)
	g.XORQ(g.lines, g.lines) // the number of starts for now
	g.XORQ(g.dots, g.dots)
	g.XORQ(newlines, newlines)
	g.MOVL(operand.U32(0), operand.Mem{Base: g.starts})

	g.Label("find")
	var digits, dots, ends, lines [2]reg.VecVirtual
	for half := range 2 {
		v := g.YMM()
		digits[half], dots[half], ends[half], lines[half] = g.YMM(), g.YMM(), g.YMM(), g.YMM()
		g.VMOVDQU(operand.Mem{Base: g.text, Index: at, Scale: 1, Disp: 32 * half}, v)
		g.VPCMPEQB(dot, v, dots[half])
		g.VPCMPEQB(newline, v, lines[half])
		g.VPCMPEQB(separator, v, ends[half])
		g.VPOR(lines[half], ends[half], ends[half])
		g.VPSUBB(zero, v, v)
		g.VPMINUB(nine, v, digits[half])
		g.VPCMPEQB(v, digits[half], digits[half])
	}
	isDigit, isDot := g.mask(digits[0], digits[1]), g.mask(dots[0], dots[1])
	isEnd, isNewline := g.mask(ends[0], ends[1]), g.mask(lines[0], lines[1])
	g.NOTQ(isDigit)
	left := g.GP64()
	g.MOVQ(size, left)
	g.SUBQ(at, left)
	g.CMPQ(left, operand.U8(64))
	g.JAE(operand.LabelRef("whole"))
	for _, m := range []reg.GPVirtual{isDigit, isDot, isEnd, isNewline} {
		g.BZHIQ(left, m, m)
	}
	g.Label("whole")
	// Nothing but digits, dots and ends of fields.
	g.XORQ(isEnd, isDigit)
	g.XORQ(isDot, isDigit)
	g.ORQ(isDigit, bad)
	g.POPCNTQ(isDot, isDot)
	g.ADDQ(isDot, g.dots)
	g.POPCNTQ(isNewline, isNewline)
	g.ADDQ(isNewline, newlines)
	g.LEAQ(operand.Mem{Base: g.starts, Index: g.lines, Scale: 4, Disp: 4}, to)
	count := g.GP64()
	g.POPCNTQ(isEnd, count)
	g.ADDQ(count, g.lines)
	// More at once than 64 bytes mostly have; those too many are overwritten by the next.
	const atOnce = 12
	g.Label("starts")
	for i := range atOnce {
		start := g.GP64()
		g.TZCNTQ(isEnd, start)
		g.LEAL(operand.Mem{Base: at, Index: start, Scale: 1, Disp: 1}, start.As32())
		g.MOVL(start.As32(), operand.Mem{Base: to, Disp: 4 * i})
		g.BLSRQ(isEnd, isEnd)
	}
	g.ADDQ(operand.U8(4*atOnce), to)
	g.TESTQ(isEnd, isEnd)
	g.JNZ(operand.LabelRef("starts"))
	g.ADDQ(operand.U8(64), at)
	g.CMPQ(at, size)
	g.JB(operand.LabelRef("find"))

	g.TESTQ(bad, bad)
	g.JNZ(operand.LabelRef(refused))
	g.TESTQ(operand.U32(3), g.lines)
	g.JNZ(operand.LabelRef(refused))
	g.LEAQ(operand.Mem{Base: g.starts, Index: g.lines, Scale: 4, Disp: 4}, to)
	g.SHRQ(operand.U8(2), g.lines)
	g.CMPQ(newlines, g.lines)
	g.JNE(operand.LabelRef(refused))
	g.room()

	more, by := g.broadcast(4, size), g.words(16)
	g.VPADDD(g.table("more", 4, func(i int) int { return 2*i + 2 }), more, more)
	for i := range 8 {
		if i > 0 {
			g.VPADDD(by, more, more)
		}
		g.VMOVDQU(more, operand.Mem{Base: to, Disp: 32 * i})
	}
}

// gatherChecked is the second pass. It refuses a line whose fourth field does not end it.
func (g halfWidth) gatherChecked() {
	left, start, fields, ratings, other := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(g.lines, left)
	g.MOVQ(g.starts, start)
	g.MOVQ(g.fields, fields)
	g.MOVQ(g.ratings, ratings)
	g.XORQ(other, other)
	ahead := g.behind()
	g.Label("gather")
	g.fetch(ahead, 32)
	g.gatherLine(0, start, fields, ratings)
	next, last := g.GP64(), g.GP64()
	g.MOVL(operand.Mem{Base: start, Disp: 16}, next.As32())
	g.MOVBLZX(operand.Mem{Base: g.text, Index: next, Scale: 1, Disp: -1}, last.As32())
	g.XORL(operand.U8('\n'), last.As32())
	g.ORQ(last, other)
	g.ADDQ(operand.I8(16), start)
	g.ADDQ(operand.I8(16), fields)
	g.ADDQ(operand.I8(4), ratings)
	g.DECQ(left)
	g.JNZ(operand.LabelRef("gather"))
	g.TESTQ(other, other)
	g.JNZ(operand.LabelRef(refused))
}

// convertIDs is the third pass over users and items, 4 lines at a time, and checks the
// lengths of all fields.
func (g halfWidth) convertIDs() {
	left, start, fields := g.GP64(), g.GP64(), g.GP64()
	users, items, wide := g.argument("users"), g.argument("items"), g.argument("wide")
	g.MOVQ(g.lines, left)
	g.MOVQ(g.starts, start)
	g.MOVQ(g.fields, fields)
	two, whole, lower, nibbles := g.words(2), g.quads(56), g.quads(0xffffffff), g.words(0x0f0f0f0f)
	tens, hundreds, myriads := g.words(0x010a010a), g.words(1<<16|100), g.words(1<<16|10000)
	lengths := g.table("lengths", 4, func(i int) int { return [4]int{7, 7, 2, 15}[i%4] })
	// The numbers of lines i and i+2 share 128 bits.
	order := g.table("order", 4, func(i int) int { return [8]int{0, 4, 2, 6, 1, 5, 3, 7}[i] })
	bad, sum := g.YMM(), g.YMM()
	g.VPXOR(bad, bad, bad)
	g.VPXOR(sum, sum, sum)

	g.Label("ids")
	var numbers [2]reg.VecVirtual
	for half := range 2 {
		length, shift, x := g.YMM(), g.YMM(), g.YMM()
		g.VMOVDQU(operand.Mem{Base: start, Disp: 32*half + 4}, length)
		g.VPSUBD(operand.Mem{Base: start, Disp: 32 * half}, length, length)
		g.VPSUBD(two, length, length) // the bytes of each field, less one
		g.VPADDD(length, sum, sum)
		g.VPSHUFD(operand.U8(0x10), length, shift)
		g.VPANDN(length, lengths, length)
		g.VPOR(length, bad, bad)
		g.VPAND(lower, shift, shift)
		g.VPSLLD(operand.U8(3), shift, shift)
		g.VPSUBQ(shift, whole, shift)
		g.VMOVDQU(operand.Mem{Base: fields, Disp: 32 * half}, x)
		g.VPSLLVQ(shift, x, x)
		g.VPAND(nibbles, x, x)
		g.VPMADDUBSW(tens, x, x)
		g.VPMADDWD(hundreds, x, x)
		numbers[half] = x
	}
	x, itemsOf := g.YMM(), g.XMM()
	g.VPACKUSDW(numbers[1], numbers[0], x)
	g.VPMADDWD(myriads, x, x)
	g.VPERMD(x, order, x)
	g.VEXTRACTI128(operand.U8(1), x, itemsOf)
	g.TESTQ(wide, wide)
	g.JNZ(operand.LabelRef("wide"))
	g.VMOVDQU(x.AsX(), operand.Mem{Base: users})
	g.VMOVDQU(itemsOf, operand.Mem{Base: items})
	g.ADDQ(operand.I8(16), users)
	g.ADDQ(operand.I8(16), items)
	g.JMP(operand.LabelRef("next"))
	g.Label("wide")
	out := g.YMM()
	g.VPMOVZXDQ(x.AsX(), out)
	g.VMOVDQU(out, operand.Mem{Base: users})
	g.VPMOVZXDQ(itemsOf, out)
	g.VMOVDQU(out, operand.Mem{Base: items})
	g.ADDQ(operand.I8(32), users)
	g.ADDQ(operand.I8(32), items)
	g.Label("next")
	g.ADDQ(operand.I8(64), start)
	g.ADDQ(operand.I8(64), fields)
	g.SUBQ(operand.U8(4), left)
	g.JG(operand.LabelRef("ids"))

	g.VPTEST(bad, bad)
	g.JNZ(operand.LabelRef(refused))
	g.checkDots(sum)
}

// convertRatings is the third pass over ratings, 8 at a time.
func (g halfWidth) convertRatings() {
	left, from, values := g.GP64(), g.GP64(), g.argument("values")
	all, eight := g.GP64(), g.GP64()
	g.MOVQ(g.lines, left)
	g.MOVQ(g.ratings, from)
	second, dot, first, third := g.words(0xff00), g.words('.'<<8), g.words(0x0f), g.words(0x0f0000)
	weights, ten := g.words(1<<16|10), g.words(0x41200000) // float32(10)
	g.MOVQ(operand.I32(-1), all)
	g.MOVQ(operand.U32(8), eight)

	g.Label("ratings")
	valid, found := g.GP64(), g.GP64()
	g.MOVQ(left, valid)
	g.CMPQ(valid, eight)
	g.CMOVQGT(eight, valid)
	r, x, hasDot := g.YMM(), g.YMM(), g.YMM()
	g.VMOVDQU(operand.Mem{Base: from}, r)
	g.VPAND(second, r, x)
	g.VPCMPEQD(dot, x, hasDot)
	g.VMOVMSKPS(hasDot, found.As32())
	g.BZHIL(valid.As32(), found.As32(), found.As32())
	g.POPCNTL(found.As32(), found.As32())
	g.SUBQ(found, g.dots)
	g.VPAND(third, r, x)
	g.VPAND(hasDot, x, x)
	g.VPAND(first, r, r)
	g.VPOR(r, x, x)
	g.VPMADDWD(weights, x, x)
	g.VCVTDQ2PS(x, x)
	g.VDIVPS(ten, x, x)
	g.VMOVUPS(x, operand.Mem{Base: values})
	g.ADDQ(operand.I8(32), from)
	g.ADDQ(operand.I8(32), values)
	g.SUBQ(operand.U8(8), left)
	g.JG(operand.LabelRef("ratings"))
	g.TESTQ(g.dots, g.dots)
	g.JNZ(operand.LabelRef(refused))
}

// convertTimes reads the times, 2 lines at a time, unless they are not kept.
func (g halfWidth) convertTimes() {
	times := g.argument("times")
	g.TESTQ(times, times)
	g.JZ(operand.LabelRef("done"))
	left, start := g.GP64(), g.GP64()
	g.MOVQ(g.lines, left)
	g.MOVQ(g.starts, start)
	var c timeConstants
	c.two, c.nibbles = g.words(2), g.words(0x0f0f0f0f)
	c.tens, c.hundreds, c.myriads, c.upper = g.words(0x010a010a), g.words(1<<16|100), g.words(1<<16|10000), g.quads(1e8)
	c.whose = g.table("timeLength", 1, timeLength)
	c.upwards = g.table("upwards", 1, upwards)

	g.Label("times")
	x, move, lower := g.YMM(), g.YMM(), g.YMM()
	for line := range 2 {
		at := g.GP64()
		g.MOVL(operand.Mem{Base: start, Disp: 16*line + 12}, at.As32())
		from := operand.Mem{Base: g.text, Index: at, Scale: 1}
		if line == 0 {
			g.VMOVDQU(from, x.AsX())
		} else {
			g.VINSERTI128(operand.U8(1), from, x, x)
		}
	}
	g.VMOVDQU(operand.Mem{Base: start, Disp: 4}, move)
	g.putTogether(c, x, move, lower, operand.Mem{Base: start}, func(a, b, to reg.VecVirtual) { g.VPAND(a, b, to) })
	g.VPERMQ(operand.U8(0x08), x, x) // one of each 128 bits
	g.VMOVDQU(x.AsX(), operand.Mem{Base: times})
	g.ADDQ(operand.I8(32), start)
	g.ADDQ(operand.I8(16), times)
	g.SUBQ(operand.U8(2), left)
	g.JG(operand.LabelRef("times"))
	g.Label("done")
}
