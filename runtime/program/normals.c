/* Many random numbers at once: see normals.h. Of normal ones, logarithm and cosine are polynomials in vectors, whose
 * error is far below a float's. Where it could still decide how a number is rounded, or whether it is within the bound,
 * that number is taken from vt_rng_normal. */
#include "runtime/program/normals.h"
#include "runtime/base/rng.h"
#include "runtime/base/simd.h"

#include <math.h>
#include <string.h>

/* A block of the counter makes two normals; a chunk may begin in the middle of one. */
enum { BLOCKS = 64, CHUNK = 2 * BLOCKS - 1 };
#define ERROR 1e-12 /* of x, |x| < 7: measured 3e-15 */

/* Philox 4x32-10, as rng.c has it, for blocks in a row: two of `words` for each normal number. */
VT_WIDE_CLONES static void draw_words(const VtRng *rng, uint64_t first, uint64_t words[restrict 4][BLOCKS]) {
    uint64_t key = rng->seed ^ (rng->stream * 0x9e3779b97f4a7c15u), low = 0xffffffffu;
    for (int i = 0; i < BLOCKS; i++) {
        uint64_t block = first + (uint64_t)i, k0 = key & low, k1 = key >> 32;
        uint64_t c0 = block & low, c1 = (block >> 32) ^ (rng->stream >> 32), c2 = rng->step & low,
                 c3 = (rng->step >> 32) ^ (rng->stream & low);
        for (int round = 0; round < 10; round++) {
            uint64_t a = UINT64_C(0xD2511F53) * c0, b = UINT64_C(0xCD9E8D57) * c2;
            c0 = (b >> 32) ^ c1 ^ k0;
            c1 = b & low;
            c2 = (a >> 32) ^ c3 ^ k1;
            c3 = a & low;
            k0 = (k0 + 0x9E3779B9u) & low;
            k1 = (k1 + 0xBB67AE85u) & low;
        }
        words[0][i] = c0;
        words[1][i] = c1;
        words[2][i] = c2;
        words[3][i] = c3;
    }
}

static inline double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t to_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double from_integer(uint64_t x) { /* below 2^52 */
    return from_bits(x | UINT64_C(0x4330000000000000)) - 0x1p52;
}

/* log x = e log 2 + 2 artanh s, x = 2^e m, sqrt(1/2) <= m < sqrt 2, s = (m - 1) / (m + 1), |s| < 0.1716. */
static inline double log_of(double x) {
    const uint64_t root = UINT64_C(0x3fe6a09e667f3bcd), one = UINT64_C(0x3ff0000000000000);
    uint64_t bits = to_bits(x) + (one - root);
    double e = from_integer(bits >> 52) - 1023, m = from_bits((bits & UINT64_C(0xfffffffffffff)) + root);
    double s = (m - 1) / (m + 1), t = s * s, sum = 1.0 / 19;
    for (int k = 17; k > 0; k -= 2) sum = sum * t + 1.0 / k;
    return e * 0.693147180559945309 + 2 * s * sum;
}

/* cos 2πv = -sin 2πz, z = 1/4 - |v - 1/2|, |2πz| <= π/2: the Taylor series, to 3e-16. */
static inline double cos_turn(double v) {
    double y = 6.283185307179586477 * (0.25 - fabs(v - 0.5)), t = y * y, sum = 1;
    for (int k = 18; k > 0; k -= 2) sum = 1 - sum * t * (1.0 / (k * (k + 1)));
    return -y * sum;
}

VT_WIDE_CLONES static void transform(const uint64_t *restrict u, const uint64_t *restrict v,
                                     double *restrict x) {
    for (int i = 0; i < BLOCKS; i++)
        x[i] =
            sqrt(-2 * log_of((from_integer(u[i]) + 0.5) * 0x1p-32)) * cos_turn(from_integer(v[i]) * 0x1p-32);
}

int64_t vt_normals(VtRng *rng, int64_t n, double a, double b, double most, float *out) {
    int64_t kept = 0;
    double error = fabs(b) * ERROR + fabs(a) * 1e-15;
    while (n > 0) {
        uint64_t words[4][BLOCKS], first = rng->index / 2;
        double x[2][BLOCKS];
        int64_t chunk = n < CHUNK ? n : CHUNK;
        draw_words(rng, first / 2, words);
        transform(words[0], words[1], x[0]);
        transform(words[2], words[3], x[1]);
        for (int64_t i = 0; i < chunk; i++) {
            uint64_t at = first % 2 + (uint64_t)i;
            double near = x[at % 2][at / 2], y = a + b * near;
            float low = (float)(y - error), high = (float)(y + error);
            if (low != high || fabs(fabs(near) - most) < ERROR) {
                rng->index = 2 * (first + (uint64_t)i);
                near = vt_rng_normal(rng);
                low = (float)(a + b * near);
            }
            out[kept] = low;
            kept += fabs(near) <= most;
        }
        rng->index = 2 * (first + (uint64_t)chunk);
        n -= chunk;
    }
    return kept;
}

VT_WIDE_CLONES static void scale_words(const uint64_t words[restrict 4][BLOCKS], double a, double b,
                                       float out[restrict 4 * BLOCKS]) {
    for (int i = 0; i < BLOCKS; i++)
        for (int w = 0; w < 4; w++) out[4 * i + w] = (float)(a + b * (from_integer(words[w][i]) * 0x1p-32));
}

void vt_uniforms(VtRng *rng, int64_t n, double a, double b, float *out) {
    while (n > 0) {
        uint64_t words[4][BLOCKS];
        float x[4 * BLOCKS];
        int64_t before = (int64_t)(rng->index % 4), most = 4 * BLOCKS - before, chunk = n < most ? n : most;
        draw_words(rng, rng->index / 4, words);
        scale_words(words, a, b, x);
        memcpy(out, x + before, sizeof *out * (size_t)chunk);
        rng->index += (uint64_t)chunk;
        out += chunk;
        n -= chunk;
    }
}
