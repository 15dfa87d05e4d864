// C = alpha·A·B + beta·C for a sparse A, balanced whatever the lengths of its rows: the
// entries of A and the ends of its rows are merged into one list of items, an end after
// the entries of its row, and every group of lanes takes as many items as every other
// (Merrill and Garland, Merge-based parallel sparse matrix-vector multiplication, 2016).
//
// A group of lanes has up to 128 columns of C, 4 of them a lane, and so 32 divided by
// its lanes are in a warp. It reads the rows of B that four entries name before it adds
// the first, and writes each row of C that ends among its items. What it has summed of
// the row that does not end it leaves to be added: the block adds what its groups have
// left in their order, and spmm_carries what the blocks have left in theirs. So bits
// depend on the lengths of the rows and the number of columns alone.
//
// Floor: 2·k operations for k columns, and 8 + 4·k bytes, an entry; 8 + 4·k bytes a row
// of C, twice 4·k where beta is not 0. Bound by memory. The ends of rows are 8 bytes an
// item, what is left to be added is two rows of B for the 512 to 4096 items of a block.
// 25 million entries at 64 columns gather 6.6 GB, 1.5 ms at the 4.3 TB/s of an H200.
//
// The expectation, before any measurement: a thread has 64 bytes of B on their way, so
// that the 1024 threads of a multiprocessor have 64 KB, three times what that rate needs
// at a latency of some 700 ns. Items are the same for all groups but some are cheaper;
// the search for the first takes some 20 loads that depend on one another, 3 µs of the
// 100 of a group with 256 entries: 80% of the floor, or more where popular rows of B
// stay in the second-level cache.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled:
//
//	kernel                registers  shared  blocks of 256
//	spmm_quads               56, 60    6144       4
//	spmm_singles             72, 80    6144       3
//	spmm_quads_carries       32, 32    4096       8
//	spmm_singles_carries     40, 40    4096       6
//
// In the machine code spmm_quads reads all rows of B and of C 16 bytes at a time, the
// four rows of B before the first of their 16 multiply-adds. spmm_singles is for widths
// and strides that are no multiples of 4.
#include "row_parts.cuh"

constexpr int spmm_threads = 256; // of a block
constexpr int spmm_ahead = 4;     // entries whose rows of B are on their way

// Sparse is A: entry e of row i has offsets[i] ≤ e < offsets[i+1].
struct Sparse {
	const int64 *offsets;
	const int *columns;
	const float *values;
	int64 rows;
};

// Place is one among the items of A: before it are the first rows, and the entries up to
// one of them.
struct Place {
	int64 row, entry;
};

// place_of returns the place of an item, at most the number of all of them.
__device__ inline Place place_of(const Sparse &a, int64 item) {
	int64 first = a.offsets[0], low = 0, high = item < a.rows ? item : a.rows;
	while (low < high) {
		int64 row = (low + high) / 2;
		// The end of a row comes after its last entry.
		if (a.offsets[row + 1] - first + row < item) {
			low = row + 1;
		} else {
			high = row;
		}
	}
	return {low, first + item - low};
}

// finish_row writes alpha·sum + beta·C to a row of C. What is read of C has width 0 where
// beta is 0; a branch on beta makes the compiler write the loop twice, and once without
// stores of 16 bytes.
template <bool Quads>
__device__ inline void finish_row(float *c, const Part &p, int64 old_width, float alpha, float4 sum, float beta) {
	Part old = {p.first, p.step, old_width};
	float4 v = make_float4(alpha * sum.x, alpha * sum.y, alpha * sum.z, alpha * sum.w);
	add_scaled(v, beta, load_part<Quads>(c, old));
	store_part<Quads>(c, p, v);
}

// add_row adds alpha·sum to a row of C.
template <bool Quads>
__device__ inline void add_row(float *c, const Part &p, float alpha, float4 sum) {
	float4 v = load_part<Quads>(c, p);
	add_scaled(v, alpha, sum);
	store_part<Quads>(c, p, v);
}

