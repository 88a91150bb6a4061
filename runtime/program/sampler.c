/* Samplers: the SAMPLER rows of catalog.def. An input's values at a step are a function of (seed, its name, the
 * step). */
#include "runtime/program/sampler.h"
#include "runtime/base/dtype.h"
#include "runtime/base/rng.h"
#include "runtime/program/block_masks.h"

#include <math.h>

typedef struct {
    const VtTensor *tensor;
    const double *p;
    VtRng *rng;
    float *real;
    int32_t *integer;
} Sample;

/* Size of an axis counted from the last; 1 where the tensor has no such axis. */
static int64_t axis(const VtTensor *tensor, int from_last) {
    return from_last < tensor->rank ? tensor->dim[tensor->rank - 1 - from_last] : 1;
}

static void sample_uniform(Sample *s) {
    float low = (float)s->p[0], high = (float)s->p[1], below = nextafterf(high, low);
    for (int64_t i = 0, n = vt_elements(s->tensor); i < n; i++) {
        float x = (float)(s->p[0] + (s->p[1] - s->p[0]) * vt_rng_uniform(s->rng));
        s->real[i] = x < high ? x : below; /* rounding to float must not reach the end */
    }
}

static void sample_normal(Sample *s) {
    for (int64_t i = 0, n = vt_elements(s->tensor); i < n; i++)
        s->real[i] = (float)(s->p[0] + s->p[1] * vt_rng_normal(s->rng));
}

static void sample_bernoulli(Sample *s) {
    for (int64_t i = 0, n = vt_elements(s->tensor); i < n; i++) s->real[i] = vt_rng_uniform(s->rng) < s->p[0];
}

static void sample_randint(Sample *s) {
    int64_t range = (int64_t)(s->p[1] - s->p[0]);
    for (int64_t i = 0, n = vt_elements(s->tensor); i < n; i++)
        s->integer[i] = (int32_t)(s->p[0] + (double)vt_rng_below(s->rng, range > 0 ? range : 1));
}

static void sample_permutation(Sample *s) {
    int64_t n = axis(s->tensor, 0);
    for (int64_t i = 0, all = vt_elements(s->tensor); i < all; i += n)
        vt_rng_permutation(s->rng, s->integer + i, n);
}

/* The first `count` of a random order of 0..n-1, marked in place: places with the bit are among them. n < MARK. */
enum { MARK = 1 << 30 };
static void mark_some(VtRng *rng, int32_t *places, int64_t n, int64_t count) {
    vt_rng_permutation(rng, places, n);
    for (int64_t k = 0; k < count; k++) places[places[k] & (MARK - 1)] |= MARK;
}

/* The cells' marks lie where the mask will: it is written from its end, each entry behind the mark that it is read
 * from. */
static void sample_block_mask(Sample *s) {
    const VtTensor *t = s->tensor;
    int64_t h = axis(t, 1), w = axis(t, 0), cell = (int64_t)s->p[0], columns = (w + cell - 1) / cell,
            cells = (h + cell - 1) / cell * columns;
    int64_t masked = (int64_t)ceil(s->p[1] * (double)cells - 1e-9);
    for (int64_t at = 0, n = vt_elements(t); at < n; at += h * w) {
        const int32_t *marks = s->integer + at;
        mark_some(s->rng, s->integer + at, cells, masked);
        for (int64_t y = h; y-- > 0;)
            for (int64_t x = w; x-- > 0;) {
                bool marked = marks[y / cell * columns + x / cell] & MARK;
                s->real[at + y * w + x] = marked;
            }
    }
}

static void sample_shuffle_mask(Sample *s) {
    int64_t n = axis(s->tensor, 0), kept = (int64_t)((double)n * (1 - s->p[0]));
    for (int64_t at = 0, all = vt_elements(s->tensor); at < all; at += n) {
        mark_some(s->rng, s->integer + at, n, kept);
        for (int64_t i = at; i < at + n; i++) {
            bool marked = s->integer[i] & MARK;
            s->real[i] = !marked;
        }
    }
}

/* log of Gamma(alpha, 1), by Marsaglia and Tsang (A simple method for generating gamma variables, 2000): exact
 * rejection from a cubed normal; below 1 it is that of alpha + 1 times u^(1/alpha), which need not be a double. */
static double log_gamma(VtRng *rng, double alpha) {
    double below = alpha < 1 ? log(vt_rng_uniform(rng) + 0x1p-33) / alpha : 0;
    double d = (alpha < 1 ? alpha + 1 : alpha) - 1. / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = vt_rng_normal(rng), t = 1 + c * x, v = t * t * t, u = vt_rng_uniform(rng) + 0x1p-33;
        if (t > 0 && log(u) < 0.5 * x * x + d * (1 - v + log(v))) return below + log(d * v);
    }
}

