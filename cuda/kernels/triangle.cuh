// Systems of equations as packed lower triangles, and their Cholesky solution by a
// block. Row i of a triangle has i+1 elements. The right-hand side is one more row
// below the matrix, so that what is done to a row of the matrix is done to it too.
//
// The factorization costs K³/3 operations and K²/2 elements of memory. It goes by
// columns in blocks of 16: within a block column by column, then the rest of the
// triangle is brought up to date by tiles of 4×4 in registers, 8 loads for 16
// multiply-adds.
#pragma once

#include "common.cuh"

constexpr int cholesky_block = 16; // columns

// row_start is the place of the first element of a row.
__device__ inline int64 row_start(int64 row) { return row * (row + 1) / 2; }

// triangle_size is the number of elements of a system with its right-hand side, and
// of one element more at its end, which belongs to neither.
__device__ inline int64 triangle_size(int unknowns) { return row_start(unknowns + 1); }

// tile_at finds tile number n of a lower triangle of tiles, counted row by row.
__device__ inline void tile_at(int n, int *row, int *column) {
	int i = (int)((sqrtf(8.0f * n + 1.0f) - 1.0f) / 2);
	// Rounding may have missed by one.
	while (i * (i + 1) / 2 > n) {
		i--;
	}
	while ((i + 1) * (i + 2) / 2 <= n) {
		i++;
	}
	*row = i;
	*column = n - i * (i + 1) / 2;
}

// Factorizes the first columns of a block, first to end, in all rows below. diagonal
// holds the diagonal of the matrix as it was. Returns 0 or the pivot that failed,
// counted from 1, the same in every thread.
__device__ inline int factorize_columns(
		float *a, int unknowns, int first, int end, const float *diagonal, float tolerance) {
	for (int j = first; j < end; j++) {
		float pivot = a[row_start(j) + j];
		if (!(pivot > tolerance * diagonal[j])) {
			return j + 1;
		}
		float scale = 1.0f / sqrtf(pivot);
		__syncthreads(); // every thread has read the pivot
		for (int i = j + threadIdx.x; i <= unknowns; i += blockDim.x) {
			a[row_start(i) + j] = i == j ? sqrtf(pivot) : a[row_start(i) + j] * scale;
		}
		__syncthreads();
		for (int i = j + 1 + threadIdx.x; i <= unknowns; i += blockDim.x) {
			float v = a[row_start(i) + j];
			for (int k = j + 1; k < end && k <= i; k++) {
				a[row_start(i) + k] -= v * a[row_start(k) + j];
			}
		}
		__syncthreads();
	}
	return 0;
}

// Takes the columns first to end of the factor off the triangle right of them.
__device__ inline void update_triangle(float *a, int unknowns, int first, int end) {
	int side = (unknowns + 1 - end + 3) / 4;
	for (int n = threadIdx.x; n < side * (side + 1) / 2; n += blockDim.x) {
		int row, column;
		tile_at(n, &row, &column);
		row = end + 4 * row;
		column = end + 4 * column;

		float sum[4][4] = {};
		for (int l = first; l < end; l++) {
			float left[4], right[4];
			for (int i = 0; i < 4; i++) {
				left[i] = row + i <= unknowns ? a[row_start(row + i) + l] : 0.0f;
				right[i] = column + i <= unknowns ? a[row_start(column + i) + l] : 0.0f;
			}
			for (int i = 0; i < 4; i++) {
				for (int j = 0; j < 4; j++) {
					sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
				}
			}
		}
		for (int i = 0; i < 4; i++) {
			for (int j = 0; j < 4; j++) {
				if (row + i <= unknowns && column + j <= row + i && column + j < unknowns) {
					a[row_start(row + i) + column + j] -= sum[i][j];
				}
			}
		}
	}
	__syncthreads();
}

// Overwrites the matrix with its factor L, and the right-hand side b with the
// solution of L·z = b. A pivot must exceed tolerance times the diagonal element that
// it comes from; diagonal is room for unknowns elements. Returns 0 or the pivot that
// failed, counted from 1, the same in every thread.
__device__ inline int factorize(float *a, int unknowns, float *diagonal, float tolerance) {
	for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
		diagonal[i] = a[row_start(i) + i];
	}
	__syncthreads();
	for (int first = 0; first < unknowns; first += cholesky_block) {
		int end = min(first + cholesky_block, unknowns);
		int failed = factorize_columns(a, unknowns, first, end, diagonal, tolerance);
		if (failed) {
			return failed;
		}
		update_triangle(a, unknowns, first, end);
	}
	return 0;
}

// Overwrites the row below the factor L, which holds z, with the solution of
// Lᵀ·x = z.
__device__ inline void substitute(float *a, int unknowns) {
	float *x = a + row_start(unknowns);
	for (int i = unknowns - 1; i >= 0; i--) {
		float *row = a + row_start(i);
		if (threadIdx.x == 0) {
			x[i] /= row[i];
		}
		__syncthreads();
		float v = x[i];
		for (int j = threadIdx.x; j < i; j += blockDim.x) {
			x[j] -= v * row[j];
		}
		__syncthreads();
	}
}

// Solves the system: the row below the matrix, the right-hand side, becomes the
// solution. Returns as factorize does; after a failure the row is unspecified.
__device__ inline int solve(float *a, int unknowns, float *diagonal, float tolerance) {
	int failed = factorize(a, unknowns, diagonal, tolerance);
	if (!failed) {
		substitute(a, unknowns);
	}
	return failed;
}

// pivot_tolerance is what a pivot must exceed, as a share of its diagonal element.
__device__ inline float pivot_tolerance(int unknowns) { return unknowns * epsilon; }

// Writes a solution and how it went. One that is not finite counts as a failure of the
// last unknown; a row that failed is set to zeros. A solver may come here without a
// barrier if element i of its solution was written by thread i%blockDim.x, which reads
// it here.
__device__ inline void write_solution(float *x, const float *solution, int unknowns, int *info, int failed) {
	if (!failed) {
		int unsound = 0;
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			unsound += !is_finite(solution[i]);
		}
		failed = block_sum(unsound) ? unknowns : 0;
	}
	for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
		x[i] = failed ? 0.0f : solution[i];
	}
	if (threadIdx.x == 0) {
		*info = failed;
	}
	__syncthreads();
}
