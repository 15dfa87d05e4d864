// Element-wise operations on matrices of the same shape. The host passes matrices without
// padding as one long row. A block is two-dimensional: its first dimension runs along
// rows, so that a warp touches neighbouring elements, four of them a thread where all
// rows are aligned.
//
// Floor: 4 bytes an element that is written and 4 for each that is read: 4 for Fill, 8 for
// Scale, copies and gathers, 12 for Axpy and Mul; bound by memory. A hundred million
// elements are 0.19 ms to copy at the 4.3 TB/s of an H200.
//
// The expectation, before any measurement: copies are what that rate is measured with, so
// 95% of the floor for large matrices. 2048 threads of a multiprocessor have 32 KB on
// their way in quads and 8 KB in single elements, of which that rate at a latency of
// some 700 ns wants 23 KB: matrices that are not aligned get a third.
//
// Registers: 26 to 30 for compute_80 and 26 to 32 for compute_90, nothing spilled, no
// shared memory: 8 blocks of 256 threads fit a multiprocessor. In the machine code all
// loads and stores of quads are of 16 bytes.
#include "common.cuh"

constexpr int element_threads = 256; // of a block

// EACH_ELEMENT runs its statements for the elements of a thread, (i, j) of rows×columns:
// with T float4 for element j and the three after it where quads says that all rows are
// aligned, else with T float.
#define EACH_ELEMENT(...)                                                                                               \
	int64 step = quads ? 4 : 1, wide = blockDim.x * step;                                                           \
	for (int64 i = (int64)blockIdx.y * blockDim.y + threadIdx.y; i < rows; i += (int64)gridDim.y * blockDim.y) {    \
		for (int64 first = blockIdx.x * wide + threadIdx.x * step; first < columns; first += gridDim.x * wide) { \
			if (quads && first + 4 <= columns) {                                                            \
				using T = float4;                                                                       \
				int64 j = first;                                                                        \
				__VA_ARGS__                                                                             \
				continue;                                                                               \
			}                                                                                               \
			_Pragma("unroll 1") for (int64 j = first; j < first + step && j < columns; j++) {                                 \
				using T = float;                                                                        \
				__VA_ARGS__                                                                             \
			}                                                                                               \
		}                                                                                                       \
	}

// What a thread reads or writes.
template <typename T>
__device__ inline T &at(float *x) { return *(T *)x; }

template <typename T>
__device__ inline T at(const float *x) { return *(const T *)x; }

__device__ inline void set(float &x, float value) { x = value; }

__device__ inline void set(float4 &x, float value) { x = make_float4(value, value, value, value); }

__device__ inline float multiply_add(float alpha, float x, float y) { return fmaf(alpha, x, y); }

__device__ inline float4 multiply_add(float alpha, float4 x, float4 y) {
	return make_float4(fmaf(alpha, x.x, y.x), fmaf(alpha, x.y, y.y), fmaf(alpha, x.z, y.z), fmaf(alpha, x.w, y.w));
}

__device__ inline float product(float a, float b) { return a * b; }

__device__ inline float4 product(float4 a, float4 b) { return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w); }

// Y += alpha·X. X and Y may be the same view.
extern "C" __global__ void __launch_bounds__(element_threads, 8) axpy(
		float alpha, const float *x, int64 x_stride, float *y, int64 y_stride, int64 rows, int64 columns, int quads) {
	EACH_ELEMENT(
		T &to = at<T>(y + i * y_stride + j);
		to = multiply_add(alpha, at<T>(x + i * x_stride + j), to);
	)
}

// X = alpha·X for an alpha that is not 0; for 0 there is fill, whatever X holds.
extern "C" __global__ void __launch_bounds__(element_threads, 8) scale(float alpha, float *x, int64 x_stride, int64 rows, int64 columns, int quads) {
	EACH_ELEMENT(
		T &to = at<T>(x + i * x_stride + j);
		T factor;
		set(factor, alpha);
		to = product(factor, to);
	)
}

// C = A∘B. C may be the same view as A or B.
extern "C" __global__ void __launch_bounds__(element_threads, 8) multiply_elements(
		float *c, int64 c_stride, const float *a, int64 a_stride, const float *b, int64 b_stride, int64 rows,
		int64 columns, int quads) {
	EACH_ELEMENT(
		at<T>(c + i * c_stride + j) = product(at<T>(a + i * a_stride + j), at<T>(b + i * b_stride + j));
	)
}

extern "C" __global__ void __launch_bounds__(element_threads, 8) fill(float *x, int64 x_stride, float value, int64 rows, int64 columns, int quads) {
	EACH_ELEMENT(set(at<T>(x + i * x_stride + j), value);)
}

extern "C" __global__ void __launch_bounds__(element_threads, 8) copy_matrix(
		float *dst, int64 dst_stride, const float *src, int64 src_stride, int64 rows, int64 columns, int quads) {
	EACH_ELEMENT(
		at<T>(dst + i * dst_stride + j) = at<T>(src + i * src_stride + j);
	)
}

// Row i of dst is row ids[i] of src, or NaN for an id outside of it.
extern "C" __global__ void __launch_bounds__(element_threads, 8) gather_rows(
		float *dst, int64 dst_stride, const float *src, int64 src_stride, int64 src_rows, const int *ids,
		int64 rows, int64 columns, int quads) {
	EACH_ELEMENT(
		int64 id = ids[i];
		T &to = at<T>(dst + i * dst_stride + j);
		if (id >= 0 && id < src_rows) {
			to = at<T>(src + id * src_stride + j);
		} else {
			set(to, not_a_number());
		}
	)
}
