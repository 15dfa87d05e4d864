// Barriers of a block, and what the lanes of a warp do together. The lanes of a mask
// meet in the runtime, which reports a lane that is missing or not in its own mask.
#pragma once

#define __syncthreads() ((void)emulator::barrier(EMULATOR_SITE, emulator::Barrier::wait, false))
#define __syncthreads_count(predicate) (emulator::barrier(EMULATOR_SITE, emulator::Barrier::count, (predicate) != 0))
#define __syncthreads_or(predicate) (emulator::barrier(EMULATOR_SITE, emulator::Barrier::count, (predicate) != 0) > 0)
#define __syncthreads_and(predicate) (emulator::barrier(EMULATOR_SITE, emulator::Barrier::count, (predicate) == 0) == 0)

#define __syncwarp(...) (emulator::sync_warp(EMULATOR_SITE, ##__VA_ARGS__))
#define __shfl_sync(mask, ...) (emulator::shuffle_from(EMULATOR_SITE, mask, __VA_ARGS__))
#define __shfl_up_sync(mask, ...) (emulator::shuffle_up(EMULATOR_SITE, mask, __VA_ARGS__))
#define __shfl_down_sync(mask, ...) (emulator::shuffle_down(EMULATOR_SITE, mask, __VA_ARGS__))
#define __shfl_xor_sync(mask, ...) (emulator::shuffle_xor(EMULATOR_SITE, mask, __VA_ARGS__))
#define __ballot_sync(mask, predicate) (emulator::ballot(EMULATOR_SITE, mask, (predicate) != 0))
#define __any_sync(mask, predicate) (emulator::ballot(EMULATOR_SITE, mask, (predicate) != 0) != 0)
#define __all_sync(mask, predicate) (emulator::ballot(EMULATOR_SITE, mask, (predicate) == 0) == 0)
#define __match_any_sync(mask, value) (emulator::match(EMULATOR_SITE, mask, value))
#define __activemask() (emulator::active_lanes())

namespace emulator {

inline void sync_warp(Site site, unsigned mask = 0xffffffffu) {
	warp_meet(site, WarpOperation::sync, mask, 0, 0);
}

inline unsigned ballot(Site site, unsigned mask, bool predicate) {
	return (unsigned)warp_meet(site, WarpOperation::ballot, mask, predicate, 0);
}

template <typename T>
inline uint64_t bits_of(T value) {
	static_assert(sizeof(T) == 4 || sizeof(T) == 8, "warps exchange words of 4 and 8 bytes");
	uint64_t bits = 0;
	memcpy(&bits, &value, sizeof value);
	return bits;
}

template <typename T>
inline unsigned match(Site site, unsigned mask, T value) {
	return (unsigned)warp_meet(site, WarpOperation::match, mask, bits_of(value), 0);
}

template <typename T>
inline T shuffle(Site site, unsigned mask, T value, unsigned source) {
	uint64_t bits = warp_meet(site, WarpOperation::shuffle, mask, bits_of(value), source);
	memcpy(&value, &bits, sizeof value);
	return value;
}

// A warp is divided into segments of width lanes, a power of two. A lane whose source
// would lie in another segment keeps its own value; shuffle_xor may look back.

template <typename T>
inline T shuffle_from(Site site, unsigned mask, T value, int source, int width = 32) {
	unsigned segment = lane_id() & ~(width - 1);
	return shuffle(site, mask, value, segment + (source & (width - 1)));
}

template <typename T>
inline T shuffle_up(Site site, unsigned mask, T value, unsigned distance, int width = 32) {
	unsigned lane = lane_id(), segment = lane & ~(width - 1);
	return shuffle(site, mask, value, lane >= segment + distance ? lane - distance : lane);
}

template <typename T>
inline T shuffle_down(Site site, unsigned mask, T value, unsigned distance, int width = 32) {
	unsigned lane = lane_id(), segment = lane & ~(width - 1);
	return shuffle(site, mask, value, lane + distance < segment + width ? lane + distance : lane);
}

template <typename T>
inline T shuffle_xor(Site site, unsigned mask, T value, int bits, int width = 32) {
	unsigned lane = lane_id(), segment = lane & ~(width - 1), source = lane ^ bits;
	return shuffle(site, mask, value, source < segment + width ? source : lane);
}

} // namespace emulator
