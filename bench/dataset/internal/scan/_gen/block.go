package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// generator makes the function blockAVX512.
type generator struct {
	*build.Context
	text, starts, fields, ratings reg.GPVirtual
	lines, dots                   reg.GPVirtual // counts; dots are those of the text
}

const (
	refused = "refused"

	blockSignature = "func(text *byte, size int, separator int, starts *uint32, fields *uint64, ratings *uint32, room int, users *byte, items *byte, wide int, values *float32, times *int64) (lines int)"
)

// block reads the lines of a block in three passes, each over the whole block, so that
// what one stores has left the processor's store buffer when the next loads it:
//
//  1. 64 bytes at a time, what each byte is: a digit, a dot, the separator, an end of
//     line. Anything else refuses the block. The places of separators and ends of lines
//     become the starts of fields, 4 a line; in a word of the bits of either, put
//     together by PEXT, every fourth is an end of line.
//  2. Eight bytes from the start of each id, four from that of each rating, one after
//     the other in memory.
//  3. Eight ids a vector: as many bytes as the field has are shifted to the upper end,
//     the lower nibbles are the digits, and three multiply-adds put them together.
//     Sixteen ratings a vector.
//
// Times are checked with the other fields' lengths in the third pass. Where they are kept,
// a fourth reads them.
//
// A field's length is the distance of two starts. Dots need no check of their own: the
// block has as many as there are ratings of three bytes, and as ratings with a dot
// second, so that each is in its place.
func (g *generator) block() {
	g.Function("blockAVX512")
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr(blockSignature)
	g.Doc("blockAVX512 reads all lines of a block, or returns 0 if one is of another form or there is",
		"no room for their number, rounded up to a multiple of 16. The block ends with an end of",
		"line, and 64 bytes behind it can be read. starts, fields and ratings are scratch; their",
		"sizes are those of Scanner. users and items are int64 if wide is not 0, else uint32.",
		"Times are not kept if times is nil.")
	g.text, g.starts = g.argument("text"), g.argument("starts")
	g.lines, g.dots = g.GP64(), g.GP64()
	g.findStarts()
	g.fields, g.ratings = g.argument("fields"), g.argument("ratings")
	g.gather()
	g.convertIDs()
	g.convertRatings()
	g.convertTimes()
	g.end()
}

// end returns the lines, or nothing.
func (g *generator) end() {
	g.Store(g.lines, g.ReturnIndex(0))
	g.VZEROUPPER()
	g.RET()
	g.Label(refused)
	none := g.GP64()
	g.XORQ(none, none)
	g.Store(none, g.ReturnIndex(0))
	g.VZEROUPPER()
	g.RET()
}

