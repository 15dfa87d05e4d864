package cpu

import (
	"math"

	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// problem is a kernels.Problem with its operands as host memory. The formulas are
// those of kernels.Problem and kernels.Convention; the names are theirs.
type problem struct {
	x, y       matrix
	r          *csr
	gram       matrix
	offset     []float32 // empty where there is none
	offsetGram []float32
	info       []int32
	objective  kernels.Objective
	solver     kernels.Solver

	unknowns int     // K, the columns of X
	stored   int     // columns of Y: K, or K-1 with a bias
	allPairs float32 // g
}

func newProblem(p *kernels.Problem) problem {
	q := problem{
		x: view(p.X), y: view(p.Y),
		r:          p.R.(*csr),
		gram:       view(p.Gram),
		offset:     slice(p.Offset),
		offsetGram: slice(p.OffsetGram),
		info:       slice(p.Info),
		objective:  p.Objective,
		solver:     p.Solver,
		unknowns:   p.X.Cols,
		stored:     p.Y.Cols,
	}
	switch p.Objective.Convention {
	case kernels.Implicit, kernels.Confidence:
		q.allPairs = 1
	case kernels.IALS:
		q.allPairs = p.Objective.W0
	}
	return q
}

// weighted reports whether weights other than 1 occur.
func (p *problem) weighted() bool {
	c := p.objective.Convention
	return c == kernels.Implicit || c == kernels.Confidence
}

// weigh writes the weight a(r) and the target t(r) of each rating.
func (p *problem) weigh(a, t, ratings []float32) {
	switch alpha := p.objective.Alpha; p.objective.Convention {
	case kernels.Implicit:
		simd.Weighing{Scale: alpha, Slope: alpha, Base: 1}.Weigh(a, t, ratings)
	case kernels.Confidence:
		simd.Weighing{Scale: 1, Shift: -1, Slope: 1}.Weigh(a, t, ratings)
	default:
		simd.Fill(a[:len(ratings)], 1)
		copy(t, ratings)
	}
}

// regularization returns the diagonal terms of a row, of its factors and of its
// bias: λ(n + w₀N)^ν, in float64 until the end.
func (p *problem) regularization(row int) (factors, bias float32) {
	o := &p.objective
	if o.Exponent == 0 {
		return o.Lambda, o.BiasLambda // without a look at the ratings
	}
	n := p.r.length(row)
	if p.weighted() {
		n = simd.CountPositive(p.r.ratings(row, 0, n))
	}
	count := float64(n)
	if o.Convention == kernels.IALS {
		count += float64(o.W0) * float64(p.r.cols)
	}
	power := math.Pow(count, float64(o.Exponent))
	return float32(float64(o.Lambda) * power), float32(float64(o.BiasLambda) * power)
}

// tolerance is what a pivot must exceed, as a share of the diagonal element that
// it comes from: K·2⁻²³.
func pivotTolerance(unknowns int) float32 { return float32(unknowns) * epsilon }

// epsilon is the distance from 1 to the next float32.
const epsilon = 1.0 / (1 << 23)

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
