/* Products of attention, what is packed for them, and what becomes of their results: see attention_work.h. */
#include "codegen/kernels/attention_work.h"

enum { MOST_DOT_VECTORS = 8 }; /* of a row's dims */

/* ---- prefetching ------------------------------------------------------------------------------------------------- */

/* Rows of an operand of the next matrix, into L2. */
static void prefetch_operand(Attention *t, const AttentionOperand *x, const Range *rows) {
    FunctionBuilder *fb = t->fb;
    if (x->col != 1) return;
    LLVMValueRef next =
        build_smaller(fb, build_add(fb, t->matrix, build_i64(fb, 1)), build_i64(fb, t->matrices - 1));
    Loop loop = build_loop_begin(fb, rows->from, rows->to, 1, "ask");
    build_prefetch(fb, attention_row(t, x, next, loop.counter), t->s->d * (int64_t)dtype_size(x->dtype),
                   PREFETCH_L2);
    build_loop_end(fb, &loop);
}

/* Of result number `result` of this matrix, to be written. */
static void prefetch_result(Attention *t, int result, const Range *rows) {
    FunctionBuilder *fb = t->fb;
    if (!t->prefetch) return;
    LLVMValueRef batch = build_add(fb, t->matrix, build_i64(fb, result * t->matrices));
    t->prefetch(t->user, batch, rows->from, LLVMBuildSub(fb->builder, rows->to, rows->from, ""),
                build_i64(fb, 0), t->s->d);
}

/* What is prefetched while the scores are computed, and while dp is. */
static void prefetch_first(Attention *t, const Range *queries, const Range *keys) {
    prefetch_operand(t, &t->s->q, queries);
    prefetch_operand(t, &t->s->k, keys);
    if (t->s->kind == ATTENTION) prefetch_operand(t, &t->s->v, keys);
    if (t->s->kind != ATTENTION_KEY_GRAD) prefetch_result(t, 0, queries);
}

static void prefetch_second(Attention *t, const Range *queries, const Range *keys) {
    prefetch_operand(t, &t->s->v, keys);
    prefetch_operand(t, &t->s->dy, queries);
    for (int half = 0; half < 2 && attention_of_keys(t); half++)
        prefetch_result(t, half + attention_of_queries(t), keys);
}

/* The share of `rows` rows, `each` of which are those of nr queries, that panel number `panel` asks for. */
static Range share_of(Attention *t, LLVMValueRef panel, int64_t each, int64_t rows) {
    FunctionBuilder *fb = t->fb;
    int64_t panels = t->s->n / t->mr, some = (each + panels - 1) / panels;
    LLVMValueRef first = LLVMBuildUDiv(fb->builder, t->row, build_i64(fb, t->nr), "");
    first = build_scaled(fb, first, each);
    first = build_add(fb, first, build_scaled(fb, panel, some));
    LLVMValueRef all = build_i64(fb, rows), from = build_smaller(fb, first, all),
                 to = build_smaller(fb, build_add(fb, first, build_i64(fb, some)), all);
    return (Range){from, to};
}

/* Rows lie far apart, where no prefetcher of the hardware finds them, and a core waits for few at a time: with each
 * panel of keys a product asks for its share of as many rows as there are queries in work, and of as large a part of
 * the keys. */
static void prefetch_share(Attention *t, LLVMValueRef key) {
    const AttentionShape *s = t->s;
    LLVMValueRef panel = LLVMBuildUDiv(t->fb->builder, key, build_i64(t->fb, t->mr), "");
    Range queries = share_of(t, panel, t->nr, s->m),
          keys = s->m == s->n ? queries
                              : share_of(t, panel, least(s->n, (t->nr * s->n + s->m - 1) / s->m), s->n);
    t->meanwhile(t, &queries, &keys);
}

/* ---- packing and products ---------------------------------------------------------------------------------------- */

