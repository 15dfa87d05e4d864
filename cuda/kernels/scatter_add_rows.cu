// Adds row i of src to row ids[i] of dst, in the order of i: to the bit what one thread
// would compute.
//
// Many ids are sorted first, see radix_sort.cu, which keeps their order where they are
// equal. Then equal ids are a segment, and a group of lanes adds the rows of one to its
// row of dst, four rows on their way before the first is added. The rows of a segment of
// more than scatter_short go through shared memory, brought there by a whole block and
// added by one group: the order of additions is given, but not that of loads.
//
// Floor: 4·k bytes a row of src of k columns, 8·k bytes a row of dst with an id, 20 bytes
// an id for each 8 bits sorted by, and 8 for what they name. Bound by memory. A million
// rows of 64 columns are 256 MB, and their ids of 16 bits 48 MB: 71 µs at the 4.3 TB/s of
// an H200, and about 10 more for starting kernels.
//
// The expectation, before any measurement: as spmm.cu has it for segments of some rows,
// 75% of the floor. A long segment is read by one multiprocessor, a chunk of 16 KB on
// its way at a time: 256 bytes take some 20 ns, a hundred thousand of them 2 ms, which
// all other segments together do not take.
//
// What ptxas 12.4 makes of the PTX for compute_80 and compute_90; nothing is spilled:
//
//	kernel                        registers  shared  blocks of 256
//	scatter_add_segments_quads       64, 63    34832       4
//	scatter_add_segments_singles     64, 64    34832       4
//	scatter_add_rows                 30, 32     1152       8
#include "row_parts.cuh"

constexpr int scatter_threads = 256; // of a block
constexpr int scatter_tile = 512;    // sorted ids whose segments, if they begin there, a block has
constexpr int scatter_short = 128;   // rows of a segment for one group
constexpr int scatter_ahead = 4;     // rows of src on their way to a lane
constexpr int scatter_staged = 4;    // and of a long segment

// Source is the rows to add: that of sorted id number n is row places[n] of src.
struct Source {
	const int *ids, *places;
	int count;
	const float *src;
	int64 stride;
};

// add_short adds a segment from place i on to row, a row of dst.
template <bool Quads>
__device__ inline void add_short(const Source &s, int64 i, float *row, const Part &part) {
	int id = s.ids[i];
	float4 sum = load_part<Quads>(row, part);
	bool more = true;
	for (; more; i += scatter_ahead) {
		float4 rows[scatter_ahead];
		int there = 0; // of them
#pragma unroll
		for (int n = 0; n < scatter_ahead; n++) {
			more = more && i + n < s.count && s.ids[i + n] == id;
			there += more;
			rows[n] = more ? load_part<Quads>(s.src + s.places[i + n] * s.stride, part) : make_float4(0, 0, 0, 0);
		}
#pragma unroll
		for (int n = 0; n < scatter_ahead; n++) {
			if (n < there) {
				add_scaled(sum, 1, rows[n]);
			}
		}
	}
	store_part<Quads>(row, part, sum);
}

