package simd

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// onEveryPath runs a test with every set of implementations of this machine.
func onEveryPath(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	RequestTiles()
	defer func(p path, granted bool) { active, tiled = p, granted }(active, tiled)
	granted := tiled
	for p := portable; p <= best(); p++ {
		active, tiled = p, false
		t.Run(Path(), test)
	}
	if granted {
		tiled = true
		t.Run(Path(), test)
	}
}

// guarded returns n elements between others that are NaN, and a function that
// checks that those are still there. The elements begin at no particular alignment.
func guarded(t *testing.T, n int) ([]float32, func(what string)) {
	const guard = 19
	all := make([]float32, n+2*guard)
	for i := range all {
		all[i] = float32(math.NaN())
	}
	return all[guard : guard+n : guard+n], func(what string) {
		t.Helper()
		for i, v := range all {
			if (i < guard || i >= guard+n) && v == v {
				require.Fail(t, "written outside", "%s: element %d of %d", what, i-guard, n)
			}
		}
	}
}

// normalOrders has every order up to several tiles of both vector lengths, so every
// height of a tile and every width of a last vector. With -short every height still
// occurs.
func normalOrders() []int {
	orders, most := []int{100, 113, 128, 130}, 70
	if testing.Short() {
		orders, most = nil, 34
	}
	for k := 1; k <= most; k++ {
		orders = append(orders, k)
	}
	return orders
}

// equationsCase is a row's normal equations: the operands and how to sum an element.
type equationsCase struct {
	what             string
	k, stored, ldy   int
	y                []float32
	ids              []int32
	w, right         []float32
	weighted, direct bool
}

// element returns element i of row j.
func (c *equationsCase) element(j, i int) float64 {
	if i == c.stored {
		return 1
	}
	return float64(c.y[int(c.ids[j])*c.ldy+i])
}

// weights returns nil where all are 1.
func (c *equationsCase) weights() []float32 {
	if c.weighted {
		return c.w
	}
	return nil
}

// require compares a system of ratings lo to hi.
func (c *equationsCase) require(t *testing.T, a []float32, lda, lo, hi int) {
	t.Helper()
	for i := range c.k + 1 {
		for col := range min(i+1, c.k) {
			var want sum
			for j := lo; j < hi; j++ {
				if i == c.k {
					want.add(float64(c.right[j]) * c.element(j, col))
				} else {
					want.add(float64(c.w[j]) * c.element(j, i) * c.element(j, col))
				}
			}
			requireSum(t, fmt.Sprintf("%s, element %d,%d", c.what, i, col), a[i*lda+col], want, hi-lo)
		}
	}
}

// factors returns the factors as the sums need them.
func (c *equationsCase) factors(t *testing.T, n *Normal, rows int) ([]float32, int) {
	if c.direct {
		require.True(t, n.Direct(c.stored))
		return c.y, c.ldy
	}
	packed, check := guarded(t, rows*n.Stride())
	n.Pack(packed, c.y, c.ldy, c.stored, c.k, nil)
	check(c.what)
	return packed, n.Stride()
}

