// The k columns with the highest scores of one to four rows, as a fold-in asks for them:
// the columns are shared out to so many blocks that they are read at once.
//
// A block has few_columns columns. Four lanes share a column and score it for all rows,
// its row of Y read once, four loads on their way, X in shared memory; each lane then
// makes the key of one row. A warp a row strikes the seen columns, sorts the keys and
// writes the k best of the block; merge_topk_few selects the best of those, a block a row.
//
// Floor: 2·K operations a score and K floats of Y a column, read once for four rows.
// Bound by memory: 62,000 columns at rank 64 are 16 MB, 4 µs at the 4.3 TB/s of an H200.
//
// The expectation, before any measurement: 485 blocks of 128 threads, on 132
// multiprocessors at once, have 30 KB on their way in each of them, and read in 4 rounds
// that wait for memory, 3 µs. Sorting 128 keys is 28 steps of a warp, 2 µs; merging 485·k
// keys at k of 10 is 5 rounds for each of 8 warps, 4 µs, and two sorts. With two starts
// of kernels some 15 µs, where a tile of 64 rows a block, most of them not there, takes
// 8 tiles of 64 steps each, one after another, in 60 blocks.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled:
//
//	kernel            threads  registers  shared          blocks
//	score_topk_few        128    80, 80    4096 + 16·rank       6
//	merge_topk_few        256    30, 30    6656                 8
//
// Held to the 64 registers of 8 blocks, ptxas spills 32 bytes of score_topk_few for
// compute_80. In the machine code it reads Y and, from shared memory, X 16 bytes at a
// time, and four quads of Y before the first FFMA with them.
#include "top_keys.cuh"

constexpr int few_rows = 4;      // of X, and lanes that share a column
constexpr int few_columns = 128; // of a block
constexpr int few_threads = 128;

// add_products adds the products of four elements of a column with those of each row.
__device__ inline void add_products(float (&sum)[few_rows], float4 v, const float *x, int stride) {
#pragma unroll
	for (int r = 0; r < few_rows; r++) {
		float4 u = *(const float4 *)(x + r * stride);
		sum[r] = fmaf(u.x, v.x, sum[r]);
		sum[r] = fmaf(u.y, v.y, sum[r]);
		sum[r] = fmaf(u.z, v.z, sum[r]);
		sum[r] = fmaf(u.w, v.w, sum[r]);
	}
}

// few_score returns the score of a column, y, for the row of its number in the group that
// each lane has. x is few_rows rows, stride apart, in shared memory.
__device__ inline float few_score(const float *x, int stride, const float *y, int rank, bool quads) {
	int lane = threadIdx.x % few_rows;
	float sum[few_rows] = {};
	int whole = quads ? rank / 4 * 4 : 0;
#pragma unroll 4
	for (int j = 4 * lane; j < whole; j += 4 * few_rows) {
		add_products(sum, *(const float4 *)(y + j), x + j, stride);
	}
#pragma unroll 4
	for (int j = whole + lane; j < rank; j += few_rows) {
		float v = y[j];
#pragma unroll
		for (int r = 0; r < few_rows; r++) {
			sum[r] = fmaf(x[r * stride + j], v, sum[r]);
		}
	}
	float own = 0;
#pragma unroll
	for (int r = 0; r < few_rows; r++) {
		float total = warp_sum(sum[r], few_rows);
		own = r == lane ? total : own;
	}
	return own;
}

// strike_seen clears the keys of the seen columns, at seen from low up to high, among the
// columns from first on. A warp does it, and a barrier comes before they are read.
__device__ inline void strike_seen(uint64 *keys, const int *seen, int64 low, int64 high, int64 first) {
	int64 end = high;
	while (low < high) {
		int64 middle = (low + high) / 2;
		if (seen[middle] < first) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (int64 e = low + lane_of_warp(); e < end && seen[e] < first + few_columns; e += 32) {
		keys[seen[e] - first] = 0;
	}
}

// Writes the k best keys of each row among the columns of block blockIdx.x to partial
// (rows×blocks×k). k is at most few_columns. seen_offsets and allow may be 0.
extern "C" __global__ void __launch_bounds__(few_threads, 6) score_topk_few(
		uint64 *partial, const float *x, int64 x_stride, int rows, const float *y, int64 y_stride, int64 columns,
		int rank, int quads, const int64 *seen_offsets, const int *seen_columns, const uint32 *allow, int k) {
	DYNAMIC_SHARED(float, shared_x); // few_rows rows, zeros for those that are not there
	__shared__ uint64 keys[few_rows][few_columns];
	int stride = (rank + 3) / 4 * 4;
	for (int e = threadIdx.x; e < few_rows * stride; e += few_threads) {
		int r = e / stride, j = e % stride;
		shared_x[e] = r < rows && j < rank ? x[r * x_stride + j] : 0.0f;
	}
	__syncthreads();

	int64 first = (int64)blockIdx.x * few_columns;
	int row = threadIdx.x % few_rows;
	for (int n = threadIdx.x / few_rows; n < few_columns; n += few_threads / few_rows) {
		int64 column = first + n;
		bool there = column < columns;
		float score = few_score(shared_x, stride, y + column * y_stride, there ? rank : 0, quads);
		bool open = there && (!allow || (allow[column / 32] >> (column % 32) & 1));
		keys[row][n] = open && score == score ? top_key(score, column) : 0;
	}
	__syncthreads();
	int r = warp_of_block();
	if (r >= rows) {
		return;
	}
	if (seen_offsets) {
		strike_seen(keys[r], seen_columns, seen_offsets[r], seen_offsets[r + 1], first);
	}
	sort_list(keys[r], few_columns, few_columns);
	uint64 *best = partial + ((int64)r * gridDim.x + blockIdx.x) * k;
	for (int n = lane_of_warp(); n < k; n += 32) {
		best[n] = keys[r][n];
	}
}

constexpr int few_warps = 8;     // of a block that merges
constexpr int few_capacity = 64; // of a list, at least 2k

// Selects the best of count keys of row blockIdx.x in partial: each warp of its share, and
// the first of theirs.
extern "C" __global__ void __launch_bounds__(32 * few_warps) merge_topk_few(
		int *ids, float *top, int64 top_stride, const uint64 *partial, int64 count, int k) {
	__shared__ uint64 lists[few_warps][few_capacity];
	__shared__ uint64 best[few_warps * few_capacity / 2]; // k of each
	__shared__ uint64 list[few_capacity];
	int64 row = blockIdx.x, warp = warp_of_block();
	int64 share = (count + few_warps - 1) / few_warps, first = warp * share;
	int64 own = first + share < count ? share : first < count ? count - first : 0;
	select_keys(lists[warp], few_capacity, partial + row * count + first, own, k);
	for (int n = lane_of_warp(); n < k; n += 32) {
		best[warp * k + n] = lists[warp][n];
	}
	__syncthreads();
	if (warp == 0) {
		select_keys(list, few_capacity, best, few_warps * k, k);
		write_top(list, k, ids + row * k, top + row * top_stride);
	}
}
