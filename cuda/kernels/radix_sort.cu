// Sorting ids, 8 bits at a time from the lowest on, each time keeping the order of those
// with equal bits (least significant digit radix sort), so that where ids came from
// follows in order within equal ids. A block has sort_tile of them, a warp an eighth.
//
//	sort_count    how many of each digit a block has
//	sort_scan     how many of the digit the blocks before have, a block a digit
//	sort_scatter  each id to its place: after those of lower digits, of earlier blocks,
//	              of earlier warps, and of the earlier rows of 32 of the warp
//
// Floor: 4 bytes an id to count, 8 to read and 8 to write, for each 8 bits. Ids that were
// neighbours are written apart: a block has 8 of each digit on average, 32 bytes, a sector.
// A million ids of 16 bits are 40 MB, 9 µs at the 4.3 TB/s of an H200, about what starting
// six kernels takes.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled:
//
//	kernel        registers  shared  blocks of 256
//	sort_count       20, 20    1024       8
//	sort_scan        26, 26      32       8
//	sort_scatter     63, 63    8224       4
#include "common.cuh"

constexpr int sort_threads = 256;
constexpr int sort_warps = sort_threads / 32;
constexpr int sort_rounds = 8; // ids of a thread
constexpr int sort_tile = sort_threads * sort_rounds;
constexpr int sort_digits = 256; // a thread a digit

// sort_key is what an id counts as: those outside of 0 up to limit come last, as limit.
__device__ inline int sort_key(int id, int limit) { return id >= 0 && id < limit ? id : limit; }

__device__ inline int digit_of(int key, int shift) { return key >> shift & (sort_digits - 1); }

// before_in_block returns the sum of the values of the threads before this one. All
// threads of the block take part, and pass a barrier; another one has to come before
// the next call.
__device__ inline uint32 before_in_block(uint32 v, uint32 *total) {
	__shared__ uint32 sums[sort_warps];
	uint32 sum = v; // up to and with this thread, within the warp
	for (int distance = 1; distance < 32; distance *= 2) {
		uint32 other = __shfl_up_sync(full_warp, sum, distance);
		sum += lane_of_warp() >= distance ? other : 0;
	}
	if (lane_of_warp() == 31) {
		sums[warp_of_block()] = sum;
	}
	__syncthreads();
	uint32 before = 0;
	*total = 0;
	for (int warp = 0; warp < sort_warps; warp++) {
		before += warp < warp_of_block() ? sums[warp] : 0;
		*total += sums[warp];
	}
	return before + sum - v;
}

// Writes the number of ids of each digit of this block to counts (digits×blocks).
extern "C" __global__ void __launch_bounds__(sort_threads) sort_count(
		uint32 *counts, const int *ids, int count, int limit, int shift) {
	__shared__ uint32 own[sort_digits];
	own[threadIdx.x] = 0;
	__syncthreads();
	int64 first = (int64)blockIdx.x * sort_tile + threadIdx.x;
#pragma unroll
	for (int n = 0; n < sort_rounds; n++) {
		int64 i = first + n * sort_threads;
		if (i < count) {
			atomicAdd(&own[digit_of(sort_key(ids[i], limit), shift)], 1);
		}
	}
	__syncthreads();
	counts[(int64)threadIdx.x * gridDim.x + blockIdx.x] = own[threadIdx.x];
}

// Overwrites the counts of digit blockIdx.x with how many of it the blocks before have,
// and writes how many there are to totals.
extern "C" __global__ void __launch_bounds__(sort_threads) sort_scan(uint32 *counts, uint32 *totals, int64 blocks) {
	uint32 *own = counts + blockIdx.x * blocks;
	uint32 before = 0;
	for (int64 first = 0; first < blocks; first += sort_threads) {
		int64 n = first + threadIdx.x;
		uint32 v = n < blocks ? own[n] : 0, total;
		uint32 sum = before + before_in_block(v, &total);
		if (n < blocks) {
			own[n] = sum;
		}
		before += total;
		__syncthreads(); // the sums are free again
	}
	if (threadIdx.x == 0) {
		totals[blockIdx.x] = before;
	}
}

// Writes ids and where they came from to their places by the digit. places may be 0
// before the first digit: ids are where they came from.
extern "C" __global__ void __launch_bounds__(sort_threads) sort_scatter(
		int *sorted, int *sorted_places, const int *ids, const int *places, const uint32 *counts, const uint32 *totals,
		int count, int limit, int shift) {
	__shared__ uint32 next[sort_warps][sort_digits]; // place of the next id of a warp
	int lane = lane_of_warp(), warp = warp_of_block();
	for (int w = 0; w < sort_warps; w++) {
		next[w][threadIdx.x] = 0;
	}
	__syncthreads();

	// First as if there were this warp alone.
	int64 first = (int64)blockIdx.x * sort_tile + warp * (32 * sort_rounds) + lane;
	int keys[sort_rounds];
	uint32 rank[sort_rounds];
#pragma unroll
	for (int n = 0; n < sort_rounds; n++) {
		int64 i = first + n * 32;
		keys[n] = i < count ? sort_key(ids[i], limit) : 0;
	}
#pragma unroll
	for (int n = 0; n < sort_rounds; n++) {
		bool there = first + n * 32 < count;
		int digit = digit_of(keys[n], shift);
		uint32 equal = __match_any_sync(full_warp, there ? digit : sort_digits);
		rank[n] = next[warp][digit] + __popc(equal & ((1u << lane) - 1));
		__syncwarp(); // all have read what one overwrites
		if (there && equal >> lane == 1) {
			next[warp][digit] = rank[n] + 1;
		}
		__syncwarp();
	}

	// A thread has a digit. The barrier of before_in_block is for next, too.
	uint32 total, place = before_in_block(totals[threadIdx.x], &total);
	place += counts[(int64)threadIdx.x * gridDim.x + blockIdx.x];
	for (int w = 0; w < sort_warps; w++) {
		uint32 own = next[w][threadIdx.x];
		next[w][threadIdx.x] = place;
		place += own;
	}
	__syncthreads();
#pragma unroll
	for (int n = 0; n < sort_rounds; n++) {
		int64 i = first + n * 32;
		if (i < count) {
			uint32 to = next[warp][digit_of(keys[n], shift)] + rank[n];
			sorted[to] = keys[n];
			sorted_places[to] = places ? places[i] : (int)i;
		}
	}
}
