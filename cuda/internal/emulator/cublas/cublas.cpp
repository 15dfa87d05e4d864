// The stand-in for libcublas.so.12: column-major products, computed on the stream of
// the handle, with the checks of arguments that NVIDIA documents. Sums run in one fixed
// order. Where beta is 0, C is not read.

#include "../driver/driver.h"

#include "../runtime/launch.h"

#include <algorithm>
#include <vector>

using namespace emulator;

namespace {

enum Status {
	CUBLAS_STATUS_SUCCESS = 0,
	CUBLAS_STATUS_NOT_INITIALIZED = 1,
	CUBLAS_STATUS_ALLOC_FAILED = 3,
	CUBLAS_STATUS_INVALID_VALUE = 7,
	CUBLAS_STATUS_EXECUTION_FAILED = 13,
	CUBLAS_STATUS_INTERNAL_ERROR = 14,
};

enum Operation { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUBLAS_OP_C = 2 };
enum Fill { CUBLAS_FILL_MODE_LOWER = 0, CUBLAS_FILL_MODE_UPPER = 1 };

const int version = 120405; // 12.4.5

struct Handle {
	Stream *stream = nullptr;
};

Handles<Handle> handles;

// enter_blas counts the call and finds the handle. A failure that was ordered is a
// status of cuBLAS here.
int enter_blas(const char *name, void *given, Handle **handle) {
	if (int failure = enter(name, Stage::context)) {
		return device_fault != 0 ? CUBLAS_STATUS_EXECUTION_FAILED : failure;
	}
	*handle = handles.find(given);
	return *handle == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}

bool is_operation(int op) { return op == CUBLAS_OP_N || op == CUBLAS_OP_T || op == CUBLAS_OP_C; }

struct Product {
	int op_a, op_b, m, n, k;
	float alpha, beta;
	const float *a, *b;
	float *c;
	int lda, ldb, ldc;
	long long stride_a, stride_b, stride_c;
	int batch;
};

bool is_sound(const Product &p) {
	return is_operation(p.op_a) && is_operation(p.op_b) && p.m >= 0 && p.n >= 0 && p.k >= 0 && p.batch >= 0 &&
		p.lda >= std::max(1, p.op_a == CUBLAS_OP_N ? p.m : p.k) && p.ldb >= std::max(1, p.op_b == CUBLAS_OP_N ? p.k : p.n) &&
		p.ldc >= std::max(1, p.m);
}

// multiply computes column j of C: the columns of op(A) times the elements of column j
// of op(B), added one after the other.
void multiply_column(const Product &p, const float *a, const float *b, float *c, int64_t j, std::vector<float> &sums) {
	sums.assign(p.m, 0);
	if (p.alpha != 0) {
		for (int64_t l = 0; l < p.k; l++) {
			float factor = p.op_b == CUBLAS_OP_N ? b[l + j * p.ldb] : b[j + l * p.ldb];
			if (p.op_a == CUBLAS_OP_N) {
				const float *column = a + l * p.lda;
				for (int64_t i = 0; i < p.m; i++) {
					sums[i] += column[i] * factor;
				}
			} else {
				for (int64_t i = 0; i < p.m; i++) {
					sums[i] += a[l + i * p.lda] * factor;
				}
			}
		}
	}
	float *column = c + j * p.ldc;
	for (int64_t i = 0; i < p.m; i++) {
		column[i] = p.beta == 0 ? p.alpha * sums[i] : p.alpha * sums[i] + p.beta * column[i];
	}
}

// enqueue runs work as a launch of one thread, in which a wrong address is a fault of
// the device and not of the process.
int enqueue(Handle *handle, const char *name, std::function<void()> work) {
	auto launch = std::make_shared<Launch>();
	launch->name = name;
	launch->body = std::move(work);
	Stream *stream = handle->stream != nullptr ? handle->stream : stream_of(nullptr);
	stream->enqueue([launch] {
		if (int result = run_launch(launch.get())) {
			lose_device(result);
		}
	});
	return CUBLAS_STATUS_SUCCESS;
}

int enqueue_product(Handle *handle, const char *name, const Product &p) {
	if (!is_sound(p)) {
		return CUBLAS_STATUS_INVALID_VALUE;
	}
	if (p.m == 0 || p.n == 0 || p.batch == 0) {
		return CUBLAS_STATUS_SUCCESS;
	}
	if (p.c == nullptr || (p.k > 0 && p.alpha != 0 && (p.a == nullptr || p.b == nullptr))) {
		return CUBLAS_STATUS_INVALID_VALUE;
	}
	return enqueue(handle, name, [p, sums = std::vector<float>()]() mutable {
		for (int64_t i = 0; i < p.batch; i++) {
			for (int64_t j = 0; j < p.n; j++) {
				multiply_column(p, p.a + i * p.stride_a, p.b + i * p.stride_b, p.c + i * p.stride_c, j, sums);
			}
		}
	});
}

} // namespace

