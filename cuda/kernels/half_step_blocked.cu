// Half-steps by Cholesky of ranks above 256: the system of a row lies in memory as square
// blocks of 128×128, those of the lower triangle. One kernel adds up the ratings of a row,
// or of a part of one, for each block; another solves the system of each row.
//
//	sum         a thread has 8×8 elements of a block; 8 ratings at a time, the rows of
//	            Y that the next ones name are on their way in registers, one of its 128
//	            columns for the rows of the block and one for its columns
//	factorize   block column by block column, each block brought up to date only when
//	            it is its turn, which reads all blocks to its left and writes it once:
//	            the same loop as for ratings, with columns of the factor in their place
//	solve       the block on the diagonal as wide_tiles.cuh has it, those below against
//	            it, eight columns at a time, each row by a thread; back by the blocks in
//	            memory
//
// A block is stored by columns, so that what the loops read is contiguous. The ratings are
// not gathered to memory first, and only blocks of the lower triangle are computed: a
// library's product of matrices would want the one and compute the other half too.
//
// Floor per row of n ratings: n·K²/2 + K³/6 multiply-adds, n·K floats of Y, and K²/2 floats
// written and read.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90, as in
// half_step_tiles.cuh; nothing is spilled:
//
//	kernel             tile  threads  registers  shared  blocks  together
//	block_sums            8      256   128, 128   16448       2       512
//	half_step_blocked     8      256   128, 128   19632       2       512
//
// With a quad of each operand on its way at the same time, and what is the same for all
// threads in registers, half_step_blocked spilled 80 to 136 bytes.
//
// The expectation, before any measurement: at rank 512 the 10 blocks of 16,384 elements have
// 131,000 that are wanted, and 64 of some 75 instructions of a rating multiply and add, which
// together is 68% of the peak while ratings are added up, with 1.7 TB/s of Y at most, which
// the second-level cache serves in part. The solution has 29 million products where the
// floor is 22 million, and two systems on a multiprocessor fill each other's pauses in
// part: 60%. Rows of some hundred ratings should reach about two thirds of the peak. At rank
// 257 a third of the elements of the blocks is wanted, so that it is less than half of that.
#include "system_tiles.cuh"
#include "wide_tiles.cuh"

typedef WideShape<128, 256, 0, 1, 2> Block;

constexpr int block_size = Block::rank * Block::rank;

// blocks_of counts the blocks of the lower triangle of an order.
__device__ inline int64 blocks_of(int order) { return (int64)(order / Block::rank) * (order / Block::rank + 1) / 2; }

// block_sums_size is the number of floats of a system: the blocks, then the right-hand side.
__device__ inline int64 block_sums_size(int order) { return blocks_of(order) * block_size + order; }

// block_at is where a block is in a system.
__device__ inline int64 block_at(int row, int column) { return (int64)tile_number(row, column) * block_size; }

// Panels are eight columns of the blocks that a loop multiplies, quads in the order of
// wide_quad. Warp number k has column k in hand, a quad a lane.
struct __align__(16) Panels {
	float left[2][Block::tile * Block::rank];
	float right[2][Block::tile * Block::rank];
};

// own_quad is where the quad of a thread is in a panel.
__device__ inline int own_quad() {
	int lane = lane_of_warp();
	return warp_of_block() * Block::rank + wide_quad<Block>(lane / 2, lane % 2);
}

// own_place is the tile of a thread in a block.
__device__ inline Place own_place() {
	Place place = {(short)(threadIdx.x % Block::side), (short)(threadIdx.x / Block::side)};
	return place;
}

// member_at is a thread as what the functions for tiles take.
__device__ inline Member member_at(Place place) {
	Member m;
	m.thread = threadIdx.x;
	m.split = 0;
	m.row = place.row;
	m.column = place.column;
	m.tile = 0;
	return m;
}

// store_tile writes a tile to its block.
__device__ inline void store_tile(float *block, const Member &m, const float (&a)[Block::tile][Block::tile]) {
	block += m.column * Block::tile * Block::rank + m.row * Block::tile;
#pragma unroll
	for (int j = 0; j < Block::tile; j++) {
#pragma unroll
		for (int i = 0; i < Block::tile; i += 4) {
			*(float4 *)(block + j * Block::rank + i) = make_float4(a[i][j], a[i + 1][j], a[i + 2][j], a[i + 3][j]);
		}
	}
}