// findStarts is the first pass. The starts count from the text's; behind the last are
// those of 15 lines more, with fields of one byte.
func (g *generator) findStarts() {
	size, at := g.argument("size"), g.GP64()
	separator := g.argument("separator")
	zero, nine, dot, newline, sep := g.bytes('0'), g.bytes(9), g.bytes('.'), g.bytes('\n'), g.ZMM()
	g.VPBROADCASTB(separator.As32(), sep)
	behind := g.table("behind", 64, 1, func(i int) int { return i + 1 })
	base, step := g.ZMM(), g.words(64)
	g.VPXORD(base, base, base)
	ends, bad, to, count := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(operand.U64(0x8888888888888888), ends) // every fourth
	g.XORQ(bad, bad)
	g.XORQ(at, at)
	g.XORQ(g.lines, g.lines) // the number of starts for now
	g.XORQ(g.dots, g.dots)
	g.MOVL(operand.U32(0), operand.Mem{Base: g.starts})
	g.LEAQ(operand.Mem{Base: g.starts, Disp: 4}, to)

	g.Label("find")
	v, digit := g.ZMM(), g.ZMM()
	isOther, isDot, isNewline, isSep, isEnd := g.K(), g.K(), g.K(), g.K(), g.K()
	g.VMOVDQU8(operand.Mem{Base: g.text, Index: at, Scale: 1}, v)
	g.VPSUBB(zero, v, digit)
	g.VPCMPUB(operand.U8(6), nine, digit, isOther) // 6: above
	g.VPCMPEQB(dot, v, isDot)
	g.VPCMPEQB(newline, v, isNewline)
	g.VPCMPEQB(sep, v, isSep)
	other, dots, newlines, all := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.KMOVQ(isOther, other)
	g.KMOVQ(isDot, dots)
	g.KMOVQ(isNewline, newlines)
	g.KORQ(isNewline, isSep, isEnd)
	left := g.GP64()
	g.MOVQ(size, left)
	g.SUBQ(at, left)
	g.CMPQ(left, operand.U8(64))
	g.JAE(operand.LabelRef("whole"))
	g.BZHIQ(left, other, other)
	g.BZHIQ(left, dots, dots)
	g.KMOVQ(isEnd, all)
	g.BZHIQ(left, all, all)
	g.KMOVQ(all, isEnd)
	g.Label("whole")
	g.KMOVQ(isEnd, all)

	places, starts := g.ZMM(), g.ZMM()
	g.compressBytes(behind, isEnd, places)
	g.VPMOVZXBD(places.AsX(), starts)
	g.VPADDD(base, starts, starts)
	g.VMOVDQU32(starts, operand.Mem{Base: to})
	g.POPCNTQ(all, count)
	g.CMPQ(count, operand.U8(16))
	g.JBE(operand.LabelRef("few"))
	for i := 1; i < 4; i++ {
		part := g.XMM()
		g.VEXTRACTI32X4(operand.U8(i), places, part)
		g.VPMOVZXBD(part, starts)
		g.VPADDD(base, starts, starts)
		g.VMOVDQU32(starts, operand.Mem{Base: to, Disp: 64 * i})
	}
	g.Label("few")
	g.LEAQ(operand.Mem{Base: to, Index: count, Scale: 4}, to)

	// Nothing but digits, dots and ends of fields.
	known := g.GP64()
	g.MOVQ(all, known)
	g.ORQ(dots, known)
	g.XORQ(other, known)
	g.ORQ(known, bad)
	g.POPCNTQ(dots, dots)
	g.ADDQ(dots, g.dots)
	// Which of the ends of fields are ends of lines.
	phase, want := g.GP64(), g.GP64()
	g.MOVQ(g.lines, phase)
	g.ANDQ(operand.U8(3), phase)
	g.SHRXQ(phase, ends, want)
	g.BZHIQ(count, want, want)
	g.PEXTQ(all, newlines, newlines)
	g.XORQ(want, newlines)
	g.ORQ(newlines, bad)
	g.ADDQ(count, g.lines)

	g.VPADDD(step, base, base)
	g.ADDQ(operand.U8(64), at)
	g.CMPQ(at, size)
	g.JB(operand.LabelRef("find"))

	g.TESTQ(bad, bad)
	g.JNZ(operand.LabelRef(refused))
	g.TESTQ(operand.U32(3), g.lines)
	g.JNZ(operand.LabelRef(refused))
	g.SHRQ(operand.U8(2), g.lines)
	g.room()

	more, by := g.ZMM(), g.words(32)
	g.VPBROADCASTD(size.As32(), more)
	g.VPADDD(g.table("more", 16, 4, func(i int) int { return 2*i + 2 }), more, more)
	for i := range 4 {
		if i > 0 {
			g.VPADDD(by, more, more)
		}
		g.VMOVDQU32(more, operand.Mem{Base: to, Disp: 64 * i})
	}
}

// room refuses more lines than there is room for.
func (g *generator) room() {
	rounded := g.GP64()
	g.LEAQ(operand.Mem{Base: g.lines, Disp: 15}, rounded)
	g.ANDQ(operand.I8(-16), rounded)
	g.CMPQ(rounded, g.param("room"))
	g.JG(operand.LabelRef(refused))
}

// gather is the second pass, over a number of lines that is a multiple of 4.
func (g *generator) gather() {
	left, start, fields, ratings := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(g.lines, left)
	g.MOVQ(g.starts, start)
	g.MOVQ(g.fields, fields)
	g.MOVQ(g.ratings, ratings)
	ahead := g.behind()
	g.Label("gather")
	g.fetch(ahead, 128)
	for line := range 4 {
		g.gatherLine(line, start, fields, ratings)
	}
	g.ADDQ(operand.I8(64), start)
	g.ADDQ(operand.I8(64), fields)
	g.ADDQ(operand.U8(16), ratings)
	g.SUBQ(operand.U8(4), left)
	g.JG(operand.LabelRef("gather"))
}

// behind is the end of the block.
func (g *generator) behind() reg.GPVirtual {
	ahead := g.GP64()
	g.MOVQ(g.text, ahead)
	g.ADDQ(g.param("size"), ahead)
	return ahead
}

