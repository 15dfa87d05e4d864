// Kernels without a mistake.

template <int threads>
__device__ float block_sum(float v) {
	__shared__ float partial[threads / 32];
	for (int distance = 16; distance > 0; distance /= 2) {
		v += __shfl_down_sync(0xffffffffu, v, distance);
	}
	if (threadIdx.x % 32 == 0) {
		partial[threadIdx.x / 32] = v;
	}
	__syncthreads();
	float sum = 0;
	for (int warp = 0; warp < threads / 32; warp++) {
		sum += partial[warp];
	}
	return sum;
}

// sum_blocks writes the sum of each block's part of x.
extern "C" __global__ void sum_blocks(const float *__restrict__ x, float *__restrict__ out, long long n) {
	float v = 0;
	for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
		v += x[i];
	}
	v = block_sum<256>(v);
	if (threadIdx.x == 0) {
		out[blockIdx.x] = v;
	}
}

extern "C" __global__ void axpy(float alpha, const float *x, float *y, int n) {
	int i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i < n) {
		y[i] = fmaf(alpha, x[i], y[i]);
	}
}

// reverse_warps exchanges through shared memory within each warp, in halves whose
// masks are their own, with and without lanes that have ended.
extern "C" __global__ void reverse_warps(float *out, int last) {
	DYNAMIC_SHARED(float, v);
	int t = threadIdx.x, half = t / 16 % 2;
	if (t > last) {
		return;
	}
	unsigned mask = half == 0 ? 0x0000ffffu : 0xffff0000u;
	for (int i = 0; i < 3; i++) {
		v[t] = t;
		__syncwarp(mask);
		float w = v[t ^ 15];
		__syncwarp(mask);
		v[t] = w;
	}
	out[t] = v[t];
}

// count_threads adds up in shared memory by atomics, and counts by a barrier.
extern "C" __global__ void count_threads(int *out) {
	__shared__ int count;
	if (threadIdx.x == 0) {
		count = 0;
	}
	int odd = __syncthreads_count(threadIdx.x % 2);
	atomicAdd(&count, 1);
	__syncthreads();
	if (threadIdx.x == 0) {
		out[2 * blockIdx.x] = count;
		out[2 * blockIdx.x + 1] = odd;
	}
}

// warp_operations writes, for each thread, what each operation answers: 8 words.
extern "C" __global__ void warp_operations(int *out) {
	int lane = threadIdx.x, *mine = out + 8 * lane;
	mine[0] = __shfl_sync(0xffffffffu, lane, 5, 8);
	mine[1] = __shfl_up_sync(0xffffffffu, lane, 3);
	mine[2] = __shfl_down_sync(0xffffffffu, lane, 3, 16);
	mine[3] = __shfl_xor_sync(0xffffffffu, lane, 12, 8);
	mine[4] = __ballot_sync(0xffffffffu, lane % 3 == 0);
	mine[5] = __match_any_sync(0xffffffffu, lane / 5);
	mine[6] = __any_sync(0xffffffffu, lane == 31) + 2 * __all_sync(0xffffffffu, lane < 31);
	double wide = __shfl_xor_sync(0xffffffffu, lane + 0.5, 1);
	mine[7] = (int)(2 * wide);
}

// thread_indices writes the place of each thread in the grid.
extern "C" __global__ void thread_indices(int *out) {
	int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
	int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
	int threads = blockDim.x * blockDim.y * blockDim.z;
	out[block * threads + thread] += 1 + block * threads + thread;
}
