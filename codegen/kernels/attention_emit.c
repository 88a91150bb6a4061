/* Attention, forward and all of it: see attention.h. */
#include "codegen/kernels/attention_work.h"

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static void forward_queries(Attention *t, LLVMValueRef row, LLVMValueRef count) {
    const AttentionShape *s = t->s;
    attention_scores(t, t->matrix, row, count);
    attention_softmax(t, t->matrix, row, count);
    if (t->straight) {
        attention_finish(t, attention_as_b(t, &t->scores).at, t->nr, &t->v_dims, 0, row, count);
        return;
    }
    Tokens v_dims = attention_packed(t, &t->v_dims);
    attention_multiply(t, &v_dims, s->d, s->n, attention_as_b(t, &t->scores), &t->out);
    attention_scale(t, 0);
    attention_finish_turned(t, attention_region(t, &t->out), s->d, t->matrix, row, count);
}

static void forward(Attention *t, LLVMValueRef matrix) {
    FunctionBuilder *fb = t->fb;
    const AttentionShape *s = t->s;
    t->k_side = attention_tokens(t, &s->k, matrix, &t->k);
    attention_pack_dims(t, t->straight, &s->v, attention_row(t, &s->v, matrix, NULL), build_i64(fb, s->n),
                        &t->v_dims);
    t->matrix = matrix;
    attention_over_queries(t, build_i64(fb, 0), build_i64(fb, s->m), forward_queries);
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

static void make_slots(Attention *t) {
    FunctionBuilder *fb = t->fb;
    for (int v = 0; v < t->vectors; v++) {
        t->most[v] = build_stack_slot(fb, t->vector, "most");
        t->total[v] = build_stack_slot(fb, t->vector, "total");
        t->dot[v] = build_stack_slot(fb, t->vector, "dot");
    }
}

void attention_emit(FunctionBuilder *fb, const AttentionShape *shape, LLVMValueRef scratch,
                    GemmEpilogue epilogue, GemmPrefetch prefetch, void *user) {
    Attention t = attention_plan(fb->target, shape);
    t.fb = fb;
    t.scratch = scratch;
    t.epilogue = epilogue;
    t.prefetch = prefetch;
    t.user = user;
    t.vector = LLVMVectorType(LLVMFloatTypeInContext(fb->context), (unsigned)t.lanes);
    make_slots(&t);
    bool of_bias = shape->kind == ATTENTION_BIAS_GRAD;
    int64_t blocks = of_bias ? (shape->m + t.queries - 1) / t.queries : 1;
    t.matrices = 1;
    for (int k = 0; k < shape->n_batch; k++) t.matrices *= of_bias ? shape->bias_batch[k] : shape->batch[k];
    LLVMValueRef from, to;
    micro_begin(fb, t.p.kernel);
    build_share(fb, t.matrices * blocks, 1, &from, &to);
    Loop loop = build_loop_begin(fb, from, to, 1, "matrix");
    if (of_bias) {
        LLVMValueRef number = build_i64(fb, blocks);
        LLVMValueRef first =
            build_scaled(fb, LLVMBuildURem(fb->builder, loop.counter, number, ""), t.queries);
        LLVMValueRef last =
            build_smaller(fb, build_add(fb, first, build_i64(fb, t.queries)), build_i64(fb, shape->m));
        attention_bias_gradient(&t, LLVMBuildUDiv(fb->builder, loop.counter, number, ""), first, last);
    } else if (shape->kind == ATTENTION)
        forward(&t, loop.counter);
    else
        attention_gradient(&t, loop.counter);
    build_loop_end(fb, &loop);
    micro_end(fb, t.p.kernel);
}
