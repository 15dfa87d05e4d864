package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The Cholesky factorization A = L·Lᵀ and both solves for as many systems as a
// vector has lanes, one in each lane. A vector holds the same element of all systems,
// so that nothing goes across lanes and a lane knows nothing of the others.
//
// # Layout
//
// L is kept in panels of 4 rows. Panel I has the columns 0 to 4I+3, 4 vectors each:
// element (4I+i, j) is vector 8·I·(I+1) + 4·j + i. A tile is 4 columns of a panel, 16
// vectors. The diagonal has 1/L[j][j]; what is above it in its tile is not read.
//
// # Order
//
// The factorization goes by panels, from the left: the tiles of a panel are computed
// from the first to the one on the diagonal, in registers, from the panel itself and
// one panel above it:
//
//	L[I][J] = (A[I][J] - Σ_{p<J} L[I][p]·L[J][p]ᵀ)·L[J][J]⁻ᵀ
//
// A step over p costs 8 loads for 16 multiply-adds with AVX-512, 12 with AVX2, whose
// registers hold two rows of a tile at a time. The right-hand side follows panel by
// panel; the way back is a pass over L of its own.
//
// # Speed
//
// The floor of a system is n³/3 + 2n² operations and the bytes of its lower triangle.
// On a Xeon of 2023 at 3.7 GHz, operands in the cache, a system of order 10, 64 and 128
// takes 23 ns, 0.77 µs and 5.0 µs (10, 52 and 61 % of the peak), from memory 28 ns,
// 1.37 µs and 7.2 µs. What limits it: to order 32 the chain from pivot to pivot, some 30
// cycles each (50 with a square root and a division, by which order 10 and 16 took 14 %
// longer and 32 took 5 %); then transposing the systems, a quarter of the time at order
// 64, and the ends of the tiles. Two panels in step with each panel above them, which
// halves what the second-level cache delivers, gained nothing, nor in C did operands that are
// all in the first-level cache: multiplying order 64 takes 8.8 µs a batch either way, order
// 128 61.8 and 63.6. Tiles that read the systems themselves, with no pass before, gained
// nothing in the cache, and from memory order 128 took 10.7 µs or more.
//
// A step of 4 by 4, with 8 loads for 16 multiply-adds, reaches 92 to 94 % of the peak in
// the first-level cache; one of 6 by 4, which panels of 4 rows cannot have, 98 to 100.
// Columns that wait for each other by a multiply-add alone, with the rows below the diagonal
// divided by it beforehand, gained nothing, so what ends a tile is not that chain.
//
// From memory: reading the lines of the triangles and nothing else takes 0.85 to 1.0 µs a
// system of order 64, 3.0 to 3.8 of 128, whatever the order of the lines. The steps of the
// tiles fetch lines, one of 4 systems each, at an even pace; see type coming. With AVX2
// order 64 and 128 take 1.6 and 9.8 µs. With the lines of a panel fetched while the one
// before it is computed, order 64 took 1.47 µs, and with nothing fetched 128 took 8.4. A
// whole batch ahead took 1.5 and 8.1. Touching one line in 4 of the whole matrices, or of
// two lines side by side one, for the processor to fetch the others, took 1.5 or more and
// gained nothing at 128. To fetch while systems are transposed and on the way back too
// gained nothing, though order 64 takes 1.3 µs even if no system is read: factorizing, 0.6
// µs, waits for fetches where these fill the line buffers of the first-level cache. Operands
// that are all in that cache would save a tenth of the 1.3 and nothing of the whole at order
// 64, 5 % at 128; pages of 2 MiB, which the memory of a device has where the system gives
// them, save 5 %. One system after another, read in place by choleskyPanel, whose steps fetched
// the lines of the next one, order 128 took 8.2 to 8.8 µs for 7.6 to 8.0.
//
// The elements of 4 columns are put together from parts of 128 bits with half as many
// shuffles as transposing whole vectors takes; shuffles keep a multiply-add from its
// unit.
func lanes(g *generator) {
	loadLanes(g)
	factorLanes(g)
	backLanes(g)
	storeLanes(g)
	bringLanes(g)
}

