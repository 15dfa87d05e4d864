// Rows of matrices that groups of lanes share, 4 columns a lane: a power of two lanes up
// to 32, and so up to 128 columns a group. Wider rows go in tiles, which the second
// dimension of the grid counts.
#pragma once

#include "common.cuh"

constexpr int part_columns = 4; // of a lane

// Part is the columns that a lane has.
struct Part {
	int64 first, step; // column first + i·step
	int64 width;       // of the rows
};

// lanes_part is the columns of a lane in the tile at hand. With Quads they are four
// neighbours, which are read and written as one: width, strides and addresses are
// multiples of 4 floats. Otherwise lanes that are neighbours have neighbouring columns.
template <bool Quads>
__device__ inline Part lanes_part(int lanes, int64 width) {
	int lane = threadIdx.x % lanes;
	int64 first = (int64)blockIdx.y * part_columns * lanes;
	return Quads ? Part{first + part_columns * lane, 1, width} : Part{first + lane, lanes, width};
}

// load_part returns the elements of a row that a lane has, zeros beyond the last.
template <bool Quads>
__device__ inline float4 load_part(const float *row, const Part &p) {
	if constexpr (Quads) {
		return p.first < p.width ? *(const float4 *)(row + p.first) : make_float4(0, 0, 0, 0);
	} else {
		float v[part_columns];
#pragma unroll
		for (int i = 0; i < part_columns; i++) {
			int64 j = p.first + i * p.step;
			v[i] = j < p.width ? row[j] : 0.0f;
		}
		return make_float4(v[0], v[1], v[2], v[3]);
	}
}

template <bool Quads>
__device__ inline void store_part(float *row, const Part &p, float4 v) {
	if constexpr (Quads) {
		if (p.first < p.width) {
			*(float4 *)(row + p.first) = v;
		}
	} else {
		float values[part_columns] = {v.x, v.y, v.z, v.w};
#pragma unroll
		for (int i = 0; i < part_columns; i++) {
			int64 j = p.first + i * p.step;
			if (j < p.width) {
				row[j] = values[i];
			}
		}
	}
}

// add_scaled adds alpha·x to y.
__device__ inline void add_scaled(float4 &y, float alpha, float4 x) {
	y.x = fmaf(alpha, x.x, y.x);
	y.y = fmaf(alpha, x.y, y.y);
	y.z = fmaf(alpha, x.z, y.z);
	y.w = fmaf(alpha, x.w, y.w);
}
