// Half-steps by NonNegative with the rank as a constant, for ranks up to 128: block
// principal pivoting as nonnegative.cuh has it, with the factorization in registers that
// tiles.cuh has. The sums over the ratings come from memory, where half_step_tiles.cuh has
// left them.
//
// A split of the unknowns that is tried is a system of the constant rank in which an
// active unknown has the row and the column of the unit matrix and nothing on the right:
// nothing is gathered into a smaller one, and threads keep their tiles.
//
//	split     each thread loads its tile of the matrix and takes out what is active
//	solve     as tiles.cuh has it
//	gradient  each thread multiplies its tile, and its transpose, by the solution; the
//	          thread of an unknown adds up the products of the tiles beside each other
//	signs     the thread of an unknown judges it; the first thread counts the verdicts,
//	          bits of a few words, and exchanges
//
// Floor per row of n ratings and t splits tried: n·K²/2 + t·(K³/6 + 2·K²) multiply-adds,
// n·K floats of Y, and (t+1)·K² floats of the matrix, which is written once and read twice
// for a split. A batch of rows has 64 MB of matrices at most, about what the second-level
// cache of an H200 holds; those in hand on a multiprocessor, three of 35 KB at rank 128,
// fit its first level beside shared memory.
//
// What ptxas 12.4 makes of the PTX, as in half_step_tiles.cuh; nothing is spilled:
//
//	rank  threads  registers  shared  blocks  together
//	   8     4×32     88, 92    1248       5       640
//	  16     4×32     88, 90    3296       5       640
//	  24     4×32     88, 90    6368       5       640
//	  32       64     88, 88    2616      10       640
//	  48       96     86, 88    5444       6       576
//	  64      160     86, 88    9284       4       640
//	  96       96   128, 128   20832       5       480
//	 128      160   128, 128   35948       3       480
//
// The expectation, before any measurement: a split costs what a system of solve_spd_tiles.cuh
// does, a fifth or so of the peak for its K³/6, and rows take some five of them, so that at
// rank 64 and below a few hundred ratings the solution costs more than the sums. Tried, by
// ptxas alone: state of the exchange in registers, the gradient's loop unrolled and tiles of
// parts loaded whole spilled 40 bytes at ranks 96 and 128.
#pragma once

#include "nonnegative.cuh"
#include "system_tiles.cuh"

// Pivoting is where the group of a row stands; words have a bit for each of 32 unknowns.
template <typename S>
struct Pivoting {
	static constexpr int words = (S::rank + 31) / 32;
	uint32 passive[words];
	uint32 misplaced[words];
	float largest[words]; // magnitude of the passive unknowns

	// Of the first thread alone, but for negative.
	int fewest;   // misplaced unknowns so far
	int backups;  // full exchanges left that need not make it fewer
	int negative; // misplaced unknowns now

	static_assert(S::rank <= S::threads, "an unknown has a thread");
	static_assert(2 * S::side * S::rank <= S::tiles * S::tile_size, "products fit the factor");
};

// announce sets a bit for each thread of the group that has an unknown.
template <typename S>
__device__ inline void announce(uint32 *words, const Member &m, bool bit) {
	uint32 word = __ballot_sync(full_warp, bit);
	if (m.thread % 32 == 0 && m.thread < S::rank) {
		words[m.thread / 32] = word;
	}
}

// is_passive reports on the unknown of a thread.
template <typename S>
__device__ inline bool is_passive(const Pivoting<S> &v, const Member &m) {
	return m.thread < S::rank && v.passive[m.thread / 32] >> m.thread % 32 & 1;
}

// passive_of returns the bits of the unknowns of row or column number n of tiles.
template <typename S>
__device__ inline uint32 passive_of(const Pivoting<S> &v, int n) {
	return v.passive[n * S::tile / 32] >> n * S::tile % 32;
}

