// Kernels with one mistake each, which the emulator has to report. The line of a
// mistake that a report names is marked by its name in a comment.

extern "C" __global__ void missing_barrier(float *out) {
	__shared__ float v[64];
	v[threadIdx.x] = threadIdx.x; // missing_barrier: write
	out[threadIdx.x] = v[63 - threadIdx.x]; // missing_barrier: read
}

// The second use of the same memory overtakes the first.
extern "C" __global__ void missing_second_barrier(float *out) {
	DYNAMIC_SHARED(float, v);
	for (int i = 0; i < 2; i++) {
		v[threadIdx.x] = threadIdx.x + i; // missing_second_barrier: write
		__syncthreads();
		out[threadIdx.x] = v[63 - threadIdx.x]; // missing_second_barrier: read
	}
}

extern "C" __global__ void missing_warp_barrier(float *out) {
	__shared__ float v[64];
	v[threadIdx.x] = threadIdx.x; // missing_warp_barrier: write
	out[threadIdx.x] = v[threadIdx.x ^ 1]; // missing_warp_barrier: read
}

// A shuffle brings lanes together but does not order their memory.
extern "C" __global__ void shuffle_for_barrier(float *out) {
	__shared__ float v[64];
	v[threadIdx.x] = threadIdx.x; // shuffle_for_barrier: write
	float w = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
	out[threadIdx.x] = w + v[threadIdx.x ^ 1]; // shuffle_for_barrier: read
}

extern "C" __global__ void warp_barrier_for_block(float *out) {
	__shared__ float v[64];
	v[threadIdx.x] = threadIdx.x; // warp_barrier_for_block: write
	__syncwarp();
	out[threadIdx.x] = v[63 - threadIdx.x]; // warp_barrier_for_block: read
}

extern "C" __global__ void divergent_barrier(float *out) {
	if (threadIdx.x < 16) {
		__syncthreads(); // divergent_barrier: one
	} else {
		__syncthreads(); // divergent_barrier: other
	}
	out[threadIdx.x] = 1;
}

extern "C" __global__ void barrier_and_shuffle(float *out) {
	float v = threadIdx.x;
	if (threadIdx.x == 5) {
		__syncthreads(); // barrier_and_shuffle: barrier
	} else {
		v = __shfl_xor_sync(0xffffffffu, v, 1); // barrier_and_shuffle: shuffle
	}
	out[threadIdx.x] = v;
}

extern "C" __global__ void lane_outside_mask(float *out) {
	out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 0); // lane_outside_mask: shuffle
}

extern "C" __global__ void source_outside_mask(float *out) {
	if (threadIdx.x < 16) {
		out[threadIdx.x] = __shfl_down_sync(0x0000ffffu, 1.0f, 8); // source_outside_mask: shuffle
	}
}

extern "C" __global__ void lane_ended(float *out) {
	if (threadIdx.x == 31) {
		return;
	}
	out[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f, 31); // lane_ended: shuffle
}

extern "C" __global__ void two_operations(float *out) {
	if (threadIdx.x == 0) {
		out[0] = __shfl_sync(0xffffffffu, 1.0f, 0); // two_operations: shuffle
	} else {
		out[threadIdx.x] = __any_sync(0xffffffffu, 1); // two_operations: vote
	}
}

extern "C" __global__ void write_at(float *out, long long i) { out[i] = 1; }

extern "C" __global__ void read_at(float *out, long long i) { out[0] = out[i]; }

extern "C" __global__ void static_shared_at(float *out, int i) {
	__shared__ float before[4], v[8], after[4];
	before[threadIdx.x % 4] = after[threadIdx.x % 4] = 0;
	v[i] = 1; // static_shared_at: write
	__syncthreads();
	out[0] = v[0] + before[0] + after[0];
}

extern "C" __global__ void dynamic_shared_at(float *out, int i) {
	DYNAMIC_SHARED(float, v);
	v[i] = 1;
	__syncthreads();
	out[0] = v[0];
}

extern "C" __global__ void failing_assert(float *out) {
	assert(out == nullptr); // failing_assert: assert
}

// deep uses more stack than a thread has.
__device__ float deep(float *out, int n) {
	volatile float local[256];
	local[n % 256] = n;
	return n == 0 ? out[0] : deep(out, n - 1) + local[n % 256];
}

extern "C" __global__ void stack_overflow(float *out) { out[0] = deep(out, 1000); }

extern "C" __global__ void unwritten_shared(float *out) {
	__shared__ float v[32];
	DYNAMIC_SHARED(float, w);
	out[threadIdx.x] = v[threadIdx.x] + w[threadIdx.x];
	v[threadIdx.x] = w[threadIdx.x] = 0; // does not reach the next block
}
