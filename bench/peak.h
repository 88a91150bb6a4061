/* The peaks of this machine, fp32 by FMA and bf16 by its own instructions: what the benches give their figures as
 * shares of, measured in the same run. */
#ifndef VITC_BENCH_PEAK_H
#define VITC_BENCH_PEAK_H

#include "runtime/machine/features.h"
#include "runtime/runtime.h"

#include <immintrin.h>
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

__attribute__((target("avx512f,avx512bf16"), noinline, unused)) static float peak_avx512bf16(int64_t rounds) {
    __m512 sums[PEAK_CHAINS];
    __m512i bits = _mm512_set1_epi32(0x3f803f80);
    __m512bh one;
    __builtin_memcpy(&one, &bits, sizeof one);
    PEAK_UNROLL for (int c = 0; c < PEAK_CHAINS; c++) sums[c] = _mm512_setzero_ps();
    for (int64_t i = 0; i < rounds; i++) {
        PEAK_UNROLL for (int c = 0; c < PEAK_CHAINS; c++) sums[c] = _mm512_dpbf16_ps(sums[c], one, one);
        PEAK_UNROLL for (int c = 0; c < PEAK_CHAINS; c++) __asm__ volatile("" : "+v"(sums[c]));
    }
    float total = 0;
    PEAK_UNROLL for (int c = 0; c < PEAK_CHAINS; c++) total += sums[c][0];
    return total;
}

/* Four independent sums of 16 × 16; 12 products a round, as in the other loops. */
__attribute__((target("amx-tile,amx-bf16"), noinline, unused)) static float peak_amx(int64_t rounds) {
    static const uint8_t configuration[64] __attribute__((aligned(64))) = {
        1, [16] = 64, [18] = 64, [20] = 64, [22] = 64, [24] = 64, [26] = 64, [48] = 16, 16, 16, 16, 16, 16};
    _tile_loadconfig(configuration);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    for (int64_t i = 0; i < rounds; i++) {
        for (int c = 0; c < 3; c++) {
            _tile_dpbf16ps(0, 4, 5);
            _tile_dpbf16ps(1, 4, 5);
            _tile_dpbf16ps(2, 4, 5);
            _tile_dpbf16ps(3, 4, 5);
        }
    }
    _tile_release();
    return 0;
}

typedef struct {
    const char *name;
    int lanes; /* products of one instruction */
    float (*loop)(int64_t rounds);
} PeakKind;

/* The kinds this machine has, widest first; returns how many. */
static inline int peak_kinds(PeakKind kinds[2]) {
    int n = 0;
    if (vt_feature_here("avx512f")) kinds[n++] = (PeakKind){"AVX-512", 16, peak_avx512};
    if (vt_feature_here("avx2") && vt_feature_here("fma")) kinds[n++] = (PeakKind){"AVX2", 8, peak_avx2};
    return n;
}

/* The fastest bf16 products of this machine; false: it has none. */
static inline bool peak_bf16_kind(PeakKind *kind) {
    if (vt_feature_here("amx-tile") && vt_feature_here("amx-bf16") && vt_features_permit("amx-tile") == 0)
        *kind = (PeakKind){"AMX-BF16", 16 * 16 * 32, peak_amx};
    else if (vt_feature_here("avx512bf16"))
        *kind = (PeakKind){"AVX512-BF16", 32, peak_avx512bf16};
    else
        return false;
    return true;
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
