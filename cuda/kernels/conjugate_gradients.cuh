// The method CG of a half-step with the matrix, built as for Cholesky: for ranks at
// which that is less work than the products without it, and for rows of more ratings than
// fit shared memory, or whose sums are added from parts. half_step_cg.cu has the others.
//
// The vectors are float64: where one eigenvalue stands out, as that of a bias does, a
// rounding error in its direction grows with each step by about the ratio of the
// eigenvalues, and the digits of float32 are used up after a few.
#pragma once

#include "normal_equations.cuh"

// product returns element i of A·v for a packed lower triangle.
__device__ inline double product(const float *triangle, int unknowns, int i, const double *v) {
	double sum = 0;
	for (int j = 0; j <= i; j++) {
		sum += triangle[row_start(i) + j] * v[j];
	}
	for (int j = i + 1; j < unknowns; j++) {
		sum += triangle[row_start(j) + i] * v[j];
	}
	return sum;
}

// Takes the given steps from start and overwrites b, the row below the triangle, with
// the solution. w.vectors has room for 4·unknowns float64. Returns 0 or the step that
// met a direction without curvature.
__device__ inline int conjugate_gradients(const Problem &problem, const Workspace &w, const float *start, int steps) {
	int unknowns = problem.unknowns;
	float *b = w.triangle + row_start(unknowns);
	double *x = (double *)w.vectors, *r = x + unknowns, *p = r + unknowns, *ap = p + unknowns;

	double right = 0;
	for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
		right += (double)b[i] * b[i];
		x[i] = start[i];
	}
	double enough = (double)epsilon * epsilon * block_sum(right);
	if (enough == 0) {
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			b[i] = 0;
		}
		return 0;
	}

	double square = 0;
	for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
		r[i] = b[i] - product(w.triangle, unknowns, i, x);
		p[i] = r[i];
		square += r[i] * r[i];
	}
	square = block_sum(square);
	for (int step = 1; step <= steps && !(square <= enough); step++) {
		double curvature = 0;
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			ap[i] = product(w.triangle, unknowns, i, p);
			curvature += p[i] * ap[i];
		}
		curvature = block_sum(curvature);
		if (!(curvature > 0)) {
			return step;
		}
		double length = square / curvature, next = 0;
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			x[i] += length * p[i];
			r[i] -= length * ap[i];
			next += r[i] * r[i];
		}
		next = block_sum(next);
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			p[i] = r[i] + next / square * p[i];
		}
		square = next;
		__syncthreads();
	}
	for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
		b[i] = (float)x[i];
	}
	return 0;
}
