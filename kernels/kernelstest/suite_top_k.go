package kernelstest

import (
	"fmt"
	"math"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// topK is a case of ScoreTopK.
type topK struct {
	x, y  Dense
	k     int
	seen  *kernels.HostCSR
	allow []uint32
}

func scoreTopKCases() []testCase {
	var cases []testCase
	n := 0
	for _, columns := range []int{0, 1, 31, 32, 33, 129, 700} {
		for _, rank := range []int{1, 10, 33, 128} {
			rows, k := []int{1, 33, 5}[n%3], []int{1, 10, 32, 33, 100}[n%5]
			l := layouts[n%2]
			n++
			size := fmt.Sprintf("%d of %d columns rank %d %s", k, columns, rank, l.name)
			cases = append(cases,
				// Small whole numbers have many equal scores.
				testCase{"equal scores " + size, func(f *fixture) {
					testTopK(f, topK{x: f.whole(rows, rank, 2), y: f.whole(columns, rank, 2), k: k}, l)
				}},
				testCase{"seen and allow " + size, func(f *fixture) {
					c := topK{x: f.whole(rows, rank, 2), y: f.whole(columns, rank, 2), k: k, allow: f.bitmap(columns)}
					c.seen = f.seen(rows, columns)
					testTopK(f, c, l)
				}},
				testCase{"random scores " + size, func(f *fixture) { testTopKNear(f, rows, columns, rank, k, l) }},
			)
		}
	}
	small := func(f *fixture) topK { return topK{x: f.whole(9, 4, 3), y: f.whole(100, 4, 3), k: 10} }
	exact := func(name string, change func(f *fixture, c *topK)) testCase {
		return testCase{name, func(f *fixture) {
			c := small(f)
			change(f, &c)
			testTopK(f, c, padded)
		}}
	}
	return append(cases,
		exact("all scores equal", func(_ *fixture, c *topK) { c.y = filled(100, 4, 1) }),
		exact("scores that rise with the id", func(_ *fixture, c *topK) { c.x, c.y = ramp(5000, 1) }),
		exact("scores that fall with the id", func(_ *fixture, c *topK) { c.x, c.y = ramp(5000, -1) }),
		exact("more wanted than there are", func(_ *fixture, c *topK) { c.k = 150 }),
		exact("none wanted", func(_ *fixture, c *topK) { c.k = 0 }),
		exact("rank 0", func(_ *fixture, c *topK) { c.x, c.y = NewDense(9, 0), NewDense(100, 0) }),
		exact("no rows", func(_ *fixture, c *topK) { c.x = NewDense(0, 4) }),
		exact("big k", func(f *fixture, c *topK) { c.y, c.k = f.whole(4000, 4, 9), 1500 }),
		exact("ids above 65535", func(f *fixture, c *topK) { c.x, c.y = f.whole(2, 3, 9), f.whole(100_000, 3, 99) }),
		exact("one row, many columns", func(f *fixture, c *topK) { c.x, c.y = f.whole(1, 3, 9), f.whole(30_001, 3, 9) }),
		exact("nothing allowed", func(_ *fixture, c *topK) { c.allow = make([]uint32, 4) }),
		exact("allowed bits beyond the last column", func(_ *fixture, c *topK) {
			c.allow, c.k = slices.Repeat([]uint32{math.MaxUint32}, 4), 110
		}),
		exact("one allowed", func(_ *fixture, c *topK) { c.allow = []uint32{0, 0, 1 << 31, 0} }),
		exact("everything seen", func(f *fixture, c *topK) {
			h := f.sparse(slices.Repeat([]int{100}, 9), 100, func() float32 { return 1 })
			c.seen = &h
		}),
		exact("seen twice", func(_ *fixture, c *topK) {
			c.seen = &kernels.HostCSR{Rows: 9, Cols: 100, Offsets: make([]int64, 10), Columns: []int32{3, 3, 3, 99}}
			for i := 5; i < 10; i++ {
				c.seen.Offsets[i] = 4
			}
			c.k = 100
		}),
		exact("seen with offsets that begin late", func(f *fixture, c *topK) {
			h := later(*f.seen(9, 100), 41)
			c.seen = &h
		}),
		exact("a giant row seen", func(f *fixture, c *topK) {
			c.x, c.y = f.whole(3, 2, 9), f.whole(60_000, 2, 9)
			h := f.sparse([]int{0, 59_950, 2}, 60_000, func() float32 { return 1 })
			c.seen, c.k = &h, 70
		}),
		exact("NaN scores are never chosen", func(_ *fixture, c *topK) {
			for _, i := range []int{0, 17, 99} {
				c.y.Set(i, i%4, math.NaN())
			}
			c.k = 100
		}),
		exact("a row of x with NaN chooses nothing", func(_ *fixture, c *topK) { c.x.Set(3, 2, math.NaN()) }),
		exact("infinite scores", func(_ *fixture, c *topK) {
			c.x, c.y, c.k = filled(2, 1, 2), ramped(40), 45
			c.y.Set(7, 0, math.Inf(1))
			c.y.Set(9, 0, math.Inf(1))
			c.y.Set(30, 0, math.Inf(-1))
		}),
		testCase{"seen is a slice", testTopKSlice},
	)
}

// ramp returns 3 rows and columns whose scores rise or fall with the id.
func ramp(columns int, sign float64) (x, y Dense) { return filled(3, 1, sign), ramped(columns) }

func ramped(n int) Dense {
	y := NewDense(n, 1)
	for i := range n {
		y.Set(i, 0, float64(i))
	}
	return y
}

// bitmap allows about two thirds of the columns.
func (f *fixture) bitmap(columns int) []uint32 {
	words := make([]uint32, (columns+31)/32)
	for i := range words {
		words[i] = f.rng.Uint32() | f.rng.Uint32()&f.rng.Uint32()
	}
	return words
}

// seen is a pattern of some of the columns of each row.
func (f *fixture) seen(rows, columns int) *kernels.HostCSR {
	lengths := make([]int, rows)
	for i := range lengths {
		lengths[i] = f.rng.IntN(columns/2 + 1)
	}
	h := f.sparse(lengths, columns, func() float32 { return 1 })
	h.Values = nil
	return &h
}

// run calls the device.
func (c topK) run(f *fixture, l layout) (ids []int32, top []float32) {
	f.t.Helper()
	var seen kernels.CSR
	if c.seen != nil {
		seen = f.csr(*c.seen)
	}
	dx, dy, dallow := f.matrix("x", l, c.x), f.matrix("y", l, c.y), elements(f, "allow", l, c.allow)
	dids := elements(f, "ids", l, slices.Repeat([]int32{-7}, c.x.Rows*c.k))
	dtop := f.matrix("top", l, filled(c.x.Rows, c.k, math.NaN()))
	f.ok(f.stream.ScoreTopK(dids.Buffer, dtop.Matrix, dx.Matrix, dy.Matrix, seen, dallow.Buffer))
	return dids.read(f), dtop.read(f)
}

func testTopK(f *fixture, c topK, l layout) {
	ids, top := c.run(f, l)
	wantIDs, want := ScoreTopK(c.k, c.x, c.y, c.seen, c.allow)
	compareInts(f.t, f.what+": ids", c.k, ids, wantIDs)
	compare(f.t, f.what+": top", c.k, top, want.Data, nil)
}

// testTopKNear compares scores that are not exact in float32. Two columns whose
// scores are closer than that may change places; every choice must still have the
// score it is given, and a score as high as the reference has in its place.
func testTopKNear(f *fixture, rows, columns, rank, k int, l layout) {
	c := topK{x: f.normal(rows, rank), y: f.normal(columns, rank), k: k, seen: f.seen(rows, columns)}
	ids, top := c.run(f, l)
	_, want := ScoreTopK(k, c.x, c.y, c.seen, nil)
	for i := range rows {
		chosen := map[int32]bool{}
		out := leftOut(i, c.seen, nil, columns)
		for j := range k {
			what, at := fmt.Sprintf("%s: row %d place %d", f.what, i, j), i*k+j
			id := ids[at]
			if math.IsInf(want.Data[at], -1) {
				require.Equal(f.t, int32(-1), id, "%s: id", what)
				require.True(f.t, math.IsInf(float64(top[at]), -1), "%s: score %v, want -Inf", what, top[at])
				continue
			}
			require.True(f.t, id >= 0 && int(id) < columns, "%s: id %d of %d", what, id, columns)
			require.False(f.t, out[id], "%s: id %d was seen", what, id)
			require.False(f.t, chosen[id], "%s: id %d chosen twice", what, id)
			chosen[id] = true
			sizes := dot(absolute(Dense{Data: c.x.Row(i)}).Data, absolute(Dense{Data: c.y.Row(int(id))}).Data)
			bound := sumBounds(rank, []float64{sizes})
			compare(f.t, what+": score", 0, top[at:at+1], []float64{dot(c.x.Row(i), c.y.Row(int(id)))}, bound)
			bound[0] *= 2
			compare(f.t, what+": score in its place", 0, top[at:at+1], want.Data[at:at+1], bound)
			if j > 0 {
				require.GreaterOrEqual(f.t, top[at-1], top[at], "%s: highest first", what)
			}
		}
	}
}

func testTopKSlice(f *fixture) {
	h := *f.seen(20, 100)
	part, err := f.csr(h).Slice(kernels.Span{Lo: 7, Hi: 16})
	f.ok(err)
	f.free(part.Free)
	x, y := f.whole(9, 4, 3), f.whole(100, 4, 3)
	ids := elements(f, "ids", padded, make([]int32, 9*90))
	top := f.matrix("top", padded, NewDense(9, 90))
	f.ok(f.stream.ScoreTopK(ids.Buffer, top.Matrix, f.matrix("x", padded, x).Matrix, f.matrix("y", padded, y).Matrix, part, kernels.Buffer[uint32]{}))
	rows := rowsOf(h, 7, 16)
	wantIDs, want := ScoreTopK(90, x, y, &rows, nil)
	compareInts(f.t, f.what+": ids", 90, ids.read(f), wantIDs)
	compare(f.t, f.what+": top", 90, top.read(f), want.Data, nil)
}
