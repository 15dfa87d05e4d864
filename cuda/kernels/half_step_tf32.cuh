// Half-steps by Cholesky with the rank as a constant, whose matrices are added up by the
// tensor cores in TF32: the factors are rounded to 11 bits, their products are added in
// float32. Everything else is as half_step_tiles.cuh has it, in float32.
//
// Both sides of the normal equations are those of the rounded factors, so a row is the
// exact solution for factors that are off by up to 2⁻¹¹ of themselves: its own error is
// about that times the condition of its system, 5·10⁻⁴ where that is small. With weights
// the left factor of a product is rounded after it was weighed.
//
//	sum     a warp owns some blocks of 16×8 elements of the lower triangle, in the
//	        registers of its lanes as the instruction mma.m16n8k8 has them; 8 ratings
//	        cost it 4 loads of 4 bytes for a new row of blocks and 2 for a block, for
//	        16·8·8 multiply-adds
//	factor  the blocks go to shared memory, and from there to the owners of the tiles
//
// What ptxas 12.4 makes of the PTX, as in half_step_tiles.cuh; nothing is spilled:
//
//	rank  threads  registers  shared  blocks  together
//	  64       64   128, 130   10352       6       384
//	  96       96   146, 150   21360       4       384
//	 128      160   150, 150   36176       2       320
//
// Floor per row of n ratings: n·K²/2 multiply-adds at the rate of the tensor cores. The
// loads bound it before: some 2.5 of 128 bytes for 1024 multiply-adds are three times the
// float32 rate of a multiprocessor that loads 128 bytes while it does 128 of those.
#pragma once

#include "half_step_tiles.cuh"

// Blocks is how the triangle is cut for the tensor cores: block row i has the blocks of
// columns up to 2·i+1.
template <typename S>
struct Blocks {
	static constexpr int rows = S::rank / 16;
	static constexpr int count = rows * (rows + 1);
	static constexpr int warps = S::threads / 32;
	static constexpr int owned = (count + warps - 1) / warps; // by a warp, at most
	static constexpr int stride = S::rank + 8; // of a panel: 4 rows by 8 columns hit 32 banks

	static_assert(S::rank % 32 == 0 && S::panel % 8 == 0 && S::groups == 1 && S::splits == 1 && S::tile == 8, "");
};

template <typename S>
struct __align__(16) SharedBlocks {
	union {
		float buffer[2][S::panel * Blocks<S>::stride]; // rows of Y, rounded
		float factor[S::tiles * S::tile_size];
	};
	float right[S::rank];
	float diagonal[S::rank];
	float inverse[S::tile];
	int failed;

	int ids[3][S::panel];
	float weight[3][S::panel];
	float residual[3][S::panel];
};

// round_tf32 rounds to 11 significant bits, halves away from zero, as cvt.rna.tf32 does.
__device__ inline float round_tf32(float v) {
	return is_finite(v) ? __int_as_float((__float_as_int(v) + 0x1000) & ~0x1fff) : v;
}

// multiply_add_tf32 computes C += A·B for A of 16×8, B of 8×8 and C of 16×8, which the
// lanes of a warp hold as mma.m16n8k8 has them: lane 4·g+t has A(g,t), A(g+8,t), A(g,t+4)
// and A(g+8,t+4), B(t,g) and B(t+4,g), C(g,2t), C(g,2t+1), C(g+8,2t) and C(g+8,2t+1).
__device__ inline void multiply_add_tf32(float (&c)[4], const float (&a)[4], const float (&b)[2]) {
#if __CUDA_ARCH__ >= 800
	asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
		: "r"(__float_as_int(a[0])), "r"(__float_as_int(a[1])), "r"(__float_as_int(a[2])), "r"(__float_as_int(a[3])),
		"r"(__float_as_int(b[0])), "r"(__float_as_int(b[1])));
