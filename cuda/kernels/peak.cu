// Multiply-adds in registers and nothing else, whose speed is the peak that other
// kernels are compared with.
#include "common.cuh"

constexpr int peak_sums = 16; // of a thread, independent of one another
constexpr int peak_adds = 64; // to each, between two looks at the counter

// Adds products to the sums of each thread, rounds times. The factors come from outside
// and the sums begin apart, so that a compiler can neither compute nor merge them; out
// is written only by a thread whose sums come to 0, which theirs do not.
extern "C" __global__ void __launch_bounds__(256) multiply_adds(float *out, float factor, float summand, int rounds) {
	float sum[peak_sums];
#pragma unroll
	for (int i = 0; i < peak_sums; i++) {
		sum[i] = 1.0f + i + threadIdx.x;
	}
	for (int round = 0; round < rounds; round++) {
#pragma unroll
		for (int n = 0; n < peak_adds; n++) {
#pragma unroll
			for (int i = 0; i < peak_sums; i++) {
				sum[i] = fmaf(sum[i], factor, summand);
			}
		}
	}
	float total = 0;
#pragma unroll
	for (int i = 0; i < peak_sums; i++) {
		total += sum[i];
	}
	if (total == 0) {
		out[blockIdx.x] = total;
	}
}
