// The normal equations A·x = b of a row of an ALS problem, computed by a block.
//
// Floor: K²/2 multiply-adds and K elements of Y a rating. Ratings are taken a panel
// at a time: their rows of Y go to shared memory, and a thread then adds the outer
// products of the panel to tiles of 4×4 elements of the triangle in registers: 8
// loads for 16 multiply-adds. Sums are over panels within parts of a row, and over
// parts in their order, so that the bits of a row depend on its ratings alone.
#pragma once

#include "problem.cuh"
#include "triangle.cuh"

// Workspace is the memory of a block, of two regions: the small one for the ratings
// in hand, the large one for the system. Each lies in shared memory if it fits.
struct Workspace {
	int rows;        // of the panel: the ratings in hand
	int stride;      // of the panel: unknowns, rounded up to 4
	float *panel;    // rows×stride, of Y with its column of ones
	float *weight;   // rows: a(r)
	float *residual; // rows: t(r) - a(r)·o
	float *diagonal; // unknowns

	void *vectors;   // what a solver needs beside triangles, aligned to 16 bytes
	float *triangle; // A, b below it, and as the corner the count of ratings
	float *spare;    // a second triangle, for solvers that need one
};

// Where the regions lie. work is scratch memory, work_step words of it for each
// block, or 0 where both regions are in shared memory.
#define WORKSPACE_PARAMETERS float *work, int64 work_step, int small_in_shared, int panel_rows, int vector_words

#define WORKSPACE(shared, unknowns) workspace(shared, work, work_step, small_in_shared, panel_rows, vector_words, unknowns)

// workspace lays out the memory of this block. The layout is that of workspace in
// problem.go.
__device__ inline Workspace workspace(
		float *shared, float *work, int64 work_step, int small_in_shared, int panel_rows, int vector_words,
		int unknowns) {
	Workspace w;
	w.rows = panel_rows;
	w.stride = (unknowns + 3) / 4 * 4;
	int64 small_words = ((int64)w.rows * w.stride + 2 * w.rows + unknowns + 3) / 4 * 4;
	float *own = work + blockIdx.x * work_step;

	float *small = small_in_shared ? shared : own + work_step - small_words;
	w.panel = small;
	w.weight = w.panel + w.rows * w.stride;
	w.residual = w.weight + w.rows;
	w.diagonal = w.residual + w.rows;

	float *large = work ? own : shared + small_words;
	w.vectors = large;
	w.triangle = large + vector_words;
	w.spare = w.triangle + triangle_size(unknowns);
	return w;
}

// Loads the ratings from first on, at most a panel, and returns how many of them the
// regularization counts, of those that this thread has weighed.
__device__ inline int load_panel(const Problem &p, const Workspace &w, int64 first, int count) {
	int counted = 0;
	for (int n = threadIdx.x; n < count; n += blockDim.x) {
		float rating = p.values[first + n], weight, target;
		weigh(p.convention, p.alpha, rating, &weight, &target);
		w.weight[n] = weight;
		w.residual[n] = p.offset ? target - weight * p.offset[p.columns[first + n]] : target;
		counted += rating > 0 || !weighted(p.convention);
	}
	for (int n = warp_of_block(); n < count; n += warps_of_block()) {
		const float *row = p.y + p.columns[first + n] * p.y_stride;
		for (int j = lane_of_warp(); j < w.stride; j += 32) {
			// After the stored columns come the ones of a bias, and padding.
			w.panel[n * w.stride + j] = j < p.stored ? row[j] : j < p.unknowns ? 1.0f : 0.0f;
		}
	}
	return counted;
}

// Adds Σ a(r)·y·yᵀ over the panel to the triangle, and Σ residual·y to the row below.
__device__ inline void add_panel(const Problem &p, const Workspace &w, int count) {
	int side = w.stride / 4;
	for (int n = threadIdx.x; n < side * (side + 1) / 2; n += blockDim.x) {
		int row, column;
		tile_at(n, &row, &column);
		row *= 4;
		column *= 4;
		float sum[4][4] = {};
		for (int l = 0; l < count; l++) {
			float4 left = *(const float4 *)(w.panel + l * w.stride + row);
			float4 right = *(const float4 *)(w.panel + l * w.stride + column);
			float weight = w.weight[l];
			float lefts[4] = {weight * left.x, weight * left.y, weight * left.z, weight * left.w};
			float rights[4] = {right.x, right.y, right.z, right.w};
			for (int i = 0; i < 4; i++) {
				for (int j = 0; j < 4; j++) {
					sum[i][j] = fmaf(lefts[i], rights[j], sum[i][j]);
				}
			}
		}
		for (int i = 0; i < 4; i++) {
			for (int j = 0; j < 4; j++) {
				if (row + i < p.unknowns && column + j <= row + i) {
					w.triangle[row_start(row + i) + column + j] += sum[i][j];
				}
			}
		}
	}
	for (int j = threadIdx.x; j < p.unknowns; j += blockDim.x) {
		float sum = 0;
		for (int l = 0; l < count; l++) {
			sum = fmaf(w.residual[l], w.panel[l * w.stride + j], sum);
		}
		w.triangle[row_start(p.unknowns) + j] += sum;
	}
}

// Computes the sums over the ratings from first up to end: the triangle, b below it,
// and as the corner the number of ratings that the regularization counts.
__device__ inline void sum_ratings(const Problem &p, const Workspace &w, int64 first, int64 end) {
	int64 size = triangle_size(p.unknowns);
	for (int64 e = threadIdx.x; e < size; e += blockDim.x) {
		w.triangle[e] = 0;
	}
	int counted = 0;
	for (; first < end; first += w.rows) {
		int count = (int)(end - first < w.rows ? end - first : w.rows);
		counted += load_panel(p, w, first, count);
		__syncthreads();
		add_panel(p, w, count);
		__syncthreads();
	}
	counted = block_sum(counted);
	if (threadIdx.x == 0) {
		w.triangle[size - 1] = counted;
	}
	__syncthreads();
}

// Adds the sums of the parts of a row in their order. A part is what sum_ratings
// leaves as the triangle.
__device__ inline void sum_parts(const Problem &p, const Workspace &w, const float *parts, int64 count) {
	int64 size = triangle_size(p.unknowns);
	for (int64 e = threadIdx.x; e < size; e += blockDim.x) {
		float sum = parts[e];
		for (int64 part = 1; part < count; part++) {
			sum += parts[part * size + e];
		}
		w.triangle[e] = sum;
	}
	__syncthreads();
}

// Adds to the sums over the ratings of a row what does not come from them: the terms
// over all pairs and the regularization.
__device__ inline void complete_equations(const Problem &p, const Workspace &w) {
	float *right = w.triangle + row_start(p.unknowns);
	float factors, bias;
	regularization(p, (int64)right[p.unknowns], &factors, &bias);
	// A warp has a column, and its first lane the diagonal element.
	for (int j = warp_of_block(); j < p.unknowns; j += warps_of_block()) {
		// The upper triangle of Gram: its rows are the columns of ours.
		for (int i = j + lane_of_warp(); i < p.unknowns && p.all_pairs != 0; i += 32) {
			w.triangle[row_start(i) + j] += p.all_pairs * p.gram[j * p.gram_stride + i];
		}
		if (lane_of_warp() == 0) {
			w.triangle[row_start(j) + j] += j < p.stored ? factors : bias;
		}
	}
	for (int j = threadIdx.x; j < p.unknowns && p.all_pairs != 0 && p.offset_gram; j += blockDim.x) {
		right[j] -= p.all_pairs * p.offset_gram[j];
	}
	__syncthreads();
}
