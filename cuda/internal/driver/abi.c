//go:build linux && cgo

#include "abi.h"

#include <dlfcn.h>

#define LOAD(name, symbol, parameters)                  \
	*(void **)&table->name = dlsym(library, symbol);     \
	if (!table->name) return symbol;

const char *halfstep_load_driver(void *library, struct driver_api *table) {
	DRIVER_FUNCTIONS(LOAD)
	return NULL;
}

const char *halfstep_load_blas(void *library, struct blas_api *table) {
	BLAS_FUNCTIONS(LOAD)
	return NULL;
}

// ENTER makes the context current. Its failure is told from that of the function by
// the sign.
#define ENTER                                           \
	do {                                                 \
		int result = s.d->cuCtxSetCurrent(s.context);    \
		if (result) return -result;                      \
	} while (0)

int halfstep_mem_info(struct scope s, size_t *free, size_t *total) {
	ENTER;
	return s.d->cuMemGetInfo(free, total);
}

int halfstep_alloc(struct scope s, device_ptr *memory, size_t bytes) {
	ENTER;
	return s.d->cuMemAlloc(memory, bytes);
}

int halfstep_free(struct scope s, device_ptr memory) {
	ENTER;
	return s.d->cuMemFree(memory);
}

int halfstep_alloc_host(struct scope s, void **memory, size_t bytes) {
	enum { portable = 1 }; // CU_MEMHOSTALLOC_PORTABLE
	ENTER;
	return s.d->cuMemHostAlloc(memory, bytes, portable);
}

int halfstep_free_host(struct scope s, void *memory) {
	ENTER;
	return s.d->cuMemFreeHost(memory);
}

int halfstep_copy_to_device(struct scope s, void *stream, device_ptr to, const void *from, size_t bytes) {
	ENTER;
	return s.d->cuMemcpyHtoDAsync(to, from, bytes, stream);
}

int halfstep_copy_to_host(struct scope s, void *stream, void *to, device_ptr from, size_t bytes) {
	ENTER;
	return s.d->cuMemcpyDtoHAsync(to, from, bytes, stream);
}

int halfstep_copy_on_device(struct scope s, void *stream, device_ptr to, device_ptr from, size_t bytes) {
	ENTER;
	return s.d->cuMemcpyDtoDAsync(to, from, bytes, stream);
}

int halfstep_memset8(struct scope s, void *stream, device_ptr memory, unsigned char value, size_t count) {
	ENTER;
	return s.d->cuMemsetD8Async(memory, value, count, stream);
}

int halfstep_memset32(struct scope s, void *stream, device_ptr memory, unsigned value, size_t count) {
	ENTER;
	return s.d->cuMemsetD32Async(memory, value, count, stream);
}

int halfstep_stream_create(struct scope s, void **stream) {
	enum { non_blocking = 1 }; // CU_STREAM_NON_BLOCKING: no order with the default stream
	ENTER;
	return s.d->cuStreamCreate(stream, non_blocking);
}

int halfstep_stream_destroy(struct scope s, void *stream) {
	ENTER;
	return s.d->cuStreamDestroy(stream);
}

int halfstep_stream_sync(struct scope s, void *stream) {
	ENTER;
	return s.d->cuStreamSynchronize(stream);
}

int halfstep_stream_query(struct scope s, void *stream) {
	ENTER;
	return s.d->cuStreamQuery(stream);
}

int halfstep_stream_wait(struct scope s, void *stream, void *event) {
	ENTER;
	return s.d->cuStreamWaitEvent(stream, event, 0);
}

int halfstep_event_create(struct scope s, void **event) {
	enum { blocking_sync = 1, disable_timing = 2 };
	ENTER;
	return s.d->cuEventCreate(event, blocking_sync | disable_timing);
}

int halfstep_event_destroy(struct scope s, void *event) {
	ENTER;
	return s.d->cuEventDestroy(event);
}

int halfstep_event_record(struct scope s, void *event, void *stream) {
	ENTER;
	return s.d->cuEventRecord(event, stream);
}

