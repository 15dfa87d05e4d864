// C = alpha·op(A)·op(B) + beta·C in row-major order, where there is no cuBLAS or a
// dimension does not fit its int32.
//
// A block computes a square tile of C, a thread 8 rows by 8 or 4 columns of it in
// registers. The operands go through shared memory gemm_depth elements of the sum at a
// time, in two buffers, the next ones on their way in registers: one barrier to a panel.
// An operand is loaded 16 bytes at a time along what is contiguous in memory, the sum or
// the side of the tile, which with two operands makes the four transpositions; at edges
// and where rows are not aligned element by element, zeros beyond.
//
// An element is one sum in the order of the inner dimension, so that its bits do not
// depend on the tile.
//
// Floor: 2·M·N·K operations; a tile of side T reads 2·T·K floats, by the second-level
// cache mostly, for T²·K multiply-adds: 64 operations a byte for 128, which at the 67
// TFLOP/s of an H200 asks for 1 TB/s.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled:
//
//	kernel    tile  threads  registers  shared  blocks  together
//	gemm_128   128     256   128, 128   16896       2       512
//	gemm_64     64     128   100, 111    8704       4       512
//
// The expectation, before any measurement: per element of the sum a thread of gemm_128
// has 64 multiply-adds and 4 loads of 16 bytes from shared memory, and per panel of 8
// some 50 other instructions: 86% of the instructions multiply and add. 16 warps on a
// multiprocessor cover the barriers in part: 75% of the peak for large matrices. gemm_64
// has 32 and 3, and is for fewer tiles than there are multiprocessors: 60%, if they are
// all busy. In the machine code operands and C are loaded, and C is stored, 16 bytes at a
// time; the loop of gemm_128 has 512 FFMA and 32 LDS.128, that of gemm_64 256 and 24.
#include "common.cuh"

constexpr int gemm_depth = 8; // of the sum, in a panel

// GemmTile is the shape of a tile and of the work of a thread.
template <int Side>
struct GemmTile {
	static constexpr int side = Side;                     // rows and columns
	static constexpr int columns = Side == 128 ? 8 : 4;   // of a thread
	static constexpr int threads = side * side / (8 * columns);
	static constexpr int stride = side + 4; // of a panel: a warp that writes two quads of 16 rows writes to all banks

	static_assert(threads * 4 == side * gemm_depth, "a thread loads a quad of each operand");
};

// GemmPanel is what a tile needs of both operands for gemm_depth elements of the sum.
template <typename T>
struct __align__(16) GemmPanel {
	float a[gemm_depth][T::stride];
	float b[gemm_depth][T::stride];
};

// Loader is the quad that a thread loads of each panel of an operand, of which the tile
// has side rows.
struct Loader {
	const float *at;
	int count;  // of rows from the first of the quad on, 0 to 4
	int depth;  // of the quad in a panel
	int row;    // in the tile
	bool along; // the quad lies along the sum
	bool quads; // rows in memory are aligned
};

template <typename T>
__device__ inline Loader loader(const float *m, int64 stride, bool along, int64 first, int64 rows) {
	Loader l;
	l.along = along;
	l.quads = stride % 4 == 0 && (uint64)m % 16 == 0;
	l.depth = along ? threadIdx.x % 2 * 4 : threadIdx.x / (T::side / 4);
	l.row = along ? threadIdx.x / 2 : threadIdx.x % (T::side / 4) * 4;
	int64 count = rows - first - l.row;
	l.count = count > 4 ? 4 : count < 0 ? 0 : (int)count;
	l.at = m + (along ? (first + l.row) * stride + l.depth : l.depth * stride + first + l.row);
	return l;
}

// load_some returns so many elements, at most 4, and then zeros.
__device__ inline float4 load_some(const float *from, int count, bool quads) {
	if (quads && count >= 4) {
		return *(const float4 *)from;
	}
	return make_float4(
			count > 0 ? from[0] : 0.0f, count > 1 ? from[1] : 0.0f, count > 2 ? from[2] : 0.0f, count > 3 ? from[3] : 0.0f);
}

// load_next loads the quad of the next panel, of which so many elements of the sum are
// left.
__device__ inline float4 load_next(Loader &l, int64 stride, int64 left) {
	int of_sum = (left < gemm_depth ? (int)left : gemm_depth) - l.depth;
	const float *from = l.at;
	l.at += l.along ? gemm_depth : gemm_depth * stride;
	int count = l.along ? (l.count > 0 ? of_sum : 0) : (of_sum > 0 ? l.count : 0);
	return load_some(from, count, l.quads);
}

template <int Stride>
__device__ inline void store_next(float (*panel)[Stride], const Loader &l, float4 q) {
	float *to = &panel[l.depth][l.row];
	if (l.along) {
		to[0] = q.x;
		to[Stride] = q.y;
		to[2 * Stride] = q.z;
		to[3 * Stride] = q.w;
	} else {
		*(float4 *)to = q;
	}
}

// gemm_place is where element i of those of a thread lies in a tile: quads, each beside
// those of the neighbouring threads.
template <typename T>
__device__ inline int gemm_place(int group, int i) { return i / 4 * (T::side / 2) + 4 * group + i % 4; }

