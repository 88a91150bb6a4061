/* The FMA peak of this machine's widest fp32 vectors: what the benches give their figures as shares of, measured in the
 * same run. */
#ifndef VITC_BENCH_PEAK_H
#define VITC_BENCH_PEAK_H

#include "runtime/runtime.h"

#include <time.h>

enum { PEAK_CHAINS = 12 };

static inline double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define PEAK_UNROLL _Pragma("GCC unroll 12")

#define PEAK_LOOP(name, isa, lanes)                                                                          \
    typedef float name##_vector __attribute__((vector_size(4 * lanes)));                                     \
    __attribute__((target(isa), noinline, unused)) static float name(int64_t rounds) {                       \
        name##_vector sums[PEAK_CHAINS], x, y;                                                               \
        for (int l = 0; l < lanes; l++) x[l] = 1.000001f, y[l] = 1e-7f;                                      \
        PEAK_UNROLL for (int c = 0; c < PEAK_CHAINS; c++) sums[c] = x * (float)c;                            \
        for (int64_t i = 0; i < rounds; i++) {                                                               \
            PEAK_UNROLL for (int c = 0; c < PEAK_CHAINS; c++) sums[c] = sums[c] * x + y;                     \
            PEAK_UNROLL for (int c = 0; c < PEAK_CHAINS; c++) __asm__ volatile("" : "+v"(sums[c]));          \
        }                                                                                                    \
        float total = 0;                                                                                     \
        PEAK_UNROLL for (int c = 0; c < PEAK_CHAINS; c++) total += sums[c][0];                               \
        return total;                                                                                        \
    }
PEAK_LOOP(peak_avx512, "avx512f,fma", 16)
PEAK_LOOP(peak_avx2, "avx2,fma", 8)

typedef struct {
    const char *name;
    int lanes;
    float (*loop)(int64_t rounds);
} PeakKind;

/* The kinds this machine has, widest first; returns how many. */
static inline int peak_kinds(PeakKind kinds[2]) {
    int n = 0;
    if (__builtin_cpu_supports("avx512f")) kinds[n++] = (PeakKind){"AVX-512", 16, peak_avx512};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kinds[n++] = (PeakKind){"AVX2", 8, peak_avx2};
    return n;
}

typedef struct {
    const PeakKind *kind;
    int64_t rounds;
    volatile float sink;
} PeakRun;

static inline void peak_body(void *user, int thread, int threads) {
    (void)thread, (void)threads;
    PeakRun *run = user;
    run->sink = run->kind->loop(run->rounds);
}

/* GFLOP/s of the whole team, over about `rounds` · 12 dependent products a thread. */
static inline double peak_gflops(const PeakKind *kind, int64_t rounds) {
    PeakRun run = {.kind = kind, .rounds = rounds};
    double start = bench_now();
    vt_parallel(peak_body, &run);
    return 2.0 * kind->lanes * PEAK_CHAINS * (double)rounds * vt_threads() / (bench_now() - start) / 1e9;
}

#endif
