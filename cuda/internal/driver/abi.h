// Prototypes of the functions that are used of the CUDA driver and of cuBLAS, after
// their public documentation. Handles are void *, enumerations int.

#ifndef HALFSTEP_CUDA_ABI_H
#define HALFSTEP_CUDA_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t device_ptr; // CUdeviceptr

// DRIVER_FUNCTIONS lists name, name of the symbol, parameters. All return CUresult.
#define DRIVER_FUNCTIONS(F)                                                              \
	F(cuInit, "cuInit", (unsigned flags))                                                \
	F(cuDriverGetVersion, "cuDriverGetVersion", (int *version))                          \
	F(cuGetErrorName, "cuGetErrorName", (int error, const char **name))                  \
	F(cuDeviceGetCount, "cuDeviceGetCount", (int *count))                                \
	F(cuDeviceGet, "cuDeviceGet", (int *device, int ordinal))                            \
	F(cuDeviceGetName, "cuDeviceGetName", (char *name, int size, int device))            \
	F(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int *value, int attribute, int device)) \
	F(cuDeviceTotalMem, "cuDeviceTotalMem_v2", (size_t *bytes, int device))              \
	F(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (void **context, int device)) \
	F(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (int device))           \
	F(cuCtxSetCurrent, "cuCtxSetCurrent", (void *context))                               \
	F(cuMemGetInfo, "cuMemGetInfo_v2", (size_t *free, size_t *total))                    \
	F(cuMemAlloc, "cuMemAlloc_v2", (device_ptr *memory, size_t bytes))                   \
	F(cuMemFree, "cuMemFree_v2", (device_ptr memory))                                    \
	F(cuMemHostAlloc, "cuMemHostAlloc", (void **memory, size_t bytes, unsigned flags))   \
	F(cuMemFreeHost, "cuMemFreeHost", (void *memory))                                    \
	F(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                         \
	  (device_ptr to, const void *from, size_t bytes, void *stream))                     \
	F(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                         \
	  (void *to, device_ptr from, size_t bytes, void *stream))                           \
	F(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                         \
	  (device_ptr to, device_ptr from, size_t bytes, void *stream))                      \
	F(cuMemsetD8Async, "cuMemsetD8Async",                                                \
	  (device_ptr memory, unsigned char value, size_t count, void *stream))              \
	F(cuMemsetD32Async, "cuMemsetD32Async",                                              \
	  (device_ptr memory, unsigned value, size_t count, void *stream))                   \
	F(cuStreamCreate, "cuStreamCreate", (void **stream, unsigned flags))                 \
	F(cuStreamDestroy, "cuStreamDestroy_v2", (void *stream))                             \
	F(cuStreamSynchronize, "cuStreamSynchronize", (void *stream))                        \
	F(cuStreamQuery, "cuStreamQuery", (void *stream))                                    \
	F(cuStreamWaitEvent, "cuStreamWaitEvent", (void *stream, void *event, unsigned flags)) \
	F(cuEventCreate, "cuEventCreate", (void **event, unsigned flags))                    \
	F(cuEventDestroy, "cuEventDestroy_v2", (void *event))                                \
	F(cuEventRecord, "cuEventRecord", (void *event, void *stream))                       \
	F(cuEventQuery, "cuEventQuery", (void *event))                                       \
	F(cuEventSynchronize, "cuEventSynchronize", (void *event))                           \
	F(cuModuleLoadDataEx, "cuModuleLoadDataEx",                                          \
	  (void **module, const void *image, unsigned count, int *options, void **values))   \
	F(cuModuleUnload, "cuModuleUnload", (void *module))                                  \
	F(cuModuleGetFunction, "cuModuleGetFunction",                                        \
	  (void **function, void *module, const char *name))                                 \
	F(cuFuncGetAttribute, "cuFuncGetAttribute", (int *value, int attribute, void *function)) \
	F(cuFuncSetAttribute, "cuFuncSetAttribute", (void *function, int attribute, int value)) \
	F(cuLaunchKernel, "cuLaunchKernel",                                                  \
	  (void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,  \
	   unsigned blockY, unsigned blockZ, unsigned shared, void *stream, void **arguments, \
	   void **extra))

