// Half-steps by Cholesky with the rank as a constant, for ranks up to 128: the system
// of a row stays in registers from its first rating to its factor. Long rows are cut into
// parts, whose sums go to memory for half_step_parts.cuh.
//
// A group of threads, a warp or a block, has a row in hand. The lower triangle of its
// matrix is cut into square tiles, and each thread owns one, or shares one with the
// other threads of its split: split s adds the ratings s, s+splits, … of a panel.
//
//	ratings   a panel at a time: the rows of Y that it names are on their way from
//	          memory into registers, then to one of two buffers in shared memory,
//	          while the panel before is added up; the column ids of the panel after
//	          it are loaded at the same time
//	sum       per rating and thread, 2·tile loads from shared memory for tile²
//	          multiply-adds
//	solve     as tiles.cuh has it
//
// Floor per row of n ratings: n·K²/2 + K³/6 multiply-adds and n·K floats of Y.
//
// What ptxas 12.4 makes of the PTX (registers for compute_80 and compute_90, bytes of
// shared memory of a block, blocks that fit a multiprocessor of four times 16 Ki registers
// and 227 KiB, the threads these have together); nothing is spilled, and the inner loops
// load 16 bytes at a time:
//
//	rank  tile  splits  panel  threads  registers  shared  blocks  together
//	   8     4      10     30    4×32     80, 80    12352       6       768
//	  16     4       3     30    4×32   102, 102    20288       4       512
//	  24     4       3     24      64    99, 102     5696       8       512
//	  32     4       3     24     128     94, 96     7296       5       640
//	  48     4       1     24      96     96, 96    10496       6       576
//	  64     4       1     20     160     94, 96    11504       4       640
//	  96     8       1      8      96   122, 123    21072       5       480
//	 128     8       1     10     160   125, 124    36240       3       480
//
// The machine code for compute_90 has for a rating and a thread, tiles of 8, 64
// multiply-adds and 4 loads of 16 bytes in 73 instructions, and 159 for a panel at rank 128;
// tiles of 4, four ratings at a time, 16 multiply-adds and 2 loads in 19, and 170 for a
// panel at rank 64. Threads take the same quad of each row of Y that they load, so that
// places are computed once; panels are what the threads load in two or three turns. With
// quads numbered through the panel, two ratings at a time and panels of 8 and 16, it was
// 95 instructions a rating at rank 128, panels included, and 34 at rank 64; now 89 and 28.
//
// The expectation, before any measurement: at rank 128 136 of 160 threads have a tile,
// 8,256 of the 8,704 products of the tiles are wanted, and 64 of 89 instructions of
// a rating multiply and add, which together is 58% of the peak while ratings are added.
// The factorization takes 32 barriers; other blocks fill that time in part, so that rows
// of some hundred ratings should reach about 40%. At rank 64 a rating has 16 multiply-adds
// in 28 instructions and 136 of 160 threads: 46%, before the factorization. At rank 16 and
// below the gathering of Y is the limit: 64 bytes a rating.
//
// A rank between two constants counts as the larger. Operands are made to fit by
// kernels of their own, in half_step_operands.cu: Y has rows of the constant rank, aligned to 16
// bytes, with the column of ones of a bias and then zeros; Gram and offset_gram are
// the terms of the system, weight included, with as many zeros; the regularization of
// each row is computed beforehand. The diagonal of unknowns too many is 1.
#pragma once

#include "system_tiles.cuh"

// Shared is the shared memory of a group: that of System, and the ratings in hand.
template <typename S>
struct __align__(16) Shared {
	static_assert(S::panel % S::splits == 0, "splits have as many ratings of a panel");

	union {
		float buffer[2][S::panel * S::rank]; // rows of Y; quads in the order of place
		float factor[S::tiles * S::tile_size]; // once the ratings are added up
	};
	float right[S::rank];
	float diagonal[S::rank];
	float inverse[S::tile];
	int failed;

	int ids[3][S::panel]; // columns, -1 beyond the end
	float weight[3][S::panel];
	float residual[3][S::panel];
};

// place is where a quad of a row of Y is in a buffer: the first quads of all tiles
// side by side, then the second ones, so that threads that read neighbouring tiles
// read neighbouring quads.
template <typename S>
__device__ inline uint32 place(uint32 quad) {
	constexpr uint32 of_tile = S::tile / 4;
	return quad % of_tile * S::side + quad / of_tile;
}

