package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unroll is how many vectors the loops below take at a time.
const unroll = 4

// vectorLoop runs body over n elements, unroll steps of so many lanes at a time,
// then one, then what is left over, for which there is a mask. body gets the number
// of the step among those of a round; it finds its operands with at.
type vectorLoop struct {
	g       *generator
	element reg.GPVirtual // the number of the first element of a round
	lanes   int
	step    int
}

// at is the address of the step's elements, which are so many bytes long, of an
// operand.
func (l *vectorLoop) at(base reg.GPVirtual, size int) operand.Mem {
	return operand.Mem{Base: base, Index: l.element, Scale: uint8(size), Disp: l.step * l.lanes * size}
}

func (g *generator) vectorLoop(n reg.GPVirtual, lanes int, body func(l *vectorLoop, m *mask)) {
	l := &vectorLoop{g: g, element: g.GP64(), lanes: lanes}
	rounds, ones, rest, done := g.label("rounds"), g.label("ones"), g.label("rest"), g.label("done")
	left := g.GP64()
	g.MOVQ(n, left)
	g.XORQ(l.element, l.element)
	g.Label(rounds)
	g.CMPQ(left, operand.U32(unroll*lanes))
	g.JLT(operand.LabelRef(ones))
	for l.step = range unroll {
		body(l, nil)
	}
	l.step = 0
	g.ADDQ(operand.U32(unroll*lanes), l.element)
	g.SUBQ(operand.U32(unroll*lanes), left)
	g.JMP(operand.LabelRef(rounds))
	g.Label(ones)
	g.CMPQ(left, operand.U32(lanes))
	g.JLT(operand.LabelRef(rest))
	body(l, nil)
	g.ADDQ(operand.U32(lanes), l.element)
	g.SUBQ(operand.U32(lanes), left)
	g.JMP(operand.LabelRef(ones))
	g.Label(rest)
	g.TESTQ(left, left)
	g.JZ(operand.LabelRef(done))
	m := g.firstLanes(left)
	body(l, &m)
	g.Label(done)
}

// read loads a vector, or the lanes of a mask.
func (g *generator) read(from operand.Mem, m *mask, to reg.VecVirtual) {
	if m == nil {
		g.VMOVUPS(from, to)
	} else {
		g.load(from, *m, to)
	}
}

// write stores a vector, or the lanes of a mask.
func (g *generator) write(from reg.VecVirtual, m *mask, to operand.Mem) {
	if m == nil {
		g.VMOVUPS(from, to)
	} else {
		g.store(from, *m, to)
	}
}

// elementwise: the functions that read and write vectors element by element.
func elementwise(g *generator) {
	g.function("axpy", "func(alpha float32, x, y *float32, n int)", "axpy"+g.name+" computes y += alpha·x.")
	alpha, x, y, n := g.vector(), g.argument("x"), g.argument("y"), g.argument("n")
	g.broadcastArgument("alpha", alpha)
	g.vectorLoop(n, g.lanes, func(l *vectorLoop, m *mask) {
		a, b := g.vector(), g.vector()
		g.read(l.at(x, 4), m, a)
		g.read(l.at(y, 4), m, b)
		g.VFMADD231PS(alpha, a, b)
		g.write(b, m, l.at(y, 4))
	})
	g.end()

	g.function("scaleTo", "func(dst *float32, alpha float32, x *float32, n int)", "scaleTo"+g.name+" computes dst = alpha·x.")
	alpha, x, y, n = g.vector(), g.argument("x"), g.argument("dst"), g.argument("n")
	g.broadcastArgument("alpha", alpha)
	g.vectorLoop(n, g.lanes, func(l *vectorLoop, m *mask) {
		a := g.vector()
		g.read(l.at(x, 4), m, a)
		g.VMULPS(alpha, a, a)
		g.write(a, m, l.at(y, 4))
	})
	g.end()

	for _, f := range []struct {
		name, doc string
		combine   func(x, y, dst operand.Op)
	}{
		{"addTo", "dst = x + y", func(x, y, dst operand.Op) { g.VADDPS(x, y, dst) }},
		{"mulTo", "dst = x∘y", func(x, y, dst operand.Op) { g.VMULPS(x, y, dst) }},
	} {
		g.function(f.name, "func(dst, x, y *float32, n int)", f.name+g.name+" computes "+f.doc+".")
		dst, x, y, n := g.argument("dst"), g.argument("x"), g.argument("y"), g.argument("n")
		g.vectorLoop(n, g.lanes, func(l *vectorLoop, m *mask) {
			a, b := g.vector(), g.vector()
			g.read(l.at(x, 4), m, a)
			g.read(l.at(y, 4), m, b)
			f.combine(a, b, a)
			g.write(a, m, l.at(dst, 4))
		})
		g.end()
	}
}

// broadcastArgument fills a vector with an argument of type float32. Load would use an
// instruction that waits for the upper parts of vectors in use.
func (g *generator) broadcastArgument(name string, v reg.VecVirtual) {
	argument, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(argument.Addr, v)
}