// BLAS_FUNCTIONS is the same of cuBLAS. All return cublasStatus_t.
#define BLAS_FUNCTIONS(F)                                                                \
	F(cublasCreate, "cublasCreate_v2", (void **handle))                                  \
	F(cublasDestroy, "cublasDestroy_v2", (void *handle))                                 \
	F(cublasGetVersion, "cublasGetVersion_v2", (void *handle, int *version))             \
	F(cublasSetStream, "cublasSetStream_v2", (void *handle, void *stream))               \
	F(cublasSetWorkspace, "cublasSetWorkspace_v2",                                       \
	  (void *handle, void *workspace, size_t bytes))                                     \
	F(cublasSetMathMode, "cublasSetMathMode", (void *handle, int mode))                  \
	F(cublasSetAtomicsMode, "cublasSetAtomicsMode", (void *handle, int mode))            \
	F(cublasSgemm, "cublasSgemm_v2",                                                     \
	  (void *handle, int transA, int transB, int m, int n, int k, const float *alpha,    \
	   device_ptr a, int lda, device_ptr b, int ldb, const float *beta, device_ptr c,    \
	   int ldc))                                                                         \
	F(cublasSgemmStridedBatched, "cublasSgemmStridedBatched",                            \
	  (void *handle, int transA, int transB, int m, int n, int k, const float *alpha,    \
	   device_ptr a, int lda, long long strideA, device_ptr b, int ldb, long long strideB, \
	   const float *beta, device_ptr c, int ldc, long long strideC, int batch))

#define FIELD(name, symbol, parameters) int(*name) parameters;
struct driver_api {
	DRIVER_FUNCTIONS(FIELD)
};
struct blas_api {
	BLAS_FUNCTIONS(FIELD)
};
#undef FIELD

// halfstep_load_driver and halfstep_load_blas fill a table from a library that
// dlopen has opened. They return the first symbol that it lacks, or NULL.
const char *halfstep_load_driver(void *library, struct driver_api *d);
const char *halfstep_load_blas(void *library, struct blas_api *b);

// The functions that follow make a context current and call one function in it. They
// return what it returns, and the result of making the context current, if that fails,
// with a minus sign.
struct scope {
	const struct driver_api *d;
	void *context;
};

int halfstep_mem_info(struct scope s, size_t *free, size_t *total);
int halfstep_alloc(struct scope s, device_ptr *memory, size_t bytes);
int halfstep_free(struct scope s, device_ptr memory);
int halfstep_alloc_host(struct scope s, void **memory, size_t bytes);
int halfstep_free_host(struct scope s, void *memory);
int halfstep_copy_to_device(struct scope s, void *stream, device_ptr to, const void *from, size_t bytes);
int halfstep_copy_to_host(struct scope s, void *stream, void *to, device_ptr from, size_t bytes);
int halfstep_copy_on_device(struct scope s, void *stream, device_ptr to, device_ptr from, size_t bytes);
int halfstep_memset8(struct scope s, void *stream, device_ptr memory, unsigned char value, size_t count);
int halfstep_memset32(struct scope s, void *stream, device_ptr memory, unsigned value, size_t count);
int halfstep_stream_create(struct scope s, void **stream);
int halfstep_stream_destroy(struct scope s, void *stream);
int halfstep_stream_sync(struct scope s, void *stream);
int halfstep_stream_query(struct scope s, void *stream);
int halfstep_stream_wait(struct scope s, void *stream, void *event);
int halfstep_event_create(struct scope s, void **event);
int halfstep_event_destroy(struct scope s, void *event);
int halfstep_event_record(struct scope s, void *event, void *stream);
int halfstep_event_query(struct scope s, void *event);
int halfstep_event_sync(struct scope s, void *event);

// halfstep_module_load compiles PTX, which ends with a zero byte. What the compiler
// has to say against it goes to log.
int halfstep_module_load(struct scope s, void **module, const void *ptx, char *log, size_t log_bytes);
int halfstep_module_unload(struct scope s, void *module);
int halfstep_function(struct scope s, void **function, void *module, const char *name);
int halfstep_function_get(struct scope s, void *function, int attribute, int *value);
int halfstep_function_set(struct scope s, void *function, int attribute, int value);

// halfstep_launch takes one slot of 8 bytes for each of at most 32 arguments.
int halfstep_launch(struct scope s, void *stream, void *function, const uint32_t *grid,
                    const uint32_t *block, unsigned shared, uint64_t *arguments, int count);

int halfstep_blas_create(struct scope s, const struct blas_api *b, void **handle);
int halfstep_blas_math_mode(const struct blas_api *b, void *handle);
int halfstep_blas_atomics_mode(const struct blas_api *b, void *handle);
int halfstep_blas_destroy(struct scope s, const struct blas_api *b, void *handle);
int halfstep_blas_version(const struct blas_api *b, void *handle, int *version);
int halfstep_blas_stream(struct scope s, const struct blas_api *b, void *handle, void *stream);
int halfstep_blas_workspace(struct scope s, const struct blas_api *b, void *handle, device_ptr memory, size_t bytes);

// struct gemm holds the arguments of a multiplication, of column-major matrices.
struct gemm {
	int trans_a, trans_b;
	int m, n, k;
	float alpha, beta;
	device_ptr a, b, c;
	int lda, ldb, ldc;
	long long stride_a, stride_b, stride_c; // between the matrices of a batch
	int batch;
};

int halfstep_blas_sgemm(struct scope s, const struct blas_api *b, void *handle, const struct gemm *g);
int halfstep_blas_sgemm_batched(struct scope s, const struct blas_api *b, void *handle, const struct gemm *g);

#endif
