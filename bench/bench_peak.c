/* The measured FMA peak of this machine's widest fp32 vectors, on all threads: what other figures are shares of. */
#include "runtime/runtime.h"

#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 20000000, CHAINS = 12 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define UNROLL _Pragma("GCC unroll 12")

#define PEAK(name, isa, lanes)                                                                               \
    typedef float name##_vector __attribute__((vector_size(4 * lanes)));                                     \
    __attribute__((target(isa), noinline)) static float name(void) {                                         \
        name##_vector sums[CHAINS], x, y;                                                                    \
        for (int l = 0; l < lanes; l++) x[l] = 1.000001f, y[l] = 1e-7f;                                      \
        UNROLL for (int c = 0; c < CHAINS; c++) sums[c] = x * (float)c;                                      \
        for (int i = 0; i < ROUNDS; i++) {                                                                   \
            UNROLL for (int c = 0; c < CHAINS; c++) sums[c] = sums[c] * x + y;                               \
            UNROLL for (int c = 0; c < CHAINS; c++) __asm__ volatile("" : "+v"(sums[c]));                    \
        }                                                                                                    \
        float total = 0;                                                                                     \
        UNROLL for (int c = 0; c < CHAINS; c++) total += sums[c][0];                                         \
        return total;                                                                                        \
    }
PEAK(wide, "avx512f,fma", 16)
PEAK(narrow, "avx2,fma", 8)

static volatile float sink;

static void body_wide(void *user, int thread, int threads) {
    (void)user, (void)thread, (void)threads;
    sink = wide();
}

static void body_narrow(void *user, int thread, int threads) {
    (void)user, (void)thread, (void)threads;
    sink = narrow();
}

static void measure(const char *name, void (*body)(void *, int, int), int lanes) {
    for (int threads = 1; threads <= vt_threads(); threads *= 2) {
        double best = 1e9;
        int all = vt_threads();
        for (int i = 0; i < 5; i++) {
            double start = now();
            vt_set_threads(threads);
            vt_parallel(body, NULL);
            vt_set_threads(all);
            double took = now() - start;
            if (took < best) best = took;
        }
        printf("%-8s %2d thread%s %8.1f GFLOP/s\n", name, threads, threads == 1 ? " " : "s",
               2.0 * lanes * CHAINS * ROUNDS * threads / best / 1e9);
    }
}

int main(void) {
    if (__builtin_cpu_supports("avx512f")) measure("AVX-512", body_wide, 16);
    if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2")) measure("AVX2", body_narrow, 8);
    return 0;
}
