// Half-steps by Cholesky with the rank as a constant, for ranks up to 128: the system
// of a row stays in registers from its first rating to its factor.
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
//	factor    tile column by tile column: the owner of the diagonal tile factorizes
//	          it, the owners of the tiles below solve theirs against it, those to the
//	          right take their products off: two barriers a tile column
//	solve     forward along with the factorization, then back by the tiles of the
//	          factor, which shared memory holds by then
//
// Floor per row of n ratings: n·K²/2 + K³/6 multiply-adds and n·K floats of Y.
//
// What ptxas 12.4 makes of the PTX (registers for compute_80 and compute_90, bytes of
// shared memory of a block, blocks that fit a multiprocessor of 64 Ki registers and
// 227 KiB, the threads these have together); nothing is spilled, and the inner loops
// load 16 bytes at a time:
//
//	rank  tile  splits  threads  registers  shared  blocks  together
//	   8     4      10    4×32     80, 80    12352       6       768
//	  16     4       3    4×32   107, 110    20288       4       512
//	  24     4       3      64   123, 121     5696       8       512
//	  32     4       3     128   114, 109     7296       4       512
//	  48     4       1      96     91, 90     7136       7       672
//	  64     4       1     160     88, 89     9824       4       640
//	  96     8       1      96   128, 128    21072       5       480
//	 128     8       1     160   127, 128    36176       3       480
//
// The expectation, before any measurement: at rank 128 136 of 160 threads have a tile,
// 8,256 of the 8,704 products of the tiles are wanted, and 64 of some 72 instructions of
// a rating multiply and add, which together is 72% of the peak while ratings are added.
// The factorization takes 32 barriers; other blocks fill that time in part, so that rows
// of some hundred ratings should reach about half of the peak. At rank 64 a rating has
// 16 multiply-adds in some 22 instructions and 136 of 160 threads: 59%, before the
// factorization. At rank 16 and below the gathering of Y is the limit: 64 bytes a rating.
//
// A rank between two constants counts as the larger. Operands are made to fit by
// kernels of their own, in pad.cu: Y has rows of the constant rank, aligned to 16
// bytes, with the column of ones of a bias and then zeros; Gram and offset_gram are
// the terms of the system, weight included, with as many zeros; the regularization of
// each row is computed beforehand. The diagonal of unknowns too many is 1.
#pragma once

#include "problem.cuh"
#include "triangle.cuh"

// Shape is how a rank is cut.
template <int Rank, int Tile, int Splits, int Threads, int Panel, int Groups, int Blocks>
struct Shape {
	static constexpr int rank = Rank;       // unknowns, rounded up
	static constexpr int tile = Tile;       // rows and columns of a tile
	static constexpr int splits = Splits;   // threads that share a tile
	static constexpr int threads = Threads; // of a group; 32 where a group is a warp
	static constexpr int panel = Panel;     // ratings
	static constexpr int groups = Groups;   // of a block
	static constexpr int blocks = Blocks;   // of a multiprocessor, at least

	static constexpr int side = rank / tile;
	static constexpr int tiles = side * (side + 1) / 2;
	static constexpr int tile_size = tile * tile;
	static constexpr int quads = rank / 4; // of floats, in a row of Y
	static constexpr int loads = (panel * quads + threads - 1) / threads; // of quads, by a thread
	static constexpr int ahead = tile == 4 ? 2 : 1; // ratings in registers: where they have room
	static constexpr int depth = (panel + splits - 1) / splits; // ratings of a panel in a split

	static_assert(rank % tile == 0 && tile % 4 == 0, "tiles are made of quads");
	static_assert(tiles * splits < threads, "a thread is left for the right-hand side");
	static_assert(panel <= threads, "a thread loads the id of a rating");
	static_assert(groups == 1 || threads == 32, "several groups in a block are warps");
};

