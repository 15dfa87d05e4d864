// Systems of up to 256 unknowns with their order as a constant, in the registers of a
// block: square tiles of the lower triangle, a thread each, as in tiles.cuh. The factor
// of such an order does not fit the shared memory that every GPU has, so that it stays
// in registers, and shared memory holds one column of tiles at a time, eight columns of
// the matrix, in the form of a buffer of ratings: row k of the buffer is column k of the
// panel. To take the panel off the rest of the matrix is then to read memory as adding
// up ratings does, neighbouring threads neighbouring quads.
//
//	publish   the owners of a column of tiles write them to a panel, the owner of the
//	          diagonal tile once it has factorized it
//	solve     a thread for each row below solves it against the diagonal tile, one
//	          more the right-hand side
//	take off  the owners of the tiles to the right take the product of the panel with
//	          itself off theirs; those of the next column then publish
//
// There are barriers after the first and after the second, and two panels in turn, so
// that a diagonal tile is factorized while others still take the panel before it off.
//
// The diagonal of a factor holds inverses, for nothing wants the elements themselves.
#pragma once

#include "tiles.cuh"

// WideShape is how an order of more than 128 is cut: threads that own tiles, and others
// that load, so many quads at a time.
template <int Rank, int Owners, int Loaders, int Batch, int Blocks>
struct WideShape : Shape<Rank, 8, 1, Owners + Loaders, 8, 1, Blocks> {
	static constexpr int loaders = Loaders;
	static constexpr int batch = Batch;
	static_assert(Owners > Rank, "each unknown has a thread, and one is left for the right-hand side");
};

// Place is the tile that a thread owns; or, if row is -1, its number as a loader, -1 for
// none. It is kept in shared memory and read again at each step: with a tile in registers
// there are few for anything else, and what a compiler computes of a place beforehand
// takes more of them than the place.
struct Place {
	short row, column;
};

// WideSystem is the shared memory of a block. Half-steps have more, and the same names.
template <typename S>
struct __align__(16) WideSystem {
	float buffer[2][S::tile * S::rank]; // panels; quads in the order of wide_quad
	float right[S::rank];               // b, then z, then x
	float diagonal[S::rank];            // of the matrix, as it was
	Place places[S::threads];
	int failed; // 0, or the first pivot that failed, counted from 1
};

// take_places gives each thread of a block its place. Tiles that no unknown reaches are left
// out. A thread reads its own place alone.
template <typename S, typename Memory>
__device__ inline void take_places(int unknowns, Memory &s) {
	Member m = member<S>(threadIdx.x);
	int loader = m.thread - (S::threads - S::loaders);
	Place place = {-1, (short)max(loader, -1)};
	if (m.split == 0 && m.row * S::tile < unknowns) {
		place.row = m.row;
		place.column = m.column;
	}
	s.places[m.thread] = place;
}

// wide_member is a thread as what the functions for tiles take.
template <typename S, typename Memory>
__device__ inline Member wide_member(const Memory &s) {
	Place place = s.places[threadIdx.x];
	Member m;
	m.thread = threadIdx.x;
	m.split = place.row < 0;
	m.row = place.row;
	m.column = place.row < 0 ? -1 : place.column;
	m.tile = tile_number(m.row, m.column);
	return m;
}

// inverse_root returns 1/√v, a step of Newton's method after the approximation of the
// hardware. Unlike a root and a division it has no slow path to make room for.
__device__ inline float inverse_root(float v) {
	float y = rsqrtf(v);
	return y * fmaf(-0.5f * v * y, y, 1.5f);
}

// factorize_diagonal overwrites the lower triangle of a diagonal tile with its factor.
template <typename S, typename Memory>
__device__ inline void factorize_diagonal(int order, Memory &s, const Member &m, float (&a)[S::tile][S::tile]) {
	int failed = 0;
#pragma unroll
	for (int j = 0; j < S::tile; j++) {
		float pivot = a[j][j];
		if (!(pivot > pivot_tolerance(order) * s.diagonal[m.row * S::tile + j])) {
			failed = failed ? failed : m.row * S::tile + j + 1;
			pivot = 1; // the row is lost, the threads go on together
		}
		a[j][j] = inverse_root(pivot);
#pragma unroll
		for (int i = j + 1; i < S::tile; i++) {
			a[i][j] *= a[j][j];
		}
#pragma unroll
		for (int i = j + 1; i < S::tile; i++) {
#pragma unroll
			for (int k = j + 1; k <= i; k++) {
				a[i][k] = fmaf(-a[i][j], a[k][j], a[i][k]);
			}
		}
	}
	if (failed && !s.failed) {
		s.failed = failed;
	}
}

// wide_quad is where quad number q of a tile is in a row of a buffer.
template <typename S>
__device__ inline int wide_quad(int tile, int q) { return 4 * (q * S::side + tile); }

// wide_place is where unknown j is in a row of a buffer.
template <typename S>
__device__ inline int wide_place(uint32 j) { return wide_quad<S>(j / S::tile, j % S::tile / 4) + j % 4; }

// load_wide reads the elements of a row of a buffer that belong to a tile.
template <typename S>
__device__ inline void load_wide(float (&to)[S::tile], const float *row, int tile) {
#pragma unroll
	for (int q = 0; q < S::tile / 4; q++) {
		load_quad(to + 4 * q, row + wide_quad<S>(tile, q));
	}
}