static void sample_gamma(Sample *s) {
    for (int64_t i = 0, n = vt_elements(s->tensor); i < n; i++)
        s->real[i] = (float)(s->p[1] * exp(log_gamma(s->rng, s->p[0])));
}

static double draw_beta(Sample *s) { /* X / (X + Y) */
    double x = log_gamma(s->rng, s->p[0]), y = log_gamma(s->rng, s->p[1]);
    return 1 / (1 + exp(y - x));
}

static void sample_beta(Sample *s) {
    for (int64_t i = 0, n = vt_elements(s->tensor); i < n; i++) s->real[i] = (float)draw_beta(s);
}

static void sample_cut_box(Sample *s) {
    int64_t h = axis(s->tensor, 1), w = axis(s->tensor, 0);
    for (int64_t at = 0, n = vt_elements(s->tensor); at < n; at += h * w)
        cut_box(s->rng, h, w, 1 - draw_beta(s), s->real + at);
}

static void sample_area_mask(Sample *s) {
    AreaMask mask = {.h = axis(s->tensor, 1),
                     .w = axis(s->tensor, 0),
                     .least = (int64_t)s->p[1],
                     .most = (int64_t)s->p[2],
                     .aspect = {s->p[3], s->p[4]},
                     .exact = s->p[5] != 0};
    double low = s->p[0], more = s->p[6] > low ? s->p[6] - low : 0;
    for (int64_t at = 0, n = vt_elements(s->tensor); at < n; at += mask.h * mask.w) {
        double ratio = more > 0 ? low + more * vt_rng_uniform(s->rng) : low;
        mask.wanted = (int64_t)(ratio * (double)(mask.h * mask.w) + 1e-9);
        area_mask(&mask, s->rng, s->real + at);
    }
}

static void sample_random_block(Sample *s) {
    int64_t h = axis(s->tensor, 1), w = axis(s->tensor, 0);
    BlockSize size = block_size(s->rng, h, w, s->p, s->p + 2);
    for (int64_t at = 0, n = vt_elements(s->tensor); at < n; at += h * w) {
        if (at && s->p[4] == 0) size = block_size(s->rng, h, w, s->p, s->p + 2);
        random_block(s->rng, h, w, size, s->real + at);
    }
}

/* From cells to their entries, in place, as the mask of blocks above: an entry of a cell that is covered by cell j has
 * 1 + the entry at its place in j. */
static void enlarge_cover(int32_t *out, int64_t h, int64_t w, int64_t cell) {
    int64_t columns = w / cell;
    for (int64_t y = h; y-- > 0;)
        for (int64_t x = w; x-- > 0;) {
            int32_t by = out[y / cell * columns + x / cell];
            int64_t row = (by - 1) / columns * cell + y % cell, column = (by - 1) % columns * cell + x % cell;
            out[y * w + x] = by ? (int32_t)(row * w + column + 1) : 0;
        }
}

static void sample_cover(Sample *s, bool moved) {
    int64_t h = axis(s->tensor, 1), w = axis(s->tensor, 0), cell = (int64_t)s->p[3];
    Cover cover = {
        .h = h / cell, .w = w / cell, .cell = cell, .least = s->p[0], .most = s->p[1], .largest = s->p[2]};
    for (int64_t at = 0, n = vt_elements(s->tensor); at < n; at += h * w) {
        cover_blocks(&cover, s->rng, moved, s->integer + at);
        enlarge_cover(s->integer + at, h, w, cell);
    }
}

static void sample_cover_mask(Sample *s) {
    sample_cover(s, false);
    for (int64_t i = 0, n = vt_elements(s->tensor); i < n; i++) {
        bool covered = s->integer[i] > 0;
        s->real[i] = covered;
    }
}

static void sample_cover_moves(Sample *s) {
    sample_cover(s, true);
}

static void sample_key(Sample *s) {
    uint32_t key[5];
    vt_rng_key(s->rng, key);
    for (int64_t i = 0, n = vt_elements(s->tensor); i < n; i++) s->integer[i] = (int32_t)key[i % 5];
}

static void (*const SAMPLERS[])(Sample *) = {
#define SAMPLER(name, ...) sample_##name,
#include "runtime/catalog.def"
#undef SAMPLER
};

void vt_draw_fill(const VtDraw *draw, const VtTensor *tensor, uint64_t seed, uint64_t step, void *out) {
    VtRng rng = {.seed = seed, .stream = vt_stream(draw->name), .step = step};
    Sample sample = {tensor, draw->params, &rng, out, out};
    SAMPLERS[draw->kind](&sample);
}