// TestNormal sums a row in two blocks, on either form of the factors.
func TestNormal(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		const rows = 9
		for _, k := range normalOrders() {
			n := NewNormal(k)
			for _, count := range []int{1, 2, 37} {
				for _, weighted := range []bool{false, true} {
					for _, stored := range []int{k, k - 1} {
						c := equationsCase{
							what: fmt.Sprintf("order %d, %d ratings, weighted %t, %d stored", k, count, weighted, stored),
							k:    k, stored: stored, ldy: stored + 3, weighted: weighted,
							ids: randomIDs(rng, count, rows), w: random(rng, count), right: random(rng, count),
						}
						// The last row of y ends with its last stored element.
						y, checkY := guarded(t, (rows-1)*c.ldy+stored)
						copy(y, random(rng, len(y)))
						c.y, c.ids[0] = y, rows-1
						if !weighted {
							Fill(c.w, 1)
						}
						if stored == 0 {
							c.y = nil
						}
						for _, c.direct = range []bool{false, true} {
							if c.direct && !n.Direct(stored) {
								continue
							}
							// The sums are NaN before there are any.
							sums, checkSums := guarded(t, n.Size())
							other, checkOther := guarded(t, n.Size())
							factors, ld := c.factors(t, &n, rows)
							panels, checkPanels := guarded(t, n.Scratch(count, weighted))
							half := count / 2
							w := c.weights()
							if weighted {
								w = c.w[half:]
							}
							var before []float32
							if half > 0 {
								n.Add(other, nil, factors, ld, c.ids[:half], c.weights(), c.right[:half], panels)
								before = other
							}
							was := bits(other)
							n.Add(sums, before, factors, ld, c.ids[half:], w, c.right[half:], panels)
							checkPanels(c.what)
							require.Equal(t, was, bits(other), c.what)
							if half > 0 {
								n.Add(other, other, factors, ld, c.ids[half:], w, c.right[half:], panels)
								require.Equal(t, n.elements(other), n.elements(sums), "%s, in place", c.what)
							}
							checkOther(c.what)

							lda := PanelStride(k + 1)
							a, checkA := guarded(t, (k+1)*lda)
							n.Spread(a, lda, k, sums)
							c.require(t, a, lda, 0, count)
							if n.InPlace() {
								inPlace := n.System(sums)
								for i := range k + 1 {
									end := i*lda + min(i+1, k)
									require.Equal(t, a[i*lda:end], inPlace[i*lda:end], "%s, in the sums: row %d", c.what, i)
								}
							}
							checkSums(c.what)
							checkA(c.what)
							checkY(c.what)
						}
					}
				}
			}
		}
	})
}

// bits returns x as bits, of which NaN are equal.
func bits(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
	}
	return b
}

// elements returns the system and the right-hand side of sums as bits.
func (n *Normal) elements(sums []float32) []uint32 {
	lda := PanelStride(n.order + 1)
	a := make([]float32, (n.order+1)*lda)
	n.Spread(a, lda, n.order, sums)
	var all []float32
	for i := range n.order {
		all = append(all, a[i*lda:i*lda+i+1]...)
	}
	return bits(append(all, a[n.order*lda:n.order*lda+n.order]...))
}

// TestNormalRows sums many rows in one call, from nothing and from the same sums before, and
// each on its own: the bits are the same. Among the rows are empty ones and one of several
// blocks.
func TestNormalRows(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		lengths := []int{3, 0, 1, 2, 0, 257, 256, 600, 1, 0}
		offsets, total := []int64{1000}, 0
		for _, n := range lengths {
			total += n
			offsets = append(offsets, offsets[0]+int64(total))
		}
		const rows, beyond = 50, 40
		for k := 1; k <= 17; k++ {
			n := NewNormal(k)
			if !n.Batched() {
				continue
			}
			for _, weighted := range []bool{false, true} {
				c := equationsCase{
					what: fmt.Sprintf("order %d, weighted %t", k, weighted),
					k:    k, stored: k, ldy: k + 1, weighted: weighted, y: random(rng, rows*(k+1)),
					ids: randomIDs(rng, total+beyond, rows), w: random(rng, total), right: random(rng, total),
				}
				if !weighted {
					Fill(c.w, 1)
				}
				factors, ld := c.factors(t, &n, rows)
				sums, checkSums := guarded(t, len(lengths)*n.Size())
				// Ids to fetch ahead change nothing.
				for round, ids := range [][]int32{c.ids, c.ids[:total]} {
					clear(sums)
					var before []float32
					if round == 1 {
						before = random(rng, n.Size())
					}
					n.AddRows(sums, before, offsets, factors, ld, ids, c.weights(), c.right)
					checkSums(c.what)
					for i := range lengths {
						lo, hi := int(offsets[i]-offsets[0]), int(offsets[i+1]-offsets[0])
						row := sums[i*n.Size() : (i+1)*n.Size()]
						if before == nil {
							lda := PanelStride(k + 1)
							a := make([]float32, (k+1)*lda)
							n.Spread(a, lda, k, row)
							c.require(t, a, lda, lo, hi)
						}

						single, last := make([]float32, n.Size()), before
						for ; lo < hi; lo += 256 {
							end := min(lo+256, hi)
							var w []float32
							if weighted {
								w = c.w[lo:end]
							}
							n.Add(single, last, factors, ld, c.ids[lo:end], w, c.right[lo:end], nil)
							last = single
						}
						require.Equal(t, single, row, "%s, row %d", c.what, i)
					}
				}
			}
		}
	})
}

