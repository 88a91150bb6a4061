/* The gradient of a convolution's image, in gather form: see windows.h.
 *
 * With stride s a pixel h takes part in the windows o of which it is element i: o·s + i = h + padding. So pixels of one
 * phase p = h mod s take every s-th row of the filter, i0 + s·a, and a row h/s + d - a of the result: the gradient of
 * the image is, phase by phase, a convolution of stride 1 of dy with the turned filter of that phase. */
#include "passes/graph/windows_parts.h"

/* One phase of an axis: which elements of the filter its pixels meet, first + s·a for a < taps, and where: with rows
 * [before + o, before + o + taps) of dy, the last of them with the first. */
typedef struct {
    int64_t first, taps, before;
} Phase;

typedef struct {
    int64_t size, kernel, stride, padding, out; /* of the image, the filter, and dy */
    int64_t pixels;                             /* of each phase */
    int64_t low, high;                          /* what dy is widened by, for all phases */
    bool alike;                                 /* all phases meet equally many rows in the same places */
} PhasedAxis;

static Phase phase_of(const PhasedAxis *axis, int64_t p) {
    Phase phase = {.first = (p + axis->padding) % axis->stride};
    if (phase.first < axis->kernel)
        phase.taps = (axis->kernel - phase.first + axis->stride - 1) / axis->stride;
    phase.before = (p + axis->padding) / axis->stride - (phase.taps - 1);
    return phase;
}

static PhasedAxis phased_axis(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t out) {
    PhasedAxis axis = {size, kernel, stride, padding, out, (size + stride - 1) / stride, 0, 0, true};
    Phase first = phase_of(&axis, 0);
    bool met = false;
    for (int64_t p = 0; p < stride; p++) {
        Phase phase = phase_of(&axis, p);
        axis.alike = axis.alike && phase.taps == first.taps && phase.before == first.before && phase.taps > 0;
        if (phase.taps == 0) continue;
        int64_t low = -phase.before, high = axis.pixels + phase.before + phase.taps - 1 - out;
        if (!met || low > axis.low) axis.low = low;
        if (!met || high > axis.high) axis.high = high;
        met = true;
    }
    return axis;
}

/* Every stride-th element of an axis of the filter, from that of the phase on, turned. */
static ValueId turned(Func *func, ValueId w, int axis, const PhasedAxis *of, const Phase *phase) {
    ValueId *parts = ARENA_ARRAY(func->module->arena, ValueId, phase->taps);
    for (int64_t a = 0; a < phase->taps; a++) {
        int64_t at = phase->first + of->stride * (phase->taps - 1 - a);
        parts[a] = along_axis(func, w, axis, at, at + 1, 1);
    }
    return phase->taps == 1 ? parts[0] : ir_concat(func, (int)phase->taps, parts, axis);
}

/* w [O, C/groups, KH, KW] as filters [groups, C/groups, taps·O/groups] of one phase. */
static ValueId turned_filters(Func *func, ValueId w, int64_t groups, const PhasedAxis axes[2],
                              const Phase phases[2]) {
    for (int i = 0; i < 2; i++) w = turned(func, w, 2 + i, &axes[i], &phases[i]);
    const Type t = *func_type(func, w);
    int64_t n = t.dim[0] / groups, k = n * t.dim[2] * t.dim[3];
    if (groups == 1) {
        w = ir_transpose(func, w, (int64_t[]){1, 2, 3, 0});
        return ir_reshape(func, w, 2, (int64_t[]){t.dim[1], k});
    }
    w = ir_reshape(func, w, 5, (int64_t[]){groups, n, t.dim[1], t.dim[2], t.dim[3]});
    w = ir_transpose(func, w, (int64_t[]){0, 2, 3, 4, 1});
    return ir_reshape(func, w, 3, (int64_t[]){groups, t.dim[1], k});
}

typedef struct {
    Func *func;
    ValueId dy, w; /* dy [B, OH, OW, O] widened; w [O, C/groups, KH, KW] */
    int64_t groups, batch, channels;
    PhasedAxis axes[2];
} ImageGrad;

/* Filters over what pixels of these phases meet of dy. */
static ValueId phase_product(const ImageGrad *g, const Phase phases[2], ValueId filters) {
    Filter filter = {{phases[0].taps, phases[1].taps}, {1, 1}, g->groups};
    ValueId dy = g->dy;
    for (int i = 0; i < 2; i++) {
        int64_t from = g->axes[i].low + phases[i].before;
        dy = along_axis(g->func, dy, 1 + i, from, from + g->axes[i].pixels + phases[i].taps - 1, 1);
    }
    return contract_windows(g->func, dy, &filter, filters);
}

