/* Where things lie while attention is computed: see attention_work.h. */
#include "codegen/kernels/attention_work.h"

static Region take(Attention *t, int64_t units) {
    Region region = {t->size, 0};
    t->size += round_up(units, 16);
    return region;
}

/* Panels of keys along the block's queries are filled a few queries at a time, and a packer writes up to a vector
 * beyond what it fills: each panel has room for that. */
enum { SLACK = 64 };

/* That a block of queries' probabilities may take. */
enum { BLOCK_BYTES = 256 << 10 };

int64_t attention_kept_line(const Attention *t) {
    return micro_units(t->p.kernel, t->queries);
}

int64_t attention_kept_panel(const Attention *t) {
    return micro_units(t->p.kernel, t->queries) * t->mr + SLACK;
}

static Region take_kept(Attention *t) {
    if (t->straight) return take(t, t->keys * attention_kept_line(t));
    int64_t room = t->keys / t->mr * attention_kept_panel(t);
    Region region = take(t, t->p.terms * room);
    region.term_stride = room;
    return region;
}

/* Room for `lines` lines of a side of a product, k elements each. */
static Region take_panels(Attention *t, int64_t lines, int64_t width, int64_t k) {
    int64_t room = panels_room(&t->p, round_up(lines, width), k);
    Region region = take(t, room);
    region.term_stride = room / t->p.terms;
    return region;
}

static void plan_gradient(Attention *t) {
    const AttentionShape *s = t->s;
    t->v = take_panels(t, s->n, t->mr, s->d);
    t->dy_lines = take_panels(t, t->nr, t->nr, s->d);
    t->ds = take(t, t->keys * t->nr);
    if (s->kind == ATTENTION_BIAS_GRAD) {
        t->sums = take(t, t->queries / t->nr * t->keys * t->nr);
        return;
    }
    if (attention_of_queries(t)) t->k_dims = take_panels(t, s->d, t->straight ? t->nr : t->mr, s->n);
    if (!attention_of_keys(t)) return;
    t->q_dims = take_panels(t, s->d, t->nr, t->queries);
    t->dy_dims = take_panels(t, s->d, t->nr, t->queries);
    t->p_kept = take_kept(t);
    t->ds_kept = take_kept(t);
    t->sums = take(t, 2 * t->keys * round_up(s->d, t->nr));
}

Attention attention_plan(const Target *target, const AttentionShape *s) {
    Attention t = {.s = s, .p = panels_choose(target, s->precision)};
    t.mr = t.p.kernel->mr;
    t.nr = t.p.kernel->nr;
    t.lanes = t.p.kernel->lanes;
    t.vectors = (int)(t.nr / t.lanes);
    t.rows = t.nr;
    t.straight = !t.p.kernel->tiles && t.p.terms == 1;
    t.keys = round_up(s->n, t.mr);
    t.dims = round_up(s->d, t.mr);
    int64_t blocks = round_up(s->m, t.nr) / t.nr, most = BLOCK_BYTES / (4 * t.keys * t.nr);
    if (most < 1) most = 1;
    if (blocks > most) blocks = (blocks + (blocks + most - 1) / most - 1) / ((blocks + most - 1) / most);
    t.queries = blocks * t.nr;
    t.k = take_panels(&t, s->n, t.mr, s->d);
    t.q_lines = take_panels(&t, t.nr, t.nr, s->d);
    t.scores = take(&t, t.keys * t.nr);
    t.as_b = take_panels(&t, t.nr, t.nr, s->n);
    if (s->has_bias) t.bias = take(&t, t.keys * t.nr + t.nr);
    t.factors = take(&t, t.nr);
    t.out = take(&t, (t.dims > t.nr ? t.dims : t.nr) * t.nr);
    t.turned = take(&t, t.nr * CHUNK + CHUNK);
    if (s->kind == ATTENTION)
        t.v_dims = take_panels(&t, s->d, t.straight ? t.nr : t.mr, s->n);
    else
        plan_gradient(&t);
    return t;
}

int64_t attention_scratch_bytes(const FunctionBuilder *fb, const AttentionShape *shape) {
    return 4 * attention_plan(fb->target, shape).size;
}

/* ---- reading it -------------------------------------------------------------------------------------------------- */

LLVMValueRef attention_region(const Attention *t, const Region *r) {
    return build_f32_at(t->fb, t->scratch, build_i64(t->fb, r->at));
}

LLVMValueRef attention_at(const Attention *t, const Region *r, LLVMValueRef index) {
    return build_f32_at(t->fb, attention_region(t, r), index);
}

Panel attention_panel(const Attention *t, const Region *r) {
    return (Panel){.at = attention_region(t, r), .term_stride = r->term_stride};
}

Tokens attention_packed(const Attention *t, const Region *r) {
    return (Tokens){attention_region(t, r), r->term_stride, 0};
}

LLVMValueRef attention_load(Attention *t, LLVMValueRef from) {
    return build_load(t->fb, t->vector, from);
}

LLVMValueRef attention_real(Attention *t, double value) {
    return build_splat(t->fb, t->lanes, LLVMConstReal(LLVMFloatTypeInContext(t->fb->context), value));
}

LLVMValueRef attention_row(Attention *t, const AttentionOperand *x, LLVMValueRef matrix, LLVMValueRef row) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef from = build_batch_offset(fb, matrix, t->s->n_batch, t->s->batch, x->batch, x->offset);
    if (row) from = build_add(fb, from, build_scaled(fb, row, x->row));
    return build_element(fb, panels_element(fb, x->dtype), x->pointer, from);
}