// add_tile adds its part of a block, or of a matrix of so many columns, to a tile.
__device__ inline void add_tile(const float *block, int stride, const Member &m, float (&a)[Block::tile][Block::tile]) {
	block += m.column * Block::tile * stride + m.row * Block::tile;
#pragma unroll
	for (int j = 0; j < Block::tile; j++) {
		float column[Block::tile];
#pragma unroll
		for (int i = 0; i < Block::tile; i += 4) {
			load_quad(column + i, block + j * stride + i);
		}
#pragma unroll
		for (int i = 0; i < Block::tile; i++) {
			a[i][j] += column[i];
		}
	}
}

__device__ inline float4 scaled(float4 v, float factor) {
	return make_float4(factor * v.x, factor * v.y, factor * v.z, factor * v.w);
}

// Adds the ratings of each part up for each block, so that the product of the panels is
// taken off with weights of the other sign. Part n has the entries bounds[2n] up to
// bounds[2n+1], counted from the first of the matrix. order is the unknowns, rounded up to
// whole blocks, and the length of the rows of Y. A thread block has a block of a part.
extern "C" __global__ void __launch_bounds__(Block::threads, Block::blocks) block_sums(
		PROBLEM_PARAMETERS, float *sums, const int64 *bounds, int order) {
	__shared__ Panels s;
	__shared__ float residual[2][Block::tile];
	int64 part = blockIdx.x / blocks_of(order);
	int block = (int)(blockIdx.x % blocks_of(order)), row, column;
	tile_at(block, &row, &column);
	sums += part * block_sums_size(order);
	int64 first = offsets[0] + bounds[2 * part];
	int64 end = offsets[0] + bounds[2 * part + 1];

	Member m = member_at(own_place());
	float a[Block::tile][Block::tile] = {};
	float b = 0;
	int id = -1;
	float value = 0;
	// A turn adds up the panel before that it loads, and learns which ratings come after;
	// the first learns of panel 0 alone.
	int64 at = first + warp_of_block();
	for (int turn = 0; first < end + 2 * Block::tile; turn++) {
		float4 left = make_float4(0, 0, 0, 0), right = left;
		float weight = 0, target = 0;
		if (id >= 0) {
			const float *from = y + id * y_stride + 4 * lane_of_warp();
			left = *(const float4 *)(from + row * Block::rank);
			right = *(const float4 *)(from + column * Block::rank);
			weigh(convention, alpha, value, &weight, &target);
			if (offset) {
				target -= weight * offset[id];
			}
		}
		id = -1;
		if (at < end) {
			id = columns[at];
			value = values[at];
		}
		if (turn > 1) {
			int last = (turn - 1) % 2;
			take_panels_off<Block>(s.left[last], s.right[last], m, a);
			if (row == column && threadIdx.x < Block::rank) {
				for (int l = 0; l < Block::tile; l++) {
					b = fmaf(residual[last][l], s.right[last][l * Block::rank + wide_place<Block>(threadIdx.x)], b);
				}
			}
		}
		*(float4 *)(s.left[turn % 2] + own_quad()) = scaled(left, -weight);
		*(float4 *)(s.right[turn % 2] + own_quad()) = right;
		if (lane_of_warp() == 0) {
			residual[turn % 2][warp_of_block()] = target;
		}
		__syncthreads();
		first += Block::tile;
		at += Block::tile;
	}
	store_tile(sums + block_at(row, column), m, a);
	if (row == column && threadIdx.x < Block::rank) {
		sums[blocks_of(order) * block_size + column * Block::rank + threadIdx.x] = b;
	}
}

// BlockedSystem is the shared memory of a thread block that solves a system: panels, and
// what wide_tiles.cuh has for the block of the diagonal in hand.
struct __align__(16) BlockedSystem {
	float buffer[2][Block::tile * Block::rank];
	float other[2][Block::tile * Block::rank];
	float right[Block::rank];
	float diagonal[Block::rank];
	Place places[Block::threads]; // in the block of the diagonal
	Place tiles[Block::threads];  // in a block below it
	int failed;

	// What is the same for all threads is read again where it is wanted: registers are
	// short.
	int64 item;      // the row of X
	int64 system;    // of the sums: its blocks
	int64 vector;    // of the sums: its right-hand side
	int row, column; // of the block in hand
};

