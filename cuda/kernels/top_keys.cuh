// Candidates of a selection of the best: scores and ids as one number each, the key, whose
// order is that of the results. No two keys are equal, so that the order in which they are
// met does not matter.
#pragma once

#include "common.cuh"

// top_key orders candidates: the higher score first, the lower id first of equal
// scores. No key is 0, which stands for no candidate. The score is not NaN.
__device__ inline uint64 top_key(float score, int64 id) {
	uint32 bits = __float_as_uint(score + 0.0f); // -0 is 0
	bits ^= bits >> 31 ? 0xffffffffu : 0x80000000u;
	return (uint64)bits << 32 | (0xffffffffu - (uint32)id);
}

// key_score is the score of a key, -Inf without one.
__device__ inline float key_score(uint64 key) {
	uint32 bits = (uint32)(key >> 32);
	bits ^= bits >> 31 ? 0x80000000u : 0xffffffffu;
	return __uint_as_float(key ? bits : 0xff800000u);
}

// sort_list sorts count keys, highest first, and clears the rest of the list. The
// capacity is a power of two. A warp does it; its lanes see what the others wrote before,
// and the result.
__device__ inline void sort_list(uint64 *keys, int count, int capacity) {
	for (int n = count + lane_of_warp(); n < capacity; n += 32) {
		keys[n] = 0;
	}
	__syncwarp();
	// With a constant capacity the compiler would write out every step.
#pragma unroll 1
	for (int size = 2; size <= capacity; size *= 2) {
#pragma unroll 1
		for (int distance = size / 2; distance > 0; distance /= 2) {
			for (int n = lane_of_warp(); n < capacity / 2; n += 32) {
				int low = n / distance * 2 * distance + n % distance, high = low + distance;
				bool descending = (low & size) == 0;
				uint64 a = keys[low], b = keys[high];
				if ((a < b) == descending) {
					keys[low] = b;
					keys[high] = a;
				}
			}
			__syncwarp();
		}
	}
}

// write_top writes the k best of a sorted list as ids and scores: -1 and -Inf where
// there are fewer. A warp does it.
__device__ inline void write_top(const uint64 *keys, int k, int *ids, float *top) {
	for (int n = lane_of_warp(); n < k; n += 32) {
		ids[n] = keys[n] ? (int)(0xffffffffu - (uint32)keys[n]) : -1;
		top[n] = key_score(keys[n]);
	}
}

// select_keys writes the k best of count keys to the front of a list, sorted, and zeros
// after them where there are fewer. The capacity is a power of two, at least 2k and 64. A
// warp does it, four keys of each lane on their way.
__device__ inline void select_keys(uint64 *list, int capacity, const uint64 *from, int64 count, int k) {
	constexpr int ahead = 4;
	int held = 0;
	uint64 threshold = 0;
	for (int64 first = lane_of_warp(); first - lane_of_warp() < count; first += 32 * ahead) {
		uint64 next[ahead];
#pragma unroll
		for (int n = 0; n < ahead; n++) {
			next[n] = first + 32 * n < count ? from[first + 32 * n] : 0;
		}
#pragma unroll
		for (int n = 0; n < ahead; n++) {
			uint32 better = __ballot_sync(full_warp, next[n] > threshold);
			if (next[n] > threshold) {
				list[held + __popc(better & ((1u << lane_of_warp()) - 1))] = next[n];
			}
			held += __popc(better);
			if (held + 32 > capacity) {
				sort_list(list, held, capacity);
				held = k;
				threshold = list[k - 1]; // which is not written before the next sorting
			}
		}
	}
	sort_list(list, held, capacity);
}
