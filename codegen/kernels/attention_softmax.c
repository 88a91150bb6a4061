/* The softmax of attention, with a query in each lane: see attention_work.h. */
#include "codegen/emit/bf16.h"
#include "codegen/emit/vecmath.h"
#include "codegen/kernels/attention_work.h"

void attention_over_keys(Attention *t, KeyBody body) {
    FunctionBuilder *fb = t->fb;
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, t->s->n), 1, "key");
    t->key = loop.counter;
    for (int v = 0; v < t->vectors; v++)
        body(t, build_add(fb, build_scaled(fb, loop.counter, t->nr), build_i64(fb, (int64_t)v * t->lanes)),
             v);
    build_loop_end(fb, &loop);
}

void attention_accumulate(Attention *t, LLVMValueRef slot, LLVMValueRef x) {
    build_store(t->fb, LLVMBuildFAdd(t->fb->builder, attention_load(t, slot), x, ""), slot);
}

/* The largest score; with a bias, scores are scaled and it is added first. A NaN may be skipped here, since
 * the sum of exponentials will be NaN. */
static void find_most(Attention *t, LLVMValueRef place, int v) {
    LLVMBuilderRef b = t->fb->builder;
    LLVMValueRef slot = attention_at(t, &t->scores, place), x = attention_load(t, slot),
                 most = attention_load(t, t->most[v]);
    if (t->s->has_bias) {
        LLVMValueRef bias = attention_load(t, attention_at(t, &t->bias, place));
        x = build_intrinsic(t->fb, "llvm.fmuladd", t->vector,
                            (LLVMValueRef[]){x, attention_real(t, t->s->scale), bias}, 3);
        build_store(t->fb, x, slot);
    }
    LLVMValueRef larger = LLVMBuildFCmp(b, LLVMRealOGT, x, most, "");
    build_store(t->fb, LLVMBuildSelect(b, larger, x, most, ""), t->most[v]);
}

static void exponentials(Attention *t, LLVMValueRef place, int v) {
    LLVMBuilderRef b = t->fb->builder;
    LLVMValueRef slot = attention_at(t, &t->scores, place);
    LLVMValueRef x = attention_load(t, slot);
    x = LLVMBuildFSub(b, x, attention_load(t, t->most[v]), "");
    if (!t->s->has_bias) x = LLVMBuildFMul(b, x, attention_real(t, t->s->scale), "");
    x = t->s->precision == PRECISION_BF16 ? vecmath_exp_bf16(t->fb, x) : vecmath_exp(t->fb, x);
    build_store(t->fb, x, slot);
    attention_accumulate(t, t->total[v], x);
    if (t->s->kind == ATTENTION) return;
    LLVMValueRef dp = attention_load(t, attention_at(t, &t->ds, place));
    LLVMValueRef args[] = {x, dp, attention_load(t, t->dot[v])};
    build_store(t->fb, build_intrinsic(t->fb, "llvm.fmuladd", t->vector, args, 3), t->dot[v]);
}

void attention_softmax(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count) {
    FunctionBuilder *fb = t->fb;
    const AttentionOperand *bias = &t->s->bias;
    if (t->s->has_bias) {
        PackSpec spec = {.source = DT_F32,
                         .kind = pack_kind(bias->row, bias->col),
                         .block = 1,
                         .width = (int)t->nr,
                         .lanes = t->lanes};
        PackArgs args = {.from = attention_row(t, bias, matrix, row),
                         .across = build_i64(fb, bias->row),
                         .along = build_i64(fb, bias->col),
                         .count = count,
                         .k = build_i64(fb, t->s->n),
                         .units = build_i64(fb, t->s->n),
                         .to = attention_region(t, &t->bias)};
        pack_call(fb, &spec, &args);
    }
    for (int v = 0; v < t->vectors; v++) {
        build_store(t->fb, attention_real(t, -__builtin_inf()), t->most[v]);
        build_store(t->fb, attention_real(t, 0), t->total[v]);
        build_store(t->fb, attention_real(t, 0), t->dot[v]);
    }
    attention_over_keys(t, find_most);
    attention_over_keys(t, exponentials);
    for (int v = 0; v < t->vectors; v++) {
        LLVMValueRef total = attention_load(t, t->total[v]),
                     inverse = LLVMBuildFDiv(fb->builder, attention_real(t, 1), total, "");
        build_store(t->fb, inverse, t->total[v]);
        build_store(t->fb, inverse, attention_at(t, &t->factors, build_i64(fb, (int64_t)v * t->lanes)));
        build_store(t->fb, LLVMBuildFMul(fb->builder, attention_load(t, t->dot[v]), inverse, ""), t->dot[v]);
    }
}

/* ---- its gradient ------------------------------------------------------------------------------------------------ */

/* Keeps a vector of p or ds for the sums over queries, in units of side A. */
static void keep_vector(Attention *t, const Region *side, int v, LLVMValueRef x) {
    FunctionBuilder *fb = t->fb;
    bool pairs = t->p.unit == UNIT_BF16_PAIR;
    LLVMValueRef at_query = LLVMBuildSub(fb->builder, t->row, t->block, "");
    at_query = build_add(fb, at_query, build_i64(fb, (int64_t)v * t->lanes));
    LLVMValueRef place = build_add(fb, build_scaled(fb, t->key, t->queries), at_query);
    if (t->p.unit == UNIT_F32_ROUNDED) x = bf16_rounded(fb, x);
    if (!pairs) {
        build_store(t->fb, x, attention_at(t, side, place));
        return;
    }
    x = bf16_to_memory(fb, x);
    LLVMValueRef to =
        build_element(fb, LLVMInt16TypeInContext(fb->context), attention_region(t, side), place);
    LLVMSetAlignment(LLVMBuildStore(fb->builder, x, to), 2);
}

/* p = e / total and ds = p·(dp - dot / total), to scores and ds or where they are kept. `total` holds 1/total, `dot` is
 * divided already. */
static void score_gradients(Attention *t, LLVMValueRef place, int v) {
    LLVMBuilderRef b = t->fb->builder;
    LLVMValueRef slot = attention_at(t, &t->scores, place), to = attention_at(t, &t->ds, place);
    LLVMValueRef p = attention_load(t, slot), ds = attention_load(t, to);
    p = LLVMBuildFMul(b, p, attention_load(t, t->total[v]), "");
    ds = LLVMBuildFMul(b, p, LLVMBuildFSub(b, ds, attention_load(t, t->dot[v]), ""), "");
    bool kept = t->straight && attention_of_keys(t);
    if (!kept && attention_of_keys(t)) build_store(t->fb, p, slot);
    if (!kept || t->p.unit != UNIT_F32) build_store(t->fb, ds, to);
    if (!kept) return;
    keep_vector(t, &t->p_kept, v, p);
    keep_vector(t, &t->ds_kept, v, ds);
}

void attention_softmax_gradient(Attention *t) {
    attention_over_keys(t, score_gradients);
}

void attention_scale(Attention *t, double factor) {
    FunctionBuilder *fb = t->fb;
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, t->s->d), 1, "line");
    for (int v = 0; v < t->vectors; v++) {
        LLVMValueRef place =
            build_add(fb, build_scaled(fb, loop.counter, t->nr), build_i64(fb, (int64_t)v * t->lanes));
        LLVMValueRef slot = attention_at(t, &t->out, place);
        LLVMValueRef by = factor != 0 ? attention_real(t, factor) : attention_load(t, t->total[v]);
        build_store(t->fb, LLVMBuildFMul(fb->builder, attention_load(t, slot), by, ""), slot);
    }
    build_loop_end(fb, &loop);
}
