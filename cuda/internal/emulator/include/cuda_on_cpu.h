// CUDA C++ for a C++ compiler of the host: g++ includes this header before each
// .cu file, and the file compiles as it is. A kernel becomes a function that runs
// once for each thread of the grid, on a fiber of its own; what threads do together
// (barriers, warp operations) is done by the runtime, see kernel_interface.h.
//
// Left out, since no kernel uses it: textures, cooperative groups, dynamic
// parallelism, half precision, inline PTX.
#pragma once

#include "kernel_interface.h"

#define __host__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __constant__ static
// The host finds the kernels in the preprocessed text by this word.
#ifndef __global__
#define __global__
#endif

// Variables of a thread of the host are shared by the fibers on it, that is by the
// threads of the block that it runs.
#define __shared__ static thread_local
#define DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(emulator::current_block->dynamic_shared)

#define threadIdx (emulator::current_thread->index)
#define blockIdx (emulator::current_block->index)
#define blockDim (emulator::current_block->threads)
#define gridDim (emulator::current_block->grid)
#define warpSize 32

#define __CUDA_ARCH__ 700

#include "atomics.h"
#include "intrinsics.h"
#include "vector_types.h"
#include "warp.h"
