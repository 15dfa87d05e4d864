// Batches of symmetric positive definite systems with the order as a constant, a group
// a system. It costs K³/3 operations and K²/2 elements of memory a system: at order 64
// that is 11 operations a byte, below what a GPU needs to be busy computing, so that
// reading is the limit, and the groups of a multiprocessor read while others factorize.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90, as in
// half_step_tiles.cuh; nothing is spilled:
//
//	order  tile  threads  registers  shared  blocks  together
//	    8     4     4×32     61, 61    1152       8      1024
//	   16     4     4×32     61, 61    3200       8      1024
//	   24     4     4×32     63, 64    6272       8      1024
//	   32     4       64     64, 64    2592      16      1024
//	   48     4       96     60, 61    5408      10       960
//	   64     4      160     60, 61    9248       6       960
//	   96     8       96   111, 112   20784       6       576
//	  128     8      160   111, 112   35888       3       480
//
// The expectation, before any measurement: 100,000 systems of order 64 are 832 MB of
// triangles, in rows whose sectors are 32 bytes, so some 0.9 GB or 0.2 ms at the 4.3 TB/s
// of an H200; their 9.5 GFLOP are 0.15 ms at its peak, of which the short loops of a
// factorization reach a fifth or so: about 0.8 ms.
//
// An order between two constants counts as the larger, with the unit matrix beyond.
#pragma once

#include "tiles.cuh"

// load_system brings the lower triangle and the right-hand side of a system to shared
// memory, row by row, and the tile of a thread to its registers.
template <typename S>
__device__ inline void load_system(
		const float *a, int64 a_stride, const float *b, int unknowns, System<S> &s, const Member &m,
		float (&tile)[S::tile][S::tile]) {
	for (int i = m.thread / 32; i < S::rank; i += S::threads / 32) {
		for (int j = m.thread % 32; j < (i / S::tile + 1) * S::tile; j += 32) {
			float v = i == j ? 1.0f : 0.0f;
			if (i < unknowns && j <= i) {
				v = a[i * a_stride + j];
			}
			s.factor[tile_number(i / S::tile, j / S::tile) * S::tile_size + i % S::tile * S::tile + j % S::tile] = v;
		}
	}
	for (int j = m.thread; j < S::rank; j += S::threads) {
		s.right[j] = j < unknowns ? b[j] : 0.0f;
	}
	if (m.thread == 0) {
		s.failed = 0;
	}
	group_sync<S>();
	if (m.split == 0) {
		const float *from = s.factor + m.tile * S::tile_size;
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
#pragma unroll
			for (int j = 0; j < S::tile; j += 4) {
				load_quad(tile[i] + j, from + i * S::tile + j);
			}
		}
		if (m.row == m.column) {
#pragma unroll
			for (int i = 0; i < S::tile; i++) {
				s.diagonal[m.row * S::tile + i] = tile[i][i]; // which this thread alone reads
			}
		}
	}
}

template <typename S>
__device__ inline void solve_spd_tiles(
		const float *a, int64 a_stride, int64 a_step, float *b, int64 b_stride, int *info, int64 count, int unknowns) {
	__shared__ System<S> shared[S::groups];
	int group = S::groups > 1 ? warp_of_block() : 0;
	System<S> &s = shared[group];
	Member m = member<S>(S::groups > 1 ? lane_of_warp() : threadIdx.x);
	int64 n = (int64)blockIdx.x * S::groups + group;
	if (n >= count) {
		return;
	}
	float tile[S::tile][S::tile];
	float *x = b + n * b_stride;
	load_system<S>(a + n * a_step, a_stride, x, unknowns, s, m, tile);
	factorize_tiles<S>(unknowns, s, m, tile);
	substitute_tiles<S>(s, m);
	write_row<S>(unknowns, s, m, x, info + n);
}

#define SOLVE_SPD_TILES(name, shape)                                                                             \
	extern "C" __global__ void __launch_bounds__(shape::threads * shape::groups, shape::blocks)               \
		name(const float *a, int64 a_stride, int64 a_step, float *b, int64 b_stride, int *info, int64 count, \
		     int unknowns) {                                                                              \
		solve_spd_tiles<shape>(a, a_stride, a_step, b, b_stride, info, count, unknowns);                  \
	}
