// Half-steps by Subspace and CG of rows whose ratings half_step_tiles.cuh has added up, of
// ranks up to 128: a block has a row in hand and its matrix in shared memory, as a packed
// triangle. There a thread has an unknown, and the elements that 32 neighbours want are in
// 32 banks, of a row as well as of a column: the numbers i(i+1)/2 of 32 rows all differ
// modulo 32.
//
// Floor per row beside the sums of its ratings: K²/2 floats of them, written and read once;
// for S sweeps over blocks of d unknowns K·d²/6 multiply-adds for the factors, which do not
// change from sweep to sweep, (S+1)·K² in float64 for what is left of the equations and
// S·K·d for the blocks; for S steps of CG (S+1)·K² in float64.
//
//	load   the parts of a row are added in order, four elements of a tile at a time
//	factor warps take diagonal blocks, lanes their rows
//	block  a warp solves it by shuffles, forward and back; then all threads take its
//	       change off their equations
//
// What ptxas 12.4 makes of the PTX (registers for compute_80 and compute_90); nothing is
// spilled. Shared memory in bytes and blocks of a multiprocessor of 227 KiB:
//
//	                          registers   rank 64, threads 64   rank 128, threads 128
//	half_step_subspace_sums      63, 55    13460, 16 blocks         42644, 5 blocks
//	half_step_cg_sums            42, 54    11012, 19 blocks         38020, 5 blocks
//
// The expectation, before any measurement: at rank 128, with one sweep over blocks of 32,
// the sums of a row are 67 KB of traffic, 16 ns at the 4.3 TB/s of an H200 unless they stay
// in its second-level cache, and the float64 multiply-adds 2 ns at 33 TFLOP/s. A row takes
// 4·64 shuffles one after the other, some 30 cycles each, with which those of 659 others on
// the GPU overlap: another 6 ns. A hundred ratings cost 24 ns at the peak.
#include "conjugate_gradients.cuh"

// Sums are where the sums over the parts of rows are, in tiles as system_tiles.cuh lays
// them out, of a rank that is no constant here.
struct Sums {
	const float *parts;
	const int64 *first_part; // of row number n of the list, and one more
	int rank, tile;
	const float2 *regularization; // of each row of the matrix
};

#define SUMS_PARAMETERS                                                                                 \
	float *x, int64 x_stride, int *info, const int *rows, const float2 *regularization,             \
		const float *parts, const int64 *first_part, int rank, int tile

#define SUMS                                                                                            \
	Sums { parts, first_part, rank, tile, regularization }

// load_system writes the system of row number n of the list to a packed triangle, the
// right-hand side below it. Gram and offset_gram are the terms of the system, weight
// included. Returns whether the row has ratings. It ends with a barrier.
__device__ inline bool load_system(const Problem &p, const Sums &s, int64 n, int64 row, float *triangle) {
	int side = s.rank / s.tile, tiles = side * (side + 1) / 2, size = s.tile * s.tile;
	int64 step = tiles * size + s.rank;
	int64 count = s.first_part[n + 1] - s.first_part[n];
	const float *parts = s.parts + s.first_part[n] * step;
	float2 regularization = s.regularization[row];
	for (int quad = threadIdx.x; quad < tiles * size / 4; quad += blockDim.x) {
		int tile_row, tile_column, e = quad / tiles * 4;
		tile_at(quad % tiles, &tile_row, &tile_column);
		int i = tile_row * s.tile + e / s.tile, j = tile_column * s.tile + e % s.tile;
		if (i >= p.unknowns || j > i) {
			continue;
		}
		float sum[4] = {};
		for (int64 part = 0; part < count; part++) {
			float4 q = *(const float4 *)(parts + part * step + 4 * quad);
			sum[0] += q.x;
			sum[1] += q.y;
			sum[2] += q.z;
			sum[3] += q.w;
		}
		for (int k = 0; k < 4 && j + k <= i; k++) {
			float v = sum[k];
			if (p.gram) {
				v += p.gram[(j + k) * p.gram_stride + i];
			}
			if (j + k == i) {
				v += i < p.stored ? regularization.x : regularization.y;
			}
			triangle[row_start(i) + j + k] = v;
		}
	}
	for (int j = threadIdx.x; j < p.unknowns; j += blockDim.x) {
		float sum = 0;
		for (int64 part = 0; part < count; part++) {
			sum += parts[part * step + tiles * size + j];
		}
		triangle[row_start(p.unknowns) + j] = p.offset_gram ? sum - p.offset_gram[j] : sum;
	}
	__syncthreads();
	return count > 0;
}

// write_unrated writes a row without ratings.
__device__ inline void write_unrated(const Problem &p, float *x, int *info) {
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		x[i] = 0;
	}
	if (threadIdx.x == 0) {
		*info = 0;
	}
}

// Solves a row of the list by CG, each block one. x is the start and is overwritten, as
// info is. Shared memory is for 4·unknowns float64 and a triangle.
extern "C" __global__ void half_step_cg_sums(PROBLEM_PARAMETERS, SUMS_PARAMETERS, int steps) {
	DYNAMIC_SHARED(double, shared);
	Problem p = PROBLEM;
	Workspace w = {};
	w.vectors = shared;
	w.triangle = (float *)(shared + 4 * unknowns);
	int64 row = rows[blockIdx.x];
	float *solution = x + row * x_stride;
	if (!load_system(p, SUMS, blockIdx.x, row, w.triangle)) {
		write_unrated(p, solution, info + row);
		return;
	}
	int failed = conjugate_gradients(p, w, solution, steps);
	write_solution(solution, w.triangle + row_start(unknowns), unknowns, info + row, failed);
}

