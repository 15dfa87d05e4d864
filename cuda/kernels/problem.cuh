// The parameters of the kernels that go over the rows of an ALS problem, and the
// terms of the objective. Names and formulas are those of kernels.Problem.
#pragma once

#include "common.cuh"

// Problem is one half-step on the device. Pointers are 0 where a term is not there.
struct Problem {
	const float *y; // columns×stored
	int64 y_stride;

	// The ratings. Entry e of row i has offsets[i] ≤ e < offsets[i+1].
	const int64 *offsets;
	const int *columns;
	const float *values;
	int64 column_count;

	const float *gram; // unknowns×unknowns
	int64 gram_stride;
	const float *offset;      // per column
	const float *offset_gram; // unknowns

	int unknowns; // K, the columns of X
	int stored;   // columns of Y: K, or K-1 with a bias
	int convention;
	float all_pairs; // g, the weight of all pairs: w₀ in IALS
	float alpha;
	float lambda;
	float exponent;
	float bias_lambda;
};

// PROBLEM_PARAMETERS are what a kernel is passed of a problem, and PROBLEM makes a
// Problem of them.
#define PROBLEM_PARAMETERS                                                                                     \
	const float *y, int64 y_stride, const int64 *offsets, const int *columns, const float *values,          \
		int64 column_count, const float *gram, int64 gram_stride, const float *offset,                  \
		const float *offset_gram, int unknowns, int stored, int convention, float all_pairs,            \
		float alpha, float lambda, float exponent, float bias_lambda

#define PROBLEM                                                                                                \
	Problem {                                                                                              \
		y, y_stride, offsets, columns, values, column_count, gram, gram_stride, offset, offset_gram,   \
			unknowns, stored, convention, all_pairs, alpha, lambda, exponent, bias_lambda          \
	}

// The numbers of kernels.Convention.
constexpr int explicit_ratings = 0;
constexpr int implicit_ratings = 1;
constexpr int confidence_ratings = 2;
constexpr int ials_ratings = 3;

// weighted reports whether weights other than 1 occur, and with them ratings that
// the regularization does not count.
__device__ inline bool weighted(int convention) { return convention == implicit_ratings || convention == confidence_ratings; }

// weigh returns the weight a(r) and the target t(r) of a rating.
__device__ inline void weigh(int convention, float alpha, float rating, float *weight, float *target) {
	*weight = 1;
	*target = rating;
	if (convention == implicit_ratings) {
		*weight = alpha * fabsf(rating);
		*target = rating > 0 ? 1 + *weight : 0.0f;
	} else if (convention == confidence_ratings) {
		*weight = fabsf(rating) - 1;
		*target = rating > 0 ? rating : 0.0f;
	}
}

// regularization returns the diagonal terms of a row that counts so many ratings, of
// its factors and of its bias: λ(n + w₀N)^ν, in float64 until the end.
__device__ inline void regularization(const Problem &p, int64 count, float *factors, float *bias) {
	double n = count;
	if (p.convention == ials_ratings) {
		n += (double)p.all_pairs * p.column_count;
	}
	double power = pow(n, (double)p.exponent);
	*factors = (float)(p.lambda * power);
	*bias = (float)(p.bias_lambda * power);
}
