// Solves batches of symmetric positive definite systems, a block a system. It costs
// K³/3 operations a system. The packed triangle is in shared memory where it fits
// and otherwise in scratch memory, of which a block has work_step floats.
#include "triangle.cuh"

extern "C" __global__ void solve_spd(
		const float *a, int64 a_stride, int64 a_step, float *b, int64 b_stride, int *info, int64 count,
		int unknowns, float *work, int64 work_step) {
	DYNAMIC_SHARED(float, shared);
	float *triangle = work ? work + blockIdx.x * work_step : shared;
	float *diagonal = triangle + triangle_size(unknowns);

	for (int64 n = blockIdx.x; n < count; n += gridDim.x) {
		const float *system = a + n * a_step;
		float *x = b + n * b_stride;
		for (int i = warp_of_block(); i < unknowns; i += warps_of_block()) {
			for (int j = lane_of_warp(); j <= i; j += 32) {
				triangle[row_start(i) + j] = system[i * a_stride + j];
			}
		}
		for (int j = threadIdx.x; j < unknowns; j += blockDim.x) {
			triangle[row_start(unknowns) + j] = x[j];
		}
		__syncthreads();

		int failed = solve(triangle, unknowns, diagonal, pivot_tolerance(unknowns));
		write_solution(x, triangle + row_start(unknowns), unknowns, info + n, failed);
	}
}
