/* Initial values: see initial.h. Numbers come from a counter, so that a thread may begin anywhere. A truncated normal rejects some:
 * which number an element gets depends on how many before it were rejected. All are drawn as if none were, each share
 * is packed, the gaps between shares are closed, and what is missing at the end is drawn next. */
#include "runtime/initial.h"

#include <math.h>
#include <string.h>

enum { PIECES = 256, FEW = 1 << 14 }; /* FEW elements are not worth a team */

typedef struct {
    const VtState *state;
    uint64_t seed, stream;
    void *out;
    const char *from;
    int64_t n;
    uint64_t first; /* the number that element 0 gets */
    int64_t kept[PIECES];
} Fill;

static void share_out(void (*body)(void *, int, int), Fill *fill, int64_t n) {
    if (n < FEW)
        body(fill, 0, 1);
    else
        vt_parallel(body, fill);
}

static int64_t share_of(int64_t n, int64_t part, int64_t parts) {
    return n / parts * part + n % parts * part / parts;
}

static void store_number(void *out, int64_t i, int dtype, double x) {
    switch (dtype) {
    case VT_F32: ((float *)out)[i] = (float)x; break;
    case VT_F64: ((double *)out)[i] = x; break;
    case VT_I32: ((int32_t *)out)[i] = (int32_t)x; break;
    case VT_I64: ((int64_t *)out)[i] = (int64_t)x; break;
    default: ((uint8_t *)out)[i] = x != 0;
    }
}

static void fill_constant(void *user, int thread, int threads) {
    const Fill *f = user;
    for (int64_t i = share_of(f->n, thread, threads), end = share_of(f->n, thread + 1, threads); i < end; i++)
        store_number(f->out, i, f->state->tensor.dtype, f->state->a);
}

static void fill_drawn(void *user, int thread, int threads) {
    const Fill *f = user;
    const VtState *state = f->state;
    bool normal = state->init == VT_INIT_NORMAL;
    int64_t begin = share_of(f->n, thread, threads), end = share_of(f->n, thread + 1, threads);
    VtRng rng = {.seed = f->seed, .stream = f->stream, .index = (uint64_t)begin * (normal ? 2 : 1)};
    for (int64_t i = begin; i < end; i++) {
        double x = normal ? state->a + state->b * vt_rng_normal(&rng)
                          : state->a + (state->b - state->a) * vt_rng_uniform(&rng);
        store_number(f->out, i, state->tensor.dtype, x);
    }
}

static void fill_truncated(void *user, int thread, int threads) {
    Fill *f = user;
    const VtState *state = f->state;
    for (int64_t p = share_of(PIECES, thread, threads); p < share_of(PIECES, thread + 1, threads); p++) {
        int64_t begin = share_of(f->n, p, PIECES), end = share_of(f->n, p + 1, PIECES), kept = 0;
        VtRng rng = {.seed = f->seed, .stream = f->stream, .index = 2 * (f->first + (uint64_t)begin)};
        for (int64_t i = begin; i < end; i++) {
            double x = vt_rng_normal(&rng);
            if (x >= -2 && x <= 2)
                store_number(f->out, begin + kept++, state->tensor.dtype, state->a + state->b * x);
        }
        f->kept[p] = kept;
    }
}

static void draw_truncated(Fill *fill) {
    size_t size = vt_dtype_size(fill->state->tensor.dtype);
    while (fill->n > 0) {
        int64_t at = 0;
        char *out = fill->out;
        share_out(fill_truncated, fill, fill->n);
        for (int p = 0; p < PIECES; p++) {
            char *piece = out + (size_t)share_of(fill->n, p, PIECES) * size;
            memmove(out + (size_t)at * size, piece, (size_t)fill->kept[p] * size);
            at += fill->kept[p];
        }
        fill->first += (uint64_t)fill->n;
        fill->out = out + (size_t)at * size;
        fill->n -= at;
    }
}

void vt_initial_fill(const VtState *state, uint64_t seed, bool fresh, void *out) {
    Fill fill = {.state = state,
                 .seed = seed,
                 .stream = vt_stream(state->tensor.name),
                 .out = out,
                 .n = vt_elements(&state->tensor)};
    bool zero = state->init == VT_INIT_CONSTANT && state->a == 0 && !signbit(state->a);
    if (zero && fresh) return;
    if (state->init == VT_INIT_TRUNC_NORMAL)
        draw_truncated(&fill);
    else
        share_out(state->init == VT_INIT_CONSTANT ? fill_constant : fill_drawn, &fill, fill.n);
}

static void copy(void *user, int thread, int threads) {
    const Fill *f = user;
    int64_t begin = share_of(f->n, thread, threads), end = share_of(f->n, thread + 1, threads);
    memcpy((char *)f->out + begin, f->from + begin, (size_t)(end - begin));
}

void vt_initial_copy(void *to, const void *from, size_t bytes) {
    share_out(copy, &(Fill){.out = to, .from = from, .n = (int64_t)bytes}, (int64_t)bytes);
}
