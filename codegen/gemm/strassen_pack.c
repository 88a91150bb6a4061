/* Packing for Strassen's products: see strassen_pack.h. Packers are internal functions, one for the places of quarters
 * that a product has. */
#include "codegen/gemm/strassen_pack.h"
#include "codegen/gemm/pack.h"

#include <stdio.h>

enum { WIDEST = 64 };

typedef struct {
    FunctionBuilder *fb;
    const StrassenSide *s;
    LLVMValueRef from, count[2], k, to;
    LLVMTypeRef f32, vector;
} Pack;

/* Stores the sums of x, unit u of the quarters, from line `line` on; mask: NULL, or of what is stored. */
static void store_parts(const Pack *p, LLVMValueRef u, LLVMValueRef line, const LLVMValueRef x[4],
                        LLVMValueRef mask) {
    FunctionBuilder *fb = p->fb;
    LLVMValueRef at = build_add(fb, build_mul(fb, u, build_i64(fb, p->s->width)), line);
    for (int i = 0; i < STRASSEN_PRODUCTS; i++) {
        const StrassenSum *sum = &p->s->sums[i];
        LLVMValueRef value = x[sum->first],
                     to = build_f32_at(fb, p->to, build_add(fb, at, build_i64(fb, i * p->s->part)));
        if (sum->sign > 0) value = LLVMBuildFAdd(fb->builder, value, x[sum->second], "");
        if (sum->sign < 0) value = LLVMBuildFSub(fb->builder, value, x[sum->second], "");
        if (mask)
            build_masked_store(fb, value, to, 4, mask);
        else
            build_store(fb, value, to);
    }
}

/* Where a line of quarter q begins; there is one before it even if the panel has none: beyond the last it is that. */
static LLVMValueRef line_of(const Pack *p, int q, LLVMValueRef line) {
    FunctionBuilder *fb = p->fb;
    LLVMValueRef last = LLVMBuildSub(fb->builder, p->count[p->s->lower[q]], build_i64(fb, 1), "");
    LLVMTypeRef i64 = LLVMInt64TypeInContext(fb->context);
    line = build_intrinsic(fb, "llvm.smin", i64, (LLVMValueRef[]){line, last}, 2);
    LLVMValueRef at =
        build_add(fb, build_mul(fb, line, build_i64(fb, p->s->across)), build_i64(fb, p->s->at[q]));
    return build_f32_at(fb, p->from, at);
}

/* Lines group..group + n - 1, which lie along K: a part after another, so that few lines are read at once. */
static void pack_group(const Pack *p, LLVMValueRef group, int n, LLVMValueRef whole) {
    FunctionBuilder *fb = p->fb;
    int lanes = p->s->lanes;
    LLVMValueRef line[4][WIDEST], x[WIDEST];
    for (int q = 0; q < 4; q++)
        for (int i = 0; i < n; i++) line[q][i] = line_of(p, q, build_add(fb, group, build_i64(fb, i)));
    for (int part = 0; part < STRASSEN_PRODUCTS; part++) {
        const StrassenSum *sum = &p->s->sums[part];
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), whole, lanes, "u");
        for (int i = 0; i < lanes; i++) {
            x[i] = LLVMGetPoison(p->vector);
            if (i >= n) continue;
            x[i] = build_load(fb, p->vector, build_f32_at(fb, line[sum->first][i], loop.counter));
            if (!sum->sign) continue;
            LLVMValueRef y = build_load(fb, p->vector, build_f32_at(fb, line[sum->second][i], loop.counter));
            x[i] = sum->sign > 0 ? LLVMBuildFAdd(fb->builder, x[i], y, "")
                                 : LLVMBuildFSub(fb->builder, x[i], y, "");
        }
        pack_turn(fb, x, lanes);
        LLVMValueRef to = build_add(fb, build_mul(fb, loop.counter, build_i64(fb, p->s->width)),
                                    build_add(fb, group, build_i64(fb, part * p->s->part)));
        for (int i = 0; i < lanes; i++)
            build_store(fb, x[i],
                        build_f32_at(fb, p->to, build_add(fb, to, build_i64(fb, (int64_t)i * p->s->width))));
        build_loop_end(fb, &loop);
    }
}