// at addresses a vector of the layout.
func (g *generator) at(base, index reg.GPVirtual, vector int) operand.Mem {
	m := operand.Mem{Base: base, Disp: vector * g.bytes()}
	if index != nil {
		m.Index, m.Scale = index, 1
	}
	return m
}

// scaled multiplies a register by so many vectors.
func (g *generator) scaled(r reg.GPVirtual, vectors int) {
	g.IMUL3Q(operand.U32(vectors*g.bytes()), r, r)
}

// places is where the operands of the lanes are: those of lane 4q+i are near[i] bytes
// after group[q]. near[0] is 0 and has no register.
type places struct {
	near  [4]reg.GPVirtual
	group []reg.GPVirtual
}

// places loads the table of places of a matrix that begins at base: near[1] to
// near[3], then the distances of group[1] and so on.
func (g *generator) places(base, table reg.GPVirtual) places {
	var p places
	for i := 1; i < len(p.near); i++ {
		p.near[i] = g.GP64()
		g.MOVQ(operand.Mem{Base: table, Disp: 8 * (i - 1)}, p.near[i])
	}
	for q := range g.lanes / 4 {
		group := base
		if q > 0 {
			group = g.GP64()
			g.MOVQ(operand.Mem{Base: table, Disp: 8 * (len(p.near) - 2 + q)}, group)
			g.ADDQ(base, group)
		}
		p.group = append(p.group, group)
	}
	return p
}

// of addresses the operand of lane 4q+i.
func (p places) of(q, i int) operand.Mem {
	m := operand.Mem{Base: p.group[q]}
	if i > 0 {
		m.Index, m.Scale = p.near[i], 1
	}
	return m
}

// advance goes on by so many bytes.
func (g *generator) advance(p places, bytes int) {
	for _, r := range p.group {
		g.ADDQ(operand.U8(bytes), r)
	}
}

// quarters are masks of the parts of 128 bits of a vector, of which the first count
// lanes are selected.
func (g *generator) quarters(count reg.GPVirtual) []mask {
	masks := make([]mask, g.lanes/4)
	if !g.wide() {
		masks[0] = g.firstLanes(count)
		return masks
	}
	bits := g.GP32()
	g.MOVL(operand.I32(-1), bits)
	g.BZHIL(count.As32(), bits, bits)
	for q := range masks {
		if q > 0 {
			g.SHLL(operand.U8(4), bits)
		}
		masks[q].k = g.K()
		g.KMOVW(bits, masks[q].k)
	}
	return masks
}

// loadColumns loads so many columns, a multiple of 4, of every lane. With masks it is
// the first columns of 4.
//
// The elements of a system come one after another: those of 16 systems are often a
// multiple of the cache's pages apart, so that it keeps no more than 12 lines.
func (g *generator) loadColumns(p places, columns int, masks []mask, whole bool) []reg.VecVirtual {
	v := g.vectors(columns)
	for q := range p.group {
		for i := range 4 {
			for c := 0; c < columns; c += 4 {
				from, x := p.of(q, i), v[c+i]
				from.Disp = 4 * c
				switch {
				case g.wide() && q > 0:
					// A blend, which a multiply-add's unit can do, in place of a
					// shuffle, which only one does.
					g.VBROADCASTF32X4(from, masks[q].k, x)
				case g.wide() && whole:
					g.VBROADCASTF32X4(from, x)
				case g.wide():
					g.VBROADCASTF32X4_Z(from, masks[0].k, x)
				case q > 0 && whole:
					g.VINSERTF128(operand.U8(1), from, x, x)
				case q > 0:
					part := g.XMM()
					g.VMASKMOVPS(from, masks[0].v.AsX(), part)
					g.VINSERTF128(operand.U8(1), part, x, x)
				case whole:
					g.VMOVUPS(from, x.AsX())
				default:
					g.VMASKMOVPS(from, masks[0].v.AsX(), x.AsX())
				}
			}
		}
	}
	var out []reg.VecVirtual
	for c := 0; c < columns; c += 4 {
		out = append(out, g.transposeFour(v[c:c+4])...)
	}
	return out
}

