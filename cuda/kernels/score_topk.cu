// The k columns with the highest scores of each row, in memory that does not grow with
// the number of columns.
//
// A block takes top_rows rows of X and goes through a range of the columns in tiles. A
// tile of scores is a product of matrices that stays in registers, 8×8 of it a thread;
// X and Y go through shared memory top_depth elements at a time, in two buffers, the
// next ones on their way in registers. A thread compares the largest of eight scores
// with the k-th best of their row so far, and looks closer only where one reaches it:
// in n columns in no order that happens some k·(1 + ln(n/k)) times a row. Such a score
// is appended to the list of its row, unless a bit for the column says that it was seen
// or is not allowed. The bits of a tile come from the allowed ones and, the seen columns
// being ascending, from one pass over these. A list that overflows is sorted by a warp
// and cut to k; what found no room is tried again.
//
// Floor: 2·K operations a score; a tile reads (64 + 128)·K floats, by the second-level
// cache mostly, for 64·128 scores. 162,000 rows and 62,000 columns at rank 64 are 1.29
// TFLOP, 19 ms at the 67 TFLOP/s of an H200, and read 61 GB, 40 GB of that Y. The lists are
// 32 KB a block for k up to 32 and are touched seldom, so they stay in the second-level
// cache, and shared memory is left for operands.
//
// The expectation, before any measurement: per element of the sum a thread has 64
// multiply-adds and 4 loads of 16 bytes; loading, storing and addresses add some 8, the
// comparison 80 a tile, which at rank 64 leaves 83% of the instructions multiply-adds.
// With 12 warps on a multiprocessor and the sorting (some 4 of 64 keys a row) about half
// of the peak should remain: 0.04 s for the above.
//
// Registers: 148 for compute_80 and 159 for compute_90, nothing spilled, 16,384 bytes of
// shared memory: 3 blocks of 128 threads fit a multiprocessor. Held to the 128 registers
// of 4 blocks, ptxas 12.4 spills 68 bytes for compute_80.
#include "top_keys.cuh"

constexpr int top_rows = 64;     // of X, of a tile
constexpr int top_columns = 128; // of a tile
constexpr int top_depth = 8;     // elements of a row in a panel
constexpr int top_threads = 128; // of a block
constexpr int top_words = top_columns / 32;

// Panel is what a tile needs of X and Y for top_depth elements of the sum. A column of
// it has 4 floats more than it needs, so that a warp, which writes 16 rows of two quads,
// writes to all banks.
struct __align__(16) Panel {
	float x[top_depth][top_rows + 4];
	float y[top_depth][top_columns + 4];
};

// Seen is a place among the seen columns of a row, which ascend.
struct Seen {
	int64 at, end;
	int64 next; // the column at that place
};

__device__ inline void seek(Seen &seen, const int *columns, int64 at) {
	seen.at = at;
	seen.next = at < seen.end ? columns[at] : 1LL << 62;
}

// TopMemory is the shared memory of a block.
struct TopMemory {
	Panel panels[2];
	uint64 threshold[top_rows];       // the k-th best key, 0 while there are fewer
	float least[top_rows];            // its score, below which nothing is wanted
	int appended[top_rows];           // keys of a list, or more where it overflowed
	uint32 open[top_rows][top_words]; // columns of the tile that may be chosen
	Seen seen[top_rows];              // here because the scores need the registers
};

// cut_lists sorts the lists that overflowed and cuts them to k, a warp a list. It
// begins after a barrier and ends with one.
__device__ inline void cut_lists(TopMemory &s, uint64 *lists, int k, int capacity) {
	for (int r = warp_of_block(); r < top_rows; r += warps_of_block()) {
		if (s.appended[r] <= capacity) {
			continue;
		}
		uint64 *keys = lists + (int64)r * capacity;
		sort_list(keys, capacity, capacity);
		if (lane_of_warp() == 0) {
			s.appended[r] = k;
			s.threshold[r] = keys[k - 1];
			s.least[r] = key_score(keys[k - 1]);
		}
	}
	__syncthreads();
}

// open_columns returns word number w of a tile: the columns that exist, are allowed and
// were not seen. Tiles and words are taken in order.
__device__ inline uint32 open_columns(Seen &seen, const int *seen_columns, const uint32 *allow, int64 first, int64 columns) {
	if (first >= columns) {
		return 0;
	}
	uint32 open = columns - first < 32 ? (1u << (columns - first)) - 1 : 0xffffffffu;
	if (allow) {
		open &= allow[first / 32];
	}
	while (seen.next < first + 32) {
		if (seen.next >= first) {
			open &= ~(1u << (seen.next - first));
		}
		seek(seen, seen_columns, seen.at + 1);
	}
	return open;
}

