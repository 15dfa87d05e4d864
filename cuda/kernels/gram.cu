// The last step of G = YᵀY, which is computed in slices of the rows of Y: adds the
// slices, each rank×rank without padding, in their order. Only lower triangles are
// read, so that G is symmetric bit for bit.
#include "common.cuh"

extern "C" __global__ void gram_total(float *g, int64 g_stride, const float *slices, int64 count, int64 rank) {
	int64 e = (int64)blockIdx.x * blockDim.x + threadIdx.x;
	int64 i = e / rank, j = e % rank;
	if (i >= rank || j > i) {
		return;
	}
	float sum = 0;
	for (int64 slice = 0; slice < count; slice++) {
		sum += slices[slice * rank * rank + e];
	}
	g[i * g_stride + j] = sum;
	g[j * g_stride + i] = sum;
}