// Block blockIdx.x takes as many items as its groups have together. What it leaves of
// its last row is row number blockIdx.x of carries (blocks×width), and the number of
// that row is in carry_rows, or -1 where nothing is left.
template <bool Quads>
__device__ inline void spmm(
		float alpha, const Sparse &a, const float *b, int64 b_stride, float beta, float *c, int64 c_stride, int64 width,
		int lanes, int64 items, float *carries, int64 *carry_rows) {
	__shared__ float4 left[spmm_threads];
	__shared__ int64 left_rows[spmm_threads]; // of a group, by its first thread; -1 for none
	int group = threadIdx.x / lanes, groups = spmm_threads / lanes;
	Part part = lanes_part<Quads>(lanes, width);
	int64 old_width = beta == 0.0f ? 0 : width;

	int64 first = ((int64)blockIdx.x * groups + group) * items;
	int64 count = a.rows + a.offsets[a.rows] - a.offsets[0];
	Place at = place_of(a, first < count ? first : count);
	Place end = place_of(a, first + items < count ? first + items : count);
	int64 row_end = at.row < a.rows ? a.offsets[at.row + 1] : 0;
	int64 unfinished = at.entry; // the first entry that no finished row has
	float4 sum = make_float4(0, 0, 0, 0);
	for (int64 base = at.entry; base < end.entry; base += spmm_ahead) {
		float values[spmm_ahead];
		float4 rows[spmm_ahead];
#pragma unroll
		for (int n = 0; n < spmm_ahead; n++) {
			bool there = base + n < end.entry;
			values[n] = there ? a.values[base + n] : 0.0f;
			rows[n] = there ? load_part<Quads>(b + a.columns[base + n] * b_stride, part) : make_float4(0, 0, 0, 0);
		}
#pragma unroll
		for (int n = 0; n < spmm_ahead; n++) {
			if (base + n >= end.entry) {
				break;
			}
			while (base + n >= row_end) {
				finish_row<Quads>(c + at.row * c_stride, part, old_width, alpha, sum, beta);
				sum = make_float4(0, 0, 0, 0);
				unfinished = row_end;
				at.row++;
				row_end = a.offsets[at.row + 1];
			}
			add_scaled(sum, values[n], rows[n]);
		}
	}
	for (; at.row < end.row; at.row++) {
		finish_row<Quads>(c + at.row * c_stride, part, old_width, alpha, sum, beta);
		sum = make_float4(0, 0, 0, 0);
		unfinished = end.entry;
	}

	// The rows that groups have left ascend, and neighbours may have left the same one.
	left[threadIdx.x] = sum;
	if (threadIdx.x % lanes == 0) {
		left_rows[threadIdx.x] = unfinished < end.entry ? end.row : -1;
	}
	__syncthreads(); // which also brings the rows that were finished to the block
	int64 row = left_rows[group * lanes];
	bool leads = row >= 0 && (group == 0 || left_rows[(group - 1) * lanes] != row);
	int next = group + 1;
	if (leads) {
		for (; next < groups && left_rows[next * lanes] == row; next++) {
			add_scaled(sum, 1, left[next * lanes + threadIdx.x % lanes]);
		}
	}
	// A row that ends in this block ends in the group after the last that has left it.
	bool carries_on = leads && next == groups;
	if (carries_on) {
		store_part<Quads>(carries + blockIdx.x * width, part, sum);
	} else if (leads) {
		add_row<Quads>(c + row * c_stride, part, alpha, sum);
	}
	bool none = group == groups - 1 && row < 0;
	if (blockIdx.y == 0 && threadIdx.x % lanes == 0 && (carries_on || none)) {
		carry_rows[blockIdx.x] = row;
	}
}

// Adds what the blocks of spmm have left of a row, each of block_items items, to the row:
// the block of the first of them does it. Its groups take shares of neighbours.
template <bool Quads>
__device__ inline void spmm_carries(
		float alpha, const Sparse &a, float *c, int64 c_stride, int64 width, int lanes, int64 block_items,
		const float *carries, const int64 *carry_rows) {
	__shared__ float4 sums[spmm_threads];
	int64 first = blockIdx.x, row = carry_rows[first];
	if (row < 0 || first > 0 && carry_rows[first - 1] == row) {
		return;
	}
	int64 end = (a.offsets[row + 1] - a.offsets[0] + row) / block_items; // the block where the row ends
	int group = threadIdx.x / lanes, groups = spmm_threads / lanes;
	int64 share = (end - first + groups - 1) / groups;
	int64 low = first + group * share, high = low + share < end ? low + share : end;
	Part part = lanes_part<Quads>(lanes, width);
	float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 4
	for (int64 n = low; n < high; n++) {
		add_scaled(sum, 1, load_part<Quads>(carries + n * width, part));
	}
	sums[threadIdx.x] = sum;
	__syncthreads();
	if (group > 0) {
		return;
	}
	for (int n = 1; n < groups && n * share < end - first; n++) {
		add_scaled(sum, 1, sums[n * lanes + threadIdx.x]);
	}
	add_row<Quads>(c + row * c_stride, part, alpha, sum);
}

#define SPMM(name, quads, blocks)                                                                                      \
	extern "C" __global__ void __launch_bounds__(spmm_threads, blocks) name(                                     \
			float alpha, const int64 *offsets, const int *columns, const float *values, int64 rows, const float *b, \
			int64 b_stride, float beta, float *c, int64 c_stride, int64 width, int lanes, int64 items,       \
			float *carries, int64 *carry_rows) {                                                             \
		spmm<quads>(alpha, {offsets, columns, values, rows}, b, b_stride, beta, c, c_stride, width, lanes, items, carries, carry_rows); \
	}                                                                                                            \
	extern "C" __global__ void __launch_bounds__(spmm_threads) name##_carries(                                   \
			float alpha, const int64 *offsets, int64 rows, float *c, int64 c_stride, int64 width, int lanes, \
			int64 block_items, const float *carries, const int64 *carry_rows) {                              \
		spmm_carries<quads>(alpha, {offsets, 0, 0, rows}, c, c_stride, width, lanes, block_items, carries, carry_rows); \
	}

SPMM(spmm_quads, true, 4)
SPMM(spmm_singles, false, 3)