// Descent is the shared memory of a block that goes over a row by Subspace.
struct Descent {
	double *change;  // 32: of the unknowns of the block in hand
	float *residual; // 32: of the same
	float *value;    // 32: the unknowns themselves
	float *triangle; // the system
	float *factors;  // of the diagonal blocks, each a packed triangle, their diagonals inverted
	int *failed;     // the first unknown, from 1, whose pivot failed, or beyond
	int block;       // unknowns of a block, at most 32
};

// packed_row is row_start in 32 bits.
__device__ inline int packed_row(int i) { return i * (i + 1) / 2; }

// factor_of is where the factor of a diagonal block is.
__device__ inline float *factor_of(const Descent &d, int number) { return d.factors + number * packed_row(d.block); }

// factorize_block writes the factor of a diagonal block, a lane a row; the warp takes part
// as one. Column by column: what is left of the column is a sum over those before.
__device__ inline void factorize_block(const Problem &p, const Descent &d, int number) {
	int first = number * d.block, size = min(d.block, p.unknowns - first), i = lane_of_warp();
	float *own = factor_of(d, number) + packed_row(i);
	const float *a = d.triangle + packed_row(first + i) + first;
	float tolerance = pivot_tolerance(p.unknowns);
	for (int j = 0; j < size; j++) {
		const float *other = factor_of(d, number) + packed_row(j);
		float v = 0;
		if (i >= j && i < size) {
			v = a[j];
			for (int k = 0; k < j; k++) {
				v = fmaf(-own[k], other[k], v);
			}
		}
		float pivot = __shfl_sync(full_warp, v, j);
		if (i == j && !(pivot > tolerance * a[j])) {
			atomicMin(d.failed, first + j + 1);
		}
		float inverse = rsqrtf(pivot);
		if (i >= j && i < size) {
			own[j] = i == j ? inverse : v * inverse;
		}
		__syncwarp();
	}
}

// solve_block returns the solution of a diagonal block for the residual, a lane an
// unknown; the warp takes part as one.
__device__ inline float solve_block(const Descent &d, int number, int size) {
	int i = lane_of_warp();
	const float *factor = factor_of(d, number);
	float v = i < size ? d.residual[i] : 0.0f;
	for (int j = 0; j < size; j++) {
		float z = __shfl_sync(full_warp, v, j) * factor[packed_row(j) + j];
		if (i == j) {
			v = z;
		} else if (i > j && i < size) {
			v = fmaf(-factor[packed_row(i) + j], z, v);
		}
	}
	for (int j = size - 1; j >= 0; j--) {
		float solved = __shfl_sync(full_warp, v, j) * factor[packed_row(j) + j];
		if (i == j) {
			v = solved;
		} else if (i < j) {
			v = fmaf(-factor[packed_row(j) + i], solved, v);
		}
	}
	return v;
}

// element returns element (i, j) of the matrix.
__device__ inline float element(const float *triangle, int i, int j) {
	return i < j ? triangle[packed_row(j) + i] : triangle[packed_row(i) + j];
}

// Solves a row of the list by Subspace, each block one, with a thread for each unknown:
// it has the unknown and what is left of its equation, in float64 because that is a small
// difference. x is the start and is overwritten, as info is. Shared memory is for
// Descent, whose layout is that of subspaceBytes in half_step_sums.go.
extern "C" __global__ void half_step_subspace_sums(PROBLEM_PARAMETERS, SUMS_PARAMETERS, int sweeps, int block) {
	DYNAMIC_SHARED(double, shared);
	Problem p = PROBLEM;
	Descent d;
	d.block = block;
	d.change = shared;
	d.residual = (float *)(shared + 32);
	d.value = d.residual + 32;
	d.failed = (int *)(d.value + 32);
	d.triangle = d.value + 32 + 4;
	d.factors = d.triangle + triangle_size(unknowns);
	int64 row = rows[blockIdx.x];
	float *solution = x + row * x_stride;
	if (threadIdx.x == 0) {
		*d.failed = unknowns + 1;
	}
	if (!load_system(p, SUMS, blockIdx.x, row, d.triangle)) {
		write_unrated(p, solution, info + row);
		return;
	}
	int i = threadIdx.x, blocks = (unknowns + block - 1) / block;
	for (int number = warp_of_block(); number < blocks; number += warps_of_block()) {
		factorize_block(p, d, number);
	}
	float value = i < unknowns ? solution[i] : 0.0f;
	float *right = d.triangle + packed_row(unknowns);
	double left = i < unknowns ? right[i] : 0.0f;
	if (i < unknowns) {
		for (int j = 0; j < unknowns; j++) {
			left -= (double)element(d.triangle, i, j) * solution[j];
		}
	}
	for (int sweep = 0; sweep < sweeps; sweep++) {
		for (int number = 0; number < blocks; number++) {
			int first = number * block, size = min(block, unknowns - first);
			bool own = i >= first && i < first + size;
			if (own) {
				d.residual[i - first] = (float)left;
				d.value[i - first] = value;
			}
			__syncthreads();
			if (warp_of_block() == 0) {
				float change = solve_block(d, number, size);
				if (lane_of_warp() < size) {
					float before = d.value[lane_of_warp()];
					d.change[lane_of_warp()] = (double)(before + change) - before; // as it is rounded
				}
			}
			__syncthreads();
			if (own) {
				value = (float)(value + d.change[i - first]);
			}
			if (i < unknowns) {
				for (int j = 0; j < size; j++) {
					left -= element(d.triangle, i, first + j) * d.change[j];
				}
			}
		}
	}
	int failed = *d.failed <= unknowns ? *d.failed : 0;
	if (i < unknowns) {
		right[i] = value;
	}
	write_solution(solution, right, unknowns, info + row, failed);
}
