// The two sums of Factorization.Loss over the stored entries, in float64: within a
// block over its entries, and then over blocks, in an order that depends on their
// number alone. scores.cuh has the floor, the registers and what is to be expected of
// loss_blocks; loss_total, of one block, has 28 registers for compute_80 and 24 for
// compute_90.
#include "problem.cuh"
#include "scores.cuh"

// Adds to both sums what an entry with this rating and score contributes.
__device__ inline void add_loss(
		int convention, float alpha, double rating, double s, double *errors, double *objective) {
	double fitted = rating;
	if (weighted(convention)) {
		fitted = rating > 0 ? 1 : 0;
	}
	double square = (fitted - s) * (fitted - s);
	*errors += square;
	if (weighted(convention)) {
		double confidence = convention == implicit_ratings ? 1 + alpha * fabs(rating) : fabs(rating);
		*objective += confidence * square - s * s;
	} else {
		*objective += square;
	}
}

// Writes the two sums of each block to partial. lanes, a power of two up to 32, share
// an entry. With a bias column stored of X is the row's.
extern "C" __global__ void loss_blocks(
		double *partial, const int64 *offsets, const int *columns, const float *values, int64 rows,
		const float *x, int64 x_stride, const float *y, int64 y_stride, const float *offset, int unknowns,
		int stored, int convention, float alpha, int lanes) {
	Entries entries = entries_of_block(offsets, rows);
	int at_once = blockDim.x / lanes;
	bool quads = aligned(x, x_stride) && aligned(y, y_stride);
	Walk walk = walk_from(offsets, entries);
	double errors = 0, objective = 0;
	for (int64 base = entries.first; base < entries.end; base += at_once) {
		int64 e = base + threadIdx.x / lanes;
		bool there = e < entries.end;
		const float *xs = x, *ys = y;
		if (there) {
			xs += walk_to(walk, offsets, entries, e) * x_stride;
			ys += columns[e] * y_stride;
		}
		float s = score(xs, ys, there ? stored : 0, lanes, quads);
		if (there && threadIdx.x % lanes == 0) {
			if (stored < unknowns) {
				s += xs[stored];
			}
			if (offset) {
				s += offset[columns[e]];
			}
			add_loss(convention, alpha, values[e], s, &errors, &objective);
		}
	}
	errors = block_sum(errors);
	objective = block_sum(objective);
	if (threadIdx.x == 0) {
		partial[2 * blockIdx.x] = errors;
		partial[2 * blockIdx.x + 1] = objective;
	}
}

// Adds the sums of so many blocks; a single block.
extern "C" __global__ void loss_total(double *out, const double *partial, int64 count) {
	double errors = 0, objective = 0;
	for (int64 n = threadIdx.x; n < count; n += blockDim.x) {
		errors += partial[2 * n];
		objective += partial[2 * n + 1];
	}
	errors = block_sum(errors);
	objective = block_sum(objective);
	if (threadIdx.x == 0) {
		out[0] = errors;
		out[1] = objective;
	}
}