// transposeFour transposes the squares of 4 elements that 4 vectors have in each
// part of 128 bits.
func (g *generator) transposeFour(v []reg.VecVirtual) []reg.VecVirtual {
	return g.transposeTo(g.vectors(4), g.vectors(4), v)
}

// transposeTo is the same with registers for the result, out, and on the way, of any size.
func (g *generator) transposeTo(t, out, v []reg.VecVirtual) []reg.VecVirtual {
	g.VUNPCKLPS(v[1], v[0], t[0])
	g.VUNPCKHPS(v[1], v[0], t[1])
	g.VUNPCKLPS(v[3], v[2], t[2])
	g.VUNPCKHPS(v[3], v[2], t[3])
	for i := range 2 {
		g.VUNPCKLPD(t[2+i], t[i], out[2*i])
		g.VUNPCKHPD(t[2+i], t[i], out[2*i+1])
	}
	return out
}

// loadLanes: with AVX-512 a line of the cache at a time, then 4 columns, then what is
// left.
func loadLanes(g *generator) {
	g.function("loadLanes", "func(to *float32, apart int, from *float32, at *int, columns int)",
		"loadLanes"+g.name+" reads the elements of a row of each system and writes one vector for\neach column to addresses that are apart bytes apart. Of the last 4 columns those\nthat are missing become 0.")
	to, apart := g.argument("to"), g.argument("apart")
	p := g.places(g.argument("from"), g.argument("at"))
	columns := g.argument("columns")
	second := g.GP64()
	g.LEAQ(operand.Mem{Base: to, Index: apart, Scale: 2}, second)
	store := func(v []reg.VecVirtual) {
		for i := 0; i < len(v); i += 4 {
			g.VMOVUPS(v[i], operand.Mem{Base: to})
			g.VMOVUPS(v[i+1], operand.Mem{Base: to, Index: apart, Scale: 1})
			g.VMOVUPS(v[i+2], operand.Mem{Base: second})
			g.VMOVUPS(v[i+3], operand.Mem{Base: second, Index: apart, Scale: 1})
			g.LEAQ(operand.Mem{Base: to, Index: apart, Scale: 4}, to)
			g.LEAQ(operand.Mem{Base: second, Index: apart, Scale: 4}, second)
		}
	}
	var masks []mask
	widths := []int{4}
	if g.wide() {
		four := g.GP64()
		g.MOVQ(operand.I32(4), four)
		masks = g.quarters(four)
		widths = []int{16, 4}
	}
	for _, width := range widths {
		loop, rest := g.label("columns"), g.label("rest")
		g.SUBQ(operand.U8(width), columns)
		g.JLT(operand.LabelRef(rest))
		g.Label(loop)
		store(g.loadColumns(p, width, masks, true))
		g.advance(p, 4*width)
		g.SUBQ(operand.U8(width), columns)
		g.JGE(operand.LabelRef(loop))
		g.Label(rest)
		g.ADDQ(operand.U8(width), columns)
	}
	done := g.label("done")
	g.JZ(operand.LabelRef(done))
	store(g.loadColumns(p, 4, g.quarters(columns), false))
	g.Label(done)
	g.end()
}