// Rating is what a thread holds of a rating between loading and storing it.
struct Rating {
	int id;
	float value;
};

template <typename S>
__device__ inline Rating load_rating(const Problem &p, int thread, int64 first, int64 end) {
	Rating r = {-1, 0};
	if (thread < S::panel && first + thread < end) {
		r.id = p.columns[first + thread];
		r.value = p.values[first + thread];
	}
	return r;
}

// store_rating writes the terms of a rating to a slot.
template <typename S, typename Memory>
__device__ inline void store_rating(const Problem &p, Memory &s, int slot, int thread, Rating r) {
	if (thread >= S::panel) {
		return;
	}
	float weight = 0, residual = 0;
	if (r.id >= 0) {
		weigh(p.convention, p.alpha, r.value, &weight, &residual);
		if (p.offset) {
			residual -= weight * p.offset[r.id];
		}
	}
	s.ids[slot][thread] = r.id;
	s.weight[slot][thread] = weight;
	s.residual[slot][thread] = residual;
}

// Share is what a thread takes of a panel: a quad of rating number row, and the same of
// every S::taken ratings after it.
struct Share {
	int row; // beyond the panel for a thread without a share
	int quad;
};

template <typename S>
__device__ inline Share share(uint32 thread) {
	Share taken = {(int)(thread / S::quads), (int)(thread % S::quads)};
	if (taken.row >= S::taken) {
		taken.row = S::panel;
	}
	return taken;
}

// load_quad returns quad number n of a share, zeros beyond the end.
template <typename S>
__device__ inline float4 load_quad(const Problem &p, const int *ids, Share taken, int n) {
	int row = taken.row + n * S::taken;
	int id = row < S::panel ? ids[row] : -1;
	if (id < 0) {
		return make_float4(0, 0, 0, 0);
	}
	return *(const float4 *)(p.y + ((uint64)(uint32)id * (uint32)p.y_stride + 4 * taken.quad));
}

template <typename S>
__device__ inline void store_quad(float *buffer, Share taken, int n, float4 q) {
	int row = taken.row + n * S::taken;
	if (row < S::panel) {
		*(float4 *)(buffer + row * S::rank + 4 * place<S>(taken.quad)) = q;
	}
}

// load_tile_row reads the elements of a row of Y that belong to a tile, of which row is
// the first.
template <typename S>
__device__ inline void load_tile_row(float *to, const float *row) {
	for (int i = 0; i < S::tile / 4; i++) {
		load_quad(to + 4 * i, row + 4 * i * S::side);
	}
}

// add_tile adds Σ a(r)·y·yᵀ over the ratings of the split in a panel to a tile.
template <typename S, bool Weighted>
__device__ inline void add_tile(float (&sum)[S::tile][S::tile], const Shared<S> &s, const Member &m, int buffer, int slot) {
	const float *first = s.buffer[buffer] + m.split * S::rank;
	const float *lefts = first + 4 * m.row, *rights = first + 4 * m.column;
#pragma unroll S::unrolled
	for (int n = 0; n < S::depth; n++) {
		float left[S::tile], right[S::tile];
		load_tile_row<S>(left, lefts);
		load_tile_row<S>(right, rights);
		if (Weighted) {
			float weight = s.weight[slot][n * S::splits + m.split];
			for (int i = 0; i < S::tile; i++) {
				left[i] *= weight;
			}
		}
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
#pragma unroll
			for (int j = 0; j < S::tile; j++) {
				sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
			}
		}
		lefts += S::splits * S::rank;
		rights += S::splits * S::rank;
	}
}

// right_place is where unknown j is in a row of a buffer.
template <typename S>
__device__ inline uint32 right_place(uint32 j) { return 4 * place<S>(j / 4) + j % 4; }

// add_right adds Σ residual·y over a panel to b, which a thread holds for the unknowns
// thread, thread + threads, ….
template <typename S>
__device__ inline void add_right(float *b, const Shared<S> &s, int thread, int buffer, int slot) {
	for (int n = 0; n * S::threads < S::rank; n++) {
		int j = n * S::threads + thread;
		if (j < S::rank) {
			int at = right_place<S>(j);
			for (int l = 0; l < S::panel; l++) {
				b[n] = fmaf(s.residual[slot][l], s.buffer[buffer][l * S::rank + at], b[n]);
			}
		}
	}
}

