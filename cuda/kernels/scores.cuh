// Scores x·y of the stored entries of a sparse matrix. A block has score_entries of
// them in hand, whatever rows they belong to, and so all blocks have the same work. An
// entry is scored by some neighbouring lanes of a warp, which read its rows of X and Y
// coalesced, 16 bytes a lane where both are aligned. Of the entries that a lane meets
// one after another most have the same row, whose place is kept and which the
// first-level cache serves.
//
// Floor: 2·K operations, K floats of Y and 8 bytes an entry; bound by memory. Before any
// measurement: 25 million entries at rank 64 gather 6.4 GB, 1.6 ms at the 4.3 TB/s of an
// H200, of which its second-level cache saves what popular columns share. At a latency of
// some 700 ns that rate wants 23 KB on their way in each of 132 multiprocessors; 1280
// threads, a quad of Y each, have 20 KB, so that 80% of the floor is to be expected.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled, and
// rows are loaded 16 bytes at a time:
//
//	kernel       registers  shared  blocks of 256  threads together
//	predict         48, 48       0       5, 5         1280, 1280
//	loss_blocks     56, 42     256       4, 5         1024, 1280
//
// Held to the 40 registers of 6 blocks, ptxas spills 8 bytes of predict for compute_90.
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

// Walk is the place of a lane among the entries of its block.
struct Walk {
	int64 row;
	int64 end; // of the row
};

__device__ inline Walk walk_from(const int64 *offsets, const Entries &entries) {
	Walk w = {entries.low, offsets[entries.low + 1]};
	return w;
}

// walk_to goes on to an entry, which must not be before the last one, and returns its
// row.
__device__ inline int64 walk_to(Walk &w, const int64 *offsets, const Entries &entries, int64 entry) {
	if (entry >= w.end) {
		w.row = row_of_entry(offsets, w.row, entries.high, entry);
		w.end = offsets[w.row + 1];
	}
	return w.row;
}

// aligned reports whether rows can be read 16 bytes at a time.
__device__ inline bool aligned(const float *x, int64 stride) { return stride % 4 == 0 && (uint64)x % 16 == 0; }

// score returns x·y in each of the lanes that share an entry. All lanes of the warp
// take part, those without an entry with rank 0. quads says that both rows are aligned.
__device__ inline float score(const float *x, const float *y, int rank, int lanes, bool quads) {
	int lane = threadIdx.x % lanes;
	float sum = 0;
	int whole = quads ? rank / 4 * 4 : 0;
	for (int j = 4 * lane; j < whole; j += 4 * lanes) {
		float4 left = *(const float4 *)(x + j), right = *(const float4 *)(y + j);
		sum = fmaf(left.x, right.x, sum);
		sum = fmaf(left.y, right.y, sum);
		sum = fmaf(left.z, right.z, sum);
		sum = fmaf(left.w, right.w, sum);
	}
	for (int j = whole + lane; j < rank; j += lanes) {
		sum = fmaf(x[j], y[j], sum);
	}
	return warp_sum(sum, lanes);
}
