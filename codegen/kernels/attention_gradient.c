/* Gradients of attention, for its operands and its bias: see attention_work.h. */
#include "codegen/kernels/attention_work.h"

/* Computes the probabilities p and ds (not scaled by s->scale) of the queries from `row`, into t->scores and t->ds, or
 * into p_kept and ds_kept. */
static void probabilities(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count) {
    attention_scores(t, matrix, row, count);
    attention_score_products(t, matrix, row, count);
    attention_softmax(t, matrix, row, count);
    attention_softmax_gradient(t);
}

/* ---- of q, k and v ----------------------------------------------------------------------------------------------- */

/* The first element of the panel of `key` in p_kept or ds_kept. */
static LLVMValueRef kept_at(Attention *t, const Region *side, LLVMValueRef key) {
    LLVMValueRef number = LLVMBuildUDiv(t->fb->builder, key, build_i64(t->fb, t->mr), "");
    return attention_at(t, side, build_scaled(t->fb, number, attention_kept_panel(t)));
}

/* Packs a [keys][nr] array, of the block's queries from `at_query` on, into p_kept or ds_kept. */
static void keep(Attention *t, const Region *array, const Region *side, LLVMValueRef at_query,
                 LLVMValueRef count) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef rows, before = build_scaled(fb, micro_units_of(fb, t->p.kernel, at_query), t->mr);
    Loop loop = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, t->s->n), t->mr, "panel", &rows);
    Lines lines = {DT_F32, t->nr, 1};
    LLVMValueRef from = attention_at(t, array, build_scaled(fb, loop.counter, t->nr)),
                 to = build_f32_at(fb, kept_at(t, side, loop.counter), before);
    panels_pack_one(fb, &t->p, false, &lines, from, rows, count, to, side->term_stride);
    build_loop_end(fb, &loop);
}

/* Tiles [keys, dims] of dk (half 0) or dv (half 1): panel number i of keys and j of dims. */
static LLVMValueRef sums_at(Attention *t, int half, LLVMValueRef key, int64_t j) {
    FunctionBuilder *fb = t->fb;
    int64_t wide = round_up(t->s->d, t->nr);
    LLVMValueRef tile =
        build_add(fb, build_scaled(fb, key, wide), build_i64(fb, half * t->keys * wide + j * t->mr * t->nr));
    return attention_at(t, &t->sums, tile);
}

/* Tiles of `rows` keys from `key`: += those lines of p or ds, along the block's queries, times B (dy or q along them).
 * */
static void add_tiles(Attention *t, int half, const Region *a, const Region *b, LLVMValueRef units,
                      LLVMValueRef key, int64_t rows) {
    FunctionBuilder *fb = t->fb;
    Panel of_a = {.term_stride = a->term_stride};
    if (t->straight) {
        of_a.line = attention_kept_line(t);
        of_a.step = 1;
        of_a.at = attention_at(t, a, build_scaled(fb, key, attention_kept_line(t)));
    } else
        of_a.at = kept_at(t, a, key);
    for (int64_t j = 0; j * t->nr < t->s->d; j++) {
        int64_t left = t->s->d - j * t->nr;
        int vectors = left < t->nr ? (int)((left + t->lanes - 1) / t->lanes) : t->vectors;
        Panel of_b = {.at = attention_at(t, b, build_scaled(fb, units, j * t->nr)),
                      .term_stride = b->term_stride};
        panels_multiply(fb, &t->p, (int)rows, vectors, of_a, of_b, units, sums_at(t, half, key, j), true,
                        NULL);
    }
}

static void add_sums(Attention *t, int half, const Region *a, const Region *b, LLVMValueRef units) {
    FunctionBuilder *fb = t->fb;
    int64_t whole = t->s->n / t->mr * t->mr;
    if (whole) {
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, whole), t->mr, "panel");
        add_tiles(t, half, a, b, units, loop.counter, t->mr);
        build_loop_end(fb, &loop);
    }
    if (whole < t->s->n) add_tiles(t, half, a, b, units, build_i64(fb, whole), t->s->n - whole);
}

static void clear_sums(Attention *t, int64_t units) {
    FunctionBuilder *fb = t->fb;
    LLVMBuildMemSet(fb->builder, attention_region(t, &t->sums),
                    LLVMConstNull(LLVMInt8TypeInContext(fb->context)), build_i64(fb, 4 * units), 4);
}

static void finish_sums(Attention *t, int half, LLVMValueRef batch) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef rows;
    Loop loop = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, t->s->n), t->mr, "panel", &rows);
    for (int64_t j = 0; j * t->nr < t->s->d; j++) {
        int64_t left = t->s->d - j * t->nr;
        t->epilogue(t->user, batch, loop.counter, rows, build_i64(fb, j * t->nr),
                    build_i64(fb, left < t->nr ? left : t->nr), sums_at(t, half, loop.counter, j), t->nr);
    }
    build_loop_end(fb, &loop);
}

static void gradient_queries(Attention *t, LLVMValueRef row, LLVMValueRef count) {
    const AttentionShape *s = t->s;
    probabilities(t, t->matrix, row, count);
    LLVMValueRef at_query = LLVMBuildSub(t->fb->builder, row, t->block, "");
    if (t->straight) {
        if (!attention_of_queries(t)) return;
        bool as_kept = t->p.unit == UNIT_F32 && attention_of_keys(t);
        LLVMValueRef ds = as_kept ? attention_at(t, &t->ds_kept, at_query) : attention_as_b(t, &t->ds).at;
        attention_finish(t, ds, as_kept ? t->queries : t->nr, &t->k_dims, s->scale, row, count);
        return;
    }
    if (attention_of_keys(t)) {
        keep(t, &t->scores, &t->p_kept, at_query, count);
        keep(t, &t->ds, &t->ds_kept, at_query, count);
    }
    if (!attention_of_queries(t)) return;
    Tokens k_dims = attention_packed(t, &t->k_dims);
    attention_multiply(t, &k_dims, s->d, s->n, attention_as_b(t, &t->ds), &t->out);
    attention_scale(t, s->scale);
    attention_finish_turned(t, attention_region(t, &t->out), s->d, t->matrix, row, count);
}