int halfstep_event_query(struct scope s, void *event) {
	ENTER;
	return s.d->cuEventQuery(event);
}

int halfstep_event_sync(struct scope s, void *event) {
	ENTER;
	return s.d->cuEventSynchronize(event);
}

int halfstep_module_load(struct scope s, void **module, const void *ptx, char *log, size_t log_bytes) {
	enum { error_log_buffer = 5, error_log_bytes = 6 }; // CU_JIT_ERROR_LOG_BUFFER, …_SIZE_BYTES
	int options[] = {error_log_buffer, error_log_bytes};
	void *values[] = {log, (void *)(uintptr_t)log_bytes};
	ENTER;
	return s.d->cuModuleLoadDataEx(module, ptx, 2, options, values);
}

int halfstep_module_unload(struct scope s, void *module) {
	ENTER;
	return s.d->cuModuleUnload(module);
}

int halfstep_function(struct scope s, void **function, void *module, const char *name) {
	ENTER;
	return s.d->cuModuleGetFunction(function, module, name);
}

int halfstep_function_get(struct scope s, void *function, int attribute, int *value) {
	ENTER;
	return s.d->cuFuncGetAttribute(value, attribute, function);
}

int halfstep_function_set(struct scope s, void *function, int attribute, int value) {
	ENTER;
	return s.d->cuFuncSetAttribute(function, attribute, value);
}

int halfstep_launch(struct scope s, void *stream, void *function, const uint32_t *grid,
                    const uint32_t *block, unsigned shared, uint64_t *arguments, int count) {
	void *slots[32];
	for (int i = 0; i < count; i++) slots[i] = &arguments[i];
	ENTER;
	return s.d->cuLaunchKernel(function, grid[0], grid[1], grid[2], block[0], block[1], block[2],
	                           shared, stream, slots, NULL);
}

int halfstep_blas_create(struct scope s, const struct blas_api *b, void **handle) {
	ENTER;
	return b->cublasCreate(handle);
}

int halfstep_blas_math_mode(const struct blas_api *b, void *handle) {
	enum { default_math = 0 }; // CUBLAS_DEFAULT_MATH: full float32
	return b->cublasSetMathMode(handle, default_math);
}

int halfstep_blas_atomics_mode(const struct blas_api *b, void *handle) {
	enum { not_allowed = 0 }; // CUBLAS_ATOMICS_NOT_ALLOWED: the same bits on every run
	return b->cublasSetAtomicsMode(handle, not_allowed);
}

int halfstep_blas_destroy(struct scope s, const struct blas_api *b, void *handle) {
	ENTER;
	return b->cublasDestroy(handle);
}

int halfstep_blas_version(const struct blas_api *b, void *handle, int *version) {
	return b->cublasGetVersion(handle, version);
}

int halfstep_blas_stream(struct scope s, const struct blas_api *b, void *handle, void *stream) {
	ENTER;
	return b->cublasSetStream(handle, stream);
}

int halfstep_blas_workspace(struct scope s, const struct blas_api *b, void *handle, device_ptr memory, size_t bytes) {
	ENTER;
	return b->cublasSetWorkspace(handle, (void *)(uintptr_t)memory, bytes);
}

int halfstep_blas_sgemm(struct scope s, const struct blas_api *b, void *handle, const struct gemm *g) {
	ENTER;
	return b->cublasSgemm(handle, g->trans_a, g->trans_b, g->m, g->n, g->k, &g->alpha, g->a, g->lda,
	                      g->b, g->ldb, &g->beta, g->c, g->ldc);
}

int halfstep_blas_sgemm_batched(struct scope s, const struct blas_api *b, void *handle, const struct gemm *g) {
	ENTER;
	return b->cublasSgemmStridedBatched(handle, g->trans_a, g->trans_b, g->m, g->n, g->k, &g->alpha,
	                                    g->a, g->lda, g->stride_a, g->b, g->ldb, g->stride_b, &g->beta,
	                                    g->c, g->ldc, g->stride_c, g->batch);
}
