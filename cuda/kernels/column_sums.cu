// Sums of columns and norms of rows. They read each element once; the sums are in
// float64.
#include "common.cuh"

// A block of column_sums_slices has 32 columns and this many rows in hand.
constexpr int sum_lanes = 8;

// Sums the rows of slice blockIdx.y of A, slice_rows long, in 32 columns, to a row
// of partial (slices×columns).
extern "C" __global__ void column_sums_slices(
		double *partial, const float *a, int64 a_stride, int64 rows, int64 columns, int64 slice_rows) {
	__shared__ double sums[sum_lanes][32];
	int lane = lane_of_warp(), warp = warp_of_block();
	int64 j = (int64)blockIdx.x * 32 + lane;
	int64 first = blockIdx.y * slice_rows, end = first + slice_rows < rows ? first + slice_rows : rows;
	double sum = 0;
	if (j < columns) {
		for (int64 i = first + warp; i < end; i += sum_lanes) {
			sum += a[i * a_stride + j];
		}
	}
	sums[warp][lane] = sum;
	__syncthreads();
	if (warp == 0 && j < columns) {
		for (int w = 1; w < sum_lanes; w++) {
			sum += sums[w][lane];
		}
		partial[blockIdx.y * columns + j] = sum;
	}
}

// Adds the slices of column_sums_slices in their order.
extern "C" __global__ void column_sums_total(float *dst, const double *partial, int64 slices, int64 columns) {
	int64 j = (int64)blockIdx.x * blockDim.x + threadIdx.x;
	if (j >= columns) {
		return;
	}
	double sum = 0;
	for (int64 slice = 0; slice < slices; slice++) {
		sum += partial[slice * columns + j];
	}
	dst[j] = (float)sum;
}

// Writes the Euclidean norm of each row of A, a warp a row.
extern "C" __global__ void row_norms(float *dst, const float *a, int64 a_stride, int64 rows, int64 columns) {
	for (int64 i = global_warp(); i < rows; i += warps_of_grid()) {
		double sum = 0;
		for (int64 j = lane_of_warp(); j < columns; j += 32) {
			double v = a[i * a_stride + j];
			sum += v * v;
		}
		sum = warp_sum(sum);
		if (lane_of_warp() == 0) {
			dst[i] = (float)sqrt(sum);
		}
	}
}
