/* Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers, SC 2011). */
#include "runtime/base/rng.h"
#include "runtime/base/text_set.h"

#include <math.h>
#include <string.h>

static void philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k1,
                            (uint32_t)a};
        for (int i = 0; i < 4; i++) c[i] = next[i];
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

uint64_t vt_stream(const char *name) {
    return text_hash(name, strlen(name));
}

/* Keys and counter of a stream at a step, without the number of the block. */
void vt_rng_key(const VtRng *rng, uint32_t out[5]) {
    uint64_t key = rng->seed ^ (rng->stream * 0x9e3779b97f4a7c15u);
    out[0] = (uint32_t)key;
    out[1] = (uint32_t)(key >> 32);
    out[2] = (uint32_t)(rng->stream >> 32);
    out[3] = (uint32_t)rng->step;
    out[4] = (uint32_t)(rng->step >> 32) ^ (uint32_t)rng->stream;
}

uint32_t vt_rng_u32(VtRng *rng) {
    uint64_t block = rng->index / 4;
    if (rng->held != block + 1) { /* four numbers at a time */
        uint32_t key[5];
        vt_rng_key(rng, key);
        uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32) ^ key[2], key[3], key[4]};
        philox(c, key[0], key[1]);
        memcpy(rng->words, c, sizeof c);
        rng->held = block + 1;
    }
    return rng->words[rng->index++ % 4];
}

double vt_rng_uniform(VtRng *rng) {
    return vt_rng_u32(rng) * 0x1p-32;
}

double vt_rng_normal(VtRng *rng) {
    double u = (vt_rng_u32(rng) + 0.5) * 0x1p-32, v = vt_rng_u32(rng) * 0x1p-32;
    return sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}

int64_t vt_rng_below(VtRng *rng, int64_t n) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % (uint64_t)n, x;
    do x = (uint64_t)vt_rng_u32(rng) << 32 | vt_rng_u32(rng);
    while (x >= limit);
    return (int64_t)(x % (uint64_t)n);
}

void vt_rng_permutation(VtRng *rng, int32_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        int64_t j = vt_rng_below(rng, i + 1);
        out[i] = out[j];
        out[j] = (int32_t)i;
    }
}