// sums: the reductions, which add in float64. Each of the unroll sums adds every
// unroll-th half vector.
func sums(g *generator) {
	half := g.lanes / 2

	g.function("dotDouble", "func(x, y *float32, n int) float64", "dotDouble"+g.name+" returns x·y.")
	x, y, n := g.argument("x"), g.argument("y"), g.argument("n")
	s := g.vectors(unroll)
	g.zero(s...)
	g.vectorLoop(n, half, func(l *vectorLoop, m *mask) {
		a, b := g.vector(), g.vector()
		g.readDouble(l.at(x, 4), m, a)
		g.readDouble(l.at(y, 4), m, b)
		g.VFMADD231PD(a, b, s[l.step])
	})
	g.returnSum(s)

	g.function("squaredErrors", "func(v, s *float32, n int) float64", "squaredErrors"+g.name+" returns Σ (v - s)².")
	x, y, n = g.argument("v"), g.argument("s"), g.argument("n")
	s = g.vectors(unroll)
	g.zero(s...)
	g.vectorLoop(n, half, func(l *vectorLoop, m *mask) {
		a, b := g.vector(), g.vector()
		g.readDouble(l.at(x, 4), m, a)
		g.readDouble(l.at(y, 4), m, b)
		g.VSUBPD(b, a, a)
		g.VFMADD231PD(a, a, s[l.step])
	})
	g.returnSum(s)

	confidenceErrors(g)
}

// confidenceErrors widens ratings and scores, so that all it computes is in float64.
func confidenceErrors(g *generator) {
	g.function("confidenceErrors", "func(r, s *float32, n int, base, alpha float32) (plain, weighted float64)",
		"confidenceErrors"+g.name+" returns Σ (p - s)² and Σ (c·(p - s)² - s²) for the preference\np = 1 if r > 0 or 0 and the confidence c = base + alpha·|r|.")
	r, s, n := g.argument("r"), g.argument("s"), g.argument("n")
	base, alpha, one, magnitude, zero := g.vector(), g.vector(), g.vector(), g.vector(), g.vector()
	g.zero(zero)
	g.broadcastDouble(math.Float64bits(1), one)
	g.broadcastDouble(1<<63-1, magnitude)
	widened := func(name string, v reg.VecVirtual) {
		x := g.XMM()
		g.Load(g.Param(name), x)
		g.VCVTSS2SD(x, x, x)
		g.VBROADCASTSD(x, v)
	}
	widened("base", base)
	widened("alpha", alpha)
	// Two sums of each kind leave registers for the rest.
	plain, weighted := g.vectors(unroll/2), g.vectors(unroll/2)
	g.zero(plain...)
	g.zero(weighted...)
	g.vectorLoop(n, g.lanes/2, func(l *vectorLoop, m *mask) {
		rating, score, d := g.vector(), g.vector(), g.vector()
		g.readDouble(l.at(r, 4), m, rating)
		g.readDouble(l.at(s, 4), m, score)
		const greater = 0x1e // ordered and quiet
		if g.wide() {
			k := g.K()
			g.VCMPPD(operand.U8(greater), zero, rating, k)
			g.VMOVUPD_Z(one, k, d)
		} else {
			g.VCMPPD(operand.U8(greater), zero, rating, d)
			g.VANDPD(one, d, d)
		}
		g.VSUBPD(score, d, d)
		g.VMULPD(d, d, d)
		g.VANDPD(magnitude, rating, rating)
		g.VFMADD213PD(base, alpha, rating)
		sums := l.step % len(plain)
		g.VADDPD(d, plain[sums], plain[sums])
		g.VFMADD231PD(d, rating, weighted[sums])
		g.VFNMADD231PD(score, score, weighted[sums])
	})
	g.Store(g.sumOf(plain), g.ReturnIndex(0))
	g.Store(g.sumOf(weighted), g.ReturnIndex(1))
	g.end()
}

// broadcastDouble fills a vector with the bits of a float64.
func (g *generator) broadcastDouble(bits uint64, v reg.VecVirtual) {
	r, x := g.GP64(), g.XMM()
	g.MOVQ(operand.U64(bits), r)
	g.VMOVQ(r, x)
	g.VBROADCASTSD(x, v)
}

// readDouble loads half a vector of float32 as float64.
func (g *generator) readDouble(from operand.Mem, m *mask, to reg.VecVirtual) {
	switch {
	case m == nil:
		g.VCVTPS2PD(from, to)
	case g.wide():
		g.VCVTPS2PD_Z(from, m.k, to)
	default:
		four := g.XMM()
		g.VMASKMOVPS(from, m.v.AsX(), four)
		g.VCVTPS2PD(four, to)
	}
}

// returnSum returns the sum of vectors of float64.
func (g *generator) returnSum(s []reg.VecVirtual) {
	g.Store(g.sumOf(s), g.ReturnIndex(0))
	g.end()
}

// sumOf adds vectors of float64 up, lane by lane and then the lanes. It overwrites them.
func (g *generator) sumOf(s []reg.VecVirtual) reg.Register {
	for n := len(s) / 2; n > 0; n /= 2 {
		for i := range n {
			g.VADDPD(s[i+n], s[i], s[i])
		}
	}
	if g.wide() {
		high := g.YMM()
		g.VEXTRACTF64X4(operand.U8(1), s[0], high)
		g.VADDPD(high, s[0].AsY(), s[0].AsY())
	}
	high, sum := g.XMM(), s[0].AsX()
	g.VEXTRACTF128(operand.U8(1), s[0].AsY(), high)
	g.VADDPD(high, sum, sum)
	g.VHADDPD(sum, sum, sum)
	return sum
}