// publish writes a tile to its place in a panel.
template <typename S>
__device__ inline void publish(float *panel, const Member &m, const float (&a)[S::tile][S::tile]) {
#pragma unroll
	for (int k = 0; k < S::tile; k++) {
#pragma unroll
		for (int q = 0; q < S::tile / 4; q++) {
			*(float4 *)(panel + k * S::rank + wide_quad<S>(m.row, q)) =
				make_float4(a[4 * q][k], a[4 * q + 1][k], a[4 * q + 2][k], a[4 * q + 3][k]);
		}
	}
}

// recall reads what became of a tile that was published.
template <typename S>
__device__ inline void recall(const float *panel, const Member &m, float (&a)[S::tile][S::tile]) {
#pragma unroll
	for (int k = 0; k < S::tile; k++) {
		float column[S::tile];
		load_wide<S>(column, panel + k * S::rank, m.row);
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
			a[i][k] = column[i];
		}
	}
}

// solve_panel_row overwrites a row v of a panel, whose elements lie so far apart, with its
// part of the factor. The diagonal tile of the panel is that of the step.
template <typename S>
__device__ inline void solve_panel_row(float *v, int apart, const float *panel, int step) {
	float x[S::tile];
#pragma unroll
	for (int k = 0; k < S::tile; k++) {
		x[k] = v[k * apart];
	}
#pragma unroll
	for (int k = 0; k < S::tile; k++) {
		float l[S::tile];
#pragma unroll
		for (int q = k / 4; q < S::tile / 4; q++) {
			load_quad(l + 4 * q, panel + k * S::rank + wide_quad<S>(step, q));
		}
		x[k] *= l[k];
#pragma unroll
		for (int i = k + 1; i < S::tile; i++) {
			x[i] = fmaf(-x[k], l[i], x[i]);
		}
		v[k * apart] = x[k];
	}
}

// take_panels_off takes the product of two panels, or of some columns of them, off a tile,
// four columns in a turn of the loop, whose offsets are then constants.
template <typename S, int first = 0, int end = S::tile>
__device__ inline void take_panels_off(const float *lefts, const float *rights, const Member &m, float (&a)[S::tile][S::tile]) {
#pragma unroll 4
	for (int k = first; k < end; k++) {
		float left[S::tile], right[S::tile];
		load_wide<S>(left, lefts + k * S::rank, m.row);
		load_wide<S>(right, rights + k * S::rank, m.column);
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
#pragma unroll
			for (int j = 0; j < S::tile; j++) {
				a[i][j] = fmaf(-left[i], right[j], a[i][j]);
			}
		}
	}
}

// factorize_wide overwrites the tiles of a block with the factor, and s.right with the
// solution of L·z = b. The buffers must be free; right must be in its place after the
// next barrier. The unknowns may be some of a system of a higher order.
template <typename S, typename Memory>
__device__ inline void factorize_wide(int unknowns, int order, Memory &s, float (&a)[S::tile][S::tile]) {
	for (int step = 0; step * S::tile < unknowns; step++) {
		Member m = wide_member<S>(s);
		float *panel = s.buffer[step % 2];
		float *z = s.right + step * S::tile;
		int row = (step + 1) * S::tile + m.thread;
		bool below = row - row % S::tile < unknowns;
		if (m.column == step) {
			if (m.row == step) {
				factorize_diagonal<S>(order, s, m, a);
			}
			publish<S>(panel, m, a);
		}
		__syncthreads();
		if (below || m.thread == S::threads - 1) {
			solve_panel_row<S>(below ? panel + wide_place<S>(row) : z, below ? S::rank : 1, panel, step);
		}
		__syncthreads();
		m = wide_member<S>(s);
		if (below) {
			float v = s.right[row];
			for (int k = 0; k < S::tile; k++) {
				v = fmaf(-panel[k * S::rank + wide_place<S>(row)], z[k], v);
			}
			s.right[row] = v;
		}
		if (m.column == step && m.row > step) {
			recall<S>(panel, m, a);
		}
		if (m.column > step) {
			take_panels_off<S>(panel, panel, m, a);
		}
	}
}

// substitute_wide overwrites s.right, which holds z, with the solution of Lᵀ·x = z. It
// ends with a barrier.
template <typename S, typename Memory>
__device__ inline void substitute_wide(int unknowns, Memory &s, const float (&a)[S::tile][S::tile]) {
	for (int step = (unknowns - 1) / S::tile; step >= 0; step--) {
		Member m = wide_member<S>(s);
		float *x = s.right + step * S::tile;
		if (m.row == step && m.column == step) {
			float v[S::tile];
#pragma unroll
			for (int i = 0; i < S::tile; i++) {
				v[i] = x[i];
			}
#pragma unroll
			for (int i = S::tile - 1; i >= 0; i--) {
				v[i] *= a[i][i];
				x[i] = v[i];
#pragma unroll
				for (int k = 0; k < i; k++) {
					v[k] = fmaf(-a[i][k], v[i], v[k]);
				}
			}
		}
		__syncthreads();
		if (m.row == step && m.column < step) {
			float *left = s.right + m.column * S::tile;
#pragma unroll
			for (int k = 0; k < S::tile; k++) {
				float v = left[k];
#pragma unroll
				for (int i = 0; i < S::tile; i++) {
					v = fmaf(-a[i][k], x[i], v);
				}
				left[k] = v;
			}
		}
		__syncthreads();
	}
}
