// The method Subspace of a half-step: block coordinate descent on the matrix of the
// row. A sweep costs K² operations for the residuals and d²·K/3 for the blocks of d
// unknowns. This is for ranks above 128 and blocks above 32; half_step_sums.cu has the others.
#pragma once

#include "normal_equations.cuh"

// Takes the given sweeps from start and overwrites b, the row below the triangle,
// with the result. w.vectors has room for unknowns float32, w.spare for a triangle of
// block unknowns. Returns 0 or the unknown, from 1, whose pivot failed.
__device__ inline int sweep_blocks(const Problem &p, const Workspace &w, const float *start, int sweeps, int block) {
	float *b = w.triangle + row_start(p.unknowns);
	float *x = (float *)w.vectors;
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		x[i] = start[i];
	}
	__syncthreads();
	for (int sweep = 0; sweep < sweeps; sweep++) {
		for (int first = 0; first < p.unknowns; first += block) {
			int size = min(block, p.unknowns - first);
			float *right = w.spare + row_start(size);
			for (int i = warp_of_block(); i < size; i += warps_of_block()) {
				for (int j = lane_of_warp(); j <= i; j += 32) {
					w.spare[row_start(i) + j] = w.triangle[row_start(first + i) + first + j];
				}
				// The residual b - A·x, in float64 because it is a small difference.
				double sum = 0;
				for (int j = lane_of_warp(); j < p.unknowns; j += 32) {
					int row = max(first + i, j), column = min(first + i, j);
					sum += (double)w.triangle[row_start(row) + column] * x[j];
				}
				sum = warp_sum(sum);
				if (lane_of_warp() == 0) {
					right[i] = (float)(b[first + i] - sum);
				}
			}
			__syncthreads();
			int failed = solve(w.spare, size, w.diagonal, pivot_tolerance(p.unknowns));
			if (failed) {
				return first + failed;
			}
			for (int i = threadIdx.x; i < size; i += blockDim.x) {
				x[first + i] += right[i];
			}
			__syncthreads();
		}
	}
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		b[i] = x[i];
	}
	return 0;
}