#define ENTER_BLAS(name)                                        \
	Handle *handle;                                             \
	if (int failure = enter_blas(name, given, &handle)) {       \
		return failure;                                         \
	}

EXPORTED int cublasCreate_v2(void **handle) {
	if (int failure = enter("cublasCreate", Stage::context)) {
		return device_fault != 0 ? CUBLAS_STATUS_NOT_INITIALIZED : failure;
	}
	*handle = handles.add(new Handle);
	return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasDestroy_v2(void *given) {
	ENTER_BLAS("cublasDestroy");
	synchronize_all();
	handles.remove(handle);
	delete handle;
	return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasGetVersion_v2(void *, int *v) {
	*v = version;
	return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasSetStream_v2(void *given, void *stream) {
	ENTER_BLAS("cublasSetStream");
	if (stream != nullptr && streams.find(stream) == nullptr) {
		return CUBLAS_STATUS_INVALID_VALUE;
	}
	handle->stream = static_cast<Stream *>(stream);
	return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasSetWorkspace_v2(void *given, void *workspace, size_t bytes) {
	ENTER_BLAS("cublasSetWorkspace");
	bool aligned = reinterpret_cast<uintptr_t>(workspace) % 256 == 0;
	return aligned && (workspace != nullptr || bytes == 0) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

EXPORTED int cublasSetMathMode(void *given, int) {
	ENTER_BLAS("cublasSetMathMode");
	return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasSetAtomicsMode(void *given, int) {
	ENTER_BLAS("cublasSetAtomicsMode");
	return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasSetPointerMode_v2(void *given, int mode) {
	ENTER_BLAS("cublasSetPointerMode");
	return mode == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE; // alpha and beta on the host
}

EXPORTED int cublasSgemm_v2(void *given, int op_a, int op_b, int m, int n, int k, const float *alpha, const float *a, int lda, const float *b,
	int ldb, const float *beta, float *c, int ldc) {
	ENTER_BLAS("cublasSgemm");
	return enqueue_product(handle, "cublasSgemm", {op_a, op_b, m, n, k, *alpha, *beta, a, b, c, lda, ldb, ldc, 0, 0, 0, 1});
}

EXPORTED int cublasSgemmStridedBatched(void *given, int op_a, int op_b, int m, int n, int k, const float *alpha, const float *a, int lda,
	long long stride_a, const float *b, int ldb, long long stride_b, const float *beta, float *c, int ldc, long long stride_c, int batch) {
	ENTER_BLAS("cublasSgemmStridedBatched");
	return enqueue_product(handle, "cublasSgemmStridedBatched",
		{op_a, op_b, m, n, k, *alpha, *beta, a, b, c, lda, ldb, ldc, stride_a, stride_b, stride_c, batch});
}

// Ssyrk writes one triangle of C = alpha·op(A)·op(A)ᵀ + beta·C, n×n.
EXPORTED int cublasSsyrk_v2(void *given, int fill, int op, int n, int k, const float *alpha, const float *a, int lda, const float *beta, float *c,
	int ldc) {
	ENTER_BLAS("cublasSsyrk");
	Product p = {op, op == CUBLAS_OP_N ? CUBLAS_OP_T : CUBLAS_OP_N, n, n, k, *alpha, *beta, a, a, c, lda, lda, ldc, 0, 0, 0, 1};
	if (!is_sound(p) || (fill != CUBLAS_FILL_MODE_LOWER && fill != CUBLAS_FILL_MODE_UPPER)) {
		return CUBLAS_STATUS_INVALID_VALUE;
	}
	if (n == 0) {
		return CUBLAS_STATUS_SUCCESS;
	}
	return enqueue(handle, "cublasSsyrk", [p, fill, sums = std::vector<float>(), whole = std::vector<float>()]() mutable {
		Product column = p;
		column.beta = 0;
		column.ldc = p.m;
		whole.resize(p.m);
		for (int64_t j = 0; j < p.n; j++) {
			column.b = p.op_b == CUBLAS_OP_N ? p.b + j * p.ldb : p.b + j;
			multiply_column(column, p.a, column.b, whole.data(), 0, sums);
			int64_t first = fill == CUBLAS_FILL_MODE_LOWER ? j : 0, end = fill == CUBLAS_FILL_MODE_LOWER ? p.m : j + 1;
			for (int64_t i = first; i < end; i++) {
				float &place = p.c[i + j * p.ldc];
				place = p.beta == 0 ? whole[i] : whole[i] + p.beta * place;
			}
		}
	});
}
