package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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

// word loads a constant into a register.
func (g *generator) word(x uint32) reg.GPVirtual {
	r := g.GP32()
	g.MOVL(operand.U32(x), r)
	return r
}

// bytes makes a vector of 64 equal bytes.
func (g *generator) bytes(x uint8) reg.VecVirtual {
	v := g.ZMM()
	g.VPBROADCASTB(g.word(uint32(x)), v)
	return v
}

// words makes a vector of 16 equal words.
func (g *generator) words(x uint32) reg.VecVirtual {
	v := g.ZMM()
	g.VPBROADCASTD(g.word(x), v)
	return v
}

// quads makes a vector of 8 equal quadwords.
func (g *generator) quads(x uint32, v reg.VecVirtual) {
	g.VPBROADCASTQ(g.word(x).As64(), v)
}

// lanes makes a mask of 16 bits.
func (g *generator) lanes(bits uint32) reg.OpmaskVirtual {
	k := g.K()
	g.KMOVW(g.word(bits), k)
	return k
}

// table makes a vector of n elements of a width in bytes.
func (g *generator) table(name string, n, width int, element func(i int) int) reg.VecVirtual {
	v := g.ZMM()
	g.VMOVDQU32(g.data(name, n, width, element), v)
	return v
}

// data puts n elements of a width in bytes into memory.
func (g *generator) data(name string, n, width int, element func(i int) int) operand.Mem {
	data := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range n {
		switch x := element(i); width {
		case 1:
			g.AppendDatum(operand.U8(x))
		case 4:
			g.AppendDatum(operand.U32(x))
		default:
			panic(fmt.Sprintf("a width of %d", width))
		}
	}
	return data
}

// compressBytes moves the selected bytes to the lower end; avo has no VPCOMPRESSB.
func (g *generator) compressBytes(bytes reg.VecVirtual, selected reg.OpmaskVirtual, dst reg.VecVirtual) {
	g.Instruction(&ir.Instruction{
		Opcode: "VPCOMPRESSB", Suffixes: []string{"Z"},
		Operands: []operand.Op{bytes, selected, dst},
		Inputs:   []operand.Op{bytes, selected},
		Outputs:  []operand.Op{dst},
		ISA:      []string{"AVX512VBMI2"},
	})
}