// load_quad returns elements l to l+3 of a row, zeros beyond the rank and without a row.
__device__ inline float4 load_quad(const float *row, int l, int rank, bool quads) {
	float4 q = make_float4(0, 0, 0, 0);
	if (!row || l >= rank) {
		return q;
	}
	if (quads && l + 4 <= rank) {
		return *(const float4 *)(row + l);
	}
	q.x = row[l];
	q.y = l + 1 < rank ? row[l + 1] : 0.0f;
	q.z = l + 2 < rank ? row[l + 2] : 0.0f;
	q.w = l + 3 < rank ? row[l + 3] : 0.0f;
	return q;
}

// store_quad writes a quad down a column of a panel, whose rows lie stride apart.
__device__ inline void store_quad(float *to, int stride, float4 q) {
	to[0] = q.x;
	to[stride] = q.y;
	to[2 * stride] = q.z;
	to[3 * stride] = q.w;
}

// top_place is where element i of the eight of a thread lies in a tile: two quads, each
// beside those of the neighbouring threads.
__device__ inline int top_place(int group, int i, int groups) { return i / 4 * 4 * groups + 4 * group + i % 4; }

constexpr int row_groups = top_rows / 8, column_groups = top_columns / 8;

// score_tile computes the scores of a thread. x is the row of X that it loads, y and
// y_far those of Y, 0 for none. It has a barrier before the last products.
__device__ inline void score_tile(
		float (&sum)[8][8], TopMemory &s, const float *x, const float *y, const float *y_far, int rank, bool quads,
		int row_group, int column_group) {
	int l = threadIdx.x % 2 * 4, row = threadIdx.x / 2;
	float4 of_x = load_quad(x, l, rank, quads);
	float4 of_y = load_quad(y, l, rank, quads), of_y_far = load_quad(y_far, l, rank, quads);
	int first = 0, buffer = 0;
	do {
		Panel &panel = s.panels[buffer];
		store_quad(&panel.x[l][row], top_rows + 4, of_x);
		store_quad(&panel.y[l][row], top_columns + 4, of_y);
		store_quad(&panel.y[l][row + top_columns / 2], top_columns + 4, of_y_far);
		__syncthreads();
		first += top_depth;
		if (first < rank) {
			of_x = load_quad(x, first + l, rank, quads);
			of_y = load_quad(y, first + l, rank, quads);
			of_y_far = load_quad(y_far, first + l, rank, quads);
		}
#pragma unroll
		for (int d = 0; d < top_depth; d++) {
			float4 a[2], b[2];
#pragma unroll
			for (int half = 0; half < 2; half++) {
				a[half] = *(const float4 *)&panel.x[d][top_place(row_group, 4 * half, row_groups)];
				b[half] = *(const float4 *)&panel.y[d][top_place(column_group, 4 * half, column_groups)];
			}
			float left[8] = {a[0].x, a[0].y, a[0].z, a[0].w, a[1].x, a[1].y, a[1].z, a[1].w};
			float right[8] = {b[0].x, b[0].y, b[0].z, b[0].w, b[1].x, b[1].y, b[1].z, b[1].w};
#pragma unroll
			for (int i = 0; i < 8; i++) {
#pragma unroll
				for (int j = 0; j < 8; j++) {
					sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
				}
			}
		}
		buffer ^= 1;
	} while (first < rank);
}

// promising returns a bit for each score, 8·i + j, that reaches the k-th best of its row.
__device__ inline uint64 promising(const float (&sum)[8][8], const TopMemory &s, int row_group) {
	uint64 bits = 0;
#pragma unroll
	for (int i = 0; i < 8; i++) {
		float least = s.least[top_place(row_group, i, row_groups)], most = sum[i][0];
#pragma unroll
		for (int j = 1; j < 8; j++) {
			most = fmaxf(most, sum[i][j]); // the one that is not NaN
		}
		if (most >= least) {
#pragma unroll
			for (int j = 0; j < 8; j++) {
				bits |= sum[i][j] >= least ? 1ull << (8 * i + j) : 0;
			}
		}
	}
	return bits;
}

// pick returns score number n. An index that is not a constant would take the scores
// out of their registers.
__device__ inline float pick(const float (&sum)[8][8], int n) {
	float score = 0;
#pragma unroll
	for (int i = 0; i < 8; i++) {
#pragma unroll
		for (int j = 0; j < 8; j++) {
			score = n == 8 * i + j ? sum[i][j] : score;
		}
	}
	return score;
}

// append_scores appends the pending scores that are wanted, and returns those that
// found no room.
__device__ inline uint64 append_scores(
		uint64 pending, const float (&sum)[8][8], TopMemory &s, uint64 *lists, int capacity, int64 first, int row_group,
		int column_group) {
	uint64 left = 0;
	while (pending) {
		int n = __ffsll(pending) - 1;
		pending &= pending - 1;
		int row = top_place(row_group, n / 8, row_groups), column = top_place(column_group, n % 8, column_groups);
		if (!(s.open[row][column / 32] >> (column % 32) & 1)) {
			continue;
		}
		uint64 key = top_key(pick(sum, n), first + column);
		if (key <= s.threshold[row]) {
			continue;
		}
		int place = atomicAdd(&s.appended[row], 1);
		if (place < capacity) {
			lists[(int64)row * capacity + place] = key;
		} else {
			left |= 1ull << n;
		}
	}
	return left;
}

