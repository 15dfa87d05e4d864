// What the kernels of all files share: sizes, sums over warps and blocks, and
// the dynamic part of shared memory.
//
// The sources use no header of the CUDA toolkit, so that NVRTC compiles them
// alone and g++ compiles the same text for the emulator. Thread blocks are a
// multiple of 32 threads. Every offset into memory is an int64.
#pragma once

typedef long long int64;
typedef unsigned long long uint64;
typedef unsigned int uint32;

constexpr uint32 full_warp = 0xffffffffu;

// epsilon is the distance from 1 to the next float.
constexpr float epsilon = 1.0f / (1 << 23);

// The emulator has a DYNAMIC_SHARED of its own.
#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(type, name)                                     \
	extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
	type *name = reinterpret_cast<type *>(dynamic_shared)
#endif

__device__ inline int lane_of_warp() { return threadIdx.x % 32; }

__device__ inline int warp_of_block() { return threadIdx.x / 32; }

__device__ inline int warps_of_block() { return blockDim.x / 32; }

// global_warp numbers the warps of the grid, and warps_of_grid counts them.
__device__ inline int64 global_warp() { return ((int64)blockIdx.x * blockDim.x + threadIdx.x) / 32; }

__device__ inline int64 warps_of_grid() { return (int64)gridDim.x * blockDim.x / 32; }

__device__ inline float not_a_number() { return __int_as_float(0x7fc00000); }

__device__ inline bool is_finite(float v) { return fabsf(v) <= 3.402823466e38f; }

// warp_sum returns the sum over groups of consecutive lanes, a power of two, in
// every lane of the group. All lanes of the warp take part.
template <typename T>
__device__ inline T warp_sum(T v, int lanes = 32) {
	for (int distance = lanes / 2; distance > 0; distance /= 2) {
		v += __shfl_xor_sync(full_warp, v, distance);
	}
	return v;
}

constexpr int most_warps = 32; // of a block

// block_sum returns the sum over all threads of the block, the same bits in each.
// All of them take part.
template <typename T>
__device__ inline T block_sum(T v) {
	__shared__ T partial[most_warps];
	v = warp_sum(v);
	if (lane_of_warp() == 0) {
		partial[warp_of_block()] = v;
	}
	__syncthreads();
	T sum = 0;
	for (int warp = 0; warp < warps_of_block(); warp++) {
		sum += partial[warp];
	}
	__syncthreads(); // partial may be written again
	return sum;
}

// block_max returns the largest value of all threads of the block, in each. NaN is
// passed over. All of them take part.
template <typename T>
__device__ inline T block_max(T v) {
	__shared__ T partial[most_warps];
	for (int distance = 16; distance > 0; distance /= 2) {
		T other = __shfl_xor_sync(full_warp, v, distance);
		v = other > v ? other : v;
	}
	if (lane_of_warp() == 0) {
		partial[warp_of_block()] = v;
	}
	__syncthreads();
	for (int warp = 0; warp < warps_of_block(); warp++) {
		v = partial[warp] > v ? partial[warp] : v;
	}
	__syncthreads();
	return v;
}
