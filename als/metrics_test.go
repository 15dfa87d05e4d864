package als_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

// rankedLists are made at random for these tests: short and long lists, with no,
// some and only hits, and fewer and more relevant items than places.
var rankedLists = []struct{ list, relevant []int32 }{
	{[]int32{17, 23, 34, 2, 30, 16, 4, 11, 33, 12, 37, 28, 8, 13, 18, 31, 19, 27, 1, 7, 14, 9, 6, 26, 3}, []int32{40}},
	{[]int32{40, 31, 12, 28, 29, 1, 19, 3, 27, 8, 24, 4, 9, 6, 2, 10, 35, 15, 21, 17, 26, 25, 11, 33, 37}, []int32{2, 4, 12, 17}},
	{[]int32{24, 16, 17, 40, 20, 8, 6, 34, 3, 26, 10, 35, 18, 28, 2, 15, 33, 39, 19, 25, 29, 23, 13, 14, 4}, []int32{3, 5, 7, 9, 11, 12, 14, 22, 27, 32, 36, 37}},
	{[]int32{29, 24, 36}, []int32{24, 29}},
	{[]int32{30, 21, 36, 27, 3, 13, 19, 28}, []int32{3, 12, 13, 21, 27, 30, 31, 36}},
	{[]int32{25}, []int32{25}},
	{[]int32{14, 16, 32, 7, 11, 31, 24, 2, 13, 1, 22, 19, 36, 33, 18, 15, 34, 29, 26, 6, 3, 37, 12, 35, 5}, []int32{1, 3, 4, 5, 6, 8, 9, 10, 12, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 34, 35, 37, 38, 39, 40}},
	{[]int32{13, 30, 12, 5, 15, 3, 20, 4, 24, 14, 26, 35}, []int32{9, 19, 29}},
	{[]int32{24, 9, 6, 12, 3, 39, 8, 35, 32, 36, 15, 31, 17, 18, 13, 4, 19, 1, 20, 34, 2, 5, 16, 33, 27}, []int32{9, 12}},
	{[]int32{10, 15, 11, 36, 2, 13}, []int32{2, 3, 4, 5, 6, 7, 12, 14, 19, 24, 26, 27, 28, 30, 34}},
	{[]int32{7, 31, 11, 28, 24, 40, 18, 14, 3, 12, 4, 38, 27, 35, 36, 9, 29, 8, 2, 17, 10, 16, 1, 26, 19}, []int32{3, 11, 16, 19, 30}},
	{[]int32{19, 4, 34, 38, 11, 16, 13, 6, 31, 21}, []int32{2, 9, 14, 23, 24, 25, 28, 29, 32, 35}},
}

// TestMetricsEqualRanx compares the means over rankedLists with what ranx 0.3.21
// computes for them: evaluate(qrels, run, ["precision@1", …]) with relevance 1 and
// scores that fall with the place.
func TestMetricsEqualRanx(t *testing.T) {
	for _, want := range []als.ListMetrics{
		{K: 1, Precision: 0.25, Recall: 0.13541666666666666, HitRate: 0.25, MAP: 0.13541666666666666, NDCG: 0.25, MRR: 0.25},
		{K: 3, Precision: 0.2777777777777778, Recall: 0.2798611111111111, HitRate: 0.5833333333333334, MAP: 0.23263888888888887, NDCG: 0.346017787018597, MRR: 0.38888888888888884},
		{K: 5, Precision: 0.23333333333333336, Recall: 0.34791666666666665, HitRate: 0.6666666666666666, MAP: 0.27541666666666664, NDCG: 0.3634068666405717, MRR: 0.4055555555555555},
		{K: 10, Precision: 0.16666666666666666, Recall: 0.3902777777777777, HitRate: 0.75, MAP: 0.2935361552028219, NDCG: 0.37161020366592673, MRR: 0.4148148148148148},
		{K: 20, Precision: 0.12083333333333335, Recall: 0.46944444444444433, HitRate: 0.75, MAP: 0.31279848524559567, NDCG: 0.40060097624189256, MRR: 0.4148148148148148},
		{K: 50, Precision: 0.06166666666666667, Recall: 0.5236111111111111, HitRate: 0.75, MAP: 0.326143846205087, NDCG: 0.4178922225283472, MRR: 0.4148148148148148},
	} {
		var got []als.ListMetrics
		for _, c := range rankedLists {
			got = append(got, als.MeasureList(c.list, c.relevant, want.K))
		}
		requireMetrics(t, want, meanOf(got), 1e-12)
	}
}

// meanOf is the mean of metrics at one cut-off.
func meanOf(all []als.ListMetrics) als.ListMetrics {
	n := float64(len(all))
	mean := als.ListMetrics{K: all[0].K}
	for _, m := range all {
		mean.Precision += m.Precision / n
		mean.Recall += m.Recall / n
		mean.HitRate += m.HitRate / n
		mean.MAP += m.MAP / n
		mean.NDCG += m.NDCG / n
		mean.MRR += m.MRR / n
	}
	return mean
}

