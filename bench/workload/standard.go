package workload

import "github.com/halfstep-ml/halfstep/kernels"

// Standard is the cases that kernels are judged by: every method that takes time, on
// the shapes of ALS. Sparse ones work on the ratings given, half-steps at the ranks
// given.
func Standard(users, items Ratings, ranks []int) []Case {
	const rows, rank, top = 200_000, 64, 10
	var cases []Case
	for _, n := range []int{64, 128, 256, 512, 1024, 2048} {
		cases = append(cases, Gemm(n, n, n))
	}
	cases = append(cases,
		Gemm(rows, rank, rank), Gram(rows, 64), Gram(rows, 128),
		SolveSPD(100_000, 10), SolveSPD(20_000, 64), SolveSPD(5_000, 128))
	for _, k := range ranks {
		for _, side := range []Ratings{users, items} {
			cases = append(cases, HalfStep(side, k, explicit, kernels.Solver{}))
		}
	}
	implicit := kernels.Objective{Convention: kernels.Implicit, Alpha: 1, Lambda: 0.1}
	for _, solver := range []kernels.Solver{
		{}, {Method: kernels.CG, Steps: 3}, {Method: kernels.Subspace, Steps: 1, Block: 32}, {Method: kernels.NonNegative},
	} {
		cases = append(cases, HalfStep(users, rank, implicit, solver))
	}
	return append(cases,
		Loss(users, 10), Loss(users, rank), Predict(users, rank),
		ScoreTopK(users, rank, top), SpMM(users, rank),
		Axpy(rows, rank), Mul(rows, rank), ColumnSums(rows, rank), RowNorms(rows, rank),
		Gather(rows, rank), ScatterAdd(rows, rank))
}