#else
	// The portable twin, by shuffles. What stands above is untested where there is
	// no GPU.
	int g = lane_of_warp() / 4, t = lane_of_warp() % 4;
	for (int k = 0; k < 8; k++) {
		float low = __shfl_sync(full_warp, a[k / 4 * 2], 4 * g + k % 4);
		float high = __shfl_sync(full_warp, a[k / 4 * 2 + 1], 4 * g + k % 4);
		float even = __shfl_sync(full_warp, b[k / 4], 4 * (2 * t) + k % 4);
		float odd = __shfl_sync(full_warp, b[k / 4], 4 * (2 * t + 1) + k % 4);
		c[0] = fmaf(low, even, c[0]);
		c[1] = fmaf(low, odd, c[1]);
		c[2] = fmaf(high, even, c[2]);
		c[3] = fmaf(high, odd, c[3]);
	}
#endif
}

template <typename S>
__device__ inline void store_rounded(float *buffer, Share taken, int n, float4 q) {
	int row = taken.row + n * S::taken;
	if (row < S::panel) {
		q.x = round_tf32(q.x);
		q.y = round_tf32(q.y);
		q.z = round_tf32(q.z);
		q.w = round_tf32(q.w);
		*(float4 *)(buffer + row * Blocks<S>::stride + 4 * taken.quad) = q;
	}
}

// add_blocks adds Σ a(r)·y·yᵀ over a panel to the blocks of a warp.
template <typename S, bool Weighted>
__device__ inline void add_blocks(float (&sum)[Blocks<S>::owned][4], const SharedBlocks<S> &s, int buffer, int slot) {
	constexpr int stride = Blocks<S>::stride;
	int g = lane_of_warp() / 4, t = lane_of_warp() % 4;
	int first = warp_of_block() * Blocks<S>::owned;
	int first_row = 0;
	while ((first_row + 1) * (first_row + 2) <= first) {
		first_row++;
	}
	for (int l = 0; l < S::panel; l += 8) {
		const float *y = s.buffer[buffer] + l * stride;
		int row = first_row, column = first - row * (row + 1);
		float a[4];
#pragma unroll
		for (int n = 0; n < Blocks<S>::owned; n++) {
			if (first + n >= Blocks<S>::count) {
				break;
			}
			if (n == 0 || column == 0) {
				const float *left = y + row * 16 + g;
				a[0] = left[t * stride];
				a[1] = left[t * stride + 8];
				a[2] = left[(t + 4) * stride];
				a[3] = left[(t + 4) * stride + 8];
				if (Weighted) {
					float low = s.weight[slot][l + t], high = s.weight[slot][l + t + 4];
					a[0] = round_tf32(low * a[0]);
					a[1] = round_tf32(low * a[1]);
					a[2] = round_tf32(high * a[2]);
					a[3] = round_tf32(high * a[3]);
				}
			}
			float b[2] = {y[t * stride + column * 8 + g], y[(t + 4) * stride + column * 8 + g]};
			multiply_add_tf32(sum[n], a, b);
			if (column++ == 2 * row + 1) {
				row++;
				column = 0;
			}
		}
	}
}

// add_right_rounded is add_right for a buffer whose rows are in their order.
template <typename S>
__device__ inline void add_right_rounded(float *b, const SharedBlocks<S> &s, int thread, int buffer, int slot) {
	for (int n = 0; n * S::threads < S::rank; n++) {
		int j = n * S::threads + thread;
		if (j < S::rank) {
			for (int l = 0; l < S::panel; l++) {
				b[n] = fmaf(s.residual[slot][l], s.buffer[buffer][l * Blocks<S>::stride + j], b[n]);
			}
		}
	}
}

// spread_blocks writes the blocks of a warp to shared memory as tiles, row by row, and
// adds to each tile in registers its own. It begins after a barrier.
template <typename S>
__device__ inline void spread_blocks(SharedBlocks<S> &s, const Member &m, const float (&sum)[Blocks<S>::owned][4], float (&tile)[S::tile][S::tile]) {
	int g = lane_of_warp() / 4, t = lane_of_warp() % 4;
	int block = warp_of_block() * Blocks<S>::owned;
#pragma unroll
	for (int n = 0; n < Blocks<S>::owned; n++, block++) {
		if (block >= Blocks<S>::count) {
			break;
		}
		int row = 0;
		while ((row + 1) * (row + 2) <= block) {
			row++;
		}
		int column = block - row * (row + 1);
		for (int half = 0; half < 2; half++) {
			int below = 2 * row + half;
			if (column <= below) {
				float *to = s.factor + tile_number(below, column) * S::tile_size + g * S::tile + 2 * t;
				to[0] = sum[n][2 * half];
				to[1] = sum[n][2 * half + 1];
			}
		}
	}
	__syncthreads();
	if (m.split == 0) {
		const float *from = s.factor + m.tile * S::tile_size;
#pragma unroll
		for (int i = 0; i < S::tile; i++) {
#pragma unroll
			for (int j = 0; j < S::tile; j += 4) {
				float quad[4];
				load_quad(quad, from + i * S::tile + j);
#pragma unroll
				for (int k = 0; k < 4; k++) {
					tile[i][j + k] += quad[k];
				}
			}
		}
	}
}