// add_panel adds the products of a panel to the sums of a thread.
template <typename T>
__device__ inline void add_panel(float (&sum)[8][T::columns], const GemmPanel<T> &panel, int row_group, int column_group) {
#pragma unroll
	for (int d = 0; d < gemm_depth; d++) {
		float left[8], right[T::columns];
#pragma unroll
		for (int i = 0; i < 8; i += 4) {
			*(float4 *)(left + i) = *(const float4 *)&panel.a[d][gemm_place<T>(row_group, i)];
		}
#pragma unroll
		for (int j = 0; j < T::columns; j += 4) {
			*(float4 *)(right + j) = *(const float4 *)&panel.b[d][gemm_place<T>(column_group, j)];
		}
#pragma unroll
		for (int i = 0; i < 8; i++) {
#pragma unroll
			for (int j = 0; j < T::columns; j++) {
				sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
			}
		}
	}
}

// store_quad writes alpha·sum + beta·C to so many neighbouring elements, at most 4. With
// beta 0 C is not read.
__device__ inline void store_quad(float *c, float alpha, const float *sum, float beta, int count, bool quads) {
	float v[4];
#pragma unroll
	for (int j = 0; j < 4; j++) {
		v[j] = alpha * sum[j];
	}
	if (beta != 0.0f) {
		float4 old = load_some(c, count, quads);
		v[0] = fmaf(beta, old.x, v[0]);
		v[1] = fmaf(beta, old.y, v[1]);
		v[2] = fmaf(beta, old.z, v[2]);
		v[3] = fmaf(beta, old.w, v[3]);
	}
	if (quads && count >= 4) {
		*(float4 *)c = make_float4(v[0], v[1], v[2], v[3]);
		return;
	}
#pragma unroll
	for (int j = 0; j < 4; j++) {
		if (j < count) {
			c[j] = v[j];
		}
	}
}

template <typename T>
__device__ inline void gemm(
		bool transpose_a, bool transpose_b, float alpha, const float *a, int64 a_stride, const float *b, int64 b_stride,
		float beta, float *c, int64 c_stride, int64 rows, int64 columns, int64 inner, bool lower) {
	__shared__ GemmPanel<T> panels[2];
	int lane = lane_of_warp(), warp = warp_of_block();
	int row_group = warp / 2 * 4 + lane / 8, column_group = warp % 2 * 8 + lane % 8;
	int across = (int)((columns + T::side - 1) / T::side); // tiles of a row of tiles
	int64 first_row = (int64)(blockIdx.x / across) * T::side, first_column = (int64)(blockIdx.x % across) * T::side;
	if (lower && first_column > first_row) {
		return;
	}
	Loader of_a = loader<T>(a, a_stride, !transpose_a, first_row, rows);
	Loader of_b = loader<T>(b, b_stride, transpose_b, first_column, columns);
	float4 next_a = load_next(of_a, a_stride, inner), next_b = load_next(of_b, b_stride, inner);
	float sum[8][T::columns] = {};
	int buffer = 0;
	for (int64 left = inner; left > 0;) {
		GemmPanel<T> &panel = panels[buffer];
		store_next(panel.a, of_a, next_a);
		store_next(panel.b, of_b, next_b);
		__syncthreads(); // the other buffer is free again, too
		left -= gemm_depth;
		if (left > 0) {
			next_a = load_next(of_a, a_stride, left);
			next_b = load_next(of_b, b_stride, left);
		}
		add_panel<T>(sum, panel, row_group, column_group);
		buffer ^= 1;
	}
	bool quads = c_stride % 4 == 0 && (uint64)c % 16 == 0;
#pragma unroll
	for (int i = 0; i < 8; i++) {
		int64 row = first_row + gemm_place<T>(row_group, i);
		if (row >= rows) {
			continue;
		}
#pragma unroll
		for (int j = 0; j < T::columns; j += 4) {
			int64 column = first_column + gemm_place<T>(column_group, j);
			int count = columns - column < 4 ? (int)(columns - column) : 4;
			store_quad(c + row * c_stride + column, alpha, sum[i] + j, beta, count, quads);
		}
	}
}

// Product number blockIdx.z takes A, B and C that many steps on. The first dimension of
// the grid counts the tiles of C row by row. With lower those above the diagonal are left
// out.
#define GEMM(name, side, blocks)                                                                                  \
	extern "C" __global__ void __launch_bounds__(GemmTile<side>::threads, blocks) name(                        \
			int transpose_a, int transpose_b, float alpha, const float *a, int64 a_stride, int64 a_step,   \
			const float *b, int64 b_stride, int64 b_step, float beta, float *c, int64 c_stride,            \
			int64 c_step, int64 rows, int64 columns, int64 inner, int lower) {                             \
		gemm<GemmTile<side>>(transpose_a, transpose_b, alpha, a + blockIdx.z * a_step, a_stride,           \
				b + blockIdx.z * b_step, b_stride, beta, c + blockIdx.z * c_step, c_stride, rows,      \
				columns, inner, lower);                                                                \
	}

GEMM(gemm_128, 128, 2)
GEMM(gemm_64, 64, 4)
