// The system of a row in tiles: what it has beside the sums over its ratings, and these
// sums on their way through memory, from half_step_tiles.cuh, which has them in registers,
// to a later kernel that adds the parts of a row up and solves it.
//
// In memory the tiles of the lower triangle come first, quad by quad: the first quads of
// all tiles, then the second ones, so that threads with neighbouring tiles touch
// neighbouring quads. After them come the right-hand sides. The layout is that of
// tileShape.sumsBytes in half_step_tiles.go.
#pragma once

#include "problem.cuh"
#include "tiles.cuh"

// add_splits adds the tiles of the other splits to those of the first, in order. It
// begins after a barrier.
template <typename S, typename Memory>
__device__ inline void add_splits(Memory &s, const Member &m, float (&sum)[S::tile][S::tile]) {
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
}

// start_tile sets a tile to the terms over all pairs, before the ratings are added, for
// the first split of a whole row, and to zeros for the others.
template <typename S>
__device__ inline void start_tile(const Problem &p, const Member &m, bool whole, float (&sum)[S::tile][S::tile]) {
	bool wanted = whole && p.gram && m.split == 0;
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
template <typename S, typename Memory>
__device__ inline void complete_tiles(const Problem &p, Memory &s, const Member &m, float2 regularization, float (&sum)[S::tile][S::tile]) {
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

// write_zeros writes a row without ratings, or one that failed, and how it went.
template <typename S>
__device__ inline void write_zeros(int unknowns, const Member &m, float *x, int *info, int failed) {
	for (int i = m.thread; i < unknowns; i += S::threads) {
		x[i] = 0;
	}
	if (m.thread == 0) {
		*info = failed;
	}
}

// sums_size is the number of floats of a part.
template <typename S>
__device__ inline constexpr int sums_size() { return S::tiles * S::tile_size + S::rank; }

// store_tile writes the tiles of the first split.
template <typename S>
__device__ inline void store_tile(const Member &m, const float (&sum)[S::tile][S::tile], float *to) {
	if (m.split == 0) {
#pragma unroll
		for (int e = 0; e < S::tile_size; e += 4) {
			const float *quad = &sum[e / S::tile][e % S::tile];
			*(float4 *)(to + e * S::tiles + 4 * m.tile) = make_float4(quad[0], quad[1], quad[2], quad[3]);
		}
	}
}

// store_sums writes the tiles, and the right-hand sides that each thread has written to
// shared memory itself.
template <typename S, typename Memory>
__device__ inline void store_sums(const Memory &s, const Member &m, const float (&sum)[S::tile][S::tile], float *to) {
	store_tile<S>(m, sum, to);
	for (int j = m.thread; j < S::rank; j += S::threads) {
		to[S::tiles * S::tile_size + j] = s.right[j];
	}
}

// add_parts adds the parts of a row to its tile, each split every so many of them, and
// sets the right-hand sides to theirs, in the order of the parts. The tiles of the other
// splits are added to those of the first.
template <typename S, typename Memory>
__device__ inline void add_parts(Memory &s, const Member &m, const float *parts, int64 count, float (&sum)[S::tile][S::tile]) {
	constexpr int size = sums_size<S>();
	// Half a tile at a time, for loads under way take registers as the sums do.
#pragma unroll
	for (int first = 0; first < S::tile_size; first += S::tile_size / 2) {
		for (int64 part = m.split; m.split < S::splits && part < count; part += S::splits) {
			const float *from = parts + part * size + 4 * m.tile;
#pragma unroll
			for (int e = first; e < first + S::tile_size / 2; e += 4) {
				float quad[4];
				load_quad(quad, from + e * S::tiles);
#pragma unroll
				for (int k = 0; k < 4; k++) {
					sum[e / S::tile][e % S::tile + k] += quad[k];
				}
			}
		}
	}
	for (int j = m.thread; j < S::rank; j += S::threads) {
		const float *right = parts + S::tiles * S::tile_size + j;
		float b = 0;
#pragma unroll 4
		for (int64 part = 0; part < count; part++) {
			b += right[part * size];
		}
		s.right[j] = b;
	}
	add_splits<S>(s, m, sum);
}
