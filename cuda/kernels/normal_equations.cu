// Normal equations as results of their own, and the parts of long rows.
//
// Floor per row of n ratings: n·K²/2 multiply-adds and n·K floats of Y, and K² + K floats of
// A and b, which are written. At rank 64 those are 16.6 KB, 3.9 ns at the 4.3 TB/s of an
// H200, as long as the multiply-adds of 62 ratings at 67 TFLOP/s. The expectation, before
// any measurement, is that of half_step.cu: a third of the peak while ratings are added.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled:
//
//	kernel                  registers  shared  blocks of 256, by registers
//	normal_equations           72, 64     128       3, 4
//	normal_equations_parts     62, 48     128       4, 5
#include "normal_equations.cuh"

// Writes the sums over the ratings of each part to a triangle of its own. Part n has
// the entries bounds[2n] up to bounds[2n+1], counted from the first of the matrix.
extern "C" __global__ void normal_equations_parts(
		PROBLEM_PARAMETERS, WORKSPACE_PARAMETERS, float *parts, const int64 *bounds, int64 count) {
	DYNAMIC_SHARED(float, shared);
	Problem p = PROBLEM;
	Workspace w = WORKSPACE(shared, unknowns);
	int64 size = triangle_size(unknowns);
	for (int64 n = blockIdx.x; n < count; n += gridDim.x) {
		sum_ratings(p, w, offsets[0] + bounds[2 * n], offsets[0] + bounds[2 * n + 1]);
		for (int64 e = threadIdx.x; e < size; e += blockDim.x) {
			parts[n * size + e] = w.triangle[e]; // which this thread also clears for the next part
		}
	}
}

// Writes A, both triangles, and b of each row of the list: the unit matrix and zeros
// for a row without ratings. parts and first_part are as in half_step.
extern "C" __global__ void normal_equations(
		PROBLEM_PARAMETERS, WORKSPACE_PARAMETERS, float *a, int64 a_stride, int64 a_step, float *b,
		int64 b_stride, const int *rows, int64 row_count, const float *parts, const int64 *first_part) {
	DYNAMIC_SHARED(float, shared);
	Problem p = PROBLEM;
	Workspace w = WORKSPACE(shared, unknowns);
	for (int64 n = blockIdx.x; n < row_count; n += gridDim.x) {
		int64 row = rows[n];
		int64 first = offsets[row], end = offsets[row + 1];
		bool empty = first == end;
		if (first_part) {
			sum_parts(p, w, parts + first_part[n] * triangle_size(unknowns), first_part[n + 1] - first_part[n]);
		} else {
			sum_ratings(p, w, first, end);
		}
		if (!empty) {
			complete_equations(p, w);
		}
		float *system = a + row * a_step, *right = b + row * b_stride;
		for (int i = warp_of_block(); i < unknowns; i += warps_of_block()) {
			for (int j = lane_of_warp(); j < unknowns; j += 32) {
				float v = w.triangle[i < j ? row_start(j) + i : row_start(i) + j];
				system[i * a_stride + j] = empty ? (float)(i == j) : v;
			}
		}
		for (int j = threadIdx.x; j < unknowns; j += blockDim.x) {
			right[j] = w.triangle[row_start(unknowns) + j];
		}
		__syncthreads();
	}
}
