package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// gram sums YᵀY over slices of rows: products of the columns of Y with each other, of
// which those above the diagonal are left out. Y is read as it lies in memory, a block
// of rows at a time, which stays in the cache while the panels of columns pass by.
//
// The floor is N·K·(K+1) operations and 4·N·K bytes. Squares of half a panel on the
// diagonal are computed whole, which makes it 1.23 times as many for K = 64 and 1.12 for
// 128 on AVX-512. With 200,000 rows, one thread, on a core that reaches 240 GFLOP/s and
// reads some 10 GB/s, in GFLOP/s of those needed, for K = 64 and 128:
//
//	119   96   as normal equations of a row that has rated everything
//	134  128   the next block is fetched while the first tile of each panel is made
//	149  166   the next block is fetched evenly while all tiles are made
//
// At K = 64 what is left is the memory: 10 GB/s. At 128 tiles run at 0.75 of the peak,
// as adding to the sum costs each of them 56 loads and stores in 128 steps.
//
// From 256 columns on the products are made with AMX where there is one: for 256, 512 and
// 1024 columns 1.2, 1.5 and 1.8 times as fast. For 64 and 128 columns packing takes what
// multiplying gains: 0.8 and 1.0 times, with blocks that are in the cache.
type gram struct {
	chunks
	y     matrix
	ld    int       // row length of a sum
	depth int       // rows of a block
	sum   []float32 // lower triangle

	pieces bool
	work   []gramPieces // of each participant
}

const (
	// gramRows is the number of rows that a slice has.
	gramRows = 2048

	// gramElements is about how many elements a block has, in at least
	// gramShortest and at most gramLongest rows: a sum over a slice has two
	// levels, within and between blocks.
	gramElements = 1 << 13
	gramShortest = 128
	gramLongest  = 512
)

func (s *stream) Gram(g, y kernels.Matrix) error {
	out := view(g)
	if y.Empty() {
		for i := range out.rows {
			clear(out.row(i))
		}
		return nil
	}
	op := &s.gram
	op.chunks = chunks{y.Rows, gramRows}
	op.y, op.ld = view(y), simd.PanelStride(y.Cols)
	op.depth = min(max(gramElements/y.Cols, gramShortest), gramLongest)
	op.pieces = simd.Pieces() && y.Rows >= gramPieceRows && y.Cols >= gramPieceColumns
	if op.pieces {
		op.depth = gramPieceRows
		op.work = grown(op.work, s.dev.pool.threads)
	}
	defer func() { op.y = matrix{} }()

	count := op.count()
	participants := s.participants(count, float64(y.Rows)*float64(y.Cols)*float64(y.Cols)/gemmVector)
	if err := s.prepare(op, participants); err != nil {
		return err
	}
	if err := s.prepareSum(count, participants, y.Cols*op.ld); err != nil {
		return err
	}
	s.reduce(op, count, participants, op.sum)
	for i := range out.rows {
		row := out.row(i)
		copy(row[:i+1], op.sum[i*op.ld:])
		for j := i + 1; j < len(row); j++ {
			row[j] = op.sum[j*op.ld+i]
		}
	}
	return nil
}

func (g *gram) layout(who int, a *arena) {
	if who == 0 {
		g.sum = carve[float32](a, g.y.cols*g.ld)
	}
	if g.pieces {
		g.work[who].layout(a, g.y.cols, g.depth)
	}
}

// summand writes the lower triangle of the Gram matrix of slice i. What is above the
// diagonal is written in part.
func (g *gram) summand(who, i int, dst []float32) {
	clear(dst)
	for lo, hi := g.at(i); lo < hi; lo += g.depth {
		last := min(lo+g.depth, hi)
		if !g.pieces || !g.addPieces(&g.work[who], dst, lo, last) {
			g.add(dst, lo, last)
		}
	}
}

// add adds the Gram matrix of the rows lo to hi.
func (g *gram) add(dst []float32, lo, hi int) {
	y, ldy := g.y.data[lo*g.y.stride:], g.y.stride
	next := g.next(lo, hi)
	size, work := len(next), g.y.cols*(g.y.cols+1)/2
	product := func(first, last, col, columns int) {
		fetched := next[:min(len(next), size*(last-first)*columns/work)]
		next = next[len(fetched):]
		simd.Product(last-first, columns, hi-lo, 1, y[first:], 1, ldy, y[col:], ldy, fetched, 1, dst[first*g.ld+col:], g.ld)
	}
	panel := simd.ProductColumns()
	for col := 0; col < g.y.cols; col += panel {
		columns := min(panel, g.y.cols-col)
		square := min(panel/2, columns)
		product(col, col+square, col, square)
		if col+square < g.y.cols {
			product(col+square, g.y.cols, col, columns)
		}
	}
}