func requireMetrics(t *testing.T, want, got als.ListMetrics, bound float64) {
	t.Helper()
	require.Equal(t, want.K, got.K)
	for _, c := range []struct {
		name      string
		want, got float64
	}{
		{"precision", want.Precision, got.Precision},
		{"recall", want.Recall, got.Recall},
		{"hit rate", want.HitRate, got.HitRate},
		{"MAP", want.MAP, got.MAP},
		{"NDCG", want.NDCG, got.NDCG},
		{"MRR", want.MRR, got.MRR},
	} {
		require.InDelta(t, c.want, c.got, bound, "%s at %d", c.name, want.K)
	}
}

// TestNDCGEqualsScikitLearn compares the mean over those of rankedLists that have
// k items or more with ndcg_score(relevant, scores, k=k) of scikit-learn 1.9.1, which
// knows no lists that end.
func TestNDCGEqualsScikitLearn(t *testing.T) {
	for _, c := range []struct {
		k, lists int
		want     float64
	}{
		{1, 12, 0.25},
		{3, 11, 0.2865648585657421},
		{5, 10, 0.23608823996868605},
		{10, 8, 0.1922860123959792},
		{20, 6, 0.31755330544831256},
	} {
		var long []als.ListMetrics
		for _, l := range rankedLists {
			if len(l.list) >= c.k {
				long = append(long, als.MeasureList(l.list, l.relevant, c.k))
			}
		}
		require.Len(t, long, c.lists)
		require.InDelta(t, c.want, meanOf(long).NDCG, 1e-12, "k %d", c.k)
	}
}

func TestMeasureListEdges(t *testing.T) {
	for name, c := range map[string]struct {
		list, relevant []string
		k              int
		want           als.ListMetrics
	}{
		"empty list":         {nil, []string{"a"}, 5, als.ListMetrics{K: 5}},
		"nothing relevant":   {[]string{"a"}, nil, 5, als.ListMetrics{K: 5}},
		"no hit":             {[]string{"a", "b"}, []string{"c"}, 5, als.ListMetrics{K: 5}},
		"hit past k":         {[]string{"a", "b"}, []string{"b"}, 1, als.ListMetrics{K: 1}},
		"k 0":                {[]string{"a"}, []string{"a"}, 0, als.ListMetrics{}},
		"k below 0":          {[]string{"a"}, []string{"a"}, -1, als.ListMetrics{K: -1}},
		"perfect and short":  {[]string{"b", "a"}, []string{"a", "b"}, 4, als.ListMetrics{K: 4, Precision: 0.5, Recall: 1, HitRate: 1, MAP: 1, NDCG: 1, MRR: 1}},
		"listed twice":       {[]string{"a", "a", "b"}, []string{"a", "c"}, 3, als.ListMetrics{K: 3, Precision: 1.0 / 3, Recall: 0.5, HitRate: 1, MAP: 0.5, NDCG: 0.6131471927654584, MRR: 1}},
		"relevant twice":     {[]string{"a"}, []string{"a", "a"}, 1, als.ListMetrics{K: 1, Precision: 1, Recall: 1, HitRate: 1, MAP: 1, NDCG: 1, MRR: 1}},
		"more than k wanted": {[]string{"a", "b"}, []string{"a", "b", "c", "d"}, 2, als.ListMetrics{K: 2, Precision: 1, Recall: 0.5, HitRate: 1, MAP: 0.5, NDCG: 1, MRR: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			requireMetrics(t, c.want, als.MeasureList(c.list, c.relevant, c.k), 1e-15)
		})
	}
}

// TestAUCEqualsScikitLearn compares with roc_auc_score of scikit-learn 1.9.1.
func TestAUCEqualsScikitLearn(t *testing.T) {
	for j, c := range []struct {
		relevant, others []float32
		want             float64
	}{
		{[]float32{0}, []float32{-0.25, -0.25, -0.25, -0.25, 0.125, 0.125, 0, -0.25, -0.25, -0.125, 0}, 0.7272727272727272},
		{[]float32{0.125, 0.125, 0.125, 0.25, 0.25}, []float32{0.125, 0, 0, -0.125, 0.125, 0.125, -0.125}, 0.8714285714285714},
		{[]float32{-3.5, 34.25, 25.875, 2.5, 54, -36.5, -1.5, 30.25, 19.25, 42.875}, []float32{-38.75, -3.25, -58.75, -30.75, -15.75, -30.875, -51.25, 13.5, 20, 2.5, 53.375, 13.5, 16.25, -31.625, -25.25, -26, 27.75, -35.25, -14.125, 41.125}, 0.7325},
		{[]float32{0.125, 0, 0.125, 0, 0, 0, 0, 0.125}, []float32{0}, 0.6875},
		{[]float32{0.125, 0.125, 0.125, 0.125, 0.125, 0.125}, []float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1.0},
		{[]float32{0.125, 0.375, 0.375, 0.125, 0.375}, []float32{0.25, -0.125, -0.25, -0.25, 0.25, 0, -0.25, 0.25, 0.25, 0}, 0.84},
	} {
		relevant := slices.Clone(c.relevant)
		require.InDelta(t, c.want, als.AUC(c.relevant, c.others), 1e-12, "case %d", j)
		require.Equal(t, relevant, c.relevant, "case %d: the input was changed", j)
		require.InDelta(t, 1-c.want, als.AUC(c.others, c.relevant), 1e-12, "case %d, turned around", j)
	}
	require.Zero(t, als.AUC(nil, []float32{1}))
	require.Zero(t, als.AUC([]float32{1}, nil))
}