// sum_blocks is sum_tiles by the tensor cores.
template <typename S, bool Weighted>
__device__ inline void sum_blocks(const Problem &p, SharedBlocks<S> &s, int thread, int64 first, int64 end, float (&sum)[Blocks<S>::owned][4]) {
	float b[(S::rank + S::threads - 1) / S::threads] = {};
	Share taken = share<S>(thread);
	store_rating<S>(p, s, 0, thread, load_rating<S>(p, thread, first, end));
	store_rating<S>(p, s, 1, thread, load_rating<S>(p, thread, first + S::panel, end));
	__syncthreads();
	for (int n = 0; n < S::loads; n++) {
		store_rounded<S>(s.buffer[0], taken, n, load_quad<S>(p, s.ids[0], taken, n));
	}
	__syncthreads();

	int buffer = 0, slot = 0;
	for (; first < end; first += S::panel) {
		int next = slot == 2 ? 0 : slot + 1;
		int after = next == 2 ? 0 : next + 1;
		Rating rating = load_rating<S>(p, thread, first + 2 * S::panel, end);
		float4 quads[S::loads];
#pragma unroll
		for (int n = 0; n < S::loads; n++) {
			quads[n] = load_quad<S>(p, s.ids[next], taken, n);
		}
		add_blocks<S, Weighted>(sum, s, buffer, slot);
		add_right_rounded<S>(b, s, thread, buffer, slot);
#pragma unroll
		for (int n = 0; n < S::loads; n++) {
			store_rounded<S>(s.buffer[1 - buffer], taken, n, quads[n]);
		}
		store_rating<S>(p, s, after, thread, rating);
		buffer = 1 - buffer;
		slot = next;
		__syncthreads();
	}
	for (int n = 0; n * S::threads < S::rank; n++) {
		int j = n * S::threads + thread;
		if (j < S::rank) {
			s.right[j] = b[n];
		}
	}
}

// half_step_blocks is half_step_tiles by the tensor cores. The grid has a block for each
// row of the list.
template <typename S, bool Weighted>
__device__ inline void half_step_blocks(const Problem &p, float *x, int64 x_stride, int *info, const int *rows, const float2 *regularization) {
	__shared__ SharedBlocks<S> s;
	Member m = member<S>(threadIdx.x);
	int64 row = rows[blockIdx.x];
	int64 first = p.offsets[row], end = p.offsets[row + 1];
	if (m.thread == 0) {
		s.failed = 0;
	}
	if (first == end) {
		write_zeros<S>(p.unknowns, m, x + row * x_stride, info + row, 0);
		return;
	}
	float sum[Blocks<S>::owned][4] = {};
	sum_blocks<S, Weighted>(p, s, m.thread, first, end, sum);
	float a[S::tile][S::tile];
	start_tile<S>(p, m, true, a);
	spread_blocks<S>(s, m, sum, a);
	complete_tiles<S>(p, s, m, regularization[row], a);
	factorize_tiles<S>(p.unknowns, s, m, a);
	substitute_tiles<S>(s, m);
	write_row<S>(p.unknowns, s, m, x + row * x_stride, info + row);
}

#define HALF_STEP_TF32(name, shape, weights)                                                                     \
	extern "C" __global__ void __launch_bounds__(shape::threads, shape::blocks)                               \
		name(PROBLEM_PARAMETERS, float *x, int64 x_stride, int *info, const int *rows, int64 row_count,   \
		     const float2 *regularization) {                                                              \
		Problem p = PROBLEM;                                                                              \
		half_step_blocks<shape, weights>(p, x, x_stride, info, rows, regularization);          \
	}