/* Whole matrices: lines are rows (tokens). */
static void pack_tokens(Attention *t, bool side_b, const AttentionOperand *x, LLVMValueRef from,
                        LLVMValueRef count, const Region *to) {
    Lines lines = {x->dtype, x->row, x->col};
    panels_pack(t->fb, &t->p, side_b, &lines, from, count, build_i64(t->fb, t->s->d), attention_region(t, to),
                to->term_stride);
}

void attention_pack_dims(Attention *t, bool side_b, const AttentionOperand *x, LLVMValueRef from,
                         LLVMValueRef tokens, const Region *to) {
    Lines lines = {x->dtype, x->col, x->row};
    panels_pack(t->fb, &t->p, side_b, &lines, from, build_i64(t->fb, t->s->d), tokens,
                attention_region(t, to), to->term_stride);
}

Panel attention_as_b(Attention *t, const Region *array) {
    if (t->p.unit == UNIT_F32) return (Panel){.at = attention_region(t, array)};
    Lines lines = {DT_F32, 1, t->nr};
    LLVMValueRef from = attention_region(t, array), to = attention_region(t, &t->as_b);
    panels_pack_one(t->fb, &t->p, true, &lines, from, build_i64(t->fb, t->nr), build_i64(t->fb, t->s->n), to,
                    t->as_b.term_stride);
    return attention_panel(t, &t->as_b);
}

/* Tokens of k or v can be read as a side A where they lie: they are units along the dims already. */
static bool lies_as_units(const Attention *t, const AttentionOperand *x) {
    const AttentionShape *s = t->s;
    Lines lines = {x->dtype, x->row, x->col};
    if (!t->straight || !panels_lie_as_units(&t->p, &lines, s->d)) return false;
    bool whole = x->offset % 2 == 0;
    for (int k = 0; k < s->n_batch; k++) whole = whole && x->batch[k] % 2 == 0;
    return whole || x->dtype == DT_F32;
}

Tokens attention_tokens(Attention *t, const AttentionOperand *x, LLVMValueRef matrix, const Region *packed) {
    LLVMValueRef from = attention_row(t, x, matrix, NULL);
    if (lies_as_units(t, x)) return (Tokens){from, 0, t->p.unit == UNIT_BF16_PAIR ? x->row / 2 : x->row};
    pack_tokens(t, false, x, from, build_i64(t->fb, t->s->n), packed);
    return attention_packed(t, packed);
}

void attention_multiply(Attention *t, const Tokens *a, int64_t lines, int64_t k, Panel b, const Region *to) {
    FunctionBuilder *fb = t->fb;
    int64_t units = micro_units(t->p.kernel, k), whole = lines / t->mr * t->mr,
            step = a->line ? a->line : units;
    LLVMValueRef n_units = build_i64(fb, units);
    Panel panel = {.term_stride = a->term_stride, .line = a->line, .step = 1};
    if (whole) {
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, whole), t->mr, "panel");
        if (t->meanwhile) prefetch_share(t, loop.counter);
        panel.at = build_f32_at(fb, a->at, build_scaled(fb, loop.counter, step));
        panels_multiply(fb, &t->p, (int)t->mr, t->vectors, panel, b, n_units,
                        attention_at(t, to, build_scaled(fb, loop.counter, t->nr)), false, NULL);
        build_loop_end(fb, &loop);
    }
    if (whole == lines) return;
    panel.at = build_f32_at(fb, a->at, build_i64(fb, whole * step));
    panels_multiply(fb, &t->p, (int)(lines - whole), t->vectors, panel, b, n_units,
                    attention_at(t, to, build_i64(fb, whole * t->nr)), false, NULL);
}

/* Whether the product of one query with all tokens of a side A can be taken along the dims: both lie as whole vectors
 * of units. */
static bool is_dots(const Attention *t, const Tokens *a, const AttentionOperand *x) {
    int64_t units = micro_units(t->p.kernel, t->s->d);
    return t->rows == 1 && a->line && lies_as_units(t, x) && t->p.kernel->multiply_add &&
           units % t->lanes == 0 && units <= MOST_DOT_VECTORS * t->lanes;
}