// TestNormalSolveRows compares with SolveLanes of what Spread writes. Above order 16
// the bits are the same. What a row gets does not depend on the others.
func TestNormalSolveRows(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		const columns = 40
		for _, k := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 32, 33, 50, 64, 100} {
			n := NewNormal(k)
			if !n.SolvesRows() {
				continue
			}
			y := make([]float32, columns*n.Stride())
			n.Pack(y, random(rng, columns*k), k, k, k, nil)
			lda := PanelStride(k + 1)
			places, checkPlaces := guardedIDs(t, n.LanePlaces())
			n.FindPlaces(places, make([]float32, n.Size()), make([]float32, (k+1)*lda))
			checkPlaces()
			for count := 1; count <= Lanes(k); count++ {
				what := fmt.Sprintf("order %d, %d rows", k, count)
				ldx := k + 3
				x, checkX := guarded(t, (count-1)*ldx+k)
				s := SummedRows{Sums: make([]float32, count*n.Size()), Stored: k - 1, X: x, LDX: ldx}
				systems := make([]float32, count*(k+1)*lda)
				for i := range count {
					s.Factors[i], s.Bias[i] = 1+rng.Float32(), 1+rng.Float32()
					if i == 2 {
						s.Factors[i], s.Bias[i] = -1e3, -1e3 // fails
					}
					sums := s.Sums[i*n.Size() : (i+1)*n.Size()]
					ids := randomIDs(rng, 1+i, columns)
					n.Add(sums, nil, y, n.Stride(), ids, nil, random(rng, len(ids)), nil)
					system := systems[i*(k+1)*lda : (i+1)*(k+1)*lda]
					n.Spread(system, lda, k, sums)
					for d := range k {
						if d < s.Stored {
							system[d*lda+d] += s.Factors[i]
						} else {
							system[d*lda+d] += s.Bias[i]
						}
					}
				}
				tolerance := float32(k) / (1 << 23)
				want, info := make([]int32, count), make([]int32, count)
				step := (k + 1) * lda
				SolveLanes(Systems{Order: k, A: systems, LDA: lda, StepA: step, B: systems[k*lda:], StepB: step},
					want, tolerance, make([]float32, LanesScratch(k)))
				n.SolveRows(&s, info, places, tolerance, make([]float32, n.LaneScratch()))
				checkX(what)
				require.Equal(t, want, info, what)
				for i := range count {
					requireSolution(t, fmt.Sprintf("%s, row %d", what, i), systems[i*step+k*lda:][:k], x[i*ldx:][:k], n.Batched())

					alone, info := make([]float32, k), []int32{-1}
					one := SummedRows{Sums: s.Sums[i*n.Size():][:n.Size()], Stored: s.Stored, X: alone, LDX: k}
					one.Factors[0], one.Bias[0] = s.Factors[i], s.Bias[i]
					n.SolveRows(&one, info, places, tolerance, make([]float32, n.LaneScratch()))
					require.Equal(t, alone, x[i*ldx:][:k], "%s, row %d alone", what, i)
					require.Equal(t, want[i], info[0], "%s, row %d alone", what, i)
				}
			}
		}
	})
}

// requireSolution compares solutions of a system, where rounded otherwise to a few
// units of the largest element: the systems are well conditioned.
func requireSolution(t *testing.T, what string, want, got []float32, rounded bool) {
	t.Helper()
	if !rounded {
		require.Equal(t, want, got, what)
		return
	}
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(float64(v)))
	}
	bound := largest * 512 / (1 << 23)
	for i, v := range want {
		require.InDelta(t, float64(v), float64(got[i]), bound, "%s: element %d, bound %g", what, i, bound)
	}
}

