// Half-steps by CG without the matrix: a block has a row in hand and multiplies by the
// rows of Y that its ratings name. They are staged in shared memory, once for all steps
// if they fit there, else panel by panel in every product.
//
// Floor per row of n ratings and S steps, of which the start is one more: (S+1)·2·n·K
// multiply-adds for the ratings and (S+1)·K² for Gram, and n·K floats of Y. Building
// the matrix costs n·K²/2: more from rank 4·(S+1) on, 16 for the usual three steps.
//
// Rows that do not fit are better off with their matrix, up to rank 128 that of
// half_step_tiles.cuh: without it, a rating at rank 128 and with three steps costs an H200
// five times 512 bytes, 0.6 ns at 4.3 TB/s; with it 8,256 multiply-adds, 0.43 ns at the 58%
// of the peak that half_step_tiles.cuh expects. At rank 64 it is 0.3 ns against 0.13. The
// rows that fit have 80 ratings at most at rank 128, 168 at rank 64, 256 at rank 32.
//
// ptxas 12.4 gives it 48 registers for compute_80 and 56 for compute_90 without spills, so
// that shared memory decides: 47 KiB for 80 ratings in hand at rank 128, four blocks of 256
// threads on a multiprocessor of 227 KiB. An element of the panel costs a load from
// shared memory for each multiply-add, so products are bound by that, at a quarter of
// the peak at most, which is the expectation before any measurement; at rank 128 they
// still cost a sixteenth of the matrix's multiply-adds for each step.
//
// A product has two passes over a panel: warps take ratings and compute
// c = a(r)·(y·v), then threads take unknowns and add up Σ c·y, so that every sum has
// one order. Products with ratings are float32; all vectors are float64, for the
// reason that conjugate_gradients.cuh gives.
#include "problem.cuh"

// Staged is the shared memory of a block. Element i of the float64 vectors belongs to a
// thread: barriers are for what others read of them, the direction alone.
struct Staged {
	double *x, *r, *p, *ap; // solution, residual, direction, A·direction
	float *single;          // the direction
	float *panel;           // rows×stride of Y, with the column of ones
	float *weight;          // rows: a(r)
	float *residual;        // rows: t(r) - a(r)·o
	float *coefficient;     // rows
	int rows;               // of the panel: the ratings in hand
	int stride;             // unknowns, made odd: lanes that read one column of several rows
};

// staged lays out the memory. The layout is that of cgWords in half_step_cg.go.
__device__ inline Staged staged(double *shared, int unknowns, int rows) {
	Staged s;
	s.rows = rows;
	s.stride = unknowns | 1;
	s.x = shared;
	s.r = s.x + unknowns;
	s.p = s.r + unknowns;
	s.ap = s.p + unknowns;
	s.single = (float *)(s.ap + unknowns);
	s.weight = s.single + unknowns;
	s.residual = s.weight + rows;
	s.coefficient = s.residual + rows;
	s.panel = s.coefficient + rows;
	return s;
}

// stage brings the ratings from first on, at most a panel, to shared memory. It begins
// and ends with a barrier.
__device__ inline void stage(const Problem &p, const Staged &s, int64 first, int count) {
	__syncthreads();
	for (int n = threadIdx.x; n < count; n += blockDim.x) {
		float weight, target;
		weigh(p.convention, p.alpha, p.values[first + n], &weight, &target);
		s.weight[n] = weight;
		s.residual[n] = p.offset ? target - weight * p.offset[p.columns[first + n]] : target;
	}
	for (int n = warp_of_block(); n < count; n += warps_of_block()) {
		const float *row = p.y + p.columns[first + n] * p.y_stride;
		for (int j = lane_of_warp(); j < p.unknowns; j += 32) {
			s.panel[n * s.stride + j] = j < p.stored ? row[j] : 1.0f;
		}
	}
	__syncthreads();
}

// add_rows adds Σ c·y over a panel to the sums of the unknowns, of which a thread has
// thread, thread + threads, ….
__device__ inline void add_rows(const Problem &p, const Staged &s, const float *c, int count, double *sums) {
	for (int j = threadIdx.x; j < p.unknowns; j += blockDim.x) {
		float sum = 0;
		for (int n = 0; n < count; n++) {
			sum = fmaf(c[n], s.panel[n * s.stride + j], sum);
		}
		sums[j] += sum;
	}
}

// scores sets c = a(r)·(y·v) for the ratings of a panel. It ends with a barrier.
__device__ inline void scores(const Problem &p, const Staged &s, int count) {
	for (int n = warp_of_block(); n < count; n += warps_of_block()) {
		float sum = 0;
		for (int j = lane_of_warp(); j < p.unknowns; j += 32) {
			sum = fmaf(s.panel[n * s.stride + j], s.single[j], sum);
		}
		sum = warp_sum(sum);
		if (lane_of_warp() == 0) {
			s.coefficient[n] = s.weight[n] * sum;
		}
	}
	__syncthreads();
}

