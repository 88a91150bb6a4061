/* Samplers: the SAMPLER rows of catalog.def. An input's values at a step are a function of (seed, its name, the step). */
#include "runtime/runtime.h"

#include <math.h>
#include <stdlib.h>

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

static void sample_block_mask(Sample *s) {
    const VtTensor *t = s->tensor;
    int64_t h = axis(t, 1), w = axis(t, 0), cell = (int64_t)s->p[0], rows = (h + cell - 1) / cell,
            columns = (w + cell - 1) / cell;
    int64_t cells = rows * columns, masked = (int64_t)ceil(s->p[1] * (double)cells - 1e-9);
    int32_t *order = malloc(sizeof *order * (size_t)cells);
    if (!order) abort();
    for (int64_t image = 0, n = vt_elements(t) / (h * w); image < n; image++) {
        float *out = s->real + image * h * w;
        vt_rng_permutation(s->rng, order, cells);
        for (int64_t i = 0; i < h * w; i++) out[i] = 0;
        for (int64_t k = 0; k < masked; k++)
            for (int64_t y = order[k] / columns * cell; y < h && y < (order[k] / columns + 1) * cell; y++)
                for (int64_t x = order[k] % columns * cell; x < w && x < (order[k] % columns + 1) * cell; x++)
                    out[y * w + x] = 1;
    }
    free(order);
}

static void sample_shuffle_mask(Sample *s) {
    int64_t n = axis(s->tensor, 0), kept = (int64_t)((double)n * (1 - s->p[0]));
    int32_t *order = malloc(sizeof *order * (size_t)n);
    if (!order) abort();
    for (int64_t i = 0, all = vt_elements(s->tensor); i < all; i += n) {
        vt_rng_permutation(s->rng, order, n);
        for (int64_t k = 0; k < n; k++) s->real[i + order[k]] = k >= kept;
    }
    free(order);
}

static void (*const SAMPLERS[])(Sample *) = {
#define SAMPLER(name, params, doc) sample_##name,
#include "runtime/catalog.def"
#undef SAMPLER
};

void vt_draw_fill(const VtDraw *draw, const VtTensor *tensor, uint64_t seed, uint64_t step, void *out) {
    VtRng rng = {.seed = seed, .stream = vt_stream(draw->name), .step = step};
    Sample sample = {tensor, draw->params, &rng, out, out};
    SAMPLERS[draw->kind](&sample);
}
