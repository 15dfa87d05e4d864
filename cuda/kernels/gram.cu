// The last step of G = YᵀY, which is computed in slices of the rows of Y: adds the
// slices, each rank×rank without padding. A block has 32 neighbouring elements, its warps
// a share of the slices each; shares are added in their order. Only lower triangles are
// read, so that G is symmetric bit for bit.
//
// Floor: K²/2 floats a slice of 1024 or more rows, a row of Y in 2·1024/K, and so little
// beside the K² operations and K floats of Y a row of the products. 256 slices of rank 64
// are 2.1 MB, which the second-level cache has; what takes time is the latency of loads.
// A thread has 32 of them to make, four on their way at a time, some 8 times 700 ns
// where memory has to answer; one thread an element, 16 blocks in all, would make 256.
//
// Registers: 26 for compute_80 and 26 for compute_90, nothing spilled, 1,024 bytes of
// shared memory: 8 blocks of 256 threads fit a multiprocessor.
#include "common.cuh"

constexpr int gram_shares = 8; // warps of a block

extern "C" __global__ void __launch_bounds__(32 * gram_shares) gram_total(
		float *g, int64 g_stride, const float *slices, int64 count, int64 rank) {
	__shared__ float sums[gram_shares][32];
	int lane = lane_of_warp(), share = warp_of_block();
	int64 e = (int64)blockIdx.x * 32 + lane;
	int64 i = e / rank, j = e % rank;
	bool wanted = i < rank && j <= i;
	float sum = 0;
	if (wanted) {
#pragma unroll 4
		for (int64 slice = share; slice < count; slice += gram_shares) {
			sum += slices[slice * rank * rank + e];
		}
	}
	sums[share][lane] = sum;
	__syncthreads();
	if (share > 0 || !wanted) {
		return;
	}
	for (int n = 1; n < gram_shares; n++) {
		sum += sums[n][lane];
	}
	g[i * g_stride + j] = sum;
	g[j * g_stride + i] = sum;
}
