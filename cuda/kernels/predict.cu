// Scores of all stored entries, in their order; see scores.cuh for the floor, the
// registers and what is to be expected. Beside Y and the ids of columns it writes 4 bytes
// an entry.
#include "scores.cuh"

constexpr int predict_threads = 256;

// lanes, a power of two up to 32, share an entry.
extern "C" __global__ void __launch_bounds__(predict_threads, 5) predict(
		float *out, const int64 *offsets, const int *columns, int64 rows, const float *x, int64 x_stride,
		const float *y, int64 y_stride, int rank, int lanes) {
	Entries entries = entries_of_block(offsets, rows);
	int at_once = blockDim.x / lanes;
	bool quads = aligned(x, x_stride) && aligned(y, y_stride);
	Walk walk = walk_from(offsets, entries);
	for (int64 base = entries.first; base < entries.end; base += at_once) {
		int64 e = base + threadIdx.x / lanes;
		bool there = e < entries.end;
		const float *xs = x, *ys = y;
		if (there) {
			xs += walk_to(walk, offsets, entries, e) * x_stride;
			ys += columns[e] * y_stride;
		}
		float s = score(xs, ys, there ? rank : 0, lanes, quads);
		if (there && threadIdx.x % lanes == 0) {
			out[e - offsets[0]] = s;
		}
	}
}