// sum_tiles computes the sums over the ratings first up to end: tiles in registers,
// the right-hand side and the count of ratings in shared memory.
template <typename S, bool Weighted>
__device__ inline void sum_tiles(const Problem &p, Shared<S> &s, const Member &m, int64 first, int64 end, float (&sum)[S::tile][S::tile]) {
	float b[(S::rank + S::threads - 1) / S::threads] = {};
	Share taken = share<S>(m.thread);

	// Panel 0 goes to its buffer, and the ids of panel 1 to their slot.
	store_rating<S>(p, s, 0, m.thread, load_rating<S>(p, m.thread, first, end));
	store_rating<S>(p, s, 1, m.thread, load_rating<S>(p, m.thread, first + S::panel, end));
	group_sync<S>();
	for (int n = 0; n < S::loads; n++) {
		store_quad<S>(s.buffer[0], taken, n, load_quad<S>(p, s.ids[0], taken, n));
	}
	group_sync<S>();

	int buffer = 0, slot = 0;
	for (; first < end; first += S::panel) {
		int next = slot == 2 ? 0 : slot + 1;
		int after = next == 2 ? 0 : next + 1;
		Rating rating = load_rating<S>(p, m.thread, first + 2 * S::panel, end);
		float4 quads[S::loads];
#pragma unroll
		for (int n = 0; n < S::loads; n++) {
			quads[n] = load_quad<S>(p, s.ids[next], taken, n);
		}
		if (m.split < S::splits) {
			add_tile<S, Weighted>(sum, s, m, buffer, slot);
		}
		add_right<S>(b, s, m.thread, buffer, slot);
#pragma unroll
		for (int n = 0; n < S::loads; n++) {
			store_quad<S>(s.buffer[1 - buffer], taken, n, quads[n]);
		}
		store_rating<S>(p, s, after, m.thread, rating);
		buffer = 1 - buffer;
		slot = next;
		group_sync<S>();
	}
	for (int n = 0; n * S::threads < S::rank; n++) {
		int j = n * S::threads + m.thread;
		if (j < S::rank) {
			s.right[j] = b[n];
		}
	}
	add_splits<S>(s, m, sum);
}

// half_step_tiles takes a part of a row or solves a row of the list, each group one: first
// come the parts, of which it writes the sums. Part n has the entries bounds[2n] up to
// bounds[2n+1], counted from the first of the matrix.
template <typename S, bool Weighted>
__device__ inline void half_step_tiles(
		const Problem &p, float *x, int64 x_stride, int *info, const int *rows, int64 row_count,
		const float2 *regularization, float *sums, const int64 *bounds, int64 part_count) {
	__shared__ Shared<S> shared[S::groups];
	int group = S::groups > 1 ? warp_of_block() : 0;
	Shared<S> &s = shared[group];
	Member m = member<S>(S::groups > 1 ? lane_of_warp() : threadIdx.x);
	int64 n = (int64)blockIdx.x * S::groups + group;
	if (n >= part_count + row_count) {
		return;
	}
	bool part = n < part_count;
	int64 row = part ? 0 : rows[n - part_count];
	int64 first = part ? p.offsets[0] + bounds[2 * n] : p.offsets[row];
	int64 end = part ? p.offsets[0] + bounds[2 * n + 1] : p.offsets[row + 1];
	if (m.thread == 0) {
		s.failed = 0;
	}
	if (first == end) {
		write_zeros<S>(p.unknowns, m, x + row * x_stride, info + row, 0);
		return;
	}
	float a[S::tile][S::tile];
	start_tile<S>(p, m, !part, a);
	sum_tiles<S, Weighted>(p, s, m, first, end, a);
	if (part) {
		store_sums<S>(s, m, a, sums + n * sums_size<S>());
		return;
	}
	complete_tiles<S>(p, s, m, regularization[row], a);
	factorize_tiles<S>(p.unknowns, s, m, a);
	substitute_tiles<S>(s, m);
	write_row<S>(p.unknowns, s, m, x + row * x_stride, info + row);
}

#define HALF_STEP_TILES(name, shape, weights)                                                                    \
	extern "C" __global__ void __launch_bounds__(shape::threads * shape::groups, shape::blocks)               \
		name(PROBLEM_PARAMETERS, float *x, int64 x_stride, int *info, const int *rows, int64 row_count,   \
		     const float2 *regularization, float *sums, const int64 *bounds, int64 part_count) {          \
		Problem p = PROBLEM;                                                                              \
		half_step_tiles<shape, weights>(                                                                  \
			p, x, x_stride, info, rows, row_count, regularization, sums, bounds, part_count);         \
	}