/* dk, which has been summed without the scale, and dv, to the epilogue. */
static void finish_keys(Attention *t, LLVMValueRef matrix) {
    FunctionBuilder *fb = t->fb;
    Loop keys = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, t->keys * round_up(t->s->d, t->nr)),
                                 t->lanes, "scale");
    LLVMValueRef slot = attention_at(t, &t->sums, keys.counter), sum = attention_load(t, slot);
    build_store(t->fb, LLVMBuildFMul(fb->builder, sum, attention_real(t, t->s->scale), ""), slot);
    build_loop_end(fb, &keys);
    int first = attention_of_queries(t) ? 1 : 0;
    for (int half = 0; half < 2; half++)
        finish_sums(t, half, build_add(fb, matrix, build_i64(fb, (half + first) * t->matrices)));
}

void attention_gradient(Attention *t, LLVMValueRef matrix) {
    FunctionBuilder *fb = t->fb;
    const AttentionShape *s = t->s;
    LLVMValueRef in_block;
    t->k_side = attention_tokens(t, &s->k, matrix, &t->k);
    t->v_side = attention_tokens(t, &s->v, matrix, &t->v);
    if (attention_of_queries(t))
        attention_pack_dims(t, t->straight, &s->k, attention_row(t, &s->k, matrix, NULL), build_i64(fb, s->n),
                            &t->k_dims);
    if (attention_of_keys(t)) clear_sums(t, 2 * t->keys * round_up(s->d, t->nr));
    Loop block = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, s->m), t->queries, "block", &in_block);
    LLVMValueRef end = build_add(fb, block.counter, in_block);
    if (attention_of_keys(t)) {
        attention_pack_dims(t, true, &s->q, attention_row(t, &s->q, matrix, block.counter), in_block,
                            &t->q_dims);
        attention_pack_dims(t, true, &s->dy, attention_row(t, &s->dy, matrix, block.counter), in_block,
                            &t->dy_dims);
    }
    t->matrix = matrix;
    t->block = block.counter;
    attention_over_queries(t, block.counter, end, gradient_queries);
    if (attention_of_keys(t)) {
        LLVMValueRef units = micro_units_of(fb, t->p.kernel, in_block);
        add_sums(t, 0, &t->ds_kept, &t->q_dims, units);
        add_sums(t, 1, &t->p_kept, &t->dy_dims, units);
    }
    build_loop_end(fb, &block);
    if (attention_of_keys(t)) finish_keys(t, matrix);
}

/* ---- of the bias ------------------------------------------------------------------------------------------------- */

static void add_bias_gradient(Attention *t, LLVMValueRef place, int v) {
    (void)v;
    LLVMValueRef x = attention_load(t, attention_at(t, &t->ds, place));
    attention_accumulate(t, build_f32_at(t->fb, t->bias_sums, place), x);
}

static void bias_queries(Attention *t, LLVMValueRef row, LLVMValueRef count) {
    probabilities(t, t->matrix, row, count);
    LLVMValueRef at_query = LLVMBuildSub(t->fb->builder, row, t->block, "");
    t->bias_sums = attention_at(t, &t->sums, build_scaled(t->fb, at_query, t->keys));
    attention_over_keys(t, add_bias_gradient);
}

void attention_bias_gradient(Attention *t, LLVMValueRef bias_matrix, LLVMValueRef from, LLVMValueRef to) {
    FunctionBuilder *fb = t->fb;
    const AttentionShape *s = t->s;
    /* The matrices: the bias's own axes as they are, the repeated ones counted through. */
    int64_t own_stride[IR_MAX_RANK], repeats[IR_MAX_RANK], repeat_stride[IR_MAX_RANK], step = 1, times = 1;
    for (int k = s->n_batch - 1; k >= 0; k--) {
        repeats[k] = s->bias_batch[k] == 1 ? s->batch[k] : 1;
        own_stride[k] = repeat_stride[k] = step;
        step *= s->batch[k];
        times *= repeats[k];
    }
    LLVMValueRef in_block, count;
    LLVMValueRef base = build_batch_offset(fb, bias_matrix, s->n_batch, s->bias_batch, own_stride, 0);
    Loop block = build_block_loop(fb, from, to, t->queries, "block", &in_block);
    LLVMValueRef end = build_add(fb, block.counter, in_block);
    clear_sums(t, t->queries / t->nr * t->keys * t->nr);
    Loop again = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, times), 1, "again");
    LLVMValueRef matrix =
        build_add(fb, base, build_batch_offset(fb, again.counter, s->n_batch, repeats, repeat_stride, 0));
    t->k_side = attention_tokens(t, &s->k, matrix, &t->k);
    t->v_side = attention_tokens(t, &s->v, matrix, &t->v);
    t->matrix = matrix;
    t->block = block.counter;
    attention_over_queries(t, block.counter, end, bias_queries);
    build_loop_end(fb, &again);
    Loop out = build_block_loop(fb, block.counter, end, t->nr, "queries", &count);
    LLVMValueRef at_query = LLVMBuildSub(fb->builder, out.counter, block.counter, "");
    attention_finish_turned(t, attention_at(t, &t->sums, build_scaled(fb, at_query, t->keys)), s->n,
                            bias_matrix, out.counter, count);
    build_loop_end(fb, &out);
    build_loop_end(fb, &block);
}
