// Half-steps by Cholesky of the rows that are cut into parts, with the rank as a constant:
// a group adds the sums over the parts of a row, which half_step_tiles.cuh has left in
// memory, and goes on as that does. It depends on the convention by the terms over all
// pairs alone.
//
// Where to cut. An H200 has 132 multiprocessors and room for R groups of
// half_step_tiles.cuh at once, 132 times the blocks of its table times the rows of a block.
// Of N ratings each takes N/R, and for a longer row the others wait. A million ratings,
// the least for which more counts than the launches, are
//
//	rank    8    16    24    32    48    64    96    128
//	R    3168  2112  1056   660   792   528   660    396
//	N/R   316   473   947  1515  1263  1894  1515   2525
//
// so that parts have at most 512 ratings where a warp has a row in hand, and 2048 where
// a block has: the longest pieces come first, and short rows fill up. (With parts of 8192
// a group would work 17 times its share at rank 16, and three times at rank 128.) From 128
// parts on they grow instead.
//
// Floor per part: its sums are written and read once, some K²/2 floats. That is 4% of the
// bytes of Y that its ratings name at rank 16, and 7% at rank 128, of rows that are cut.
//
// What ptxas 12.4 makes of the PTX, as in half_step_tiles.cuh; nothing is spilled:
//
//	rank  splits  threads  registers  shared  blocks  together
//	   8      10    4×32     90, 84    1152       5       640
//	  16       3    4×32     88, 88    3200       5       640
//	  24       3      64     88, 88    1568      10       640
//	  32       3     128     88, 88    2592       5       640
//	  48       1      96     80, 80    5408       8       768
//	  64       1     160     80, 80    9248       4       640
//	  96       1      96   126, 128   20784       5       480
//	 128       1     160   126, 128   35888       3       480
//
// The expectation, before any measurement: a data set has some tens or hundreds of such
// rows, one wave of groups, whose time is that of one row: its parts, read by one group at
// some tens of GB/s, 0.7 µs each at rank 128, and the factorization.
#pragma once

#include "system_tiles.cuh"

// half_step_parts solves a row of the list, each group one. Its parts are those from
// first_part[n] up to first_part[n+1] of sums.
template <typename S>
__device__ inline void half_step_parts(
		const Problem &p, float *x, int64 x_stride, int *info, const int *rows, int64 row_count,
		const float2 *regularization, const float *sums, const int64 *first_part) {
	__shared__ System<S> shared[S::groups];
	int group = S::groups > 1 ? warp_of_block() : 0;
	System<S> &s = shared[group];
	Member m = member<S>(S::groups > 1 ? lane_of_warp() : threadIdx.x);
	int64 n = (int64)blockIdx.x * S::groups + group;
	if (n >= row_count) {
		return;
	}
	if (m.thread == 0) {
		s.failed = 0;
	}
	int64 row = rows[n], first = first_part[n];
	float a[S::tile][S::tile];
	start_tile<S>(p, m, true, a);
	add_parts<S>(s, m, sums + first * sums_size<S>(), first_part[n + 1] - first, a);
	complete_tiles<S>(p, s, m, regularization[row], a);
	factorize_tiles<S>(p.unknowns, s, m, a);
	substitute_tiles<S>(s, m);
	write_row<S>(p.unknowns, s, m, x + row * x_stride, info + row);
}

#define HALF_STEP_PARTS(name, shape)                                                                             \
	extern "C" __global__ void __launch_bounds__(shape::threads * shape::groups, shape::blocks)               \
		name(PROBLEM_PARAMETERS, float *x, int64 x_stride, int *info, const int *rows, int64 row_count,   \
		     const float2 *regularization, const float *sums, const int64 *first_part) {                  \
		Problem p = PROBLEM;                                                                              \
		half_step_parts<shape>(p, x, x_stride, info, rows, row_count, regularization, sums, first_part);  \
	}