// storeLanes is the way back.
func storeLanes(g *generator) {
	g.function("storeLanes", "func(to *float32, at *int, x *float32, columns int, info *int32)",
		"storeLanes"+g.name+" writes the elements of a row of each system, or zeros where info is\nnot 0, from vectors one after another.")
	p := g.places(g.argument("to"), g.argument("at"))
	x, columns, info := g.argument("x"), g.argument("columns"), g.argument("info")
	var sound mask
	none := g.vector()
	g.zero(none)
	if g.wide() {
		sound.k = g.K()
		g.VPCMPEQD(operand.Mem{Base: info}, none, sound.k)
	} else {
		sound.v = none
		g.VPCMPEQD(operand.Mem{Base: info}, none, sound.v)
	}
	load := func() []reg.VecVirtual {
		v := g.vectors(4)
		for i, r := range v {
			if g.wide() {
				g.VMOVUPS_Z(g.at(x, nil, i), sound.k, r)
			} else {
				g.VANDPS(g.at(x, nil, i), sound.v, r)
			}
		}
		return g.transposeFour(v)
	}
	loop, rest, done := g.label("columns"), g.label("rest"), g.label("done")
	g.SUBQ(operand.U8(4), columns)
	g.JLT(operand.LabelRef(rest))
	g.Label(loop)
	for i, r := range load() {
		g.VMOVUPS(r.AsX(), p.of(0, i))
		for q := 1; q < len(p.group); q++ {
			if g.wide() {
				g.VEXTRACTF32X4(operand.U8(q), r, p.of(q, i))
			} else {
				g.VEXTRACTF128(operand.U8(q), r, p.of(q, i))
			}
		}
	}
	g.advance(p, 16)
	g.ADDQ(operand.I32(4*g.bytes()), x)
	g.SUBQ(operand.U8(4), columns)
	g.JGE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U8(4), columns)
	g.JZ(operand.LabelRef(done))
	last := g.quarters(columns)[0]
	for i, r := range load() {
		for q := range p.group {
			part := g.XMM()
			if g.wide() {
				g.VEXTRACTF32X4(operand.U8(q), r, part)
				g.VMOVUPS(part, last.k, p.of(q, i))
			} else {
				g.VEXTRACTF128(operand.U8(q), r, part)
				g.VMASKMOVPS(part, last.v.AsX(), p.of(q, i))
			}
		}
	}
	g.Label(done)
	g.end()
}

// steps emits the loop over the 4 columns of each tile before the one at end, with
// their place in the panels.
func (g *generator) steps(end reg.GPVirtual, step func(at reg.GPVirtual)) {
	at := g.GP64()
	loop, done := g.label("steps"), g.label("summed")
	g.XORQ(at, at)
	g.TESTQ(end, end)
	g.JZ(operand.LabelRef(done))
	g.Label(loop)
	step(at)
	g.ADDQ(operand.I32(16*g.bytes()), at)
	g.CMPQ(at, end)
	g.JLT(operand.LabelRef(loop))
	g.Label(done)
}

func factorLanes(g *generator) {
	g.function("factorLanes", "func(l *float32, panel int, z *float32, tolerance float32, info *int32, from *float32, step int, next *float32, each int)",
		"factorLanes"+g.name+" turns panel number panel of A into that of L, where those before it\nare done, and its elements of b into those of z, the solution of L·z = b. Where\ninfo is 0 it becomes the first pivot of the panel, from 1, that is not above\ntolerance times its diagonal element. For each 4 columns of a tile that it multiplies,\nit brings lines of 4 systems, step bytes apart, to the second-level cache: next has\ntheir places in bytes after from, as bits, each bytes apart.")
	l, panel := g.argument("l"), g.argument("panel")
	own, other, end, tile := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: panel, Disp: 1}, own)
	g.IMULQ(panel, own)
	g.scaled(own, 8)
	g.ADDQ(l, own)
	g.MOVQ(panel, end)
	g.scaled(end, 16)
	g.MOVQ(l, other)
	g.XORQ(tile, tile)

	c := g.coming()
	g.Comment("The tiles before the one on the diagonal.")
	tiles, diagonal := g.label("tiles"), g.label("diagonal")
	g.Label(tiles)
	g.CMPQ(tile, end)
	g.JGE(operand.LabelRef(diagonal))
	height := 4
	if !g.wide() {
		height = 2
	}
	for first := 0; first < 4; first += height {
		g.tile(own, other, tile, first, height, c)
	}
	g.ADDQ(operand.I32(16*g.bytes()), tile)
	g.ADDQ(tile, other)
	g.JMP(operand.LabelRef(tiles))
	g.Label(diagonal)
	g.diagonalTile(own, end, panel, c)
	g.forward(own, end)
	g.end()
}

