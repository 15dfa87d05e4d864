// Makes the operands of a problem fit the half-steps of a constant rank; see
// half_step_tiles.cuh. Each kernel passes over its operand once.
//
// Floor: what is read and written. 62,000 rows of Y of rank 10, padded to 16, are 6.4 MB,
// 1.5 µs at the 4.3 TB/s of an H200; the regularization takes 16 bytes a row, and where it
// counts the positive ratings 4 bytes a rating. The expectation, before any measurement,
// is the time of a launch each.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled, and no
// shared memory is used:
//
//	kernel              registers  blocks of 256
//	pad_factors            32, 32       8, 8
//	pad_pairs              32, 38       8, 6
//	row_regularization     44, 46       5, 5
#include "problem.cuh"

// Writes Y with rows of rank elements: the stored columns, a column of ones up to the
// unknowns, zeros. out is rows×rank.
extern "C" __global__ void pad_factors(
		float *out, const float *y, int64 y_stride, int64 rows, int stored, int unknowns, int rank) {
	for (int64 n = (int64)blockIdx.x * blockDim.x + threadIdx.x; n < rows * rank; n += (int64)gridDim.x * blockDim.x) {
		int64 i = n / rank;
		int j = (int)(n % rank);
		out[n] = j < stored ? y[i * y_stride + j] : j < unknowns ? 1.0f : 0.0f;
	}
}

// Writes the terms over all pairs with their weight: all_pairs·Gram as rank×rank
// elements and, where there is an offset_gram, all_pairs·offset_gram as rank elements
// after them; zeros beyond the unknowns.
extern "C" __global__ void pad_pairs(
		float *out, const float *gram, int64 gram_stride, const float *offset_gram, float all_pairs,
		int unknowns, int rank) {
	for (int64 n = (int64)blockIdx.x * blockDim.x + threadIdx.x; n < (int64)rank * rank; n += (int64)gridDim.x * blockDim.x) {
		int64 i = n / rank;
		int j = (int)(n % rank);
		out[n] = i < unknowns && j < unknowns ? all_pairs * gram[i * gram_stride + j] : 0.0f;
	}
	for (int j = blockIdx.x * blockDim.x + threadIdx.x; offset_gram && j < rank; j += gridDim.x * blockDim.x) {
		out[(int64)rank * rank + j] = j < unknowns ? all_pairs * offset_gram[j] : 0.0f;
	}
}

// Writes the diagonal terms of each row, of its factors and of its bias; a warp a row.
extern "C" __global__ void row_regularization(PROBLEM_PARAMETERS, float2 *out, int64 rows) {
	Problem p = PROBLEM;
	for (int64 i = global_warp(); i < rows; i += warps_of_grid()) {
		int64 first = p.offsets[i], end = p.offsets[i + 1];
		int64 count = end - first;
		if (weighted(p.convention)) {
			int positive = 0;
			for (int64 e = first + lane_of_warp(); e < end; e += 32) {
				positive += p.values[e] > 0;
			}
			count = warp_sum(positive);
		}
		if (lane_of_warp() == 0) {
			float2 terms;
			regularization(p, count, &terms.x, &terms.y);
			out[i] = terms;
		}
	}
}
