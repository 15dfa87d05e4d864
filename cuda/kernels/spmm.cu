// C = alpha·A·B + beta·C for a sparse A. Each entry reads a row of B, coalesced, for
// one multiply-add an element: bound by memory. A block computes a row of C, 32
// columns at a time; its warps share the entries. Rows with very many entries are
// summed in parts by several blocks, and the parts added in their order.
#include "common.cuh"

constexpr int spmm_warps = 4; // of a block

// Returns Σ value·b over the entries from first up to end, for column j of B, in
// every warp of the block.
__device__ inline float sum_products(
		const int *columns, const float *values, int64 first, int64 end, const float *b, int64 b_stride, int64 j,
		int64 width) {
	__shared__ float sums[spmm_warps][32];
	float sum = 0;
	if (j < width) {
		for (int64 e = first + warp_of_block(); e < end; e += spmm_warps) {
			sum = fmaf(values[e], b[columns[e] * b_stride + j], sum);
		}
	}
	sums[warp_of_block()][lane_of_warp()] = sum;
	__syncthreads();
	sum = 0;
	for (int warp = 0; warp < spmm_warps; warp++) {
		sum += sums[warp][lane_of_warp()];
	}
	__syncthreads(); // sums may be written again
	return sum;
}

// With beta 0 the old element is not read.
__device__ inline void write_product(float *c, float alpha, float sum, float beta) {
	float v = alpha * sum;
	*c = beta == 0.0f ? v : fmaf(beta, *c, v);
}

extern "C" __global__ void spmm_rows(
		float alpha, const int64 *offsets, const int *columns, const float *values, const float *b,
		int64 b_stride, float beta, float *c, int64 c_stride, int64 width, const int *rows, int64 row_count) {
	for (int64 n = blockIdx.x; n < row_count; n += gridDim.x) {
		int64 row = rows[n];
		for (int64 first = 0; first < width; first += 32) {
			int64 j = first + lane_of_warp();
			float sum = sum_products(columns, values, offsets[row], offsets[row + 1], b, b_stride, j, width);
			if (warp_of_block() == 0 && j < width) {
				write_product(c + row * c_stride + j, alpha, sum, beta);
			}
		}
	}
}

// Sums each part to a row of parts (count×width). Part n has the entries bounds[2n] up
// to bounds[2n+1], counted from the first of the matrix.
extern "C" __global__ void spmm_parts(
		float *parts, const int64 *offsets, const int *columns, const float *values, const float *b, int64 b_stride,
		int64 width, const int64 *bounds, int64 count) {
	for (int64 n = blockIdx.x; n < count; n += gridDim.x) {
		int64 begin = offsets[0] + bounds[2 * n], end = offsets[0] + bounds[2 * n + 1];
		for (int64 first = 0; first < width; first += 32) {
			int64 j = first + lane_of_warp();
			float sum = sum_products(columns, values, begin, end, b, b_stride, j, width);
			if (warp_of_block() == 0 && j < width) {
				parts[n * width + j] = sum;
			}
		}
	}
}

// Adds the parts of the rows of a list: first_part[n] up to first_part[n+1] for row
// number n.
extern "C" __global__ void spmm_total(
		float alpha, const float *parts, const int64 *first_part, float beta, float *c, int64 c_stride,
		int64 width, const int *rows, int64 row_count) {
	for (int64 n = blockIdx.x; n < row_count; n += gridDim.x) {
		for (int64 j = threadIdx.x; j < width; j += blockDim.x) {
			float sum = 0;
			for (int64 part = first_part[n]; part < first_part[n + 1]; part++) {
				sum += parts[part * width + j];
			}
			write_product(c + rows[n] * c_stride + j, alpha, sum, beta);
		}
	}
}
