// Scores x·y of the stored entries of a sparse matrix. A block has score_entries of
// them in hand, whatever rows they belong to, and so all blocks have the same work. An
// entry is scored by some neighbouring lanes of a warp, which read its rows of X and
// Y coalesced: 2·K floats for K multiply-adds, bound by memory.
#pragma once

#include "common.cuh"

constexpr int score_entries = 2048;

// Entries are the entries of a block, first up to end, and the rows they lie in, low
// up to and with high.
struct Entries {
	int64 first, end;
	int64 low, high;
};

// row_of_entry finds the row that an entry belongs to, among low to high.
__device__ inline int64 row_of_entry(const int64 *offsets, int64 low, int64 high, int64 entry) {
	while (low < high) {
		int64 middle = (low + high + 1) / 2;
		if (offsets[middle] <= entry) {
			low = middle;
		} else {
			high = middle - 1;
		}
	}
	return low;
}

// entries_of_block returns the entries of this block in a matrix that has some.
__device__ inline Entries entries_of_block(const int64 *offsets, int64 rows) {
	Entries e;
	e.first = offsets[0] + (int64)blockIdx.x * score_entries;
	e.end = e.first + score_entries < offsets[rows] ? e.first + score_entries : offsets[rows];
	e.low = row_of_entry(offsets, 0, rows - 1, e.first);
	e.high = row_of_entry(offsets, e.low, rows - 1, e.end - 1);
	return e;
}

// score returns x·y in each of the lanes that share an entry. All lanes of the warp
// take part, those without an entry with rank 0.
__device__ inline float score(const float *x, const float *y, int rank, int lanes) {
	float sum = 0;
	for (int j = threadIdx.x % lanes; j < rank; j += lanes) {
		sum = fmaf(x[j], y[j], sum);
	}
	return warp_sum(sum, lanes);
}