// coming are lines that the cache will be asked for: the next one of 4 systems that are
// step apart is at the place after from that next has. The one after that is each further.
type coming struct{ from, step, next, each reg.GPVirtual }

func (g *generator) coming() coming {
	return coming{g.argument("from"), g.argument("step"), g.argument("next"), g.argument("each")}
}

// bring brings the next one to the second-level cache.
func (g *generator) bring(c coming) {
	line := g.GP64()
	g.MOVL(operand.Mem{Base: c.next}, line.As32())
	g.ADDQ(c.each, c.next)
	g.ADDQ(c.from, line)
	for system := range 4 {
		if system == 2 {
			g.LEAQ(operand.Mem{Base: line, Index: c.step, Scale: 2}, line)
		}
		at := operand.Mem{Base: line}
		if system%2 == 1 {
			at.Index, at.Scale = c.step, 1
		}
		g.PREFETCHT1(at)
	}
}

// bringLanes is for orders whose tiles are too few to bring all lines.
func bringLanes(g *generator) {
	g.function("bringLanes", "func(from *float32, step int, next *float32, count int)",
		"bringLanes"+g.name+" brings lines of 4 systems to the second-level cache, as factorLanes does,\ncount times.")
	each := g.GP64()
	g.MOVQ(operand.U32(4), each)
	c := coming{g.argument("from"), g.argument("step"), g.argument("next"), each}
	count, loop, done := g.argument("count"), g.label("lines"), g.label("brought")
	g.TESTQ(count, count)
	g.JZ(operand.LabelRef(done))
	g.Label(loop)
	g.bring(c)
	g.DECQ(count)
	g.JNZ(operand.LabelRef(loop))
	g.Label(done)
	g.RET()
}

// tile computes so many rows of a tile, from first on. other is the panel whose
// diagonal is in the same columns.
func (g *generator) tile(own, other, tile reg.GPVirtual, first, height int, c coming) {
	// sums[j][i] is the element in row first+i and column j.
	var sums [4][]reg.VecVirtual
	for j := range sums {
		sums[j] = g.vectors(height)
		for i, s := range sums[j] {
			g.VMOVUPS(g.at(own, tile, 4*j+first+i), s)
		}
	}
	g.steps(tile, func(at reg.GPVirtual) {
		if first == 0 {
			g.bring(c)
		}
		for p := range 4 {
			rows, column := g.vectors(height), g.vector()
			for i, r := range rows {
				g.VMOVUPS(g.at(own, at, 4*p+first+i), r)
			}
			for j := range sums {
				g.VMOVUPS(g.at(other, at, 4*p+j), column)
				for i, s := range sums[j] {
					g.VFNMADD231PS(rows[i], column, s)
				}
			}
		}
	})
	for j := range sums {
		factor := g.vector()
		g.VMOVUPS(g.at(other, tile, 5*j), factor)
		for i, s := range sums[j] {
			g.VMULPS(factor, s, s)
			g.VMOVUPS(s, g.at(own, tile, 4*j+first+i))
		}
		for right := j + 1; right < 4; right++ {
			g.VMOVUPS(g.at(other, tile, 4*j+right), factor)
			for i, s := range sums[right] {
				g.VFNMADD231PS(factor, sums[j][i], s)
			}
		}
	}
}

