package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// instructions is an instruction set.
type instructions struct {
	name  string // in the names of functions
	file  string // in the names of files
	lanes int    // elements of a vector
}

var (
	avx2   = instructions{"AVX2", "avx2", 8}
	avx512 = instructions{"AVX512", "avx512", 16}
	amx    = instructions{"AMX", "amx", 16} // and AVX-512
)

// generator makes the functions of a file for one instruction set. The instructions
// that both sets have under one name are called as they are; its methods stand for
// those that differ.
type generator struct {
	*build.Context
	instructions
	labels int

	// What the file has already.
	tabled   bool            // the table of masks
	numbered bool            // the numbers of lanes
	floats   map[uint32]bool // numbers, by their bits
}

// wide reports whether the set has AVX-512.
func (g *generator) wide() bool { return g.lanes == avx512.lanes }

// bytes is the size of a vector.
func (g *generator) bytes() int { return 4 * g.lanes }

// function begins a function whose name ends with that of the set. Its arguments
// do not escape.
func (g *generator) function(name, signature, doc string) {
	g.Function(name + g.name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr(signature)
	g.Doc(strings.Split(doc, "\n")...)
}

// end returns from a function.
func (g *generator) end() {
	g.VZEROUPPER()
	g.RET()
}

// argument loads an argument into a register.
func (g *generator) argument(name string) reg.GPVirtual {
	r := g.GP64()
	g.Load(g.Param(name), r)
	return r
}

// param is where an argument is in memory.
func (g *generator) param(name string) operand.Mem {
	basic, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return basic.Addr
}

// length loads an argument that counts elements and makes bytes of it.
func (g *generator) length(name string) reg.GPVirtual {
	r := g.argument(name)
	g.SHLQ(operand.U8(2), r)
	return r
}

// label returns a name that no other place of the file has.
func (g *generator) label(name string) string {
	g.labels++
	return fmt.Sprintf("%s%d", name, g.labels)
}

// vector takes a register.
func (g *generator) vector() reg.VecVirtual {
	if g.wide() {
		return g.ZMM()
	}
	return g.YMM()
}

// vectors takes n registers.
func (g *generator) vectors(n int) []reg.VecVirtual { return registers(n, g.vector) }

// registers takes n registers of some size.
func registers(n int, take func() reg.VecVirtual) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = take()
	}
	return v
}

// zero clears registers.
func (g *generator) zero(v ...reg.VecVirtual) {
	for _, r := range v {
		if g.wide() {
			g.VPXORD(r, r, r)
		} else {
			g.VXORPS(r, r, r)
		}
	}
}

// mask selects the first lanes of a vector.
type mask struct {
	k reg.OpmaskVirtual // AVX-512
	v reg.VecVirtual    // AVX2: the sign of a lane says whether it is selected
}

// firstLanes makes the mask of the first count lanes.
func (g *generator) firstLanes(count reg.GPVirtual) mask {
	m := g.mask()
	g.setLanes(m, count)
	return m
}

// mask takes registers.
func (g *generator) mask() mask {
	if g.wide() {
		return mask{k: g.K()}
	}
	return mask{v: g.vector()}
}

// setLanes selects the first count lanes.
func (g *generator) setLanes(m mask, count reg.GPVirtual) {
	if g.wide() {
		all := g.GP32()
		g.MOVL(operand.I32(-1), all)
		g.BZHIL(count.As32(), all, all)
		g.KMOVW(all, m.k)
		return
	}
	table, back := g.GP64(), g.GP64()
	g.LEAQ(g.maskTable(), table)
	g.MOVQ(count, back)
	g.NEGQ(back)
	g.VMOVUPS(operand.Mem{Base: table, Index: back, Scale: 4, Disp: g.bytes()}, m.v)
}

// setAllLanes selects all lanes.
func (g *generator) setAllLanes(m mask) {
	if g.wide() {
		g.KXNORW(m.k, m.k, m.k)
	} else {
		g.VPCMPEQD(m.v, m.v, m.v)
	}
}

// maskTable has a vector of ones and then one of zeros.
func (g *generator) maskTable() operand.Mem {
	const name = "lanesAVX2"
	if !g.tabled { // one to a file
		g.tabled = true
		g.StaticGlobal(name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 2 * g.lanes {
			value := operand.U32(0)
			if i < g.lanes {
				value = operand.U32(0xffffffff)
			}
			g.AddDatum(4*i, value)
		}
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
}

// load reads the lanes that a mask selects and sets the others to zero.
func (g *generator) load(from operand.Mem, m mask, to reg.VecVirtual) {
	if g.wide() {
		g.VMOVUPS_Z(from, m.k, to)
	} else {
		g.VMASKMOVPS(from, m.v, to)
	}
}

// store writes the lanes that a mask selects.
func (g *generator) store(from reg.VecVirtual, m mask, to operand.Mem) {
	if g.wide() {
		g.VMOVUPS(from, m.k, to)
	} else {
		g.VMASKMOVPS(from, m.v, to)
	}
}
