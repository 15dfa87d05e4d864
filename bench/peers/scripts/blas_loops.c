/* Times calls of OpenBLAS, which are given as function pointers. Each function fills
 * operands of its own, calls once to warm up, then calls again for at least the
 * seconds given, and returns the seconds of a round, or a negative number if memory
 * or the routine failed. */
#define _POSIX_C_SOURCE 199309L
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112, UPPER = 121 };

typedef void (*sgemm_fn)(int, int, int, int, int, int, float, const float *, int,
                         const float *, int, float, float *, int);
typedef void (*ssyrk_fn)(int, int, int, int, int, float, const float *, int, float,
                         float *, int);
typedef void (*sposv_fn)(const char *, const int *, const int *, float *, const int *,
                         float *, const int *, int *);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* numbers returns n numbers between -1 and 1. */
static float *numbers(size_t n) {
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    unsigned state = 12345;
    for (size_t i = 0; x && i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (1 << 23) - 1;
    }
    return x;
}

double time_sgemm(sgemm_fn sgemm, int m, int n, int k, double least) {
    float *a = numbers((size_t)m * k), *b = numbers((size_t)k * n), *c = numbers((size_t)m * n);
    double total = -1, rounds = 1;
    if (a && b && c) {
        sgemm(ROW_MAJOR, NO_TRANS, NO_TRANS, m, n, k, 1, a, k, b, n, 0, c, n);
        double start = now();
        for (rounds = 0, total = 0; total < least; rounds++, total = now() - start)
            sgemm(ROW_MAJOR, NO_TRANS, NO_TRANS, m, n, k, 1, a, k, b, n, 0, c, n);
    }
    free(a), free(b), free(c);
    return total / rounds;
}

/* time_ssyrk: one triangle of YᵀY for Y of rows×k. */
double time_ssyrk(ssyrk_fn ssyrk, int rows, int k, double least) {
    float *y = numbers((size_t)rows * k), *g = numbers((size_t)k * k);
    double total = -1, rounds = 1;
    if (y && g) {
        ssyrk(ROW_MAJOR, UPPER, TRANS, k, rows, 1, y, k, 0, g, k);
        double start = now();
        for (rounds = 0, total = 0; total < least; rounds++, total = now() - start)
            ssyrk(ROW_MAJOR, UPPER, TRANS, k, rows, 1, y, k, 0, g, k);
    }
    free(y), free(g);
    return total / rounds;
}

/* time_sposv: count systems of order n, one after another. Putting back what a round
 * overwrites is not timed. */
double time_sposv(sposv_fn sposv, int count, int n, double least) {
    size_t size = (size_t)n * n;
    float *system = numbers(size), *a = malloc(count * size * sizeof *a);
    float *right = numbers((size_t)count * n), *b = malloc((size_t)count * n * sizeof *b);
    double total = -1, rounds = 1;
    if (system && a && right && b) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= i; j++)
                system[i * n + j] = system[j * n + i] = i == j ? n + 1 : system[i * n + j];
        int one = 1, info = 0;
        for (rounds = -1, total = 0; rounds < 0 || total < least; rounds++) {
            for (int i = 0; i < count; i++)
                memcpy(a + i * size, system, size * sizeof *a);
            memcpy(b, right, (size_t)count * n * sizeof *b);
            double start = now();
            for (int i = 0; i < count; i++) {
                sposv("L", &n, &one, a + i * size, &n, b + (size_t)i * n, &n, &info);
                if (info) { total = -1; rounds = 1; goto end; }
            }
            if (rounds >= 0) /* the first is to warm up */
                total += now() - start;
        }
    }
end:
    free(system), free(a), free(right), free(b);
    return total / rounds;
}