// Shared is the shared memory of a group.
template <typename S>
struct __align__(16) Shared {
	union {
		float buffer[2][S::panel * S::rank]; // rows of Y; quads in the order of place
		float factor[S::tiles * S::tile_size]; // once the ratings are added up
	};
	float right[S::rank];   // b, then z, then x
	float diagonal[S::rank]; // of the matrix, as it was
	float inverse[S::tile];  // of the diagonal of the tile of the factor in hand
	int ids[3][S::panel];   // columns, -1 beyond the end
	float weight[3][S::panel];
	float residual[3][S::panel];
	int failed;  // 0, or the first pivot that failed, counted from 1
};

// tile_number is the place of a tile of the lower triangle, as tile_at counts.
__device__ inline int tile_number(int row, int column) { return row * (row + 1) / 2 + column; }

// group_sync is a barrier of the group.
template <typename S>
__device__ inline void group_sync() {
	if (S::groups > 1) {
		__syncwarp();
	} else {
		__syncthreads();
	}
}

// place is where a quad of a row of Y is in a buffer: the first quads of all tiles
// side by side, then the second ones, so that threads that read neighbouring tiles
// read neighbouring quads.
template <typename S>
__device__ inline int place(int quad) {
	constexpr int of_tile = S::tile / 4;
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
template <typename S>
__device__ inline void store_rating(const Problem &p, Shared<S> &s, int slot, int thread, Rating r) {
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

// load_quad returns quad number n of a panel, zeros beyond the end.
template <typename S>
__device__ inline float4 load_quad(const Problem &p, const int *ids, int n) {
	int id = n < S::panel * S::quads ? ids[n / S::quads] : -1;
	if (id < 0) {
		return make_float4(0, 0, 0, 0);
	}
	return *(const float4 *)(p.y + id * p.y_stride + n % S::quads * 4);
}

template <typename S>
__device__ inline void store_quad(float *buffer, int n, float4 q) {
	if (n < S::panel * S::quads) {
		int row = n / S::quads;
		*(float4 *)(buffer + row * S::rank + 4 * place<S>(n % S::quads)) = q;
	}
}

__device__ inline void load_quad(float *to, const float *from) {
	float4 q = *(const float4 *)from;
	to[0] = q.x;
	to[1] = q.y;
	to[2] = q.z;
	to[3] = q.w;
}

// load_tile_row reads the elements of a row of Y that belong to a tile.
template <typename S>
__device__ inline void load_tile_row(float *to, const float *row, int tile) {
	for (int i = 0; i < S::tile / 4; i++) {
		load_quad(to + 4 * i, row + 4 * (i * S::side + tile));
	}
}

// Member is a thread of a group: which tile it owns, of which split it is.
struct Member {
	int thread;
	int split; // beyond the splits for a thread without a tile
	int row, column;
	int tile;
};

template <typename S>
__device__ inline Member member(int thread) {
	Member m;
	m.thread = thread;
	m.split = thread / S::tiles;
	m.tile = thread % S::tiles;
	tile_at(m.tile, &m.row, &m.column);
	return m;
}

// add_tile adds Σ a(r)·y·yᵀ over the ratings of the split in a panel to a tile.
template <typename S, bool Weighted>
__device__ inline void add_tile(float (&sum)[S::tile][S::tile], const Shared<S> &s, const Member &m, int buffer, int slot) {
#pragma unroll S::ahead
	for (int n = 0; n < S::depth; n++) {
		int l = n * S::splits + m.split;
		if (S::panel % S::splits != 0 && l >= S::panel) {
			break;
		}
		const float *y = s.buffer[buffer] + l * S::rank;
		float left[S::tile], right[S::tile];
		load_tile_row<S>(left, y, m.row);
		load_tile_row<S>(right, y, m.column);
		if (Weighted) {
			float weight = s.weight[slot][l];
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
	}
}

// right_place is where unknown j is in a row of a buffer.
template <typename S>
__device__ inline int right_place(int j) { return 4 * place<S>(j / 4) + j % 4; }

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

// add_splits adds the tiles of the other splits to those of the first, in order. It
// ends with a barrier.
template <typename S>
__device__ inline void add_splits(Shared<S> &s, const Member &m, float (&sum)[S::tile][S::tile]) {
	for (int split = 1; split < S::splits; split++) {
		float *sums = s.factor + m.tile * S::tile_size;
		if (m.split == split) {
			for (int e = 0; e < S::tile_size; e++) {
				sums[e] = sum[e / S::tile][e % S::tile];
			}
		}
		group_sync<S>();
		if (m.split == 0) {
			for (int e = 0; e < S::tile_size; e++) {
				sum[e / S::tile][e % S::tile] += sums[e];
			}
		}
		group_sync<S>();
	}
	if (S::splits == 1) {
		group_sync<S>();
	}
}

// sum_tiles computes the sums over the ratings first up to end: tiles in registers,
// the right-hand side and the count of ratings in shared memory.
template <typename S, bool Weighted>
__device__ inline void sum_tiles(const Problem &p, Shared<S> &s, const Member &m, int64 first, int64 end, float (&sum)[S::tile][S::tile]) {
	float b[(S::rank + S::threads - 1) / S::threads] = {};

	// Panel 0 goes to its buffer, and the ids of panel 1 to their slot.
	store_rating<S>(p, s, 0, m.thread, load_rating<S>(p, m.thread, first, end));
	store_rating<S>(p, s, 1, m.thread, load_rating<S>(p, m.thread, first + S::panel, end));
	group_sync<S>();
	for (int n = 0; n < S::loads; n++) {
		int quad = n * S::threads + m.thread;
		store_quad<S>(s.buffer[0], quad, load_quad<S>(p, s.ids[0], quad));
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
			quads[n] = load_quad<S>(p, s.ids[next], n * S::threads + m.thread);
		}
		if (m.split < S::splits) {
			add_tile<S, Weighted>(sum, s, m, buffer, slot);
		}
		add_right<S>(b, s, m.thread, buffer, slot);
#pragma unroll
		for (int n = 0; n < S::loads; n++) {
			store_quad<S>(s.buffer[1 - buffer], n * S::threads + m.thread, quads[n]);
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
	add_splits(s, m, sum);
}

// start_tile sets a tile to the terms over all pairs, before the ratings are added, for
// the first split, and to zeros for the others.
template <typename S>
__device__ inline void start_tile(const Problem &p, const Member &m, float (&sum)[S::tile][S::tile]) {
	bool wanted = p.gram && m.split == 0;
	const float *gram = p.gram + m.column * S::tile * p.gram_stride + m.row * S::tile;
#pragma unroll
	for (int j = 0; j < S::tile; j++) {
		float column[S::tile] = {};
#pragma unroll
		for (int i = 0; i < S::tile; i += 4) {
			if (wanted) {
				load_quad(column + i, gram + j * p.gram_stride + i);
			}
		}
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
			sum[i][j] = column[i];
		}
	}
}

// complete_tiles adds the regularization, and to the right-hand side its term over all
// pairs. Unknowns beyond the rank get the unit matrix and zeros.
template <typename S>
__device__ inline void complete_tiles(const Problem &p, Shared<S> &s, const Member &m, float2 regularization, float (&sum)[S::tile][S::tile]) {
	if (p.offset_gram) {
		for (int j = m.thread; j < S::rank; j += S::threads) {
			s.right[j] -= p.offset_gram[j];
		}
	}
	if (m.split == 0 && m.row == m.column) {
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
			int unknown = m.row * S::tile + i;
			sum[i][i] += unknown < p.stored ? regularization.x : unknown < p.unknowns ? regularization.y : 1.0f;
			s.diagonal[unknown] = sum[i][i]; // which this thread alone reads
		}
	}
}

// factorize_tile overwrites the lower triangle of a diagonal tile with its factor and
// writes that to shared memory.
template <typename S>
__device__ inline void factorize_tile(Shared<S> &s, const Member &m, float tolerance, float (&a)[S::tile][S::tile]) {
	float *to = s.factor + m.tile * S::tile_size;
#pragma unroll
	for (int j = 0; j < S::tile; j++) {
		float pivot = a[j][j];
		if (!(pivot > tolerance * s.diagonal[m.row * S::tile + j])) {
			if (!s.failed) {
				s.failed = m.row * S::tile + j + 1;
			}
			pivot = 1; // the row is lost, the threads go on together
		}
		float root = sqrtf(pivot), inverse = 1.0f / root;
		s.inverse[j] = inverse;
		a[j][j] = root;
#pragma unroll
		for (int i = j + 1; i < S::tile; i++) {
			a[i][j] *= inverse;
		}
#pragma unroll
		for (int i = j + 1; i < S::tile; i++) {
#pragma unroll
			for (int k = j + 1; k <= i; k++) {
				a[i][k] = fmaf(-a[i][j], a[k][j], a[i][k]);
			}
		}
	}
#pragma unroll
	for (int j = 0; j < S::tile; j++) {
#pragma unroll
		for (int i = j; i < S::tile; i++) {
			to[j * S::tile + i] = a[i][j];
		}
	}
}

// solve_tile overwrites a tile below a diagonal tile with its part of the factor, and
// writes that to shared memory.
template <typename S>
__device__ inline void solve_tile(Shared<S> &s, const Member &m, float (&a)[S::tile][S::tile]) {
	const float *l = s.factor + tile_number(m.column, m.column) * S::tile_size;
	float *to = s.factor + m.tile * S::tile_size;
#pragma unroll
	for (int j = 0; j < S::tile; j++) {
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
			float v = a[i][j];
#pragma unroll
			for (int k = 0; k < j; k++) {
				v = fmaf(-a[i][k], l[k * S::tile + j], v);
			}
			a[i][j] = v * s.inverse[j];
		}
#pragma unroll
		for (int i = 0; i < S::tile; i += 4) {
			*(float4 *)(to + j * S::tile + i) = make_float4(a[i][j], a[i + 1][j], a[i + 2][j], a[i + 3][j]);
		}
	}
}

// update_tile takes the product of two tiles of a column of the factor off a tile to
// the right of it.
template <typename S>
__device__ inline void update_tile(const Shared<S> &s, const Member &m, int step, float (&a)[S::tile][S::tile]) {
	const float *lefts = s.factor + tile_number(m.row, step) * S::tile_size;
	const float *rights = s.factor + tile_number(m.column, step) * S::tile_size;
#pragma unroll S::ahead
	for (int k = 0; k < S::tile; k++) {
		float left[S::tile], right[S::tile];
#pragma unroll
		for (int i = 0; i < S::tile; i += 4) {
			load_quad(left + i, lefts + k * S::tile + i);
			load_quad(right + i, rights + k * S::tile + i);
		}
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
#pragma unroll
			for (int j = 0; j < S::tile; j++) {
				a[i][j] = fmaf(-left[i], right[j], a[i][j]);
			}
		}
	}
}

