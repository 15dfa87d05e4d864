package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// weigh: what conventions make of ratings. A loop takes a vector at a time, as it
// reads and writes as much as it computes.
func weigh(g *generator) {
	g.weighRatings()
	g.subtractOffsets()
	g.countPositive()
}

// scalar broadcasts an argument.
func (g *generator) scalar(name string) reg.VecVirtual {
	v := g.vector()
	g.VBROADCASTSS(g.parameter(name), v)
	return v
}

// parameter is the address of an argument.
func (g *generator) parameter(name string) operand.Mem {
	p, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// magnitudes makes the mask of all bits but the signs.
func (g *generator) magnitudes() reg.VecVirtual {
	v := g.vector()
	if g.wide() {
		g.VPTERNLOGD(operand.U8(0xff), v, v, v)
	} else {
		g.VPCMPEQD(v, v, v)
	}
	g.VPSRLD(operand.U8(1), v, v)
	return v
}

func (g *generator) weighRatings() {
	g.function("weigh", "func(a, t, r *float32, n int, scale, shift, slope, base float32)",
		"weigh"+g.name+" computes a = scale·|r| + shift and t = slope·r + base, or 0 where r is not\nabove 0.")
	a, t, r, n := g.argument("a"), g.argument("t"), g.argument("r"), g.argument("n")
	scale, shift, slope, base := g.scalar("scale"), g.scalar("shift"), g.scalar("slope"), g.scalar("base")
	absolute, none := g.magnitudes(), g.vector()
	g.zero(none)
	g.vectorLoop(n, g.lanes, func(l *vectorLoop, m *mask) {
		x, y := g.vector(), g.vector()
		g.read(l.at(r, 4), m, x)
		g.VANDPS(absolute, x, y)
		g.VMULPS(scale, y, y)
		g.VADDPS(shift, y, y)
		g.write(y, m, l.at(a, 4))
		g.VMULPS(slope, x, y)
		g.VADDPS(base, y, y)
		const greater = 30 // ordered, quiet
		if g.wide() {
			positive := g.K()
			g.VCMPPS(operand.U8(greater), none, x, positive)
			g.VMOVUPS_Z(y, positive, y)
		} else {
			g.VCMPPS(operand.U8(greater), none, x, x)
			g.VANDPS(x, y, y)
		}
		g.write(y, m, l.at(t, 4))
	})
	g.end()
}

func (g *generator) subtractOffsets() {
	g.function("subtractOffsets", "func(t, a, offset *float32, ids *int32, n int)",
		"subtractOffsets"+g.name+" computes t -= a·offset[ids].")
	t, a, offset, ids, n := g.argument("t"), g.argument("a"), g.argument("offset"), g.argument("ids"), g.argument("n")
	g.vectorLoop(n, g.lanes, func(l *vectorLoop, m *mask) {
		index, o, x, y := g.vector(), g.vector(), g.vector(), g.vector()
		g.read(l.at(ids, 4), m, index)
		g.zero(o)
		from := operand.Mem{Base: offset, Index: index, Scale: 4}
		switch {
		case g.wide():
			some := g.K()
			if m == nil {
				g.KXNORW(some, some, some)
			} else {
				g.KMOVW(m.k, some)
			}
			g.VGATHERDPS(from, some, o)
		default:
			some := g.vector()
			if m == nil {
				g.VPCMPEQD(some, some, some)
			} else {
				g.VMOVUPS(m.v, some)
			}
			g.VGATHERDPS(some, from, o)
		}
		g.read(l.at(a, 4), m, x)
		g.VMULPS(x, o, o)
		g.read(l.at(t, 4), m, y)
		g.VSUBPS(o, y, y)
		g.write(y, m, l.at(t, 4))
	})
	g.end()
}

func (g *generator) countPositive() {
	g.function("countPositive", "func(r *float32, n int) int",
		"countPositive"+g.name+" counts the elements above 0, of fewer than 2³¹.")
	r, n := g.argument("r"), g.argument("n")
	none, total := g.vector(), g.vector()
	g.zero(none, total)
	var count reg.GPVirtual
	if g.wide() {
		count = g.GP64()
		g.XORQ(count, count)
	}
	g.vectorLoop(n, g.lanes, func(l *vectorLoop, m *mask) {
		x := g.vector()
		g.read(l.at(r, 4), m, x)
		const greater = 30
		if g.wide() {
			positive, bits := g.K(), g.GP32()
			g.VCMPPS(operand.U8(greater), none, x, positive)
			g.KMOVW(positive, bits)
			g.POPCNTL(bits, bits)
			g.ADDQ(bits.As64(), count)
			return
		}
		// What is true is -1.
		g.VCMPPS(operand.U8(greater), none, x, x)
		g.VPSUBD(x, total, total)
	})
	if !g.wide() {
		count = g.GP64()
		high := g.XMM()
		g.VEXTRACTI128(operand.U8(1), total, high)
		low := total.AsX()
		g.VPADDD(high, low, low)
		g.VPSHUFD(operand.U8(0x4e), low, high)
		g.VPADDD(high, low, low)
		g.VPSHUFD(operand.U8(0xb1), low, high)
		g.VPADDD(high, low, low)
		g.VMOVD(low, count.As32())
	}
	g.Store(count, g.ReturnIndex(0))
	g.end()
}