// fetch has bytes of the next block come to the first cache, and goes on behind them. It is
// for text in memory, as processors fetch ahead within a page only.
func (g *generator) fetch(ahead reg.GPVirtual, bytes int) {
	for at := 0; at < bytes; at += 64 {
		g.PREFETCHT0(operand.Mem{Base: ahead, Disp: at})
	}
	g.SUBQ(operand.I32(-bytes), ahead)
}

// gatherLine moves the bytes of a line, counted from that of the registers.
func (g *generator) gatherLine(line int, start, fields, ratings reg.GPVirtual) {
	for field := range 3 {
		at, bytes := g.GP64(), g.GP64()
		g.MOVL(operand.Mem{Base: start, Disp: 16*line + 4*field}, at.As32())
		from := operand.Mem{Base: g.text, Index: at, Scale: 1}
		if field < 2 {
			g.MOVQ(from, bytes)
			g.MOVQ(bytes, operand.Mem{Base: fields, Disp: 16*line + 8*field})
		} else {
			g.MOVL(from, bytes.As32())
			g.MOVL(bytes.As32(), operand.Mem{Base: ratings, Disp: 4 * line})
		}
	}
}

// convertIDs is the third pass over users and items, and checks the lengths of all
// fields: ids of 1 to 8 bytes, ratings of 1 or 3, times of 1 to 16.
func (g *generator) convertIDs() {
	c := &idConversion{generator: g, left: g.GP64(), start: g.GP64(), from: g.GP64(), users: g.argument("users"), items: g.argument("items")}
	c.two, c.whole, c.nibbles = g.words(2), g.ZMM(), g.words(0x0f0f0f0f)
	g.quads(56, c.whole)
	c.tens, c.hundreds, c.myriads = g.words(0x010a010a), g.words(1<<16|100), g.words(1<<16|10000)
	c.lengths = g.table("lengths", 16, 4, func(i int) int { return [4]int{7, 7, 2, 15}[i%4] })
	c.even = g.lanes(0x5555)
	c.bad, c.sum = g.ZMM(), g.ZMM()
	g.VPXORD(c.bad, c.bad, c.bad)
	g.VPXORD(c.sum, c.sum, c.sum)
	g.MOVQ(g.lines, c.left)
	g.MOVQ(g.starts, c.start)
	g.MOVQ(g.fields, c.from)
	// The numbers of lines i and i+4 share 128 bits.
	userPlace, itemPlace := [8]int{0, 4, 8, 12, 2, 6, 10, 14}, [8]int{1, 5, 9, 13, 3, 7, 11, 15}
	g.CMPQ(g.param("wide"), operand.I8(0))
	g.JNE(operand.LabelRef("wide"))
	order := g.table("order", 16, 4, func(i int) int {
		if i < 8 {
			return userPlace[i]
		}
		return itemPlace[i-8]
	})
	c.loop("narrow", 4, func(x reg.VecVirtual) {
		out := g.ZMM()
		g.VPERMD(x, order, out)
		g.VMOVDQU32(out.AsY(), operand.Mem{Base: c.users})
		g.VEXTRACTI64X4(operand.U8(1), out, operand.Mem{Base: c.items})
	})
	g.JMP(operand.LabelRef("read"))
	g.Label("wide")
	userOrder := g.table("userOrder", 16, 4, func(i int) int { return userPlace[i/2] })
	itemOrder := g.table("itemOrder", 16, 4, func(i int) int { return itemPlace[i/2] })
	c.loop("widening", 8, func(x reg.VecVirtual) {
		out := g.ZMM()
		g.VPERMD_Z(x, userOrder, c.even, out)
		g.VMOVDQU64(out, operand.Mem{Base: c.users})
		out = g.ZMM()
		g.VPERMD_Z(x, itemOrder, c.even, out)
		g.VMOVDQU64(out, operand.Mem{Base: c.items})
	})
	g.Label("read")
	c.check()
}

// idConversion is what the loops of convertIDs have in common.
type idConversion struct {
	*generator
	left, start, from, users, items reg.GPVirtual

	two, whole, nibbles, tens, hundreds, myriads, lengths reg.VecVirtual

	even reg.OpmaskVirtual
	bad  reg.VecVirtual // bits of lengths that are not allowed
	sum  reg.VecVirtual // of the lengths, less one each
}