// take_places_below gives each thread its tile of a block of the diagonal, as take_places.
__device__ inline void take_places_below(int unknowns, BlockedSystem &s) {
	Place place = s.tiles[threadIdx.x];
	if (place.row < place.column || place.row * Block::tile >= unknowns) {
		place.row = place.column = -1;
	}
	s.places[threadIdx.x] = place;
}

// load_column returns a quad, zeros if it is not wanted.
__device__ inline float4 load_column(const float *from, bool wanted) {
	return wanted ? *(const float4 *)from : make_float4(0, 0, 0, 0);
}

// take_columns_off takes the columns of the factor before a block off its tiles. It ends
// with a barrier.
__device__ inline void take_columns_off(const float *sums, BlockedSystem &s, float (&a)[Block::tile][Block::tile]) {
	// A turn takes the panel before that it loads off, one half while a quad of the one
	// operand is on its way, the other half while one of the other is.
	for (int n = 0; n <= s.column * Block::side; n++) {
		bool more = n < s.column * Block::side;
		int at = (n % Block::side * Block::tile + warp_of_block()) * Block::rank + 4 * lane_of_warp();
		const float *lefts = s.buffer[(n + 1) % 2], *rights = s.other[(n + 1) % 2];
		float4 quad = load_column(sums + s.system + block_at(s.row, n / Block::side) + at, more);
		if (n > 0) {
			take_panels_off<Block, 0, 4>(lefts, rights, member_at(s.tiles[threadIdx.x]), a);
		}
		*(float4 *)(s.buffer[n % 2] + own_quad()) = quad;
		quad = load_column(sums + s.system + block_at(s.column, n / Block::side) + at, more);
		if (n > 0) {
			take_panels_off<Block, 4, 8>(lefts, rights, member_at(s.tiles[threadIdx.x]), a);
		}
		*(float4 *)(s.other[n % 2] + own_quad()) = quad;
		__syncthreads();
	}
}

// solve_below overwrites the tiles of a block below one on the diagonal, which is in memory
// as its factor, with their part of the factor, and returns an element of its product with
// s.right, one for each row.
__device__ inline float solve_below(const float *sums, BlockedSystem &s, float (&a)[Block::tile][Block::tile]) {
	float product = 0;
	for (int step = 0; step < Block::side; step++) {
		float *panel = s.buffer[step % 2], *factor = s.other[step % 2];
		Member m = member_at(s.tiles[threadIdx.x]);
		const float *from = sums + s.system + block_at(s.column, s.column) + (step * Block::tile + warp_of_block()) * Block::rank;
		*(float4 *)(factor + own_quad()) = *(const float4 *)(from + 4 * lane_of_warp());
		if (m.column == step) {
			publish<Block>(panel, m, a);
		}
		__syncthreads();
		if (m.thread < Block::rank) {
			float *own = panel + wide_place<Block>(m.thread);
			solve_panel_row<Block>(own, Block::rank, factor, step);
			for (int k = 0; k < Block::tile; k++) {
				product = fmaf(own[k * Block::rank], s.right[step * Block::tile + k], product);
			}
		}
		__syncthreads();
		if (m.column == step) {
			recall<Block>(panel, m, a);
		}
		if (m.column > step) {
			take_panels_off<Block>(panel, factor, m, a);
		}
	}
	return product;
}

// substitute_blocked overwrites s.vector, which holds z, with the solution of Lᵀ·x = z. It
// ends with a barrier.
__device__ inline void substitute_blocked(float *sums, int unknowns, int order, BlockedSystem &s) {
	int side = order / Block::rank;
	for (int column = side - 1; column >= 0; column--) {
		const float *z = sums + s.vector + column * Block::rank;
		for (int k = warp_of_block(); k < Block::rank; k += warps_of_block()) {
			float sum = 0;
			for (int row = column + 1; row < side; row++) {
				float l[4], x[4];
				load_quad(l, sums + s.system + block_at(row, column) + k * Block::rank + 4 * lane_of_warp());
				load_quad(x, sums + s.vector + row * Block::rank + 4 * lane_of_warp());
				for (int i = 0; i < 4; i++) {
					sum = fmaf(l[i], x[i], sum);
				}
			}
			sum = warp_sum(sum);
			if (lane_of_warp() == 0) {
				s.right[k] = z[k] - sum;
			}
		}
		int rest = min(unknowns - column * Block::rank, Block::rank);
		take_places_below(rest, s);
		float a[Block::tile][Block::tile] = {};
		add_tile(sums + s.system + block_at(column, column), Block::rank, member_at(s.tiles[threadIdx.x]), a);
		__syncthreads();
		substitute_wide<Block>(rest, s, a);
		if (threadIdx.x < Block::rank) {
			sums[s.vector + column * Block::rank + threadIdx.x] = s.right[threadIdx.x];
		}
		__syncthreads();
	}
}

