// Batches of symmetric positive definite systems of orders 129 to 256 with the order as a
// constant, a block a system; see wide_tiles.cuh. A thread reads its tile from memory
// itself: eight loads in turn use the same sectors, and all are on their way at once.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90, as in
// half_step_tiles.cuh; nothing is spilled. A partition of a multiprocessor, of which there
// are four, has 512 registers for a lane of all its warps, so that 5 warps may have 96:
//
//	order  tile  threads  registers  shared  blocks  together
//	  160     8      224   127, 127   12432       2       448
//	  256     8      544     96, 96   20624       1       544
//
// The expectation, before any measurement: at order 256 a system is 5.6 MFLOP, 22,000 cycles
// of a multiprocessor, and 132 KB, which one of the 132 multiprocessors of an H200 reads in
// 7,000 cycles of its share. A step has a chain of 8 inverse roots, of some 55 cycles
// each with the products between, of a product of tiles by one warp, of the solution of a
// row, and of two barriers: 1,200 cycles or so, 32 times, of which the 25,000 cycles of
// taking panels off hide a part only, and 10,000 cycles of the solution back: a third of the
// peak or somewhat less. At orders up to 160 two blocks fill each other's pauses.
#pragma once

#include "wide_tiles.cuh"

// load_wide_system brings a system to the registers and the shared memory of a block, with
// the unit matrix and zeros beyond its unknowns.
template <typename S>
__device__ inline void load_wide_system(
		const float *a, int64 a_stride, const float *b, int unknowns, WideSystem<S> &s,
		float (&tile)[S::tile][S::tile]) {
	Member m = wide_member<S>(s);
	const float *from = a + m.row * S::tile * a_stride + m.column * S::tile;
	int rows = m.row < 0 ? 0 : unknowns - m.row * S::tile; // of the system, in the tile and below
	bool diagonal = m.row == m.column;
#pragma unroll
	for (int i = 0; i < S::tile; i++) {
#pragma unroll
		for (int j = 0; j < S::tile; j++) {
			tile[i][j] = i < rows && (j <= i || !diagonal) ? from[j] : 0.0f;
		}
		if (diagonal && i >= rows) {
			tile[i][i] = 1;
		}
		from += a_stride;
	}
	if (m.thread < S::rank) {
		s.right[m.thread] = m.thread < unknowns ? b[m.thread] : 0.0f;
	}
	if (m.thread == 0) {
		s.failed = 0; // which this thread changes first
	}
	if (m.row >= 0 && diagonal) {
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
			s.diagonal[m.row * S::tile + i] = tile[i][i]; // which this thread alone reads
		}
	}
}

template <typename S>
__device__ inline void solve_spd_wide(
		const float *a, int64 a_stride, int64 a_step, float *b, int64 b_stride, int *info, int unknowns) {
	__shared__ WideSystem<S> s;
	take_places<S>(unknowns, s);
	float *x = b + blockIdx.x * b_stride;
	float tile[S::tile][S::tile];
	load_wide_system<S>(a + blockIdx.x * a_step, a_stride, x, unknowns, s, tile);
	factorize_wide<S>(unknowns, unknowns, s, tile);
	substitute_wide<S>(unknowns, s, tile);
	write_row<S>(unknowns, s, wide_member<S>(s), x, info + blockIdx.x);
}

#define SOLVE_SPD_WIDE(name, shape)                                                                              \
	extern "C" __global__ void __launch_bounds__(shape::threads, shape::blocks)                               \
		name(const float *a, int64 a_stride, int64 a_step, float *b, int64 b_stride, int *info, int64 count, \
		     int unknowns) {                                                                              \
		solve_spd_wide<shape>(a, a_stride, a_step, b, b_stride, info, unknowns);                          \
	}
