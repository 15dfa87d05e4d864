// Half-steps that no other kernel takes: NonNegative above rank 128, Subspace above 128 or
// by blocks of more than 32 unknowns, CG above 128 for rows in parts. A block builds the
// normal equations of a row and solves them, in shared memory as far as that holds them,
// else in scratch. Blocks take the rows of a list, longest first.
//
// Floor per row of n ratings: n·K²/2 multiply-adds for the matrix and K³/6 for its
// factorization; n·K floats of Y, which the second-level cache serves in part.
//
// ptxas 12.4 gives CG 72 registers for compute_80 and 60 for compute_90, Subspace 96 and 76,
// NonNegative 128 and 96, with blocks of 256 threads: 2 or 3 on a multiprocessor by
// registers. From rank 145 on the matrix is in scratch and the ratings in hand alone in
// shared memory, which is no limit then.
//
// The machine code for compute_90 has 31 instructions a rating for the 16 multiply-adds of a
// tile, and 105 for those of the factorization, for addresses are of 64 bits and loads
// generic: a matrix is here or there. The expectation, before any measurement, is a third
// of the peak while ratings are added, less what the matrix in scratch costs once a panel,
// and a tenth in the factorization.
#include "conjugate_gradients.cuh"
#include "nonnegative.cuh"
#include "subspace.cuh"

// The numbers of kernels.Method.
constexpr int method_cg = 1;
constexpr int method_subspace = 2;
constexpr int method_nonnegative = 3;

#define ROWS_PARAMETERS                                                                                \
	float *x, int64 x_stride, int *info, const int *rows, int64 row_count, const float *parts, \
		const int64 *first_part, int steps, int block

// Solves the rows of the list. Where first_part is given, the sums over the ratings of
// row number n of the list are parts first_part[n] up to first_part[n+1]. x is the
// start of methods that have one, and is overwritten, as info is.
template <int method>
__device__ void half_step(const Problem &p, const Workspace &w, ROWS_PARAMETERS) {
	for (int64 n = blockIdx.x; n < row_count; n += gridDim.x) {
		int64 row = rows[n];
		int64 first = p.offsets[row], end = p.offsets[row + 1];
		float *solution = x + row * x_stride;
		if (first == end) {
			for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
				solution[i] = 0;
			}
			if (threadIdx.x == 0) {
				info[row] = 0;
			}
			continue;
		}
		if (first_part) {
			sum_parts(p, w, parts + first_part[n] * triangle_size(p.unknowns), first_part[n + 1] - first_part[n]);
		} else {
			sum_ratings(p, w, first, end);
		}
		complete_equations(p, w);

		int failed;
		switch (method) {
		case method_cg:
			failed = conjugate_gradients(p, w, solution, steps);
			break;
		case method_subspace:
			failed = sweep_blocks(p, w, solution, steps, block);
			break;
		default:
			failed = solve_nonnegative(p, w);
		}
		write_solution(solution, w.triangle + row_start(p.unknowns), p.unknowns, info + row, failed);
	}
}

// A kernel of its own for each method, for their needs of registers differ.
#define HALF_STEP(name, method)                                                                                  \
	extern "C" __global__ void name(PROBLEM_PARAMETERS, WORKSPACE_PARAMETERS, ROWS_PARAMETERS) {             \
		DYNAMIC_SHARED(float, shared);                                                                   \
		Problem p = PROBLEM;                                                                             \
		Workspace w = WORKSPACE(shared, unknowns);                                                       \
		half_step<method>(p, w, x, x_stride, info, rows, row_count, parts, first_part, steps, block);    \
	}

HALF_STEP(half_step_cg, method_cg)
HALF_STEP(half_step_subspace, method_subspace)
HALF_STEP(half_step_nonnegative, method_nonnegative)