// diagonalTile computes the tile at end, whose pivots decide over info.
func (g *generator) diagonalTile(own, end, panel reg.GPVirtual, c coming) {
	var sums [4][]reg.VecVirtual // [row][column]
	for i := range sums {
		sums[i] = g.vectors(i + 1)
		for j, s := range sums[i] {
			g.VMOVUPS(g.at(own, end, 4*j+i), s)
		}
	}
	g.steps(end, func(at reg.GPVirtual) {
		g.bring(c)
		for p := range 4 {
			rows := g.vectors(4)
			for i, r := range rows {
				g.VMOVUPS(g.at(own, at, 4*p+i), r)
				for j, s := range sums[i] {
					g.VFNMADD231PS(rows[j], r, s)
				}
			}
		}
	})
	number := g.GP32()
	g.MOVL(panel.As32(), number)
	g.SHLL(operand.U8(2), number)
	info, tolerance, scratch := g.vector(), g.vector(), g.vector()
	infos := operand.Mem{Base: g.argument("info")}
	g.VMOVUPS(infos, info)
	g.broadcastArgument("tolerance", tolerance)
	one, half := g.vector(), g.vector()
	g.constant(0x3f800000, one)
	if g.wide() {
		g.constant(0x3f000000, half)
	}
	for j := range sums {
		pivot := sums[j][j]
		g.INCL(number.As32())
		g.VMULPS(g.at(own, end, 5*j), tolerance, scratch)
		g.noteFailures(info, number, notGreater, pivot, scratch, scratch)
		g.inverseRoot(pivot, one, half)
		g.VMOVUPS(pivot, g.at(own, end, 5*j))
		for i := j + 1; i < 4; i++ {
			g.VMULPS(pivot, sums[i][j], sums[i][j])
			g.VMOVUPS(sums[i][j], g.at(own, end, 4*j+i))
			for k := j + 1; k <= i; k++ {
				g.VFNMADD231PS(sums[k][j], sums[i][j], sums[i][k])
			}
		}
	}
	g.VMOVUPS(info, infos)
}

// Predicates of VCMPPS.
const (
	unordered  = 0x03
	notGreater = 0x0a // true where an operand is NaN
)

// constant sets every lane to the number that has the bits.
func (g *generator) constant(bits uint32, v reg.VecVirtual) {
	r := g.GP32()
	g.MOVL(operand.U32(bits), r)
	g.VMOVD(r, v.AsX())
	g.VBROADCASTSS(v.AsX(), v)
}

// inverseRoot replaces x by 1/√x. With AVX-512 it is the approximation to 14 bits and
// one step of Newton, which leaves an error of little more than the rounding's, in half
// the time.
func (g *generator) inverseRoot(x, one, half reg.VecVirtual) {
	if !g.wide() {
		g.VSQRTPS(x, x)
		g.VDIVPS(x, one, x)
		return
	}
	r, e := g.vector(), g.vector()
	g.VRSQRT14PS(x, r)
	g.VMULPS(r, x, e)
	g.VMULPS(r, half, x)
	g.VFNMADD213PS(one, r, e) // 1 - x·r²
	g.VFMADD213PS(r, e, x)    // r + r/2·e
}

// noteFailures sets info to a number where a comparison holds and it is 0. scratch is
// overwritten, and may be y.
func (g *generator) noteFailures(info reg.VecVirtual, number reg.Register, predicate int, x, y, scratch reg.VecVirtual) {
	if g.wide() {
		failed := g.K()
		g.VCMPPS(operand.U8(predicate), y, x, failed)
		g.VPTESTNMD(info, info, failed, failed)
		g.VPBROADCASTD(number, failed, info)
		return
	}
	failed, first := scratch, g.vector()
	g.VCMPPS(operand.U8(predicate), y, x, failed)
	g.VPXOR(first, first, first)
	g.VPCMPEQD(first, info, first)
	g.VPAND(first, failed, failed)
	g.VMOVD(number, first.AsX())
	g.VPBROADCASTD(first.AsX(), first)
	g.VPAND(first, failed, failed)
	g.VPOR(failed, info, info)
}

