// Package peers compares this library with other systems: Comparison what comes out,
// Speed how long it takes.
//
// # Results
//
// The real implicit and the real Spark MLlib train on the same files as this library,
// and what comes out must agree.
//
//	peer      what is compared                                          bar
//	implicit  Cholesky: factors after 3 iterations, one start           1e-3
//	implicit  CG, 3 steps: the same                                     1e-3
//	Spark     explicit, start and order of Spark: RMSE, mean of 3       0.003
//	Spark     explicit, start and order of our own: how much higher     0.003
//	Spark     implicit: NDCG@10, mean of 3                              0.005
//	ranx      the ranking metrics of the same lists                     1e-9
//
// implicit and this library both solve users first, so that every factor can be held
// to its own. Spark draws its start itself, so only what the models are good for
// can be compared. It starts from random directions and solves items first, where
// this library starts from positive factors and solves users first: a start from a
// model, and exchanging users and items, has this library do the same. Each
// system's RMSE is its own; NDCG is computed by ranx for both.
//
// # Speed
//
// Each side is at its best settings: OpenBLAS is the newest of PyPI, called from C;
// implicit runs its own threads with a BLAS of one; polars is told the types and
// parses the columns of ids and ratings alone, where this library checks every byte.
// Both sides have the same number of threads and take turns, and the medians are
// compared. Trainings begin with the same factors and must end with the same loss, which
// is shown.
//
// # Scripts
//
// The other systems run in Python, by the scripts of this package, in an
// environment with requirements.txt installed; "make peers" makes one. Spark wants
// Java 17.
package peers
