// Adds row i of src to row ids[i] of dst, in the order of i.
//
// A block owns the rows of dst whose number leaves its own as a remainder. It goes
// through all ids, a block's width at a time, keeps those that are its own in their
// order, and adds their rows one after another; a thread has the same columns of
// all of them, so that no barrier is needed between rows. The ids are read once by
// every block, which the second-level cache serves; each row is read once.
#include "common.cuh"

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