// exchange counts the misplaced unknowns and has them change sides, all while that makes
// their number fall and backup_steps times more, else the last alone. It ends with a
// barrier.
template <typename S>
__device__ inline void exchange(Pivoting<S> &v, const Member &m) {
	if (m.thread == 0) {
		int negative = 0, last = 0;
		for (int w = 0; w < Pivoting<S>::words; w++) {
			if (v.misplaced[w]) {
				negative += __popc(v.misplaced[w]);
				last = 32 * w + 31 - __clz(v.misplaced[w]);
			}
		}
		bool all = true;
		if (negative < v.fewest) {
			v.fewest = negative;
			v.backups = backup_steps;
		} else if (v.backups > 0) {
			v.backups--;
		} else {
			all = false;
		}
		for (int w = 0; w < Pivoting<S>::words; w++) {
			v.passive[w] ^= all ? v.misplaced[w] : w == last / 32 ? 1u << last % 32 : 0u;
		}
		v.negative = negative;
	}
	group_sync<S>();
}

// load_passive loads a tile of the matrix with the unit matrix in place of what is active.
template <typename S>
__device__ inline void load_passive(System<S> &s, const Pivoting<S> &v, const float *matrix, const Member &m, float (&a)[S::tile][S::tile]) {
	uint32 rows = passive_of(v, m.row), columns = passive_of(v, m.column);
#pragma unroll
	for (int e = 0; e < S::tile_size; e += 4) {
		int i = e / S::tile;
		float quad[4];
		load_quad(quad, matrix + e * S::tiles + 4 * m.tile);
#pragma unroll
		for (int k = 0; k < 4; k++) {
			int j = e % S::tile + k;
			bool wanted = rows >> i & columns >> j & 1;
			a[i][j] = wanted ? quad[k] : m.row == m.column && i == j ? 1.0f : 0.0f;
		}
	}
	if (m.row == m.column) {
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
			s.diagonal[m.row * S::tile + i] = a[i][i];
		}
	}
}

// multiply_tile writes the products of a tile and of its transpose with x: that of row i
// with the unknowns of tile column c is element i of row c of products. Those of the
// magnitudes are side·rank elements after them.
template <typename S>
__device__ inline void multiply_tile(const float *matrix, const Member &m, const float *x, float *products) {
	float *sizes = products + S::side * S::rank;
	const float *above = x + m.column * S::tile;
	float sums[S::tile] = {}, magnitudes[S::tile] = {}; // of the transpose
#pragma unroll S::ahead
	for (int i = 0; i < S::tile; i++) {
		float left = x[m.row * S::tile + i], sum = 0, magnitude = 0;
#pragma unroll
		for (int j = 0; j < S::tile; j += 4) {
			float quad[4];
			load_quad(quad, matrix + (i * S::tile + j) * S::tiles + 4 * m.tile);
#pragma unroll
			for (int k = 0; k < 4; k++) {
				float term = quad[k] * above[j + k], transposed = quad[k] * left;
				sum += term;
				magnitude += fabsf(term);
				sums[j + k] += transposed;
				magnitudes[j + k] += fabsf(transposed);
			}
		}
		products[m.column * S::rank + m.row * S::tile + i] = sum;
		sizes[m.column * S::rank + m.row * S::tile + i] = magnitude;
	}
	if (m.row != m.column) {
#pragma unroll
		for (int j = 0; j < S::tile; j++) {
			products[m.row * S::rank + m.column * S::tile + j] = sums[j];
			sizes[m.row * S::rank + m.column * S::tile + j] = magnitudes[j];
		}
	}
}

// find_misplaced judges the solution x, signs with rounding in mind as find_misplaced of
// nonnegative.cuh, and announces who is misplaced. It begins and ends with a barrier.
template <typename S>
__device__ inline void find_misplaced(
		const Problem &p, System<S> &s, Pivoting<S> &v, const Member &m, const float *matrix) {
	bool passive = is_passive(v, m);
	float x = m.thread < S::rank ? s.right[m.thread] : 0.0f;
	float largest = passive ? fabsf(x) : 0.0f;
	for (int distance = 16; distance > 0; distance /= 2) {
		largest = fmaxf(largest, __shfl_xor_sync(full_warp, largest, distance));
	}
	if (m.thread % 32 == 0 && m.thread < S::rank) {
		v.largest[m.thread / 32] = largest;
	}
	if (m.split == 0) {
		multiply_tile<S>(matrix, m, s.right, s.factor);
	}
	group_sync<S>();
	float value = x, scale = 0;
	if (passive) {
		for (int w = 0; w < Pivoting<S>::words; w++) {
			scale = fmaxf(scale, v.largest[w]);
		}
	} else if (m.thread < S::rank) {
		value = -matrix[S::tiles * S::tile_size + m.thread];
		scale = fabsf(value);
		for (int c = 0; c < S::side; c++) {
			value += s.factor[c * S::rank + m.thread];
			scale += s.factor[(S::side + c) * S::rank + m.thread];
		}
	}
	announce<S>(v.misplaced, m, m.thread < p.stored && !(value >= -pivot_tolerance(p.unknowns) * scale));
	group_sync<S>();
}