// factorize_tiles factorizes the matrix of a group and solves forward. It begins and
// ends with a barrier.
template <typename S>
__device__ inline void factorize_tiles(const Problem &p, Shared<S> &s, const Member &m, float (&a)[S::tile][S::tile]) {
	float tolerance = pivot_tolerance(p.unknowns);
	for (int step = 0; step < S::side; step++) {
		if (m.split == 0 && m.row == step && m.column == step) {
			factorize_tile<S>(s, m, tolerance, a);
		}
		group_sync<S>();
		float *z = s.right + step * S::tile;
		if (m.split == 0 && m.row > step && m.column == step) {
			solve_tile<S>(s, m, a);
		} else if (m.thread == S::threads - 1) {
			const float *l = s.factor + tile_number(step, step) * S::tile_size;
			for (int i = 0; i < S::tile; i++) {
				float v = z[i];
				for (int k = 0; k < i; k++) {
					v = fmaf(-l[k * S::tile + i], z[k], v);
				}
				z[i] = v * s.inverse[i];
			}
		}
		group_sync<S>();
		if (m.split == 0 && m.column > step) {
			update_tile<S>(s, m, step, a);
		}
		for (int j = (step + 1) * S::tile + m.thread; j < S::rank; j += S::threads) {
			const float *l = s.factor + tile_number(j / S::tile, step) * S::tile_size + j % S::tile;
			float v = s.right[j];
			for (int k = 0; k < S::tile; k++) {
				v = fmaf(-l[k * S::tile], z[k], v);
			}
			s.right[j] = v;
		}
	}
	group_sync<S>();
}

