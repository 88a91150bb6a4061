/* Initial values: see initial.h. Numbers come from a counter, so that a thread may begin anywhere. A truncated normal
 * rejects some: which number an element gets depends on how many before it were rejected. All are drawn as if none
 * were, each share is packed, the gaps between shares are closed, and what is missing at the end is drawn next. */
#include "runtime/program/initial.h"
#include "runtime/base/dtype.h"
#include "runtime/base/rng.h"
#include "runtime/program/normals.h"
#include "runtime/threads/team.h"

#include <math.h>
#include <string.h>

enum { PIECES = 256, GROUP = 64 }; /* GROUP states are drawn between two meetings of the team */

typedef struct {
    const VtState *state;
    uint64_t seed, stream;
    void *out;
    int64_t n;
    uint64_t first; /* the number that element 0 gets */
    int64_t kept[PIECES];
} Fill;

typedef struct {
    Fill fills[GROUP];
    int n;
} Fills;

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

static void fill_constant(const Fill *f, int thread, int threads) {
    for (int64_t i = share_of(f->n, thread, threads), end = share_of(f->n, thread + 1, threads); i < end; i++)
        store_number(f->out, i, f->state->tensor.dtype, f->state->a);
}

static void fill_drawn(const Fill *f, int thread, int threads) {
    const VtState *state = f->state;
    bool normal = state->init == VT_INIT_NORMAL;
    int64_t begin = share_of(f->n, thread, threads), end = share_of(f->n, thread + 1, threads);
    VtRng rng = {.seed = f->seed, .stream = f->stream, .index = (uint64_t)begin * (normal ? 2 : 1)};
    if (normal && state->tensor.dtype == VT_F32) {
        vt_normals(&rng, end - begin, state->a, state->b, INFINITY, (float *)f->out + begin);
        return;
    }
    if (state->tensor.dtype == VT_F32) {
        vt_uniforms(&rng, end - begin, state->a, state->b - state->a, (float *)f->out + begin);
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        double x = normal ? state->a + state->b * vt_rng_normal(&rng)
                          : state->a + (state->b - state->a) * vt_rng_uniform(&rng);
        store_number(f->out, i, state->tensor.dtype, x);
    }
}

static void fill_truncated(Fill *f, int thread, int threads) {
    const VtState *state = f->state;
    for (int64_t p = share_of(PIECES, thread, threads); p < share_of(PIECES, thread + 1, threads); p++) {
        int64_t begin = share_of(f->n, p, PIECES), end = share_of(f->n, p + 1, PIECES), kept = 0;
        VtRng rng = {.seed = f->seed, .stream = f->stream, .index = 2 * (f->first + (uint64_t)begin)};
        if (state->tensor.dtype == VT_F32)
            kept = vt_normals(&rng, end - begin, state->a, state->b, 2, (float *)f->out + begin);
        for (int64_t i = begin; i < end && state->tensor.dtype != VT_F32; i++) {
            double x = vt_rng_normal(&rng);
            if (x >= -2 && x <= 2)
                store_number(f->out, begin + kept++, state->tensor.dtype, state->a + state->b * x);
        }
        f->kept[p] = kept;
    }
}

static void draw_shares(void *user, int thread, int threads) {
    Fills *fills = user;
    for (int i = 0; i < fills->n; i++) {
        Fill *f = &fills->fills[i];
        if (f->state->init == VT_INIT_TRUNC_NORMAL)
            fill_truncated(f, thread, threads);
        else if (f->state->init == VT_INIT_CONSTANT)
            fill_constant(f, thread, threads);
        else
            fill_drawn(f, thread, threads);
    }
}

static void close_gaps(Fill *f) {
    size_t size = vt_dtype_size(f->state->tensor.dtype);
    char *out = f->out;
    int64_t at = 0;
    for (int p = 0; p < PIECES; p++) {
        memmove(out + (size_t)at * size, out + (size_t)share_of(f->n, p, PIECES) * size,
                (size_t)f->kept[p] * size);
        at += f->kept[p];
    }
    f->first += (uint64_t)f->n;
    f->out = out + (size_t)at * size;
    f->n -= at;
}

/* Few are missing: each state's are drawn by one thread. */
static void draw_rest(void *user, int thread, int threads) {
    Fills *fills = user;
    for (int i = thread; i < fills->n; i += threads) {
        Fill *f = &fills->fills[i];
        if (f->state->init != VT_INIT_TRUNC_NORMAL) continue;
        for (close_gaps(f); f->n > 0; close_gaps(f)) fill_truncated(f, 0, 1);
    }
}

static void draw_group(Fills *fills) {
    vt_parallel(draw_shares, fills);
    vt_parallel(draw_rest, fills);
    fills->n = 0;
}

void vt_initial_draw(const VtProgram *program, void *const *states, uint64_t seed, bool fresh) {
    Fills fills = {.n = 0};
    for (int s = 0; s < program->n_states; s++) {
        const VtState *state = &program->states[s];
        bool zero = state->init == VT_INIT_CONSTANT && state->a == 0 && !signbit(state->a);
        if (state->init == VT_INIT_COPY || state->init == VT_INIT_FUNCTION || (zero && fresh)) continue;
        Fill *f = &fills.fills[fills.n++];
        f->state = state;
        f->seed = seed;
        f->stream = vt_stream(state->tensor.name);
        f->out = states[s];
        f->n = vt_elements(&state->tensor);
        f->first = 0;
        if (fills.n == GROUP) draw_group(&fills);
    }
    if (fills.n) draw_group(&fills);
}

typedef struct {
    char *to;
    const char *from;
    int64_t bytes;
} Copy;

static void copy_share(void *user, int thread, int threads) {
    const Copy *c = user;
    int64_t begin = share_of(c->bytes, thread, threads), end = share_of(c->bytes, thread + 1, threads);
    memcpy(c->to + begin, c->from + begin, (size_t)(end - begin));
}

void vt_initial_copy(void *to, const void *from, size_t bytes) {
    enum { FEW = 1 << 16 }; /* not worth a team */
    Copy c = {to, from, (int64_t)bytes};
    if (bytes < FEW)
        copy_share(&c, 0, 1);
    else
        vt_parallel(copy_share, &c);
}
