// Half-steps by methods other than Cholesky: a block builds the normal equations of a row
// and solves them, so that the matrix never leaves the chip where shared memory holds it.
// Blocks take the rows of a list, longest first.
//
// Floor per row of n ratings: n·K²/2 multiply-adds for the matrix and K³/6 for its
// factorization; n·K floats of Y, which the second-level cache serves in part.
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
