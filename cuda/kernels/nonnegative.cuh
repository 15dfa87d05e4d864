// The method NonNegative of a half-step: the minimum over factors that are not
// negative, by block principal pivoting (Kim and Park 2011, Fast nonnegative matrix
// factorization: an active-set-like method and comparisons, SIAM J. Sci. Comput.
// 33(6)). A split of the unknowns that is tried costs m³/3 + 2·m·K operations for m
// passive ones. This is for ranks above 128; half_step_nonnegative.cuh has the others.
#pragma once

#include "normal_equations.cuh"

// backup_steps is how many full exchanges may fail to bring the number of misplaced
// unknowns down: 3, as Kim and Park choose.
constexpr int backup_steps = 3;

// The number of splits that are tried for a row is bounded, for one may go in circles
// where rounding decides its signs.
constexpr int splits_per_unknown = 10;
constexpr int splits_at_least = 100;

// Split divides the unknowns into passive ones, which solve their own part of the
// system, and active ones, which are 0. It is the solution if no passive unknown is
// negative and no element of the gradient A·x - b of an active one is.
struct Split {
	int *passive;    // 1 for a passive unknown
	int *misplaced;  // 1 for an unknown on the wrong side
	int *index;      // the passive unknowns, ascending
	float *x;        // all unknowns
	float *solution; // those of index
	int count;       // of index
	int negative;    // unknowns misplaced, and the last of them
	int last;
};

// split_words is the room in w.vectors that a Split needs, per unknown.
constexpr int split_words = 4;

// Computes x for the present split. Returns 0 or the unknown, from 1, whose pivot
// failed.
__device__ inline int solve_passive(const Problem &p, const Workspace &w, Split *s) {
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		int before = 0;
		for (int j = 0; j < i; j++) {
			before += s->passive[j];
		}
		if (s->passive[i]) {
			s->index[before] = i;
		}
		s->x[i] = 0;
	}
	int count = 0;
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		count += s->passive[i];
	}
	s->count = block_sum(count);
	s->solution = w.spare + row_start(s->count);
	for (int i = warp_of_block(); i < s->count; i += warps_of_block()) {
		for (int j = lane_of_warp(); j <= i; j += 32) {
			w.spare[row_start(i) + j] = w.triangle[row_start(s->index[i]) + s->index[j]];
		}
	}
	for (int i = threadIdx.x; i < s->count; i += blockDim.x) {
		s->solution[i] = w.triangle[row_start(p.unknowns) + s->index[i]];
	}
	__syncthreads();
	int failed = solve(w.spare, s->count, w.diagonal, pivot_tolerance(p.unknowns));
	if (failed) {
		return s->index[failed - 1] + 1;
	}
	for (int i = threadIdx.x; i < s->count; i += blockDim.x) {
		s->x[s->index[i]] = s->solution[i]; // read after the next barrier
	}
	return 0;
}

// Marks the misplaced unknowns. Signs are judged with rounding in mind: a number
// counts as negative below -K·2⁻²³ times the largest unknown or, for a gradient, the
// sum of the magnitudes of its terms. NaN is misplaced on either side, so that it
// reaches a pivot.
__device__ inline void find_misplaced(const Problem &p, const Workspace &w, Split *s) {
	const float *b = w.triangle + row_start(p.unknowns);
	float largest = 0;
	for (int i = threadIdx.x; i < s->count; i += blockDim.x) {
		largest = fmaxf(largest, fabsf(s->solution[i]));
	}
	largest = block_max(largest);
	int negative = 0, last = -1;
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		float value = s->x[i], scale = largest;
		if (!s->passive[i]) {
			value = -b[i];
			scale = fabsf(b[i]);
			for (int n = 0; n < s->count; n++) {
				int row = max(i, s->index[n]), column = min(i, s->index[n]);
				float term = w.triangle[row_start(row) + column] * s->solution[n];
				value += term;
				scale += fabsf(term);
			}
		}
		// A bias, after the stored columns, is free of sign.
		s->misplaced[i] = i < p.stored && !(value >= -pivot_tolerance(p.unknowns) * scale);
		if (s->misplaced[i]) {
			negative++;
			last = i;
		}
	}
	s->negative = block_sum(negative);
	s->last = block_max(last);
}

// Overwrites b, the row below the triangle, with the solution. w.vectors has room for
// split_words·unknowns words, w.spare for a triangle. Returns 0, the unknown, from 1,
// whose pivot failed, or -1.
//
// All misplaced unknowns change sides while that makes their number fall, and
// backup_steps times more while it does not; then only the last one does, which ends
// after finitely many steps (Murty 1974).
__device__ inline int solve_nonnegative(const Problem &p, const Workspace &w) {
	float *b = w.triangle + row_start(p.unknowns);
	Split s;
	s.passive = (int *)w.vectors;
	s.misplaced = s.passive + p.unknowns;
	s.index = s.misplaced + p.unknowns;
	s.x = (float *)(s.index + p.unknowns);
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		s.passive[i] = b[i] > 0 || i >= p.stored;
	}
	__syncthreads();

	int fewest = p.unknowns + 1, backups = backup_steps;
	int tries = max(splits_per_unknown * p.unknowns, splits_at_least);
	for (int n = 0; n < tries; n++) {
		int failed = solve_passive(p, w, &s);
		if (failed) {
			return failed;
		}
		find_misplaced(p, w, &s);
		if (s.negative == 0) {
			for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
				b[i] = i < p.stored ? fmaxf(s.x[i], 0.0f) : s.x[i];
			}
			return 0;
		}
		bool all = true;
		if (s.negative < fewest) {
			fewest = s.negative;
			backups = backup_steps;
		} else if (backups > 0) {
			backups--;
		} else {
			all = false;
		}
		for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
			s.passive[i] ^= all ? s.misplaced[i] : i == s.last;
		}
		__syncthreads();
	}
	return -1;
}