// forward solves for the panel's elements of z.
func (g *generator) forward(own, end reg.GPVirtual) {
	z, before := g.argument("z"), g.GP64()
	g.MOVQ(end, before)
	g.SHRQ(operand.U8(2), before)
	// Two sums for each row, as one would wait for itself.
	sums := [2][]reg.VecVirtual{g.vectors(4), g.vectors(4)}
	for i, s := range sums[0] {
		g.VMOVUPS(g.at(z, before, i), s)
	}
	g.zero(sums[1]...)
	above := g.GP64()
	g.MOVQ(z, above)
	g.steps(end, func(at reg.GPVirtual) {
		for p := range 4 {
			v := g.vector()
			g.VMOVUPS(g.at(above, nil, p), v)
			for i, s := range sums[p%2] {
				g.VFNMADD231PS(g.at(own, at, 4*p+i), v, s)
			}
		}
		g.ADDQ(operand.I32(4*g.bytes()), above)
	})
	for i, s := range sums[0] {
		g.VADDPS(sums[1][i], s, s)
	}
	for j, s := range sums[0] {
		g.VMULPS(g.at(own, end, 5*j), s, s)
		g.VMOVUPS(s, g.at(z, before, j))
		for i := j + 1; i < 4; i++ {
			g.VFNMADD231PS(g.at(own, end, 4*j+i), s, sums[0][i])
		}
	}
}

// backLanes: when the elements of a panel are known, what they contribute is taken
// from those before it.
func backLanes(g *generator) {
	g.function("backLanes", "func(l *float32, panels int, z *float32, n int, info *int32)",
		"backLanes"+g.name+" solves Lᵀ·x = z, which x overwrites. Where x is not finite and info\nis 0, info becomes n.")
	l, panels, z := g.argument("l"), g.argument("panels"), g.argument("z")
	own, end, before := g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: panels, Disp: -1}, own)
	g.IMULQ(panels, own)
	g.scaled(own, 8)
	g.ADDQ(l, own)
	g.LEAQ(operand.Mem{Base: panels, Disp: -1}, end)
	g.scaled(end, 16)
	// A number times 0 is NaN where it is not finite.
	none, finite := g.vector(), g.vector()
	g.zero(none, finite)
	loop := g.label("panels")
	g.Label(loop)
	g.MOVQ(end, before)
	g.SHRQ(operand.U8(2), before)
	x := g.vectors(4)
	for i, v := range x {
		g.VMOVUPS(g.at(z, before, i), v)
	}
	for j := 3; j >= 0; j-- {
		g.VMULPS(g.at(own, end, 5*j), x[j], x[j])
		g.VMOVUPS(x[j], g.at(z, before, j))
		g.VFMADD231PS(none, x[j], finite)
		for i := range j {
			g.VFNMADD231PS(g.at(own, end, 4*i+j), x[j], x[i])
		}
	}
	above := g.GP64()
	g.MOVQ(z, above)
	g.steps(end, func(at reg.GPVirtual) {
		for p := range 4 {
			rest, other := g.vector(), g.vector()
			g.VMOVUPS(g.at(above, nil, p), rest)
			g.VMULPS(g.at(own, at, 4*p), x[0], other)
			g.VFNMADD231PS(g.at(own, at, 4*p+1), x[1], rest)
			g.VFMADD231PS(g.at(own, at, 4*p+2), x[2], other)
			g.VFNMADD231PS(g.at(own, at, 4*p+3), x[3], rest)
			g.VSUBPS(other, rest, rest)
			g.VMOVUPS(rest, g.at(above, nil, p))
		}
		g.ADDQ(operand.I32(4*g.bytes()), above)
	})
	g.SUBQ(end, own)
	g.SUBQ(operand.I32(16*g.bytes()), end)
	g.JGE(operand.LabelRef(loop))
	info, infos := none, operand.Mem{Base: g.argument("info")}
	g.VMOVUPS(infos, info)
	g.noteFailures(info, g.argument("n").As32(), unordered, finite, finite, finite)
	g.VMOVUPS(info, infos)
	g.end()
}
