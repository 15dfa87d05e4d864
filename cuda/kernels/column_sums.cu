// Sums of columns and norms of rows, in float64. Groups of lanes share rows, 4 columns a
// lane.
//
// Floor: 4 bytes an element, read once; the sums of slices of 1024 or more rows are less
// than a hundredth of that. 162,000 rows of 64 columns are 41 MB, 10 µs at the 4.3 TB/s of
// an H200.
//
// The expectation, before any measurement: of that matrix 318 blocks sum slices, of 256
// threads with 64 bytes on their way each, 39 KB on a multiprocessor, where some 23 KB
// are that rate at a latency of 700 ns; an element costs a conversion and an addition in
// float64, a quarter of what the units of a multiprocessor do in that time. The total
// makes 8 rounds of loads that wait for memory, 6 µs: together half of the floor, which
// larger matrices come nearer to. Norms are one pass: 75%.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled:
//
//	kernel                registers  shared  blocks of 256
//	column_sums_quads        32, 32    8192       8
//	column_sums_singles      32, 40    8192       6
//	column_sums_total        30, 32    2048       8
//	row_norms_quads          30, 30       0       8
//	row_norms_singles        32, 32       0       8
//
// In the machine code the variants for quads read A 16 bytes at a time.
#include "row_parts.cuh"

constexpr int sum_threads = 256;
constexpr int sum_warps = sum_threads / 32;

// add_values adds the elements of a lane to its sums.
__device__ inline void add_values(double (&sum)[part_columns], float4 v) {
	sum[0] += v.x;
	sum[1] += v.y;
	sum[2] += v.z;
	sum[3] += v.w;
}

// Sums the rows of slice blockIdx.x of A, slice_rows long, to a row of partial
// (slices×columns).
template <bool Quads>
__device__ inline void column_sums(
		double *partial, const float *a, int64 a_stride, int64 rows, int64 columns, int64 slice_rows, int lanes) {
	__shared__ double sums[sum_warps][part_columns][32];
	int lane = lane_of_warp(), warp = warp_of_block();
	Part part = lanes_part<Quads>(lanes, columns);
	int64 first = blockIdx.x * slice_rows, end = first + slice_rows < rows ? first + slice_rows : rows;
	double sum[part_columns] = {};
#pragma unroll 4
	for (int64 i = first + threadIdx.x / lanes; i < end; i += sum_threads / lanes) {
		add_values(sum, load_part<Quads>(a + i * a_stride, part));
	}
#pragma unroll
	for (int n = 0; n < part_columns; n++) {
		for (int distance = lanes; distance < 32; distance *= 2) {
			sum[n] += __shfl_xor_sync(full_warp, sum[n], distance);
		}
		sums[warp][n][lane] = sum[n];
	}
	__syncthreads();
	if (threadIdx.x >= lanes) {
		return;
	}
	for (int n = 0; n < part_columns; n++) {
		int64 j = part.first + n * part.step;
		if (j < columns) {
			double total = 0;
			for (int w = 0; w < sum_warps; w++) {
				total += sums[w][n][lane];
			}
			partial[blockIdx.x * columns + j] = total;
		}
	}
}

#define COLUMN_SUMS(name, quads)                                                                                  \
	extern "C" __global__ void __launch_bounds__(sum_threads) name(                                            \
			double *partial, const float *a, int64 a_stride, int64 rows, int64 columns, int64 slice_rows,  \
			int lanes) {                                                                                   \
		column_sums<quads>(partial, a, a_stride, rows, columns, slice_rows, lanes);                        \
	}

COLUMN_SUMS(column_sums_quads, true)
COLUMN_SUMS(column_sums_singles, false)

// Adds the slices of column_sums. A block has 32 columns, its warps a share of the slices
// each; shares are added in their order.
extern "C" __global__ void __launch_bounds__(sum_threads) column_sums_total(
		float *dst, const double *partial, int64 slices, int64 columns) {
	__shared__ double sums[sum_warps][32];
	int lane = lane_of_warp(), share = warp_of_block();
	int64 j = (int64)blockIdx.x * 32 + lane;
	double sum = 0;
	if (j < columns) {
#pragma unroll 4
		for (int64 slice = share; slice < slices; slice += sum_warps) {
			sum += partial[slice * columns + j];
		}
	}
	sums[share][lane] = sum;
	__syncthreads();
	if (share > 0 || j >= columns) {
		return;
	}
	for (int n = 1; n < sum_warps; n++) {
		sum += sums[n][lane];
	}
	dst[j] = (float)sum;
}

// Writes the Euclidean norm of each row of A, a group of lanes a row.
template <bool Quads>
__device__ inline void row_norms(float *dst, const float *a, int64 a_stride, int64 rows, int64 columns, int lanes) {
	int64 groups = (int64)gridDim.x * sum_threads / lanes;
	int64 group = ((int64)blockIdx.x * sum_threads + threadIdx.x) / lanes;
	// The lanes of a warp go round together, for its sums.
	for (int64 base = group / (32 / lanes) * (32 / lanes); base < rows; base += groups) {
		int64 i = base + lane_of_warp() / lanes;
		double sum = 0;
		for (Part part = lanes_part<Quads>(lanes, columns); i < rows && part.first < columns; part.first += part_columns * lanes) {
			float4 v = load_part<Quads>(a + i * a_stride, part);
			sum += (double)v.x * v.x;
			sum += (double)v.y * v.y;
			sum += (double)v.z * v.z;
			sum += (double)v.w * v.w;
		}
		sum = warp_sum(sum, lanes);
		if (i < rows && threadIdx.x % lanes == 0) {
			dst[i] = (float)sqrt(sum);
		}
	}
}

#define ROW_NORMS(name, quads)                                                                                    \
	extern "C" __global__ void __launch_bounds__(sum_threads) name(                                            \
			float *dst, const float *a, int64 a_stride, int64 rows, int64 columns, int lanes) {            \
		row_norms<quads>(dst, a, a_stride, rows, columns, lanes);                                          \
	}

ROW_NORMS(row_norms_quads, true)
ROW_NORMS(row_norms_singles, false)