// Selects for the rows that the first dimension of the grid counts, top_rows to a
// block, among the columns of range blockIdx.y, range_length long, a multiple of
// top_columns. With one range it writes ids and top, otherwise the keys of each row and
// range to partial (rows×ranges×k). seen_offsets and allow may be 0. lists are
// min(rows, top_rows)·capacity keys for each block; capacity is a power of two, at least
// 2k.
extern "C" __global__ void __launch_bounds__(top_threads, 3) score_topk(
		int *ids, float *top, int64 top_stride, uint64 *partial, const float *x, int64 x_stride, int64 rows,
		const float *y, int64 y_stride, int64 columns, int64 range_length, int rank, int quads, const int64 *seen_offsets,
		const int *seen_columns, const uint32 *allow, int k, int capacity, uint64 *lists) {
	__shared__ TopMemory s;
	lists += ((int64)blockIdx.y * gridDim.x + blockIdx.x) * (rows < top_rows ? rows : top_rows) * capacity;
	int lane = lane_of_warp(), warp = warp_of_block();
	int row_group = warp / 2 * 4 + lane / 8, column_group = warp % 2 * 8 + lane % 8;
	int own = threadIdx.x / 2; // the row that this thread loads

	int64 low = blockIdx.y * range_length, high = low + range_length < columns ? low + range_length : columns;
	for (int64 first_row = (int64)blockIdx.x * top_rows; first_row < rows; first_row += (int64)gridDim.x * top_rows) {
		bool watches = threadIdx.x < top_rows && first_row + threadIdx.x < rows; // a row, for its bits
		if (threadIdx.x < top_rows) {
			s.threshold[threadIdx.x] = 0;
			s.least[threadIdx.x] = __uint_as_float(watches ? 0xff800000u : 0x7f800000u);
			s.appended[threadIdx.x] = 0;
			Seen &seen = s.seen[threadIdx.x];
			seen.end = watches && seen_offsets ? seen_offsets[first_row + threadIdx.x + 1] : 0;
			seek(seen, seen_columns, watches && seen_offsets ? seen_offsets[first_row + threadIdx.x] : 0);
		}
		__syncthreads(); // where there are no columns nothing else comes between
		const float *own_x = first_row + own < rows ? x + (first_row + own) * x_stride : 0;
		for (int64 first = low; first < high; first += top_columns) {
			if (threadIdx.x < top_rows) {
				for (int w = 0; w < top_words; w++) {
					s.open[threadIdx.x][w] =
							watches ? open_columns(s.seen[threadIdx.x], seen_columns, allow, first + 32 * w, columns) : 0;
				}
			}
			int64 near = first + own, far = near + top_columns / 2;
			float sum[8][8] = {};
			score_tile(sum, s, own_x, near < high ? y + near * y_stride : 0, far < high ? y + far * y_stride : 0,
					rank, quads, row_group, column_group);
			uint64 pending = promising(sum, s, row_group);
			while (true) {
				pending = append_scores(pending, sum, s, lists, capacity, first, row_group, column_group);
				if (!__syncthreads_or(pending != 0)) {
					break;
				}
				cut_lists(s, lists, k, capacity);
			}
		}
		for (int r = warp; r < top_rows && first_row + r < rows; r += warps_of_block()) {
			uint64 *keys = lists + (int64)r * capacity;
			sort_list(keys, min(s.appended[r], capacity), capacity);
			int64 row = first_row + r;
			if (gridDim.y == 1) {
				write_top(keys, k, ids + row * k, top + row * top_stride);
				continue;
			}
			uint64 *best = partial + (row * gridDim.y + blockIdx.y) * k;
			for (int n = lane; n < k; n += 32) {
				best[n] = keys[n];
			}
		}
		__syncthreads(); // the counts and lists are free again
	}
}

// Selects the best of the ranges of each row, count keys of it in partial, a warp a
// row. lists are capacity keys for each warp.
extern "C" __global__ void merge_topk(
		int *ids, float *top, int64 top_stride, const uint64 *partial, int64 count, int64 rows, int k,
		int capacity, uint64 *lists) {
	uint64 *keys = lists + global_warp() * capacity;
	for (int64 row = global_warp(); row < rows; row += warps_of_grid()) {
		select_keys(keys, capacity, partial + row * count, count, k);
		write_top(keys, k, ids + row * k, top + row * top_stride);
		__syncwarp();
	}
}
