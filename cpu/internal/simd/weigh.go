package simd

import "math"

// Weighing is how a convention makes weights a and targets t of ratings r:
//
//	a = Scale·|r| + Shift
//	t = Slope·r + Base, or 0 where r is not above 0
type Weighing struct{ Scale, Shift, Slope, Base float32 }

// Weigh writes the weight and the target of each rating. a and t are as long as r or
// longer.
func (c Weighing) Weigh(a, t, r []float32) {
	a, t = a[:len(r)], t[:len(r)]
	if active != portable && len(r) > 0 {
		weighVector(a, t, r, c)
		return
	}
	for i, v := range r {
		a[i], t[i] = c.Scale*math.Float32frombits(math.Float32bits(v)&^(1<<31))+c.Shift, 0
		if v > 0 {
			t[i] = c.Slope*v + c.Base
		}
	}
}

// SubtractOffsets computes t -= a·offset[ids]. a and ids are as long as t or longer.
func SubtractOffsets(t, a, offset []float32, ids []int32) {
	a, ids = a[:len(t)], ids[:len(t)]
	if active != portable && len(t) > 0 {
		subtractOffsetsVector(t, a, offset, ids)
		return
	}
	for i, id := range ids {
		t[i] -= a[i] * offset[id]
	}
}

// CountPositive is the number of elements above 0.
func CountPositive(r []float32) int {
	if active != portable && len(r) > 0 {
		return countPositiveVector(r)
	}
	n := 0
	for _, v := range r {
		if v > 0 {
			n++
		}
	}
	return n
}