/* to[line][nr] = A · the query's row at `from`, in each lane of the first vector. With queries in lanes, one alone
 * would leave all others empty, and would be turned first. */
static void multiply_row(Attention *t, const Tokens *a, int64_t lines, LLVMValueRef from, const Region *to) {
    FunctionBuilder *fb = t->fb;
    int vectors = (int)(micro_units(t->p.kernel, t->s->d) / t->lanes);
    LLVMValueRef x[MOST_DOT_VECTORS], size;
    for (int v = 0; v < vectors; v++)
        x[v] = attention_load(t, build_f32_at(fb, from, build_i64(fb, (int64_t)v * t->lanes)));
    Loop panel = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, lines), t->mr, "panel", &size);
    if (t->meanwhile) prefetch_share(t, panel.counter);
    Loop loop = build_loop_begin(fb, panel.counter, build_add(fb, panel.counter, size), 1, "line");
    LLVMValueRef line = build_f32_at(fb, a->at, build_scaled(fb, loop.counter, a->line));
    LLVMValueRef sums[] = {LLVMConstReal(LLVMFloatTypeInContext(fb->context), -0.0), attention_real(t, 0)};
    for (int v = 0; v < vectors; v++) {
        LLVMValueRef y = attention_load(t, build_f32_at(fb, line, build_i64(fb, (int64_t)v * t->lanes)));
        sums[1] = t->p.kernel->multiply_add(fb, t->lanes, y, x[v], sums[1]);
    }
    LLVMValueRef sum = build_intrinsic(fb, "llvm.vector.reduce.fadd", t->vector, sums, 2);
    LLVMSetFastMathFlags(sum, LLVMFastMathAllowReassoc); /* as a tree, of a form that the target fixes */
    sum = build_splat(fb, t->lanes, sum);
    build_store(fb, sum, attention_at(t, to, build_scaled(fb, loop.counter, t->nr)));
    build_loop_end(fb, &loop);
    build_loop_end(fb, &panel);
}

/* to[tokens][nr] = side A, of all tokens, times rows of x (queries, or gradients of theirs) from `row` on. */
static void multiply_rows(Attention *t, const Tokens *a, const AttentionOperand *x, LLVMValueRef matrix,
                          LLVMValueRef row, LLVMValueRef count, const Region *lines, const Region *to) {
    LLVMValueRef from = attention_row(t, x, matrix, row);
    if (is_dots(t, a, x)) {
        multiply_row(t, a, t->s->n, from, to);
        return;
    }
    pack_tokens(t, true, x, from, count, lines);
    attention_multiply(t, a, t->s->n, t->s->d, attention_panel(t, lines), to);
}

/* out[query][dim] *= factor, or by the query's own where factor is 0. */
static void scale_rows(Attention *t, double factor, LLVMValueRef count, int vectors) {
    FunctionBuilder *fb = t->fb;
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), count, 1, "row");
    LLVMTypeRef f32 = LLVMFloatTypeInContext(fb->context);
    LLVMValueRef by =
        factor != 0
            ? attention_real(t, factor)
            : build_splat(fb, t->lanes,
                          LLVMBuildLoad2(fb->builder, f32, attention_at(t, &t->factors, loop.counter), ""));
    for (int v = 0; v < vectors; v++) {
        LLVMValueRef place =
            build_add(fb, build_scaled(fb, loop.counter, t->nr), build_i64(fb, (int64_t)v * t->lanes));
        LLVMValueRef slot = attention_at(t, &t->out, place);
        build_store(t->fb, LLVMBuildFMul(fb->builder, attention_load(t, slot), by, ""), slot);
    }
    build_loop_end(fb, &loop);
}

