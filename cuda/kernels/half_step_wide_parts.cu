// The sums over the parts of rows, of ranks of 129 to 256: they take the place of the terms
// over all pairs when half_step_wide.cuh solves the rows.
//
// Floor: the sums of a part are read once, at rank 256 136 KB, 32 ns at the 4.3 TB/s of an
// H200, where the multiply-adds of the 2048 ratings of a part take it 2 µs. The
// expectation, before any measurement, is that the loads of a thread, one a part, wait for
// one another some 700 ns each, beside other rows.
//
// ptxas 12.4 gives it 32 registers for compute_80 and compute_90, no shared memory, and
// spills nothing: 8 blocks of 256 threads fit a multiprocessor.
#include "problem.cuh"
#include "triangle.cuh"

// Adds the parts of each row in their order to the terms over all pairs, and writes the
// results as such terms: the matrix, of which only what belongs to the lower triangle of
// tiles is written, by columns; then, if there is an offset_gram, the right-hand side with
// its sign changed. pairs may be 0, as may what follows it. Parts are laid out as
// system_tiles.cuh has it, in tiles of 8×8. The second dimension of the grid counts rows.
extern "C" __global__ void add_wide_parts(
		float *out, const float *sums, const int64 *first_part, const float *pairs, int offsets, int rank) {
	int side = rank / 8, tiles = side * (side + 1) / 2, size = tiles * 64 + rank;
	const int64 *bound = first_part + blockIdx.y;
	out += blockIdx.y * (int64)(rank * rank + rank);
	for (int n = blockIdx.x * blockDim.x + threadIdx.x; n < size; n += gridDim.x * blockDim.x) {
		int to = rank * rank + n - tiles * 64;
		float sign = -1, sum = offsets ? pairs[to] : 0.0f;
		if (n < tiles * 64) {
			int quad = n / (4 * tiles), tile = n / 4 % tiles, row, column;
			tile_at(tile, &row, &column);
			to = (8 * column + quad % 2 * 4 + n % 4) * rank + 8 * row + quad / 2;
			sign = 1;
			sum = pairs ? pairs[to] : 0.0f;
		}
		for (int64 part = bound[0]; part < bound[1]; part++) {
			sum += sign * sums[part * size + n];
		}
		out[to] = sum;
	}
}