// segment_end is the end of the segment of an id that is at place i.
__device__ inline int64 segment_end(const Source &s, int id, int64 i) {
	int64 low = i + 1, high = s.count;
	while (low < high) {
		int64 middle = (low + high) / 2;
		if (s.ids[middle] == id) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

// add_long is add_short by a block. It ends with a barrier.
template <bool Quads>
__device__ inline void add_long(
		const Source &s, int id, int64 i, float *row, const Part &part, int lanes,
		float4 (*staged)[scatter_staged * scatter_threads]) {
	int64 end = segment_end(s, id, i);
	int group = threadIdx.x / lanes, groups = scatter_threads / lanes, at_once = scatter_staged * groups;
	float4 sum = load_part<Quads>(row, part);
	float4 rows[scatter_staged];
	int buffer = 0, held = 0;
	for (; i < end || held > 0; i += at_once) {
#pragma unroll
		for (int n = 0; n < scatter_staged; n++) {
			int64 from = i + n * groups + group;
			rows[n] = from < end ? load_part<Quads>(s.src + s.places[from] * s.stride, part) : make_float4(0, 0, 0, 0);
		}
		if (group == 0) {
			for (int n = 0; n < held; n++) {
				add_scaled(sum, 1, staged[buffer][n * lanes + threadIdx.x]);
			}
		}
		buffer ^= 1;
#pragma unroll
		for (int n = 0; n < scatter_staged; n++) {
			staged[buffer][n * scatter_threads + threadIdx.x] = rows[n];
		}
		held = end - i < at_once ? end - i > 0 ? (int)(end - i) : 0 : at_once;
		__syncthreads();
	}
	if (group == 0) {
		store_part<Quads>(row, part, sum);
	}
}

// Adds the segments that begin at a place of block blockIdx.x. Ids are sorted, and those
// that are no row of dst are dst_rows.
template <bool Quads>
__device__ inline void scatter_add_segments(
		float *dst, int64 dst_stride, int dst_rows, const Source &s, int64 width, int lanes) {
	__shared__ float4 staged[2][scatter_staged * scatter_threads];
	__shared__ int begins[scatter_tile]; // of short segments from the first on, of long ones from the last
	__shared__ int shorts, longs;
	int group = threadIdx.x / lanes, groups = scatter_threads / lanes;
	Part part = lanes_part<Quads>(lanes, width);
	if (threadIdx.x == 0) {
		shorts = longs = 0;
	}
	__syncthreads();
	for (int n = threadIdx.x; n < scatter_tile; n += scatter_threads) {
		int64 i = (int64)blockIdx.x * scatter_tile + n;
		int id = i < s.count ? s.ids[i] : dst_rows;
		if (id == dst_rows || i > 0 && s.ids[i - 1] == id) {
			continue;
		}
		// In whatever order: segments have nothing to do with one another.
		if (i + scatter_short < s.count && s.ids[i + scatter_short] == id) {
			begins[scatter_tile - 1 - atomicAdd(&longs, 1)] = (int)i;
		} else {
			begins[atomicAdd(&shorts, 1)] = (int)i;
		}
	}
	__syncthreads();
	for (int n = group; n < shorts; n += groups) {
		int64 i = begins[n];
		add_short<Quads>(s, i, dst + s.ids[i] * dst_stride, part);
	}
	for (int n = 0; n < longs; n++) {
		int64 i = begins[scatter_tile - 1 - n];
		int id = s.ids[i];
		add_long<Quads>(s, id, i, dst + id * dst_stride, part, lanes, staged);
	}
}

#define SCATTER_ADD_SEGMENTS(name, quads)                                                                              \
	extern "C" __global__ void __launch_bounds__(scatter_threads) name(                                             \
			float *dst, int64 dst_stride, int dst_rows, const float *src, int64 src_stride, const int *ids,     \
			const int *places, int count, int64 width, int lanes) {                                             \
		scatter_add_segments<quads>(dst, dst_stride, dst_rows, {ids, places, count, src, src_stride}, width, lanes); \
	}

SCATTER_ADD_SEGMENTS(scatter_add_segments_quads, true)
SCATTER_ADD_SEGMENTS(scatter_add_segments_singles, false)

// Adds few rows without sorting. A block owns the rows of dst whose number leaves its own
// as a remainder. It goes through all ids, a block's width at a time, keeps those that
// are its own in their order, and adds their rows one after another; a thread has the
// same columns of all of them, so that no barrier is needed between rows. Every block
// reads all ids, which the second-level cache serves.
extern "C" __global__ void scatter_add_rows(
		float *dst, int64 dst_stride, int64 dst_rows, const float *src, int64 src_stride, const int *ids,
		int64 count, int64 columns) {
	DYNAMIC_SHARED(int, own); // places within the blockDim.x ids in hand, ascending
	__shared__ int counts[most_warps];

	for (int64 first = 0; first < count; first += blockDim.x) {
		int64 i = first + threadIdx.x;
		int64 id = i < count ? ids[i] : -1;
		bool mine = id >= 0 && id < dst_rows && id % gridDim.x == blockIdx.x;

		uint32 ballot = __ballot_sync(full_warp, mine);
		if (lane_of_warp() == 0) {
			counts[warp_of_block()] = __popc(ballot);
		}
		__syncthreads();
		int place = __popc(ballot & ((1u << lane_of_warp()) - 1)), total = 0;
		for (int warp = 0; warp < warps_of_block(); warp++) {
			place += warp < warp_of_block() ? counts[warp] : 0;
			total += counts[warp];
		}
		if (mine) {
			own[place] = threadIdx.x;
		}
		__syncthreads();

		for (int64 j = threadIdx.x; j < columns; j += blockDim.x) {
			for (int n = 0; n < total; n++) {
				int64 from = first + own[n];
				dst[ids[from] * dst_stride + j] += src[from * src_stride + j];
			}
		}
		// The first barrier above keeps own as it is until every thread is here.
	}
}
