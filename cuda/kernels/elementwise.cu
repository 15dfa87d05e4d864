// Element-wise operations on matrices of the same shape. They move 4 to 12 bytes
// an element and are bound by memory. The host passes matrices without padding as
// one long row. A block is two-dimensional: its first dimension runs along rows,
// so that a warp touches neighbouring elements.
#include "common.cuh"

// EACH_ELEMENT runs its body for the elements (i, j) of a thread.
#define EACH_ELEMENT(i, j, rows, columns)                                                                                       \
	for (int64 i = (int64)blockIdx.y * blockDim.y + threadIdx.y; i < rows; i += (int64)gridDim.y * blockDim.y)               \
		for (int64 j = (int64)blockIdx.x * blockDim.x + threadIdx.x; j < columns; j += (int64)gridDim.x * blockDim.x)

// Y += alpha·X. X and Y may be the same view.
extern "C" __global__ void axpy(
		float alpha, const float *x, int64 x_stride, float *y, int64 y_stride, int64 rows, int64 columns) {
	EACH_ELEMENT(i, j, rows, columns) {
		float *to = y + i * y_stride + j;
		*to = fmaf(alpha, x[i * x_stride + j], *to);
	}
}

// X = alpha·X; with alpha 0 it writes zeros, whatever X holds.
extern "C" __global__ void scale(float alpha, float *x, int64 x_stride, int64 rows, int64 columns) {
	EACH_ELEMENT(i, j, rows, columns) {
		float *at = x + i * x_stride + j;
		*at = alpha == 0.0f ? 0.0f : alpha * *at;
	}
}

// C = A∘B. C may be the same view as A or B.
extern "C" __global__ void multiply_elements(
		float *c, int64 c_stride, const float *a, int64 a_stride, const float *b, int64 b_stride, int64 rows,
		int64 columns) {
	EACH_ELEMENT(i, j, rows, columns) {
		c[i * c_stride + j] = a[i * a_stride + j] * b[i * b_stride + j];
	}
}

extern "C" __global__ void fill(float *x, int64 x_stride, float value, int64 rows, int64 columns) {
	EACH_ELEMENT(i, j, rows, columns) {
		x[i * x_stride + j] = value;
	}
}

extern "C" __global__ void copy_matrix(
		float *dst, int64 dst_stride, const float *src, int64 src_stride, int64 rows, int64 columns) {
	EACH_ELEMENT(i, j, rows, columns) {
		dst[i * dst_stride + j] = src[i * src_stride + j];
	}
}

// Row i of dst is row ids[i] of src, or NaN for an id outside of it.
extern "C" __global__ void gather_rows(
		float *dst, int64 dst_stride, const float *src, int64 src_stride, int64 src_rows, const int *ids,
		int64 rows, int64 columns) {
	EACH_ELEMENT(i, j, rows, columns) {
		int64 id = ids[i];
		dst[i * dst_stride + j] = id >= 0 && id < src_rows ? src[id * src_stride + j] : not_a_number();
	}
}
