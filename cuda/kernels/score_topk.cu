// The k columns with the highest scores of each row, in memory that does not grow with
// the number of columns.
//
// A block takes top_rows rows of X and a range of the columns. It scores a tile of
// columns at a time, a thread a column, with the rows of Y and X in shared memory: one
// load of Y serves top_rows multiply-adds. A score that is above the k-th best so far
// is appended to the list of its row. When a list is full it is sorted and cut to k.
// Scores and ids are one number each, the key, whose order is that of the results; no
// two keys are equal, so that the order of appending does not matter.
#include "common.cuh"

constexpr int top_rows = 4;     // of X, of a block
constexpr int top_threads = 128; // of a block, and columns of a tile
constexpr int top_depth = 32;   // elements of a row in hand

// top_key orders candidates: the higher score first, the lower id first of equal
// scores. No key is 0, which stands for no candidate. The score is not NaN.
__device__ inline uint64 top_key(float score, int64 id) {
	uint32 bits = __float_as_uint(score + 0.0f); // -0 is 0
	bits ^= bits >> 31 ? 0xffffffffu : 0x80000000u;
	return (uint64)bits << 32 | (0xffffffffu - (uint32)id);
}

// Candidates is the list of one row: the k best of those that were sorted, highest
// first, and after them those that came since.
struct Candidates {
	uint64 *keys; // capacity, a power of two of at least k + top_threads
	int *appended;
	uint64 *threshold; // the k-th best key
};

// Sorts keys, highest first, by bitonic merges. count is a power of two.
__device__ inline void sort_keys(uint64 *keys, int count) {
	for (int size = 2; size <= count; size *= 2) {
		for (int distance = size / 2; distance > 0; distance /= 2) {
			for (int n = threadIdx.x; n < count / 2; n += blockDim.x) {
				int low = n / distance * 2 * distance + n % distance, high = low + distance;
				bool descending = (low & size) == 0;
				uint64 a = keys[low], b = keys[high];
				if ((a < b) == descending) {
					keys[low] = b;
					keys[high] = a;
				}
			}
			__syncthreads();
		}
	}
}

// A thread clears the same keys that it has written as results before, so that the
// lists of one row after another need no barrier between them.
__device__ inline void empty_candidates(Candidates c, int k) {
	for (int n = threadIdx.x; n < k; n += blockDim.x) {
		c.keys[n] = 0;
	}
	if (threadIdx.x == 0) {
		*c.appended = 0;
		*c.threshold = 0;
	}
	__syncthreads();
}

// Appends a key of this thread. There is room for one of each thread after settle.
__device__ inline void append(Candidates c, int k, uint64 key) { c.keys[k + atomicAdd(c.appended, 1)] = key; }

// Sorts the list and cuts it to k if less room than top_threads is left, or at the end.
__device__ inline void settle(Candidates c, int k, int capacity, bool at_end) {
	__syncthreads();
	int count = k + *c.appended;
	__syncthreads(); // every thread has read the count
	if (count + top_threads <= capacity && !at_end) {
		return;
	}
	for (int n = count + threadIdx.x; n < capacity; n += blockDim.x) {
		c.keys[n] = 0;
	}
	__syncthreads();
	sort_keys(c.keys, capacity);
	if (threadIdx.x == 0) {
		*c.appended = 0;
		*c.threshold = c.keys[k - 1];
	}
	__syncthreads();
}

// Writes the k best as ids and scores: -1 and -Inf where there are fewer.
__device__ inline void write_top(const uint64 *keys, int k, int *ids, float *top) {
	for (int n = threadIdx.x; n < k; n += blockDim.x) {
		uint64 key = keys[n];
		uint32 bits = (uint32)(key >> 32);
		bits ^= bits >> 31 ? 0x80000000u : 0xffffffffu;
		ids[n] = key ? (int)(0xffffffffu - (uint32)key) : -1;
		top[n] = __uint_as_float(key ? bits : 0xff800000u);
	}
}

// contains reports whether an ascending list of ids, from first up to end, has one.
__device__ inline bool contains(const int *ids, int64 first, int64 end, int id) {
	while (first < end) {
		int64 middle = (first + end) / 2;
		if (ids[middle] < id) {
			first = middle + 1;
		} else if (ids[middle] > id) {
			end = middle;
		} else {
			return true;
		}
	}
	return false;
}

// TopTile is the shared memory of a tile of scores.
struct TopTile {
	float y[top_depth][top_threads + 1]; // one more, so that columns lie in different banks
	float x[top_rows][top_depth];
};