// substitute_tiles solves back. It begins after a barrier and ends with one.
template <typename S>
__device__ inline void substitute_tiles(Shared<S> &s, const Member &m) {
	for (int step = S::side - 1; step >= 0; step--) {
		float *x = s.right + step * S::tile;
		const float *l = s.factor + tile_number(step, step) * S::tile_size;
		if (m.thread == S::threads - 1) {
			for (int i = S::tile - 1; i >= 0; i--) {
				float v = x[i];
				for (int k = i + 1; k < S::tile; k++) {
					v = fmaf(-l[i * S::tile + k], x[k], v);
				}
				x[i] = v / l[i * S::tile + i];
			}
		}
		group_sync<S>();
		for (int j = m.thread; j < step * S::tile; j += S::threads) {
			const float *below = s.factor + tile_number(step, j / S::tile) * S::tile_size + j % S::tile * S::tile;
			float v = s.right[j];
			for (int k = 0; k < S::tile; k++) {
				v = fmaf(-below[k], x[k], v);
			}
			s.right[j] = v;
		}
		group_sync<S>();
	}
}

// write_row writes the solution of a row and how it went, as write_solution does.
template <typename S>
__device__ inline void write_row(const Problem &p, Shared<S> &s, const Member &m, float *x, int *info) {
	int failed = s.failed;
	group_sync<S>();
	for (int i = m.thread; i < p.unknowns; i += S::threads) {
		if (!failed && !is_finite(s.right[i])) {
			atomicExch(&s.failed, p.unknowns);
		}
	}
	group_sync<S>();
	failed = s.failed;
	for (int i = m.thread; i < p.unknowns; i += S::threads) {
		x[i] = failed ? 0.0f : s.right[i];
	}
	if (m.thread == 0) {
		*info = failed;
	}
	group_sync<S>();
}