// solve_nonnegative sets s.right to the solution, of which thread i has element i, of the
// system that store_sums has written. Returns as solve_nonnegative of nonnegative.cuh does.
template <typename S>
__device__ inline int solve_nonnegative(const Problem &p, System<S> &s, Pivoting<S> &v, const Member &m, const float *matrix) {
	const float *b = matrix + S::tiles * S::tile_size; // of which each thread has written its own
	if (m.thread == 0) {
		v.fewest = p.unknowns + 1;
	}
	announce<S>(v.passive, m, m.thread < p.stored ? b[m.thread] > 0 : m.thread < p.unknowns);
	group_sync<S>();
	int tries = max(splits_per_unknown * p.unknowns, splits_at_least);
#pragma unroll 1
	for (int n = 0; n < tries; n++) {
		float a[S::tile][S::tile];
		if (m.split == 0) {
			load_passive<S>(s, v, matrix, m, a);
		}
		if (m.thread < S::rank) {
			s.right[m.thread] = is_passive(v, m) ? b[m.thread] : 0.0f;
		}
		factorize_tiles<S>(p.unknowns, s, m, a);
		substitute_tiles<S>(s, m);
		if (s.failed) {
			return s.failed;
		}
		find_misplaced<S>(p, s, v, m, matrix);
		exchange(v, m);
		if (v.negative == 0) {
			if (m.thread < p.stored) {
				s.right[m.thread] = fmaxf(s.right[m.thread], 0.0f);
			}
			return 0;
		}
	}
	return -1;
}

// half_step_nonnegative solves a row of the list, each group one. Its sums are those of
// the parts from first_part[n] up to first_part[n+1], of which the first is overwritten
// with the matrix.
template <typename S>
__device__ inline void half_step_nonnegative(
		const Problem &p, float *x, int64 x_stride, int *info, const int *rows, int64 row_count,
		const float2 *regularization, float *sums, const int64 *first_part) {
	__shared__ System<S> shared[S::groups];
	__shared__ Pivoting<S> pivoting[S::groups];
	int group = S::groups > 1 ? warp_of_block() : 0;
	System<S> &s = shared[group];
	Member m = member<S>(S::groups > 1 ? lane_of_warp() : threadIdx.x);
	int n = blockIdx.x * S::groups + group;
	if (n >= row_count) {
		return;
	}
	if (m.thread == 0) {
		s.failed = 0;
	}
	int64 first = first_part[n], parts = first_part[n + 1] - first;
	if (parts == 0) {
		write_zeros<S>(p.unknowns, m, x + rows[n] * x_stride, info + rows[n], 0);
		return;
	}
	float *matrix = sums + first * sums_size<S>();
	float a[S::tile][S::tile];
	start_tile<S>(p, m, true, a);
	add_parts<S>(s, m, matrix, parts, a);
	complete_tiles<S>(p, s, m, regularization[rows[n]], a);
	store_sums<S>(s, m, a, matrix);
	int failed = solve_nonnegative<S>(p, s, pivoting[group], m, matrix);
	if (failed) {
		write_zeros<S>(p.unknowns, m, x + rows[n] * x_stride, info + rows[n], failed);
		return;
	}
	write_row<S>(p.unknowns, s, m, x + rows[n] * x_stride, info + rows[n]);
}

#define HALF_STEP_NONNEGATIVE(name, shape)                                                                       \
	extern "C" __global__ void __launch_bounds__(shape::threads * shape::groups, shape::blocks)               \
		name(PROBLEM_PARAMETERS, float *x, int64 x_stride, int *info, const int *rows, int64 row_count,   \
		     const float2 *regularization, float *sums, const int64 *first_part) {                        \
		Problem p = PROBLEM;                                                                              \
		half_step_nonnegative<shape>(p, x, x_stride, info, rows, row_count, regularization, sums, first_part); \
	}