// Scores column first_column + threadIdx.x for the rows from first_row on.
__device__ inline void score_tile(
		TopTile *tile, float *scores, const float *x, int64 x_stride, int64 first_row, int64 rows,
		const float *y, int64 y_stride, int64 first_column, int64 columns, int rank) {
	for (int r = 0; r < top_rows; r++) {
		scores[r] = 0;
	}
	for (int first = 0; first < rank; first += top_depth) {
		int l = first + lane_of_warp();
		for (int n = warp_of_block(); n < top_threads; n += warps_of_block()) {
			bool there = l < rank && first_column + n < columns;
			tile->y[lane_of_warp()][n] = there ? y[(first_column + n) * y_stride + l] : 0.0f;
		}
		for (int r = warp_of_block(); r < top_rows; r += warps_of_block()) {
			bool there = l < rank && first_row + r < rows;
			tile->x[r][lane_of_warp()] = there ? x[(first_row + r) * x_stride + l] : 0.0f;
		}
		__syncthreads();
		int depth = min(top_depth, rank - first);
		for (int l = 0; l < depth; l++) {
			float v = tile->y[l][threadIdx.x];
			for (int r = 0; r < top_rows; r++) {
				scores[r] = fmaf(tile->x[r][l], v, scores[r]);
			}
		}
		__syncthreads();
	}
}

// Selects for the rows that the first dimension of the grid counts, top_rows to a
// block, among the columns of range blockIdx.y, range_length long. With one range it
// writes ids and top, otherwise the keys of each row and range to partial
// (rows×ranges×k). seen_offsets and allow may be 0. Lists are in shared memory, or in
// work, top_rows·capacity keys of it for each block.
extern "C" __global__ void score_topk(
		int *ids, float *top, int64 top_stride, uint64 *partial, const float *x, int64 x_stride, int64 rows,
		const float *y, int64 y_stride, int64 columns, int64 range_length, int rank, const int64 *seen_offsets,
		const int *seen_columns, const uint32 *allow, int k, int capacity, uint64 *work) {
	DYNAMIC_SHARED(uint64, shared);
	__shared__ TopTile tile;
	__shared__ int appended[top_rows];
	__shared__ uint64 thresholds[top_rows];
	uint64 *lists = work ? work + ((int64)blockIdx.y * gridDim.x + blockIdx.x) * top_rows * capacity : shared;
	Candidates candidates[top_rows];
	for (int r = 0; r < top_rows; r++) {
		candidates[r] = Candidates{lists + (int64)r * capacity, appended + r, thresholds + r};
	}

	int64 low = blockIdx.y * range_length, high = low + range_length < columns ? low + range_length : columns;
	for (int64 first_row = (int64)blockIdx.x * top_rows; first_row < rows; first_row += (int64)gridDim.x * top_rows) {
		for (int r = 0; r < top_rows; r++) {
			empty_candidates(candidates[r], k);
		}
		for (int64 first = low; first < high; first += top_threads) {
			float scores[top_rows];
			score_tile(&tile, scores, x, x_stride, first_row, rows, y, y_stride, first, high, rank);
			int64 id = first + threadIdx.x;
			bool allowed = id < high && (!allow || allow[id / 32] >> (id % 32) & 1);
			for (int r = 0; r < top_rows; r++) {
				int64 row = first_row + r;
				if (allowed && row < rows && scores[r] == scores[r]) {
					uint64 key = top_key(scores[r], id);
					if (key > *candidates[r].threshold &&
						!(seen_offsets && contains(seen_columns, seen_offsets[row], seen_offsets[row + 1], id))) {
						append(candidates[r], k, key);
					}
				}
			}
			for (int r = 0; r < top_rows; r++) {
				settle(candidates[r], k, capacity, false);
			}
		}
		for (int r = 0; r < top_rows && first_row + r < rows; r++) {
			settle(candidates[r], k, capacity, true);
			int64 row = first_row + r;
			if (gridDim.y == 1) {
				write_top(candidates[r].keys, k, ids + row * k, top + row * top_stride);
				continue;
			}
			uint64 *keys = partial + (row * gridDim.y + blockIdx.y) * k;
			for (int n = threadIdx.x; n < k; n += blockDim.x) {
				keys[n] = candidates[r].keys[n];
			}
		}
	}
}

// Selects the best of the ranges of each row, count keys of it in partial, a block a
// row. Lists are in shared memory, or in work, capacity keys of it for each block.
extern "C" __global__ void merge_topk(
		int *ids, float *top, int64 top_stride, const uint64 *partial, int64 count, int64 rows, int k,
		int capacity, uint64 *work) {
	DYNAMIC_SHARED(uint64, shared);
	__shared__ int appended;
	__shared__ uint64 threshold;
	Candidates best = {work ? work + (int64)blockIdx.x * capacity : shared, &appended, &threshold};
	for (int64 row = blockIdx.x; row < rows; row += gridDim.x) {
		empty_candidates(best, k);
		for (int64 first = 0; first < count; first += top_threads) {
			int64 n = first + threadIdx.x;
			uint64 key = n < count ? partial[row * count + n] : 0;
			if (key > threshold) {
				append(best, k, key);
			}
			settle(best, k, capacity, false);
		}
		settle(best, k, capacity, true);
		write_top(best.keys, k, ids + row * k, top + row * top_stride);
	}
}
