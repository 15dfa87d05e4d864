package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// descent: what a step of conjugate gradients does with its vectors of float64. They
// are in the first-level cache and so short that a loop over single vectors does.
func descent(g *generator) {
	conversions(g)

	g.function("dotFloat64", "func(x, y *float64, n int) float64",
		"dotFloat64"+g.name+" returns x·y for whole vectors.")
	x, y, sum, v := g.argument("x"), g.argument("y"), g.vector(), g.vector()
	g.zero(sum)
	g.wholeVectors(func(at reg.GPVirtual) {
		g.VMOVUPD(double(x, at), v)
		g.VFMADD231PD(double(y, at), v, sum)
	})
	g.returnSum([]reg.VecVirtual{sum})

	g.function("descend", "func(x, r, p, ap *float64, n int, length float64) float64",
		"descend"+g.name+" computes x += length·p and r -= length·ap for whole vectors and\nreturns r·r.")
	x, p := g.argument("x"), g.argument("p")
	r, ap := g.argument("r"), g.argument("ap")
	length, sum, v := g.vector(), g.vector(), g.vector()
	g.broadcastFloat64("length", length)
	g.zero(sum)
	g.wholeVectors(func(at reg.GPVirtual) {
		g.VMOVUPD(double(x, at), v)
		g.VFMADD231PD(double(p, at), length, v)
		g.VMOVUPD(v, double(x, at))
		g.VMOVUPD(double(r, at), v)
		g.VFNMADD231PD(double(ap, at), length, v)
		g.VMOVUPD(v, double(r, at))
		g.VFMADD231PD(v, v, sum)
	})
	g.returnSum([]reg.VecVirtual{sum})

	g.function("turn", "func(p, r *float64, single *float32, n int, factor float64)",
		"turn"+g.name+" computes p = r + factor·p for whole vectors and rounds it to single.")
	p, r = g.argument("p"), g.argument("r")
	single, factor, v := g.argument("single"), g.vector(), g.vector()
	g.broadcastFloat64("factor", factor)
	g.wholeVectors(func(at reg.GPVirtual) {
		g.VMOVUPD(double(r, at), v)
		g.VFMADD231PD(double(p, at), factor, v)
		g.VMOVUPD(v, double(p, at))
		g.writeRounded(v, operand.Mem{Base: single, Index: at, Scale: 4})
	})
	g.end()

	g.function("addRidge", "func(dst *float64, single *float32, p *float64, n int, ridge float64)",
		"addRidge"+g.name+" computes dst = single + ridge·p for whole vectors.")
	dst, p := g.argument("dst"), g.argument("p")
	single, ridge, v := g.argument("single"), g.vector(), g.vector()
	g.broadcastFloat64("ridge", ridge)
	g.wholeVectors(func(at reg.GPVirtual) {
		g.VCVTPS2PD(operand.Mem{Base: single, Index: at, Scale: 4}, v)
		g.VFMADD231PD(double(p, at), ridge, v)
		g.VMOVUPD(v, double(dst, at))
	})
	g.end()
}

// conversions between the vectors of conjugate gradients and rows of factors.
func conversions(g *generator) {
	g.function("widen", "func(dst *float64, single *float32, n int)", "widen"+g.name+" computes dst = single for whole vectors.")
	dst, single, v := g.argument("dst"), g.argument("single"), g.vector()
	g.wholeVectors(func(at reg.GPVirtual) {
		g.VCVTPS2PD(operand.Mem{Base: single, Index: at, Scale: 4}, v)
		g.VMOVUPD(v, double(dst, at))
	})
	g.end()

	g.function("round", "func(single *float32, x *float64, n int)", "round"+g.name+" rounds x to single for whole vectors.")
	single, x, v := g.argument("single"), g.argument("x"), g.vector()
	g.wholeVectors(func(at reg.GPVirtual) {
		g.VMOVUPD(double(x, at), v)
		g.writeRounded(v, operand.Mem{Base: single, Index: at, Scale: 4})
	})
	g.end()
}

// writeRounded writes a vector of float64, which it overwrites, as float32.
func (g *generator) writeRounded(v reg.VecVirtual, to operand.Mem) {
	if g.wide() {
		g.VCVTPD2PS(v, v.AsY())
		g.VMOVUPS(v.AsY(), to)
	} else {
		g.VCVTPD2PSY(v, v.AsX())
		g.VMOVUPS(v.AsX(), to)
	}
}

// wholeVectors emits the loop over n elements of float64, a multiple of those of a
// vector and at least one vector.
func (g *generator) wholeVectors(body func(at reg.GPVirtual)) {
	n, at, loop := g.argument("n"), g.GP64(), g.label("vectors")
	g.XORQ(at, at)
	g.Label(loop)
	body(at)
	g.ADDQ(operand.U8(g.lanes/2), at)
	g.CMPQ(at, n)
	g.JLT(operand.LabelRef(loop))
}

// double addresses an element of float64.
func double(base, at reg.GPVirtual) operand.Mem {
	return operand.Mem{Base: base, Index: at, Scale: 8}
}

// broadcastFloat64 fills a vector with an argument of type float64.
func (g *generator) broadcastFloat64(name string, v reg.VecVirtual) {
	argument, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSD(argument.Addr, v)
}