// loop converts 8 lines at a time, whose ids store puts where they belong, of a width in
// bytes each.
func (c *idConversion) loop(label string, width int, store func(x reg.VecVirtual)) {
	c.Label(label)
	var numbers [2]reg.VecVirtual
	for half := range 2 {
		length, shift, x := c.ZMM(), c.ZMM(), c.ZMM()
		c.VMOVDQU32(operand.Mem{Base: c.start, Disp: 64*half + 4}, length)
		c.VPSUBD(operand.Mem{Base: c.start, Disp: 64 * half}, length, length)
		c.VPSUBD(c.two, length, length) // the bytes of each field, less one
		c.VPADDD(length, c.sum, c.sum)
		const orAndNot = 0xf4 // bad | length &^ lengths, as a table of bits
		c.VPTERNLOGD(operand.U8(orAndNot), c.lengths, length, c.bad)
		c.VPSHUFD_Z(operand.U8(0x10), length, c.even, shift)
		c.VPSLLD(operand.U8(3), shift, shift)
		c.VPSUBQ(shift, c.whole, shift)
		c.VMOVDQU64(operand.Mem{Base: c.from, Disp: 64 * half}, x)
		c.VPSLLVQ(shift, x, x)
		c.VPANDD(c.nibbles, x, x)
		c.VPMADDUBSW(c.tens, x, x)
		c.VPMADDWD(c.hundreds, x, x)
		numbers[half] = x
	}
	x := c.ZMM()
	c.VPACKUSDW(numbers[1], numbers[0], x)
	c.VPMADDWD(c.myriads, x, x)
	store(x)
	c.ADDQ(operand.I32(128), c.start)
	c.ADDQ(operand.I32(128), c.from)
	c.ADDQ(operand.I8(8*width), c.users)
	c.ADDQ(operand.I8(8*width), c.items)
	c.SUBQ(operand.U8(8), c.left)
	c.JG(operand.LabelRef(label))
}

// check refuses lengths that are not allowed, and a number of dots that is not that of
// ratings of three bytes.
func (c *idConversion) check() {
	g, bad, sum := c.generator, c.bad, c.sum
	wrong, flags := g.K(), g.GP32()
	g.VPTESTMD(bad, bad, wrong)
	g.KMOVW(wrong, flags)
	g.TESTL(flags, flags)
	g.JNZ(operand.LabelRef(refused))
	low, high := g.YMM(), g.YMM()
	g.VEXTRACTI64X4(operand.U8(1), sum, high)
	g.VPADDD(high, sum.AsY(), low)
	g.checkDots(low)
}

// checkDots refuses a number of dots that is not that of ratings of three bytes, given sums
// of the lengths of fields, less one each, of a user, an item, a rating and a time twice.
func (g *generator) checkDots(sum reg.VecVirtual) {
	high, long := g.XMM(), g.GP32()
	g.VEXTRACTI128(operand.U8(1), sum, high)
	g.VPADDD(high, sum.AsX(), high)
	g.VPEXTRD(operand.U8(2), high, long)
	g.SHRL(operand.U8(1), long) // a rating of three bytes counts 2
	g.CMPQ(long.As64(), g.dots)
	g.JNE(operand.LabelRef(refused))
}

// convertRatings is the third pass over ratings, d or d.d, and checks where their dots are.
func (g *generator) convertRatings() {
	left, from, values := g.GP64(), g.GP64(), g.argument("values")
	one, sixteen := g.GP64(), g.GP64()
	g.MOVQ(g.lines, left)
	g.MOVQ(g.ratings, from)
	second, dot, ones, both := g.words(0xff00), g.words('.'<<8), g.words(0x0f), g.words(0x000f000f)
	weights, ten := g.words(1<<16|10), g.ZMM()
	g.VPBROADCASTD(g.word(0x41200000), ten) // float32(10)
	g.XORQ(one, one)
	g.NOTQ(one)
	g.MOVQ(operand.U32(16), sixteen)

	g.Label("ratings")
	valid, hasDot := g.K(), g.K()
	lanes, found := g.GP64(), g.GP64()
	g.MOVQ(left, found)
	g.CMPQ(found, sixteen)
	g.CMOVQGT(sixteen, found)
	g.BZHIQ(found, one, lanes)
	g.KMOVW(lanes.As32(), valid)
	r, x := g.ZMM(), g.ZMM()
	g.VMOVDQU32(operand.Mem{Base: from}, r)
	g.VPANDD(second, r, x)
	g.VPCMPEQD(dot, x, valid, hasDot)
	g.KMOVW(hasDot, found.As32())
	g.POPCNTL(found.As32(), found.As32())
	g.SUBQ(found, g.dots)
	g.VPANDD(ones, r, x)
	g.VPANDD(both, r, hasDot, x)
	g.VPMADDWD(weights, x, x)
	g.VCVTDQ2PS(x, x)
	g.VDIVPS(ten, x, x)
	g.VMOVUPS(x, operand.Mem{Base: values})
	g.ADDQ(operand.I8(64), from)
	g.ADDQ(operand.I8(64), values)
	g.SUBQ(operand.U8(16), left)
	g.JG(operand.LabelRef("ratings"))
	g.TESTQ(g.dots, g.dots)
	g.JNZ(operand.LabelRef(refused))
}