// half_step_tiles solves the rows of the list, a group a row.
template <typename S, bool Weighted>
__device__ inline void half_step_tiles(const Problem &p, float *x, int64 x_stride, int *info, const int *rows, int64 row_count, const float2 *regularization) {
	__shared__ Shared<S> shared[S::groups];
	int group = S::groups > 1 ? warp_of_block() : 0;
	Shared<S> &s = shared[group];
	Member m = member<S>(S::groups > 1 ? lane_of_warp() : threadIdx.x);
	for (int64 n = (int64)blockIdx.x * S::groups + group; n < row_count; n += (int64)gridDim.x * S::groups) {
		int64 row = rows[n];
		int64 first = p.offsets[row], end = p.offsets[row + 1];
		if (m.thread == 0) {
			s.failed = 0;
		}
		if (first == end) {
			for (int i = m.thread; i < p.unknowns; i += S::threads) {
				x[row * x_stride + i] = 0;
			}
			if (m.thread == 0) {
				info[row] = 0;
			}
			continue;
		}
		float a[S::tile][S::tile];
		start_tile<S>(p, m, a);
		sum_tiles<S, Weighted>(p, s, m, first, end, a);
		complete_tiles(p, s, m, regularization[row], a);
		factorize_tiles(p, s, m, a);
		substitute_tiles(s, m);
		write_row(p, s, m, x + row * x_stride, info + row);
	}
}

#define HALF_STEP_TILES(name, shape, weights)                                                                   \
	extern "C" __global__ void __launch_bounds__(shape::threads * shape::groups, shape::blocks)                             \
		name(PROBLEM_PARAMETERS, float *x, int64 x_stride, int *info, const int *rows, int64 row_count, const float2 *regularization) { \
		Problem p = PROBLEM;                                                                             \
		half_step_tiles<shape, weights>(p, x, x_stride, info, rows, row_count, regularization);                          \
	}
