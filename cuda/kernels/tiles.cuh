// Systems of equations with their order as a constant, in registers: the lower triangle
// of the matrix is cut into square tiles, and each thread of a group, a warp or a
// block, owns one. Tiles of the factor go to shared memory as they come about, which
// is where the other threads read them: two barriers for a column of tiles.
//
//	factor  tile column by tile column: the owner of the diagonal tile factorizes it,
//	        the owners of the tiles below solve theirs against it, those to the right
//	        take their products off
//	solve   forward along with the factorization, then back by the tiles in shared
//	        memory
#pragma once

#include "triangle.cuh"

// Shape is how an order is cut, and for half-steps how ratings are taken.
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
	static constexpr int taken = threads / quads; // rows of Y that the threads take together
	static constexpr int loads = (panel + taken - 1) / taken; // of quads, by a thread
	static constexpr int ahead = tile == 4 ? 2 : 1; // ratings in registers: where they have room
	static constexpr int unrolled = tile == 4 && panel >= 8 * splits ? 4 : ahead; // in the code
	static constexpr int depth = panel / splits; // ratings of a panel in a split

	static_assert(rank % tile == 0 && tile % 4 == 0, "tiles are made of quads");
	static_assert(tiles * splits < threads, "a thread is left for the right-hand side");
	static_assert(panel <= threads, "a thread loads the id of a rating");
	static_assert(groups == 1 || threads == 32, "several groups in a block are warps");
};

// System is the shared memory of a group. Half-steps have more, and the same names.
template <typename S>
struct __align__(16) System {
	float factor[S::tiles * S::tile_size]; // tile by tile, by columns
	float right[S::rank];    // b, then z, then x
	float diagonal[S::rank]; // of the matrix, as it was
	float inverse[S::tile];  // of the diagonal of the tile of the factor in hand
	int failed;              // 0, or the first pivot that failed, counted from 1
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

__device__ inline void load_quad(float *to, const float *from) {
	float4 q = *(const float4 *)from;
	to[0] = q.x;
	to[1] = q.y;
	to[2] = q.z;
	to[3] = q.w;
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

// factorize_tile overwrites the lower triangle of a diagonal tile with its factor, whose
// diagonal is inverted, and writes that to shared memory. The other threads wait for it:
// rsqrtf, off by two units in the last place at most, is an instruction, where a square
// root and a division are some twenty with branches between them.
template <typename S, typename Memory>
__device__ inline void factorize_tile(Memory &s, const Member &m, float tolerance, float (&a)[S::tile][S::tile]) {
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
		float inverse = rsqrtf(pivot);
		s.inverse[j] = inverse;
		a[j][j] = inverse;
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
template <typename S, typename Memory>
__device__ inline void solve_tile(Memory &s, const Member &m, float (&a)[S::tile][S::tile]) {
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
template <typename S, typename Memory>
__device__ inline void update_tile(const Memory &s, const Member &m, int step, float (&a)[S::tile][S::tile]) {
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

// factorize_tiles factorizes the matrix of a group and solves forward. s.right must be
// in its place. Whoever solved forward last begins to solve back.
template <typename S, typename Memory>
__device__ inline void factorize_tiles(int unknowns, Memory &s, const Member &m, float (&a)[S::tile][S::tile]) {
	float tolerance = pivot_tolerance(unknowns);
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
}

// substitute_tiles solves back. It ends with a barrier.
template <typename S, typename Memory>
__device__ inline void substitute_tiles(Memory &s, const Member &m) {
	for (int step = S::side - 1; step >= 0; step--) {
		float *x = s.right + step * S::tile;
		const float *l = s.factor + tile_number(step, step) * S::tile_size;
		if (m.thread == S::threads - 1) {
			for (int i = S::tile - 1; i >= 0; i--) {
				float v = x[i];
				for (int k = i + 1; k < S::tile; k++) {
					v = fmaf(-l[i * S::tile + k], x[k], v);
				}
				x[i] = v * l[i * S::tile + i];
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
template <typename S, typename Memory>
__device__ inline void write_row(int unknowns, Memory &s, const Member &m, float *x, int *info) {
	for (int i = m.thread; i < unknowns; i += S::threads) {
		if (!is_finite(s.right[i])) {
			atomicCAS(&s.failed, 0, unknowns); // a pivot that failed before counts
		}
	}
	group_sync<S>();
	int failed = s.failed;
	for (int i = m.thread; i < unknowns; i += S::threads) {
		x[i] = failed ? 0.0f : s.right[i];
	}
	if (m.thread == 0) {
		*info = failed;
	}
}
