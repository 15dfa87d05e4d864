package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The instructions of AMX, as bytes: neither avo nor the Go assembler knows them (Intel 64
// and IA-32 Architectures Software Developer's Manual, volume 2). A tile register has 16
// rows of 64 bytes. Registers in addresses are physical ones.

// tilesBegin configures the tile registers, all of full size. It overwrites RAX.
func (g *generator) tilesBegin() {
	const name = "tilesAMX"
	if !g.tabled { // one to a file
		g.tabled = true
		g.StaticGlobal(name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		g.AddDatum(0, operand.U8(1)) // the palette
		for i := range 8 {
			g.AddDatum(16+2*i, operand.U16(64)) // bytes of a row
		}
		for i := range 8 {
			g.AddDatum(48+i, operand.U8(16)) // rows
		}
		g.AddDatum(63, operand.U8(0))
	}
	g.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol(name), 0), reg.RAX)
	// LDTILECFG (RAX)
	g.bytesOf([]operand.Op{reg.RAX}, vex(vexNone, 0x49, 0, 0, tileAddress{base: reg.RAX}.bytes(0)...)...)
}

// tilesEnd gives the tile registers up, so that a switch between threads need not save
// them.
func (g *generator) tilesEnd() {
	g.bytesOf(nil, 0xc4, 0xe2, 0x78, 0x49, 0xc0) // TILERELEASE
}

// tileZero clears a tile register.
func (g *generator) tileZero(t int) {
	g.bytesOf(nil, vex(vexF2, 0x49, 0, 0, modRM(3, t, 0))...)
}

// tileLoad reads 16 rows of 64 bytes.
func (g *generator) tileLoad(from tileAddress, t int) {
	g.tileMove(vexF2, from, t)
}

// tileStore writes 16 rows of 64 bytes.
func (g *generator) tileStore(t int, to tileAddress) {
	g.tileMove(vexF3, to, t)
}

func (g *generator) tileMove(prefix byte, m tileAddress, t int) {
	g.bytesOf([]operand.Op{m.base, m.apart}, vex(prefix, 0x4b, 0, m.extension(), m.bytes(t)...)...)
}

// tileMultiplyAdd adds to sum, 16 rows of 16 elements, the products of a, 16 rows of 32
// elements of bfloat16, and b, whose 16 rows have pairs of elements, of rows 2i and 2i+1
// of a matrix of 32 rows and 16 columns.
func (g *generator) tileMultiplyAdd(sum, a, b int) {
	g.bytesOf(nil, vex(vexF3, 0x5c, b, 0, modRM(3, sum, a))...)
}

// tileAddress is where a tile is in memory: its rows are apart bytes apart.
type tileAddress struct {
	base, apart reg.GPPhysical
	disp        int
}

// extension has the bits of a VEX prefix that extend the registers.
func (m tileAddress) extension() (xb byte) {
	if m.base.PhysicalIndex() >= 8 {
		xb |= 1
	}
	if m.apart != nil && m.apart.PhysicalIndex() >= 8 {
		xb |= 2
	}
	return xb
}

// bytes are what follows the opcode, for a number in the field of the register.
func (m tileAddress) bytes(t int) []byte {
	base := int(m.base.PhysicalIndex() & 7)
	code := []byte{modRM(2, t, base)}
	if m.apart != nil {
		code = []byte{modRM(2, t, 4), modRM(0, int(m.apart.PhysicalIndex()&7), base)}
	}
	return append(code, byte(m.disp), byte(m.disp>>8), byte(m.disp>>16), byte(m.disp>>24))
}

// modRM also makes a byte SIB, whose fields are alike.
func modRM(mod, register, rm int) byte { return byte(mod<<6 | register<<3 | rm) }

// Prefixes that a VEX prefix stands for.
const (
	vexNone = 0
	vexF3   = 2
	vexF2   = 3
)

// vex encodes an instruction of the map 0F 38 with W = 0 and 128 bits. xb has the bits that
// extend the index and the base.
func vex(prefix, opcode byte, vvvv int, xb byte, rest ...byte) []byte {
	code := []byte{0xc4, 0x80 | (^xb&3)<<5 | 2, byte(^vvvv&15)<<3 | prefix, opcode}
	return append(code, rest...)
}

// bytesOf emits an instruction that reads the inputs.
func (g *generator) bytesOf(inputs []operand.Op, code ...byte) {
	for i, b := range code {
		line := &ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(b)}}
		if i == 0 {
			line.Inputs = inputs
		}
		g.Instruction(line)
	}
}
