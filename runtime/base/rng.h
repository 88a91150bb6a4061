/* Counter-based random numbers (Philox 4x32-10, Salmon et al. 2011). A number is a function of (seed, stream, step,
 * index) alone: no state, any thread, any order. */
#ifndef VITC_RUNTIME_BASE_RNG_H
#define VITC_RUNTIME_BASE_RNG_H

#include <stdint.h>

typedef struct {
    uint64_t seed, stream, step, index; /* index advances with each draw */
    /* The numbers drawn last, and which block of four they are, from 1. Zero it when seed, stream or step change. */
    uint64_t held;
    uint32_t words[4];
} VtRng;
uint64_t vt_stream(const char *name); /* a stream number from a name (FNV-1a 64) */
/* What the numbers follow from, as operator `random` takes it: two words of the key, three of the counter. */
void vt_rng_key(const VtRng *rng, uint32_t out[5]);
uint32_t vt_rng_u32(VtRng *rng);
double vt_rng_uniform(VtRng *rng);           /* [0, 1), 32 random bits */
double vt_rng_normal(VtRng *rng);            /* Box-Muller */
int64_t vt_rng_below(VtRng *rng, int64_t n); /* 0..n-1, unbiased */
void vt_rng_permutation(VtRng *rng, int32_t *out, int64_t n);

#endif
