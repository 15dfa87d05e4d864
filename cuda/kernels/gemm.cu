// C = alpha·op(A)·op(B) + beta·C in row-major order, where there is no cuBLAS or a
// dimension does not fit its int32.
//
// Floor: 2·M·N·K operations. A block computes 64×64 elements of C, a thread 4×4 of
// them, so that 8 loads from shared memory serve 16 multiply-adds. The operands go
// through shared memory 16 of the sum at a time.
#include "common.cuh"

constexpr int gemm_tile = 64;  // rows and columns of C of a block
constexpr int gemm_depth = 16; // of the sum in hand
constexpr int gemm_side = 16;  // threads along a side of the tile

// gemm_stride is the length of a row of a tile in shared memory: with 4 elements
// more than it needs, the 16 columns of a row that are written at once lie in
// different banks.
constexpr int gemm_stride = gemm_tile + 4;

// Loads 64 rows of op(M) from row first_row on, and gemm_depth columns from first
// on, as tile[column][row], with zeros outside of its rows×columns. In memory a
// row of op(M) is a column where transposed; the threads follow what is contiguous.
__device__ inline void load_gemm_tile(
		float (*tile)[gemm_stride], const float *m, int64 stride, bool transposed, int64 first_row, int64 rows,
		int64 first, int64 columns) {
	for (int e = threadIdx.x; e < gemm_tile * gemm_depth; e += gemm_side * gemm_side) {
		int row = transposed ? e % gemm_tile : e / gemm_depth;
		int column = transposed ? e / gemm_tile : e % gemm_depth;
		int64 i = first_row + row, j = first + column;
		float v = 0;
		if (i < rows && j < columns) {
			v = transposed ? m[j * stride + i] : m[i * stride + j];
		}
		tile[column][row] = v;
	}
}

// Product number blockIdx.z takes A, B and C that many steps on. With beta 0 C is
// not read. The grid covers the tiles of C; its second dimension goes round.
extern "C" __global__ void gemm(
		int transpose_a, int transpose_b, float alpha, const float *a, int64 a_stride, int64 a_step,
		const float *b, int64 b_stride, int64 b_step, float beta, float *c, int64 c_stride, int64 c_step,
		int64 rows, int64 columns, int64 inner) {
	__shared__ float a_tile[gemm_depth][gemm_stride];
	__shared__ float b_tile[gemm_depth][gemm_stride];
	a += blockIdx.z * a_step;
	b += blockIdx.z * b_step;
	c += blockIdx.z * c_step;
	int row = threadIdx.x / gemm_side * 4, column = threadIdx.x % gemm_side * 4;

	int64 first_column = (int64)blockIdx.x * gemm_tile;
	for (int64 first_row = (int64)blockIdx.y * gemm_tile; first_row < rows; first_row += (int64)gridDim.y * gemm_tile) {
		float sum[4][4] = {};
		for (int64 first = 0; first < inner; first += gemm_depth) {
			load_gemm_tile(a_tile, a, a_stride, transpose_a, first_row, rows, first, inner);
			load_gemm_tile(b_tile, b, b_stride, !transpose_b, first_column, columns, first, inner);
			__syncthreads();
			for (int l = 0; l < gemm_depth; l++) {
				for (int i = 0; i < 4; i++) {
					for (int j = 0; j < 4; j++) {
						sum[i][j] = fmaf(a_tile[l][row + i], b_tile[l][column + j], sum[i][j]);
					}
				}
			}
			__syncthreads();
		}
		for (int i = 0; i < 4; i++) {
			for (int j = 0; j < 4; j++) {
				if (first_row + row + i < rows && first_column + column + j < columns) {
					float *at = c + (first_row + row + i) * c_stride + first_column + column + j;
					float v = alpha * sum[i][j];
					*at = beta == 0.0f ? v : fmaf(beta, *at, v);
				}
			}
		}
	}
}