/* The pixels of one phase, [B, pixels, pixels, C]. */
static ValueId phase_pixels(const ImageGrad *g, int64_t p, int64_t q) {
    Func *func = g->func;
    Phase phases[] = {phase_of(&g->axes[0], p), phase_of(&g->axes[1], q)};
    const PhasedAxis *axes = g->axes;
    if (!phases[0].taps || !phases[1].taps) {
        ValueId zero = ir_constant(func, 0, (DType)func_type(func, g->dy)->dtype);
        return ir_broadcast(func, zero, 4,
                            (int64_t[]){g->batch, axes[0].pixels, axes[1].pixels, g->channels});
    }
    return phase_product(g, phases, turned_filters(func, g->w, g->groups, axes, phases));
}

/* Where all phases meet dy in the same places, one product makes all of them: [B, pixels, s, pixels, s, C]. */
static ValueId all_phases(const ImageGrad *g) {
    Func *func = g->func;
    const PhasedAxis *axes = g->axes;
    int64_t n = axes[0].stride * axes[1].stride;
    ValueId *filters = ARENA_ARRAY(func->module->arena, ValueId, n);
    Phase phases[2];
    for (int64_t i = 0; i < n; i++) {
        phases[0] = phase_of(&axes[0], i / axes[1].stride);
        phases[1] = phase_of(&axes[1], i % axes[1].stride);
        filters[i] = turned_filters(func, g->w, 1, axes, phases);
    }
    ValueId y = phase_product(g, phases, n == 1 ? filters[0] : ir_concat(func, (int)n, filters, 0));
    y = ir_reshape(
        func, y, 6,
        (int64_t[]){g->batch, axes[0].pixels, axes[1].pixels, axes[0].stride, axes[1].stride, g->channels});
    return ir_transpose(func, y, (int64_t[]){0, 1, 3, 2, 4, 5});
}

static ValueId phase_by_phase(const ImageGrad *g) {
    Func *func = g->func;
    int64_t down = g->axes[0].stride, across = g->axes[1].stride;
    int64_t shape[] = {g->batch, g->axes[0].pixels, 1, g->axes[1].pixels, 1, g->channels};
    ValueId *rows = ARENA_ARRAY(func->module->arena, ValueId, down),
            *parts = ARENA_ARRAY(func->module->arena, ValueId, across);
    for (int64_t p = 0; p < down; p++) {
        for (int64_t q = 0; q < across; q++) parts[q] = ir_reshape(func, phase_pixels(g, p, q), 6, shape);
        rows[p] = across == 1 ? parts[0] : ir_concat(func, (int)across, parts, 4);
    }
    return down == 1 ? rows[0] : ir_concat(func, (int)down, rows, 2);
}

ValueId expand_conv2d_image(Windows *w, const Node *node, const ValueId *x) {
    Func *func = w->func;
    const ConvAdjointAttrs *of = conv_adjoint_attrs(node);
    const Type weight = *func_type(func, x[1]), dy = *func_type(func, x[0]);
    const int64_t *dim = node->type.dim;
    ImageGrad g = {func, channels_last(w, x[0]), x[1], of->groups, dim[0], dim[1], {{0}, {0}}};
    for (int i = 0; i < 2; i++) {
        g.axes[i] =
            phased_axis(dim[2 + i], weight.dim[2 + i], of->stride.v[i], of->padding.v[i], dy.dim[2 + i]);
        g.dy = widen_axis(func, g.dy, 1 + i, g.axes[i].low > 0 ? g.axes[i].low : 0,
                          g.axes[i].high > 0 ? g.axes[i].high : 0, 0);
        if (g.axes[i].low < 0) g.axes[i].low = 0;
    }
    bool alike = of->groups == 1 && g.axes[0].alike && g.axes[1].alike;
    ValueId dx = alike ? all_phases(&g) : phase_by_phase(&g);
    int64_t h = g.axes[0].pixels * of->stride.v[0], width = g.axes[1].pixels * of->stride.v[1];
    dx = ir_reshape(func, dx, 4, (int64_t[]){dim[0], h, width, dim[1]});
    dx = along_axis(func, along_axis(func, dx, 1, 0, dim[2], 1), 2, 0, dim[3], 1);
    return with_twin(w, dx);
}
