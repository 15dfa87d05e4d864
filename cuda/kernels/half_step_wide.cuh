// Half-steps by Cholesky with the rank as a constant, for ranks of 129 to 256: the system
// of a row stays in the registers of a block from its first rating to its solution.
//
//	ratings   a panel at a time: warps that own no tile bring the rows of Y from memory
//	          to one of two buffers while the others add up the panel before, for
//	          beside a tile there are no registers for what is on its way
//	sum       4 loads of 16 bytes from shared memory for 64 multiply-adds; with
//	          weights, a second pair of buffers holds the rows times theirs, so that
//	          the loop is the same with and without
//	solve     as wide_tiles.cuh has it
//
// A row of many ratings is cut into parts, and operands are made to fit, as
// half_step_tiles.cuh says. half_step_wide_parts.cu adds parts up.
//
// Floor per row of n ratings: n·K²/2 + K³/6 multiply-adds and n·K floats of Y.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90, as in
// half_step_tiles.cuh; nothing is spilled:
//
//	rank  tile  owners  loaders  registers  shared  blocks  together
//	 160     8     224       32   128, 123   23184       2       512
//	 256     8     544       96     96, 96   37776       1       640
//
// Tiles of rank 256 need 17 warps, so that one partition of a multiprocessor has 5, and a
// thread 102 of its 512 registers at most. With loads on the way in the registers of all
// threads, as half_step_tiles.cuh has them, 40 to 128 bytes were spilled at 96.
//
// The expectation, before any measurement: at rank 256 the partition with 5 warps takes
// 2,770 cycles for a panel of 8 ratings, 68 instructions of each warp for a rating with 64
// multiply-adds, and the floor is 2,060: 74% of the peak while ratings are added up, with
// 1 KB of Y for a rating at 0.7 TB/s in all. The solution takes 65,000 cycles, as
// solve_spd_wide.cuh says, where the floor is 22,000, and nothing else is on the
// multiprocessor in the meantime: rows of 100 ratings should reach 45% of the peak, rows of
// 1,000 67%. At rank 160 the partitions are even, and the two blocks fill each other's
// pauses: somewhat more.
#pragma once

#include "system_tiles.cuh"
#include "wide_tiles.cuh"

// WideShared is the shared memory of a block: that of WideSystem, and the ratings in hand.
template <typename S>
struct __align__(16) WideShared {
	float buffer[2][S::panel * S::rank]; // rows of Y, then panels of the factor; quads in the order of wide_quad
	float scaled[2][S::panel * S::rank]; // the rows of Y times their weights
	float right[S::rank];
	float diagonal[S::rank];
	Place places[S::threads];
	int failed;

	int count;   // of the ratings
	int64 first; // of them

	// Panel n of the ratings is in slot n%4.
	int ids[4][S::panel]; // columns, -1 beyond the end
	float weight[4][S::panel];
	float residual[4][S::panel];
};

// Rating is a rating on its way.
struct Rating {
	int id; // its column, -1 beyond the end
	float value;
};

template <typename S>
__device__ inline Rating load_rating(const Problem &p, const WideShared<S> &s, int panel, int l) {
	Rating r = {-1, 0};
	int n = panel * S::panel + l;
	if (n < s.count) {
		r.id = p.columns[s.first + n];
		r.value = p.values[s.first + n];
	}
	return r;
}

// store_rating writes the terms of a rating, but for its offset.
template <typename S>
__device__ inline void store_rating(const Problem &p, WideShared<S> &s, int panel, int l, Rating r) {
	float weight = 0, target = 0;
	if (r.id >= 0) {
		weigh(p.convention, p.alpha, r.value, &weight, &target);
	}
	s.ids[panel % 4][l] = r.id;
	s.weight[panel % 4][l] = weight;
	s.residual[panel % 4][l] = target;
}

// load_quads brings a share of the rows of Y of a panel to their buffer, some quads at a time.
template <typename S>
__device__ inline void load_quads(const Problem &p, WideShared<S> &s, int loader, int panel) {
	float *buffer = s.buffer[panel % 2], *scaled = s.scaled[panel % 2];
	constexpr int size = S::panel * S::quads;
#pragma unroll 1
	for (int first = loader; first < size; first += S::batch * S::loaders) {
		float4 quads[S::batch];
#pragma unroll
		for (int i = 0; i < S::batch; i++) {
			int n = first + i * S::loaders;
			int id = n < size ? s.ids[panel % 4][n / S::quads] : -1;
			quads[i] = make_float4(0, 0, 0, 0);
			if (id >= 0) {
				quads[i] = *(const float4 *)(p.y + id * p.y_stride + n % S::quads * 4);
			}
		}
#pragma unroll
		for (int i = 0; i < S::batch; i++) {
			int n = first + i * S::loaders;
			if (n < size) {
				float4 q = quads[i];
				int l = n / S::quads;
				int at = l * S::rank + wide_quad<S>(n % S::quads / 2, n % 2);
				*(float4 *)(buffer + at) = q;
				if (weighted(p.convention)) {
					float w = s.weight[panel % 4][l];
					*(float4 *)(scaled + at) = make_float4(w * q.x, w * q.y, w * q.z, w * q.w);
				}
			}
		}
	}
}

// load_panel is what a loader does for a panel, whose ratings are in their slot: it brings
// its share of Y, and the first ones a rating each of the panel after it, and the offset of
// a rating of this one.
template <typename S>
__device__ inline void load_panel(const Problem &p, WideShared<S> &s, int loader, int panel) {
	if (loader < S::panel) {
		Rating next = load_rating<S>(p, s, panel + 1, loader);
		int id = s.ids[panel % 4][loader];
		if (p.offset && id >= 0) {
			s.residual[panel % 4][loader] -= s.weight[panel % 4][loader] * p.offset[id];
		}
		store_rating<S>(p, s, panel + 1, loader, next);
	}
	load_quads<S>(p, s, loader, panel);
}