static void pack_singly(const Pack *p, LLVMValueRef whole) {
    FunctionBuilder *fb = p->fb;
    Loop lines = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, p->s->width), 1, "line");
    LLVMValueRef from[4], x[4];
    for (int q = 0; q < 4; q++) from[q] = line_of(p, q, lines.counter);
    Loop loop = build_loop_begin(fb, whole, p->k, 1, "u");
    LLVMValueRef at = build_mul(fb, loop.counter, build_i64(fb, p->s->along));
    for (int q = 0; q < 4; q++) x[q] = build_load(fb, p->f32, build_f32_at(fb, from[q], at));
    store_parts(p, loop.counter, lines.counter, x, NULL);
    build_loop_end(fb, &loop);
    build_loop_end(fb, &lines);
}

/* Lines lie side by side: all sums of a row of units at a time. */
static void pack_rows(const Pack *p) {
    FunctionBuilder *fb = p->fb;
    const StrassenSide *s = p->s;
    LLVMTypeRef i1 = LLVMInt1TypeInContext(fb->context);
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), p->k, 1, "u");
    LLVMValueRef row = build_f32_at(fb, p->from, build_mul(fb, loop.counter, build_i64(fb, s->along)));
    LLVMValueRef later = build_f32_at(fb, row, build_i64(fb, PACK_ROWS_AT_ONCE * s->along));
    for (int q = 0; q < 4; q++)
        build_prefetch(fb, build_f32_at(fb, later, build_i64(fb, s->at[q])), 4 * s->width, PREFETCH_READ);
    for (int v = 0; v < s->width; v += s->lanes) {
        LLVMValueRef x[4], lanes[WIDEST], mask = NULL;
        for (int q = 0; q < 4; q++)
            x[q] = build_masked_load(fb, p->vector, build_f32_at(fb, row, build_i64(fb, s->at[q] + v)), 4,
                                     build_lanes_below(fb, s->lanes, v, p->count[s->lower[q]]));
        for (int i = 0; i < s->lanes; i++) lanes[i] = LLVMConstInt(i1, i < s->width - v, false);
        if (s->width - v < s->lanes) mask = LLVMConstVector(lanes, (unsigned)s->lanes);
        store_parts(p, loop.counter, build_i64(fb, v), x, mask);
    }
    build_loop_end(fb, &loop);
}

static void pack_body(FunctionBuilder *fb, const LLVMValueRef *params, const void *user) {
    const StrassenSide *s = user;
    Pack p = {.fb = fb,
              .s = s,
              .from = params[0],
              .count = {params[1], params[2]},
              .k = params[3],
              .to = params[4],
              .f32 = LLVMFloatTypeInContext(fb->context)};
    p.vector = build_vector_type(p.f32, s->lanes);
    if (s->across == 1) {
        pack_rows(&p);
        return;
    }
    if (s->along != 1) {
        pack_singly(&p, build_i64(fb, 0));
        return;
    }
    LLVMValueRef whole = LLVMBuildAnd(fb->builder, p.k, build_i64(fb, -s->lanes), "");
    int rest = s->width % s->lanes, groups = s->width - rest;
    if (groups) {
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, groups), s->lanes, "group");
        pack_group(&p, loop.counter, s->lanes, whole);
        build_loop_end(fb, &loop);
    }
    if (rest) pack_group(&p, build_i64(fb, groups), rest, whole);
    pack_singly(&p, whole);
}

void strassen_pack(FunctionBuilder *fb, const StrassenSide *s, LLVMValueRef from, LLVMValueRef upper,
                   LLVMValueRef lower, LLVMValueRef k, LLVMValueRef to) {
    char name[160];
    snprintf(name, sizeof name, "strassen_pack_%s_%d_%d_%lld_%lld_%lld_%lld_%lld", s->b ? "b" : "a", s->width,
             s->lanes, (long long)s->across, (long long)s->along, (long long)s->at[1], (long long)s->at[2],
             (long long)s->part);
    LLVMValueRef args[] = {from, upper, lower, k, to};
    build_call_internal(fb, name, args, 5, pack_body, s);
}