// count_of is the number of ratings in the panel that begins at first.
__device__ inline int count_of(const Staged &s, int64 first, int64 end) {
	return (int)(end - first < s.rows ? end - first : s.rows);
}

// multiply sets ap = A·p. held says that all ratings are staged already. It begins with
// a barrier.
__device__ inline void multiply(const Problem &p, const Staged &s, int64 first, int64 end, bool held, float2 regularization) {
	__syncthreads();
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		s.single[i] = (float)s.p[i];
		double sum = (double)(i < p.stored ? regularization.x : regularization.y) * s.p[i];
		if (p.all_pairs != 0) {
			double pairs = 0;
			for (int j = 0; j < p.unknowns; j++) {
				pairs += p.gram[j * p.gram_stride + i] * s.p[j];
			}
			sum += p.all_pairs * pairs;
		}
		s.ap[i] = sum;
	}
	__syncthreads();
	for (; first < end; first += s.rows) {
		int count = count_of(s, first, end);
		if (!held) {
			stage(p, s, first, count);
		}
		scores(p, s, count);
		add_rows(p, s, s.coefficient, count, s.ap);
	}
}

// right_side sets r = b. If all ratings fit the panel they stay there.
__device__ inline void right_side(const Problem &p, const Staged &s, int64 first, int64 end) {
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		s.r[i] = p.all_pairs != 0 && p.offset_gram ? -(double)p.all_pairs * p.offset_gram[i] : 0.0;
	}
	for (; first < end; first += s.rows) {
		int count = count_of(s, first, end);
		stage(p, s, first, count);
		add_rows(p, s, s.residual, count, s.r);
	}
}

// descend takes the given steps from start and sets x. Returns 0, or the step that met a
// direction without curvature, the same in every thread.
__device__ inline int descend(const Problem &problem, const Staged &s, const float *start, int64 first, int64 end, float2 regularization, int steps) {
	int unknowns = problem.unknowns;
	bool held = end - first <= s.rows;
	right_side(problem, s, first, end);

	double right = 0;
	for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
		right += s.r[i] * s.r[i];
		s.p[i] = start[i];
		s.x[i] = start[i];
	}
	double enough = (double)epsilon * epsilon * block_sum(right);
	if (enough == 0) {
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			s.x[i] = 0;
		}
		return 0;
	}

	multiply(problem, s, first, end, held, regularization);
	double square = 0;
	for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
		s.r[i] -= s.ap[i];
		s.p[i] = s.r[i];
		square += s.r[i] * s.r[i];
	}
	square = block_sum(square);
	for (int step = 1; step <= steps && !(square <= enough); step++) {
		multiply(problem, s, first, end, held, regularization);
		double curvature = 0;
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			curvature += s.p[i] * s.ap[i];
		}
		curvature = block_sum(curvature);
		if (!(curvature > 0)) {
			return step;
		}
		double length = square / curvature, next = 0;
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			s.x[i] += length * s.p[i];
			s.r[i] -= length * s.ap[i];
			next += s.r[i] * s.r[i];
		}
		next = block_sum(next);
		for (int i = threadIdx.x; i < unknowns; i += blockDim.x) {
			s.p[i] = s.r[i] + next / square * s.p[i];
		}
		square = next;
	}
	return 0;
}

// Solves the rows of the list, a block a row. x is the start and is overwritten, as
// info is. regularization is that of each row of the matrix. Shared memory is that of
// Staged for a panel of so many ratings.
extern "C" __global__ void half_step_cg_gathered(
		PROBLEM_PARAMETERS, float *x, int64 x_stride, int *info, const int *rows,
		const float2 *regularization, int steps, int panel_rows) {
	DYNAMIC_SHARED(double, shared);
	Problem p = PROBLEM;
	Staged s = staged(shared, unknowns, panel_rows);
	int64 row = rows[blockIdx.x];
	int64 first = p.offsets[row], end = p.offsets[row + 1];
	float *solution = x + row * x_stride;
	int failed = 0;
	if (first < end) {
		failed = descend(p, s, solution, first, end, regularization[row], steps);
	}
	int unsound = 0;
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		unsound += first < end && !is_finite((float)s.x[i]);
	}
	if (block_sum(unsound) && !failed) {
		failed = p.unknowns;
	}
	for (int i = threadIdx.x; i < p.unknowns; i += blockDim.x) {
		solution[i] = failed || first == end ? 0.0f : (float)s.x[i];
	}
	if (threadIdx.x == 0) {
		info[row] = failed;
	}
}
