// Solves batches of symmetric positive definite systems of orders above 256, a block a
// system. The packed triangle is in shared memory where it fits and otherwise in scratch
// memory, of which a block has work_step floats.
//
// Floor: K³/3 operations a system, and K²/2 floats that are read. In scratch the rest of
// the triangle is read and written for every 16 columns: at order 512 that makes 11 MB of
// the 0.5, 2.6 µs at the 4.3 TB/s of an H200 where its second-level cache does not serve
// them, and the operations are 0.7 µs. The expectation, before any measurement, is that
// of the factorization in half_step.cu, a tenth of the peak.
//
// ptxas 12.4 gives it 69 registers for compute_80 and 64 for compute_90 and 128 bytes of
// static shared memory, and spills nothing: 3 and 4 blocks of 256 threads by registers.
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