// Solves the rows of the list, a thread block each. The parts of row number n are those from
// first_part[n] up to first_part[n+1] of sums, the first of which is overwritten. Gram and
// offset_gram have their weight, and gram has rows of order elements.
extern "C" __global__ void __launch_bounds__(Block::threads, Block::blocks) half_step_blocked(
		PROBLEM_PARAMETERS, float *x, int64 x_stride, int *info, const int *rows, const float2 *regularization,
		float *sums, const int64 *first_part, int order) {
	__shared__ BlockedSystem s;
	int64 n = rows[blockIdx.x];
	if (offsets[n] == offsets[n + 1]) {
		write_zeros<Block>(unknowns, member_at(own_place()), x + n * x_stride, info + n, 0);
		return;
	}
	int64 first = first_part[blockIdx.x], size = block_sums_size(order);
	float *system = sums + first * size;
	int parts = (int)(first_part[blockIdx.x + 1] - first);
	for (int64 e = threadIdx.x; parts > 1 && e < size; e += blockDim.x) {
		float sum = system[e];
		for (int part = 1; part < parts; part++) {
			sum += system[part * size + e];
		}
		system[e] = sum;
	}
	for (int j = threadIdx.x; offset_gram && j < order; j += blockDim.x) {
		system[size - order + j] -= offset_gram[j]; // an element of the same thread
	}
	s.tiles[threadIdx.x] = own_place();
	if (threadIdx.x == 0) {
		s.failed = 0;
		s.item = n;
		s.row = s.column = 0;
		s.system = first * size;
		s.vector = first * size + size - order;
	}
	__syncthreads();
	while (s.column < order / Block::rank) {
		float a[Block::tile][Block::tile] = {};
		add_tile(sums + s.system + block_at(s.row, s.column), Block::rank, member_at(s.tiles[threadIdx.x]), a);
		if (gram) {
			add_tile(gram + (int64)s.column * Block::rank * order + s.row * Block::rank, order, member_at(s.tiles[threadIdx.x]), a);
		}
		if (s.row == s.column) {
			Problem p = PROBLEM;
			p.unknowns -= s.column * Block::rank;
			p.stored -= s.column * Block::rank;
			p.offset_gram = 0;
			complete_tiles<Block>(p, s, member_at(s.tiles[threadIdx.x]), regularization[s.item], a);
		}
		take_columns_off(sums, s, a);
		if (s.row == s.column) {
			int rest = min(unknowns - s.column * Block::rank, Block::rank);
			take_places_below(rest, s);
			if (threadIdx.x < Block::rank) {
				s.right[threadIdx.x] = sums[s.vector + s.column * Block::rank + threadIdx.x];
			}
			factorize_wide<Block>(rest, unknowns, s, a);
			if (s.failed) {
				write_zeros<Block>(unknowns, member_at(s.tiles[threadIdx.x]), x + s.item * x_stride, info + s.item, s.column * Block::rank + s.failed);
				return;
			}
			if (threadIdx.x < Block::rank) {
				sums[s.vector + s.column * Block::rank + threadIdx.x] = s.right[threadIdx.x];
			}
		} else {
			float product = solve_below(sums, s, a);
			if (threadIdx.x < Block::rank) {
				sums[s.vector + s.row * Block::rank + threadIdx.x] -= product;
			}
		}
		store_tile(sums + s.system + block_at(s.row, s.column), member_at(s.tiles[threadIdx.x]), a);
		__syncthreads();
		if (threadIdx.x == 0) {
			s.row++;
			if (s.row == order / Block::rank) {
				s.row = ++s.column;
			}
		}
		__syncthreads();
	}
	substitute_blocked(sums, unknowns, order, s);
	write_solution(x + s.item * x_stride, sums + s.vector, unknowns, info + s.item, 0);
}