void attention_finish(Attention *t, LLVMValueRef array, int64_t a_step, const Region *b, double factor,
                      LLVMValueRef row, LLVMValueRef count) {
    FunctionBuilder *fb = t->fb;
    int64_t units = micro_units(t->p.kernel, t->s->n);
    for (int64_t j = 0; j * t->nr < t->s->d; j++) {
        int64_t left = least(t->s->d - j * t->nr, t->nr);
        int vectors = (int)((left + t->lanes - 1) / t->lanes);
        Panel of_b = {.at = attention_at(t, b, build_i64(fb, j * t->nr * units)),
                      .term_stride = b->term_stride};
        for (int64_t r = 0; r < t->rows; r += t->mr) {
            Panel of_a = {.at = build_f32_at(fb, array, build_i64(fb, r)), .line = 1, .step = a_step};
            panels_multiply(fb, &t->p, (int)least(t->rows - r, t->mr), vectors, of_a, of_b,
                            build_i64(fb, units), attention_at(t, &t->out, build_i64(fb, r * t->nr)), false,
                            NULL);
        }
        scale_rows(t, factor, count, vectors);
        t->epilogue(t->user, t->matrix, row, count, build_i64(fb, j * t->nr), build_i64(fb, left),
                    attention_region(t, &t->out), t->nr);
    }
}

void attention_finish_turned(Attention *t, LLVMValueRef from, int64_t lines, LLVMValueRef batch,
                             LLVMValueRef row, LLVMValueRef rows) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef count;
    Loop loop = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, lines), CHUNK, "chunk", &count);
    PackSpec spec = {.source = DT_F32, .kind = PACK_ALONG, .block = 1, .width = CHUNK, .lanes = t->lanes};
    PackArgs args = {.from = build_f32_at(fb, from, build_scaled(fb, loop.counter, t->nr)),
                     .across = build_i64(fb, t->nr),
                     .along = build_i64(fb, 1),
                     .count = count,
                     .k = build_i64(fb, t->nr),
                     .units = build_i64(fb, t->nr),
                     .to = attention_region(t, &t->turned)};
    pack_call(fb, &spec, &args);
    t->epilogue(t->user, batch, row, rows, loop.counter, count, attention_region(t, &t->turned), CHUNK);
    build_loop_end(fb, &loop);
}

/* ---- blocks of queries ------------------------------------------------------------------------------------------- */

void attention_over_queries(Attention *t, LLVMValueRef from, LLVMValueRef to, QueryBody body) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef count;
    int all = t->vectors, edge = (int)((t->s->m % t->nr + t->lanes - 1) / t->lanes);
    Loop loop = build_block_loop(fb, from, to, t->nr, "queries", &count);
    if (edge > 0 && edge < all) {
        Fork fork = build_if_else(
            fb, LLVMBuildICmp(fb->builder, LLVMIntSLE, count, build_i64(fb, edge * t->lanes), ""));
        t->vectors = edge;
        t->rows = t->s->m % t->nr;
        body(t, loop.counter, count);
        build_else(fb, &fork);
        t->vectors = all;
        t->rows = t->nr;
        body(t, loop.counter, count);
        build_end_if(fb, &fork);
    } else
        body(t, loop.counter, count);
    build_loop_end(fb, &loop);
}

void attention_scores(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count) {
    const AttentionShape *s = t->s;
    t->meanwhile = s->kind == ATTENTION_BIAS_GRAD ? NULL : prefetch_first;
    t->row = row;
    multiply_rows(t, &t->k_side, &s->q, matrix, row, count, &t->q_lines, &t->scores);
    t->meanwhile = NULL;
}

void attention_score_products(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count) {
    const AttentionShape *s = t->s;
    t->meanwhile = s->kind == ATTENTION_BIAS_GRAD ? NULL : prefetch_second;
    multiply_rows(t, &t->v_side, &s->dy, matrix, row, count, &t->dy_lines, &t->ds);
    t->meanwhile = NULL;
}
