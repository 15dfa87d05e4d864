package kernelstest

import (
	"math"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Problem is kernels.Problem in host memory and float64. Its fields mean what
// they mean there.
type Problem struct {
	X          Dense
	Y          Dense
	R          kernels.HostCSR
	Gram       Dense
	Objective  kernels.Objective
	Solver     kernels.Solver
	Offset     []float64
	OffsetGram []float64
}

// SetTerms sets Gram and OffsetGram to the sums over all pairs that the
// convention needs of Y and Offset, and empties them where it needs none.
func (p *Problem) SetTerms() {
	p.Gram, p.OffsetGram = Dense{}, nil
	if !p.Objective.Convention.AllPairs() {
		return
	}
	y := p.fixed()
	p.Gram = Gram(y)
	if len(p.Offset) == 0 {
		return
	}
	p.OffsetGram = make([]float64, y.Cols)
	for i, o := range p.Offset {
		axpy(o, y.Row(i), p.OffsetGram)
	}
}

// fixed returns Y, with its column of ones if the objective has a bias.
func (p *Problem) fixed() Dense {
	if p.Objective.Bias {
		return p.Y.withOnes()
	}
	return p.Y
}

// offset returns the offset of a column, 0 where there are none.
func (p *Problem) offset(column int32) float64 {
	if len(p.Offset) == 0 {
		return 0
	}
	return p.Offset[column]
}

// allPairs returns g, the weight of all pairs.
func allPairs(o kernels.Objective) float64 {
	switch o.Convention {
	case kernels.Implicit, kernels.Confidence:
		return 1
	case kernels.IALS:
		return float64(o.W0)
	}
	return 0
}

// weightAndTarget returns a(r) and t(r), as the table of kernels.Convention has
// them.
func weightAndTarget(o kernels.Objective, r float64) (weight, target float64) {
	switch o.Convention {
	case kernels.Implicit:
		weight = float64(o.Alpha) * math.Abs(r)
		if r > 0 {
			target = 1 + float64(o.Alpha)*r
		}
	case kernels.Confidence:
		weight = math.Abs(r) - 1
		if r > 0 {
			target = r
		}
	default:
		weight, target = 1, r
	}
	return weight, target
}

// regularization returns λ(n + w₀N)^ν for every unknown of row i.
func (p *Problem) regularization(i int) []float64 {
	o := p.Objective
	n := 0.0
	for _, r := range rowValues(p.R, i) {
		onlyPositive := o.Convention == kernels.Implicit || o.Convention == kernels.Confidence
		if r > 0 || !onlyPositive {
			n++
		}
	}
	if o.Convention == kernels.IALS {
		n += float64(o.W0) * float64(p.R.Cols)
	}
	factor := math.Pow(n, float64(o.Exponent))
	d := make([]float64, p.X.Cols)
	for j := range d {
		d[j] = float64(o.Lambda) * factor
	}
	if o.Bias {
		d[len(d)-1] = float64(o.BiasLambda) * factor
	}
	return d
}

// NormalEquations returns A and b of each row: the unit matrix and zeros for a
// row without ratings.
func NormalEquations(p *Problem) (a []Dense, b Dense) {
	y, k := p.fixed(), p.X.Cols
	b = NewDense(p.X.Rows, k)
	for i := range p.X.Rows {
		m := NewDense(k, k)
		a = append(a, m)
		if p.R.Offsets[i] == p.R.Offsets[i+1] {
			for j := range k {
				m.Set(j, j, 1)
			}
			continue
		}
		if p.Objective.Convention.AllPairs() {
			axpy(allPairs(p.Objective), p.Gram.Data, m.Data)
		}
		if len(p.OffsetGram) > 0 {
			axpy(-allPairs(p.Objective), p.OffsetGram, b.Row(i))
		}
		for e, r := range rowValues(p.R, i) {
			column := rowColumns(p.R, i)[e]
			weight, target := weightAndTarget(p.Objective, float64(r))
			f := y.Row(int(column))
			for j, v := range f {
				axpy(weight*v, f, m.Row(j))
			}
			axpy(target-weight*p.offset(column), f, b.Row(i))
		}
		for j, d := range p.regularization(i) {
			m.Set(j, j, m.At(j, j)+d)
		}
	}
	return a, b
}

func rowColumns(h kernels.HostCSR, i int) []int32 { return h.Columns[h.Offsets[i]:h.Offsets[i+1]] }

func rowValues(h kernels.HostCSR, i int) []float32 { return h.Values[h.Offsets[i]:h.Offsets[i+1]] }