// guardedIDs is guarded for ids.
func guardedIDs(t *testing.T, n int) ([]int32, func()) {
	const guard, mark = 5, 0x5a5a5a5a
	all := make([]int32, n+2*guard)
	for i := range all {
		all[i] = mark
	}
	return all[guard : guard+n : guard+n], func() {
		t.Helper()
		for i := range guard {
			require.EqualValues(t, mark, all[i])
			require.EqualValues(t, mark, all[guard+n+i])
		}
	}
}

// TestNormalPack compares packed rows with what they are made of, and those of chosen
// ids with all of them.
func TestNormalPack(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		const rows = 11
		for _, k := range []int{1, 5, 8, 9, 10, 12, 16, 17, 33} {
			n := NewNormal(k)
			for _, stored := range []int{k, k - 1} {
				y := random(rng, rows*k)
				all := make([]float32, rows*n.Stride())
				n.Pack(all, y, k, stored, k, nil)
				ids := randomIDs(rng, 7, rows)
				some, check := guarded(t, 7*n.Stride())
				n.Pack(some, y, k, stored, k, ids)
				check("packed rows")
				if !n.Batched() { // no design arranges the row
					for j := range rows {
						want := make([]float32, n.Stride())
						copy(want, y[j*k:j*k+stored])
						if stored < k {
							want[stored] = 1
						}
						require.Equal(t, want, rowAt(all, n.Stride(), j, n.Stride()), "order %d, %d stored", k, stored)
					}
				}
				for j, id := range ids {
					require.Equal(t, rowAt(all, n.Stride(), int(id), n.Stride()), rowAt(some, n.Stride(), j, n.Stride()), "order %d", k)
				}
			}
		}
	})
}

// TestCollect: Spread gives back what Collect took.
func TestCollect(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, k := range normalOrders() {
			n := NewNormal(k)
			lda := PanelStride(k + 1)
			a := random(rng, (k+1)*lda)
			sums, check := guarded(t, n.Size())
			n.Collect(sums, a)
			check(fmt.Sprint("order ", k))
			got := make([]float32, len(a))
			n.Spread(got, lda, k, sums)
			for i := range k + 1 {
				end := i*lda + min(i+1, k)
				require.Equal(t, a[i*lda:end], got[i*lda:end], "order %d, row %d", k, i)
			}
		}
	})
}

// TestNormalOfFewer: factors with fewer columns than the order give a smaller system.
func TestNormalOfFewer(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := generator(t)
		for _, order := range []int{3, 9, 16, 40} {
			n := NewNormal(order)
			for k := 1; k < order; k++ {
				c := equationsCase{
					what: fmt.Sprintf("%d of order %d", k, order),
					k:    k, stored: k - 1, ldy: k, y: random(rng, 6*k),
					ids: randomIDs(rng, 6, 6), w: random(rng, 6), right: random(rng, 6), weighted: true,
				}
				sums := make([]float32, n.Size())
				packed, ld := c.factors(t, &n, 6)
				n.Add(sums, nil, packed, ld, c.ids, c.w, c.right, make([]float32, n.Scratch(6, true)))
				lda := PanelStride(order + 1)
				a, check := guarded(t, (k+1)*lda)
				n.Spread(a, lda, k, sums)
				c.require(t, a, lda, 0, 6)
				check(c.what)
			}
		}
	})
}

// TestNormalOfNothing: no ratings add nothing.
func TestNormalOfNothing(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		n := NewNormal(3)
		sums := make([]float32, n.Size())
		Fill(sums, 5)
		want := clone(sums)
		n.Add(sums, sums, nil, 3, nil, nil, nil, nil)
		n.Pack(nil, nil, 3, 3, 3, nil)
		if n.Batched() {
			n.AddRows(sums, nil, []int64{7, 7}, nil, 3, nil, nil, nil)
		}
		require.Equal(t, want, sums)
	})
}