// timeLength chooses the lowest byte of the last word of 128 bits.
func timeLength(int) int { return 12 }

// upwards, with the length of a field less one added, moves its bytes to the upper end of
// 128 bits, and 0 below them.
func upwards(i int) int { return (i%16 - 15) & 0xff }

// timeConstants are the operands of putTogether.
type timeConstants struct {
	two, nibbles, tens, hundreds, myriads, upper, whose, upwards reg.VecVirtual
}

// putTogether makes numbers of the digits of x, a time in each 128 bits. move has the starts
// of the fields but the first, at has all. lower is overwritten.
func (g *generator) putTogether(c timeConstants, x, move, lower reg.VecVirtual, at operand.Mem, and func(a, b, to reg.VecVirtual)) {
	g.VPSUBD(at, move, move)
	g.VPSUBD(c.two, move, move) // the bytes of each field, less one
	g.VPSHUFB(c.whose, move, move)
	g.VPADDB(c.upwards, move, move)
	g.VPSHUFB(move, x, x)
	and(c.nibbles, x, x)
	g.VPMADDUBSW(c.tens, x, x)
	g.VPMADDWD(c.hundreds, x, x)
	g.VPACKUSDW(x, x, x)
	g.VPMADDWD(c.myriads, x, x)
	g.VPSRLQ(operand.U8(32), x, lower)
	g.VPMULUDQ(c.upper, x, x)
	g.VPADDQ(lower, x, x)
}

// convertTimes reads the times, 4 lines at a time, unless they are not kept: their 16
// digits at most are moved to the upper end of 128 bits, and what is before them becomes
// 0. Pairs of digits are put together until there are two numbers of 8 digits.
func (g *generator) convertTimes() {
	times := g.argument("times")
	g.TESTQ(times, times)
	g.JZ(operand.LabelRef("done"))
	left, start := g.GP64(), g.GP64()
	g.MOVQ(g.lines, left)
	g.MOVQ(g.starts, start)
	var c timeConstants
	c.two, c.nibbles = g.words(2), g.words(0x0f0f0f0f)
	c.tens, c.hundreds, c.myriads, c.upper = g.words(0x010a010a), g.words(1<<16|100), g.words(1<<16|10000), g.ZMM()
	g.quads(1e8, c.upper)
	c.whose = g.table("timeLength", 64, 1, timeLength)
	c.upwards = g.table("upwards", 64, 1, upwards)
	order := g.table("timeOrder", 16, 4, func(i int) int { return i/2%4*4 + i%2 })

	g.Label("times")
	x, move, lower, out := g.ZMM(), g.ZMM(), g.ZMM(), g.ZMM()
	for line := range 4 {
		at := g.GP64()
		g.MOVL(operand.Mem{Base: start, Disp: 16*line + 12}, at.As32())
		from := operand.Mem{Base: g.text, Index: at, Scale: 1}
		if line == 0 {
			g.VMOVDQU(from, x.AsX())
		} else {
			g.VINSERTI32X4(operand.U8(line), from, x, x)
		}
	}
	g.VMOVDQU32(operand.Mem{Base: start, Disp: 4}, move)
	g.putTogether(c, x, move, lower, operand.Mem{Base: start}, func(a, b, to reg.VecVirtual) { g.VPANDD(a, b, to) })
	g.VPERMD(x, order, out)
	g.VMOVDQU(out.AsY(), operand.Mem{Base: times})
	g.ADDQ(operand.I8(64), start)
	g.ADDQ(operand.I8(32), times)
	g.SUBQ(operand.U8(4), left)
	g.JG(operand.LabelRef("times"))
	g.Label("done")
}
