package kernelstest

import (
	"math"
	"slices"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Loss returns the two sums of Factorization.Loss.
func Loss(p *Problem) [2]float64 {
	y := p.fixed()
	var out [2]float64
	for i := range p.X.Rows {
		for e, r := range rowValues(p.R, i) {
			column := rowColumns(p.R, i)[e]
			s := dot(p.X.Row(i), y.Row(int(column))) + p.offset(column)
			fitted, confidence := fittedAndConfidence(p.Objective, float64(r))
			square := (fitted - s) * (fitted - s)
			out[0] += square
			switch p.Objective.Convention {
			case kernels.Implicit, kernels.Confidence:
				out[1] += confidence*square - s*s
			default:
				out[1] += square
			}
		}
	}
	return out
}

// fittedAndConfidence returns what the convention fits of a rating, and c.
func fittedAndConfidence(o kernels.Objective, r float64) (fitted, confidence float64) {
	preference := 0.0
	if r > 0 {
		preference = 1
	}
	switch o.Convention {
	case kernels.Implicit:
		return preference, 1 + float64(o.Alpha)*math.Abs(r)
	case kernels.Confidence:
		return preference, math.Abs(r)
	}
	return r, 1
}

// Predict returns the score of each stored pair, in the order of the entries.
func Predict(r kernels.HostCSR, x, y Dense) []float64 {
	var scores []float64
	for i := range r.Rows {
		for _, column := range rowColumns(r, i) {
			scores = append(scores, dot(x.Row(i), y.Row(int(column))))
		}
	}
	return scores
}

// ScoreTopK returns, for each row of x, the ids and scores of the k rows of y with
// the highest scores, as Factorization.ScoreTopK orders them. seen and allow may
// be nil.
func ScoreTopK(k int, x, y Dense, seen *kernels.HostCSR, allow []uint32) (ids []int32, top Dense) {
	top = NewDense(x.Rows, k)
	for i := range x.Rows {
		scores, order := rankRow(x.Row(i), y, leftOut(i, seen, allow, y.Rows))
		for j := range k {
			if j < len(order) {
				ids = append(ids, order[j])
				top.Set(i, j, scores[order[j]])
				continue
			}
			ids = append(ids, -1)
			top.Set(i, j, math.Inf(-1))
		}
	}
	return ids, top
}

// rankRow returns the score of every row of y and the ids that may be chosen,
// highest score first, the lower id first of equal scores.
func rankRow(x []float64, y Dense, out []bool) (scores []float64, order []int32) {
	scores = make([]float64, y.Rows)
	for c := range scores {
		scores[c] = dot(x, y.Row(c))
		if !out[c] && !math.IsNaN(scores[c]) {
			order = append(order, int32(c))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	return scores, order
}

// leftOut tells which columns may not be chosen for row i.
func leftOut(i int, seen *kernels.HostCSR, allow []uint32, columns int) []bool {
	out := make([]bool, columns)
	if seen != nil {
		for _, c := range rowColumns(*seen, i) {
			out[c] = true
		}
	}
	for c := range out {
		if len(allow) > 0 && allow[c/32]>>(c%32)&1 == 0 {
			out[c] = true
		}
	}
	return out
}