// add_ratings adds Σ a(r)·y·yᵀ over a panel to a tile.
template <typename S>
__device__ inline void add_ratings(const Problem &p, const WideShared<S> &s, Place place, int panel, float (&sum)[S::tile][S::tile]) {
	const float *rights = s.buffer[panel % 2];
	const float *lefts = weighted(p.convention) ? s.scaled[panel % 2] : rights;
#pragma unroll
	for (int l = 0; l < S::panel; l++) {
		float left[S::tile], right[S::tile];
		load_wide<S>(left, lefts + l * S::rank, place.row);
		load_wide<S>(right, rights + l * S::rank, place.column);
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
#pragma unroll
			for (int j = 0; j < S::tile; j++) {
				sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
			}
		}
	}
}

// add_residuals adds Σ residual·y over a panel to element j of the right-hand side.
template <typename S>
__device__ inline void add_residuals(WideShared<S> &s, int j, int panel) {
	const float *y = s.buffer[panel % 2] + wide_place<S>(j);
	float sum = s.right[j];
#pragma unroll
	for (int l = 0; l < S::panel; l++) {
		sum = fmaf(s.residual[panel % 4][l], y[l * S::rank], sum);
	}
	s.right[j] = sum;
}

// sum_wide adds up the ratings of a block: tiles in registers, and each thread an element
// of the right-hand side in shared memory. It ends with a barrier.
template <typename S>
__device__ inline void sum_wide(const Problem &p, WideShared<S> &s, float (&sum)[S::tile][S::tile]) {
	if (threadIdx.x < S::rank) {
		s.right[threadIdx.x] = 0;
	} else if (threadIdx.x < S::rank + S::panel) {
		int l = threadIdx.x - S::rank;
		store_rating<S>(p, s, 0, l, load_rating<S>(p, s, 0, l));
	}
	__syncthreads();
	// A turn adds up the panel before that it loads; the first loads panel 0 alone.
	for (int panel = 0; panel == 0 || (panel - 1) * S::panel < s.count; panel++) {
		Place place = s.places[threadIdx.x];
		if (place.row < 0) {
			if (place.column >= 0) {
				load_panel<S>(p, s, place.column, panel);
			}
		} else if (panel > 0) {
			add_ratings<S>(p, s, place, panel - 1, sum);
		}
		if (panel > 0 && threadIdx.x < S::rank) {
			add_residuals<S>(s, threadIdx.x, panel - 1);
		}
		__syncthreads();
	}
}

// half_step_wide takes a part of a row or solves a row of the list, each block one: first
// come the parts, of which it writes the sums. Part n has the entries bounds[2n] up to
// bounds[2n+1], counted from the first of the matrix. If pairs_step is not 0, then each row
// has terms over all pairs of its own, so many floats after those of the row before, and
// they have the sums over its ratings in them.
template <typename S>
__device__ inline void half_step_wide(
		Problem p, float *x, int64 x_stride, int *info, const int *rows, const float2 *regularization,
		float *sums, const int64 *bounds, int64 part_count, int64 pairs_step) {
	__shared__ WideShared<S> s;
	int64 n = blockIdx.x;
	bool part = n < part_count;
	int64 row = part ? 0 : rows[n - part_count];
	int64 first = part ? p.offsets[0] + bounds[2 * n] : p.offsets[row];
	int64 end = part ? p.offsets[0] + bounds[2 * n + 1] : p.offsets[row + 1];
	if (first == end) {
		write_zeros<S>(p.unknowns, member<S>(threadIdx.x), x + row * x_stride, info + row, 0);
		return;
	}
	if (threadIdx.x == 0) {
		s.failed = 0;
		s.first = first;
		s.count = pairs_step ? 0 : (int)(end - first);
	}
	p.gram += n * pairs_step;
	take_places<S>(p.unknowns, s);
	float a[S::tile][S::tile];
	start_tile<S>(p, wide_member<S>(s), !part, a);
	__syncthreads();
	sum_wide<S>(p, s, a);
	if (blockIdx.x < part_count) {
		store_sums<S>(s, wide_member<S>(s), a, sums + blockIdx.x * sums_size<S>());
		return;
	}
	p.offset_gram += blockIdx.x * pairs_step;
	rows += blockIdx.x - part_count; // read again, as places are
	complete_tiles<S>(p, s, wide_member<S>(s), regularization[*rows], a);
	factorize_wide<S>(p.unknowns, p.unknowns, s, a);
	substitute_wide<S>(p.unknowns, s, a);
	write_row<S>(p.unknowns, s, wide_member<S>(s), x + *rows * x_stride, info + *rows);
}

#define HALF_STEP_WIDE(name, shape)                                                                              \
	extern "C" __global__ void __launch_bounds__(shape::threads, shape::blocks)                               \
		name(PROBLEM_PARAMETERS, float *x, int64 x_stride, int *info, const int *rows, int64 row_count,   \
		     const float2 *regularization, float *sums, const int64 *bounds, int64 part_count,            \
		     int64 pairs_step) {                                                                          \
		Problem p = PROBLEM;                                                                              \
		half_step_wide<shape>(                                                                            \
			p, x, x_stride, info, rows, regularization, sums, bounds, part_count, pairs_step);        \
	}
