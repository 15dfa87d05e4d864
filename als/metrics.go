package als

import (
	"math"
	"slices"
	"sort"
)

// ListMetrics is the quality of ranked lists that are cut off after K items: of
// one list, or the mean over many. Relevance is binary. For a list with hits at
// the places p₁ < p₂ < …, counted from 1 and none past K, out of R relevant
// items:
//
//	Precision  hits / K
//	Recall     hits / R
//	HitRate    1 if there is a hit, else 0
//	MAP        Σⱼ (j / pⱼ) / R
//	NDCG       Σⱼ 1/log₂(pⱼ+1) / Σ 1/log₂(p+1) over p = 1 … min(K, R)
//	MRR        1 / p₁, or 0 without a hit
//
// A list that is shorter than K counts as if what is missing were not relevant.
//
// Precision, recall and average precision are those of Manning, Raghavan and
// Schütze, Introduction to Information Retrieval (2008), chapter 8, NDCG that of
// Järvelin and Kekäläinen (2002) with the discount of Burges et al. (2005), and
// MRR that of Voorhees (1999). All are as the Python package ranx computes them.
// Some systems divide precision and average precision by min(K, R) instead.
type ListMetrics struct {
	K int

	Precision float64
	Recall    float64
	HitRate   float64
	MAP       float64 // of one list: its average precision
	NDCG      float64
	MRR       float64 // of one list: its reciprocal rank
}

// MeasureList compares a list, best first, with the items that are relevant, in
// any order. Items may be rows or keys. An item that the list has twice is a hit
// at its first place only. All is 0 if nothing is relevant or k is below 1.
func MeasureList[I comparable](list, relevant []I, k int) ListMetrics {
	left := make(map[I]struct{}, len(relevant))
	for _, i := range relevant {
		left[i] = struct{}{}
	}
	total := len(left)
	var places []int
	for j, i := range list {
		if _, hit := left[i]; hit {
			places = append(places, j)
			delete(left, i)
		}
	}
	return measure(places, total, k)
}

// measure is the metrics of a list with hits at the given places, ascending and
// counted from 0, some perhaps past k.
func measure(places []int, relevant, k int) ListMetrics {
	m := ListMetrics{K: k}
	places = places[:sort.SearchInts(places, k)]
	if len(places) == 0 || relevant == 0 {
		return m
	}
	hits := float64(len(places))
	m.Precision = hits / float64(k)
	m.Recall = hits / float64(relevant)
	m.HitRate = 1
	m.MRR = 1 / float64(places[0]+1)
	gain, ideal := 0.0, 0.0
	for j, p := range places {
		m.MAP += float64(j+1) / float64(p+1)
		gain += discount(p)
	}
	m.MAP /= float64(relevant)
	for p := range min(k, relevant) {
		ideal += discount(p)
	}
	m.NDCG = gain / ideal
	return m
}

// discount is the gain of a hit at a place, counted from 0.
func discount(place int) float64 { return 1 / math.Log2(float64(place+2)) }

// add adds the metrics of another list, times weight.
func (m *ListMetrics) add(other ListMetrics, weight float64) {
	m.Precision += weight * other.Precision
	m.Recall += weight * other.Recall
	m.HitRate += weight * other.HitRate
	m.MAP += weight * other.MAP
	m.NDCG += weight * other.NDCG
	m.MRR += weight * other.MRR
}

// AUC is the area under the ROC curve: the probability that a relevant item has a
// higher score than another one, where equal scores count half (Hanley and McNeil
// 1982). It is 0 if either side is empty. No score may be NaN. It costs sorting
// the relevant scores and a binary search for each other one.
func AUC(relevant, others []float32) float64 {
	if len(relevant) == 0 || len(others) == 0 {
		return 0
	}
	sorted := slices.Clone(relevant)
	slices.Sort(sorted)
	n := len(sorted)
	twice := int64(0) // the pairs in the right order, times two
	for _, s := range others {
		first, _ := slices.BinarySearch(sorted, s)
		after := first
		for after < n && sorted[after] == s {
			after++
		}
		twice += int64(n-first) + int64(n-after)
	}
	return float64(twice) / 2 / float64(n) / float64(len(others))
}
