/* The rules of supports: see zeros_rules.h. Rules of operators that compute no sums only say where the result may
 * differ from zero; what they read for it follows from demand's index maps. */
#include "passes/graph/zeros_rules.h"
#include "passes/graph/algebra.h"

const Selection SUPPORT_EMPTY = {0};

typedef struct {
    const DemandRules *rules;
    Arena *arena;
    const Node *node;
    const Type *y;
    const Selection *const *x; /* supports of operands */
    Support *out;
} Rule;

bool support_is_zero(const Func *func, ValueId value) {
    const Node *node = func_node(func, value);
    if (node->op == OP_broadcast) node = func_node(func, node->operands[0]);
    return node->op == OP_constant && constant_attrs(node)->value == 0;
}

/* ---- what rules are written with --------------------------------------------------------------------------------- */

static const Type *type_of(const Rule *r, int o) {
    return func_type(r->rules->func, r->node->operands[o]);
}

static bool is_empty(const Selection *s) {
    return s == &SUPPORT_EMPTY;
}

static bool is_part(const Selection *s) {
    return s && !is_empty(s);
}

static int row_factors(const Selection *s) {
    int n = 0;
    for (int f = 0; s && f < s->n; f++) n += factor_has_rows(&s->factors[f]);
    return n;
}

/* What was pushed; false where rows of it are lost, as what they lie along is not there: the rest would be no support.
 * */
static bool make(const Rule *r, Selection *s, const Selection **made) {
    int rows = row_factors(s);
    *made = selection_make(r->arena, s);
    return row_factors(*made) == rows;
}

static double share_of(const Selection *s, const Type *type) {
    return (double)selection_count(s, type) / (double)type_elements(type);
}

/* The support of a broadcast operand, as part of the result. */
static const Selection *broadcast_support(const Rule *r, int o) {
    const Selection *s = r->x[o];
    const Type *x = type_of(r, o);
    if (!is_part(s)) return s;
    Selection from = selection_tagged(s, x), made = {0};
    int shift = r->y->rank - x->rank;
    for (int k = 0; k < r->y->rank; k++)
        if (k >= shift && x->dim[k - shift] == r->y->dim[k])
            selection_copy_axis(r->arena, &made, &from, k - shift);
        else
            selection_push_all(r->arena, &made, r->y->dim[k]);
    const Selection *of;
    return make(r, &made, &of) ? of : NULL;
}

/* The result may differ from zero there, and needs of its operands what demand's index map says. */
static void lies_in(Rule *r, const Selection *of) {
    if (!is_part(of)) {
        r->out->of = of;
        return;
    }
    const Selection **needs = ARENA_ARRAY(r->arena, const Selection *, r->node->n_operands + 1);
    if (!demand_has_rule((OpKind)r->node->op)) return;
    if (!selection_equal(demand_needs(r->rules, r->node, of, needs), of)) return;
    r->out->of = of;
    r->out->takes = needs;
    r->out->share = share_of(of, r->y);
}

/* ---- elementwise operators --------------------------------------------------------------------------------------- */

static void zero_of_zero(Rule *r) { /* f(0) = 0 */
    if (!selection_has_rows(r->x[0])) lies_in(r, r->x[0]);
}

static void linear(Rule *r) {
    r->out->carries = 1;
    lies_in(r, r->x[0]);
}

static void cast(Rule *r) { /* rounds, so that a sum of rows would not be the same */
    if (!selection_has_rows(r->x[0])) lies_in(r, r->x[0]);
}

/* Where the operand with the smaller support may. */
static void product(Rule *r) {
    const Selection *of[2] = {broadcast_support(r, 0), broadcast_support(r, 1)};
    for (int o = 0; o < 2; o++) /* a recipe's own zero: simplify knows when it may be taken for the product */
        if (support_is_zero(r->rules->func, r->node->operands[o])) return;
    if (is_empty(of[0]) || is_empty(of[1])) {
        r->out->of = &SUPPORT_EMPTY;
        return;
    }
    int which = !of[0] || (of[1] && selection_count(of[1], r->y) < selection_count(of[0], r->y));
    r->out->carries = 1u << which;
    lies_in(r, of[which]);
}

static void quotient(Rule *r) {
    r->out->carries = 1;
    lies_in(r, broadcast_support(r, 0));
}

/* Where one of the operands from `first` on may. */
static void either(Rule *r, int first) {
    const Selection *hull = &SUPPORT_EMPTY;
    for (int o = first; o < r->node->n_operands; o++) {
        const Selection *of = broadcast_support(r, o);
        if (!of) return;
        if (is_empty(of) || selection_equal(of, hull)) continue;
        bool rows = selection_has_rows(of) || (is_part(hull) && selection_has_rows(hull));
        if (is_part(hull) && rows) return; /* rows and others may be the same */
        hull = is_part(hull) ? selection_hull(r->arena, hull, of, r->y) : of;
        if (!hull) return;
        r->out->carries |= 1u << o;
    }
    for (int o = first; o < r->node->n_operands; o++) r->out->carries |= 1u << o;
    lies_in(r, hull);
}

static void sum_of_both(Rule *r) {
    either(r, 0);
}

static void choice(Rule *r) {
    either(r, 1);
}

/* ---- moves ------------------------------------------------------------------------------------------------------- */

static void reshaped(Rule *r) {
    bool exact = true;
    const Selection *of = r->x[0];
    if (is_part(of)) of = selection_reshape(r->arena, of, type_of(r, 0), r->y, &exact);
    r->out->carries = 1;
    if (exact) lies_in(r, of);
}

static void transposed(Rule *r) {
    const Selection *s = r->x[0];
    r->out->carries = 1;
    if (!is_part(s)) {
        lies_in(r, s);
        return;
    }
    Selection from = selection_tagged(s, type_of(r, 0)), made = {0};
    for (int k = 0; k < r->y->rank; k++)
        selection_copy_axis(r->arena, &made, &from, (int)transpose_attrs(r->node)->perm.v[k]);
    const Selection *of;
    if (make(r, &made, &of)) lies_in(r, of);
}

static void broadcasted(Rule *r) {
    r->out->carries = 1;
    lies_in(r, broadcast_support(r, 0));
}

/* An axis as one factor of intervals; of another all is taken. */
static Factor intervals_of(const Selection *s, int axis, int64_t size) {
    const Factor *only = is_part(s) ? selection_only_factor(s, axis) : NULL;
    return only && !factor_has_rows(only) ? *only : (Factor){.size = size};
}

/* The part of a factor's intervals within [low, low + size), counted from there. False: none. */
static bool clip(Arena *arena, Factor *factor, int64_t low, int64_t size) {
    Segment all = {0, factor->size, NULL}, *kept = ARENA_ARRAY(arena, Segment, factor->n + 1);
    const Segment *from = factor->n ? factor->segments : &all;
    int n = 0;
    for (int i = 0; i < (factor->n ? factor->n : 1); i++) {
        int64_t a = from[i].start > low ? from[i].start : low,
                b = from[i].limit < low + size ? from[i].limit : low + size;
        if (a < b) kept[n++] = (Segment){a - low, b - low, NULL};
    }
    *factor = (Factor){.size = size, .n = n, .segments = kept};
    return n > 0;
}

/* Of consecutive elements along each axis. */
static void sliced(Rule *r) {
    const SliceAttrs *slice = slice_attrs(r->node);
    const Selection *s = r->x[0];
    if (!is_part(s) || selection_has_rows(s)) {
        if (is_empty(s)) r->out->of = s;
        return;
    }
    Selection made = {0};
    for (int k = 0; k < r->y->rank; k++) {
        int64_t size = type_of(r, 0)->dim[k];
        if (r->y->dim[k] == size)
            selection_copy_axis(r->arena, &made, s, k);
        else if (slice->step.v[k] != 1)
            selection_push_all(r->arena, &made, r->y->dim[k]);
        else {
            Factor axis = intervals_of(s, k, size);
            if (!clip(r->arena, &axis, slice->start.v[k], r->y->dim[k])) {
                r->out->of = &SUPPORT_EMPTY;
                return;
            }
            selection_push(r->arena, &made, axis);
            selection_end_axis(&made);
        }
    }
    lies_in(r, selection_make(r->arena, &made));
}

/* Intervals of an operand's axis, in a longer one from `low` on. */
static Factor moved(Arena *arena, Factor axis, int64_t low, int64_t size) {
    Segment all = {0, axis.size, NULL}, *segments = ARENA_ARRAY(arena, Segment, axis.n + 1);
    int n = axis.n ? axis.n : 1;
    for (int i = 0; i < n; i++) {
        segments[i] = axis.n ? axis.segments[i] : all;
        segments[i].start += low;
        segments[i].limit += low;
    }
    return (Factor){.size = size, .n = n, .segments = segments};
}

/* Rows that an index names, from `low` on in a longer axis. */
static Factor moved_rows(Arena *arena, const Factor *from, int64_t low, int64_t size) {
    Factor made = *from;
    Segment *segments = ARENA_ARRAY(arena, Segment, from->n);
    for (int i = 0; i < from->n; i++) {
        SelectedRows *rows = arena_alloc(arena, sizeof *rows);
        *rows = *from->segments[i].rows;
        rows->offset += low;
        segments[i] = from->segments[i];
        segments[i].rows = rows;
    }
    made.size = size;
    made.segments = segments;
    return made;
}

/* The compact value stays what it was: rows have other numbers. False: the axis is several factors. */
static bool padded_rows(Rule *r, const Selection *s) {
    const PadAttrs *pad = pad_attrs(r->node);
    Selection from = selection_tagged(s, type_of(r, 0)), made = {0};
    for (int k = 0; k < r->y->rank; k++) {
        int64_t size = type_of(r, 0)->dim[k];
        const Factor *only = selection_only_factor(&from, k);
        if (size == r->y->dim[k]) {
            selection_copy_axis(r->arena, &made, &from, k);
            continue;
        }
        if (!only || (only->tag && !factor_has_rows(only))) return false;
        selection_push(r->arena, &made,
                       factor_has_rows(only) ? moved_rows(r->arena, only, pad->low.v[k], r->y->dim[k])
                                             : moved(r->arena, *only, pad->low.v[k], r->y->dim[k]));
        selection_end_axis(&made);
    }
    const Selection *of;
    if (!make(r, &made, &of)) return false;
    r->out->of = of;
    r->out->takes = ARENA_ARRAY(r->arena, const Selection *, 1);
    r->out->takes[0] = s;
    r->out->carries = 1;
    r->out->share = share_of(of, r->y);
    return true;
}

static void padded(Rule *r) {
    const PadAttrs *pad = pad_attrs(r->node);
    const Selection *s = r->x[0];
    if (pad->value != 0) return;
    if (is_empty(s)) {
        r->out->of = s;
        return;
    }
    if (selection_has_rows(s)) {
        if (padded_rows(r, s)) return;
        s = NULL;
    }
    Selection made = {0};
    for (int k = 0; k < r->y->rank; k++) {
        int64_t size = type_of(r, 0)->dim[k];
        if (size == r->y->dim[k] && s)
            selection_copy_axis(r->arena, &made, s, k);
        else {
            selection_push(r->arena, &made,
                           moved(r->arena, intervals_of(s, k, size), pad->low.v[k], r->y->dim[k]));
            selection_end_axis(&made);
        }
    }
    lies_in(r, selection_make(r->arena, &made));
}

/* Operands that are zero, or zero along the axis in part, beside others. */
static void concatenated(Rule *r) {
    int axis = axis_from_front(concat_attrs(r->node)->axis, r->y->rank);
    int64_t start = 0;
    Segment *segments = NULL;
    size_t n = 0, capacity = 0;
    for (int o = 0; o < r->node->n_operands; o++) {
        int64_t size = type_of(r, o)->dim[axis];
        Factor part = moved(r->arena, intervals_of(r->x[o], axis, size), start, r->y->dim[axis]);
        start += size;
        for (int i = 0; i < part.n && !is_empty(r->x[o]); i++) {
            if (n && segments[n - 1].limit == part.segments[i].start)
                segments[n - 1].limit = part.segments[i].limit;
            else
                ARENA_PUSH(r->arena, segments, n, capacity, part.segments[i]);
        }
    }
    if (n == 0) {
        r->out->of = &SUPPORT_EMPTY;
        return;
    }
    Selection made = {0};
    for (int k = 0; k < r->y->rank; k++)
        if (k == axis) {
            selection_push(r->arena, &made,
                           (Factor){.size = r->y->dim[k], .n = (int)n, .segments = segments});
            selection_end_axis(&made);
        } else
            selection_push_all(r->arena, &made, r->y->dim[k]);
    lies_in(r, selection_make(r->arena, &made));
}

/* Rows added to zeros: u[B…, K…, R…] at i[B…, K…]. */
static void scattered(Rule *r) {
    int batch = (int)indexed_attrs(r->node)->batch, narrow = 0;
    const Type *index = type_of(r, 1);
    int64_t count = 1, size = r->y->dim[batch];
    for (int k = batch; k < index->rank; k++) count *= index->dim[k];
    for (int k = 0; k < batch; k++) narrow += r->y->dim[k] > 1;
    bool fits = is_empty(r->x[0]) && count < size && narrow <= ROWS_ALONG &&
                r->rules->in_range(r->rules->user, r->node->operands[1], size);
    if (!fits) return;
    SelectedRows *rows = arena_alloc(r->arena, sizeof *rows);
    *rows = (SelectedRows){.index = r->node->operands[1], .count = count};
    Selection made = {0};
    for (int k = 0; k < r->y->rank; k++) {
        if (k < batch && r->y->dim[k] > 1) rows->along[rows->n_along++] = (uint8_t)made.n;
        if (k < batch)
            selection_push(r->arena, &made, (Factor){.size = r->y->dim[k], .tag = (uint8_t)(made.n + 1)});
        Segment *segment = ARENA_ARRAY(r->arena, Segment, 1);
        *segment = (Segment){0, count, rows};
        if (k == batch) selection_push(r->arena, &made, (Factor){.size = size, .n = 1, .segments = segment});
        if (k > batch) selection_push(r->arena, &made, (Factor){.size = r->y->dim[k]});
        selection_end_axis(&made);
    }
    if (make(r, &made, &r->out->of)) r->out->share = 0;
}

/* ---- sums of products -------------------------------------------------------------------------------------------- */

/* Of an operand with a support only that is summed, and only there does the result differ from zero. */
static void summed(Rule *r) {
    const Selection *s = r->x[0];
    const Type *x = type_of(r, 0);
    if (!is_part(s)) {
        r->out->of = s;
        return;
    }
    bool reduced[IR_MAX_RANK] = {false};
    const ReduceAttrs *attrs = reduce_attrs(r->node);
    for (int i = 0; i < attrs->axes.n; i++) reduced[axis_from_front(attrs->axes.v[i], x->rank)] = true;
    Selection from = selection_tagged(s, x), made = {0};
    for (int k = 0; k < x->rank; k++) {
        if (!reduced[k]) {
            selection_copy_axis(r->arena, &made, &from, k);
        } else {
            r->out->fewer_terms = r->out->fewer_terms || !selection_axis_is_whole(s, k);
            if (attrs->keep) selection_push_all(r->arena, &made, 1);
        }
    }
    if (!make(r, &made, &r->out->of)) {
        *r->out = (Support){.share = 1};
        return;
    }
    r->out->takes = ARENA_ARRAY(r->arena, const Selection *, 1);
    r->out->takes[0] = s;
    r->out->carries = 1;
    r->out->share = share_of(s, x);
}

/* Axes of a matrix product by their part in it. */
enum { BATCH, OWN, SHARED };

static int axis_kind(const Rule *r, int o, int k) {
    const MatmulAttrs *attrs = matmul_attrs(r->node);
    bool transposed = o ? attrs->tb : attrs->ta;
    if (k < r->y->rank - 2) return BATCH;
    return (k == r->y->rank - 1) == (o == 0) ? (transposed ? OWN : SHARED) : (transposed ? SHARED : OWN);
}

static int axis_of_kind(const Rule *r, int o, int kind) {
    return axis_kind(r, o, r->y->rank - 1) == kind ? r->y->rank - 1 : r->y->rank - 2;
}

/* A product's selections, made of the axes of one operand's support, `from`, and all of the rest. */
static void product_parts(const Rule *r, int of, const Selection *from, Selection *y, Selection *other) {
    int own = axis_of_kind(r, of, OWN), shared = axis_of_kind(r, of, SHARED), rank = r->y->rank;
    int own_in_y = rank - 2 + of;
    for (int k = 0; k < rank; k++) {
        if (k < rank - 2)
            selection_copy_axis(r->arena, y, from, k);
        else if (k == own_in_y)
            selection_copy_axis(r->arena, y, from, own);
        else
            selection_push_all(r->arena, y, r->y->dim[k]);
        int kind = axis_kind(r, !of, k);
        if (kind == BATCH)
            selection_copy_axis(r->arena, other, from, k);
        else if (kind == SHARED)
            selection_copy_axis(r->arena, other, from, shared);
        else
            selection_push_all(r->arena, other, type_of(r, !of)->dim[k]);
    }
}

/* By the operand of the smaller support: its rows (or columns) are those of the result, its terms are all that are
 * summed. What is known of the other is used by another product. */
static void multiplied(Rule *r) {
    const Selection *const *x = r->x;
    if (matmul_attrs(r->node)->panel || matmul_attrs(r->node)->symmetric) return;
    if (is_empty(x[0]) || is_empty(x[1])) {
        r->out->of = &SUPPORT_EMPTY;
        return;
    }
    if (!x[0] && !x[1]) return;
    double share[2] = {share_of(x[0], type_of(r, 0)), share_of(x[1], type_of(r, 1))};
    int of = share[1] < share[0];
    const Selection *s = x[of];
    Selection from = selection_tagged(s, type_of(r, of)), y = {0}, other = {0};
    product_parts(r, of, &from, &y, &other);
    const Selection *of_y, *of_other;
    if (!make(r, &y, &of_y) || !make(r, &other, &of_other)) return;
    r->out->takes = ARENA_ARRAY(r->arena, const Selection *, 2);
    r->out->takes[of] = s;
    r->out->takes[!of] = of_other;
    r->out->of = of_y;
    r->out->carries = 1u << of;
    r->out->fewer_terms = !selection_axis_is_whole(s, axis_of_kind(r, of, SHARED));
    r->out->share = share[of];
}

/* An operand of an attention's gradient: leading axes and rows as of dy. */
static const Selection *as_gradient(const Rule *r, const Selection *dy, int o, bool rows) {
    const Type *x = type_of(r, o), *whole = type_of(r, 3);
    Selection from = selection_tagged(dy, whole), made = {0};
    for (int k = 0; k < x->rank; k++)
        if (x->dim[k] == whole->dim[k] && (k < x->rank - 2 || (rows && k == x->rank - 2)))
            selection_copy_axis(r->arena, &made, &from, k);
        else
            selection_push_all(r->arena, &made, x->dim[k]);
    return selection_make(r->arena, &made);
}

/* Gradients of attention for dy[B…, M, D]: those of the queries have dy's rows, stacked ones do not, but are sums over
 * them. */
static void attended(Rule *r) {
    const Selection *dy = r->x[3];
    if (!is_part(dy) || selection_has_rows(dy)) {
        if (is_empty(dy)) r->out->of = dy;
        return;
    }
    const Selection **takes = ARENA_ARRAY(r->arena, const Selection *, r->node->n_operands);
    for (int o = 0; o < r->node->n_operands; o++) takes[o] = as_gradient(r, dy, o, o != 1 && o != 2);
    if (!takes[3]) return;
    bool stacked = r->node->op != OP_attention_query_grad;
    Selection from = selection_tagged(takes[3], type_of(r, 3)), made = {0};
    int rows = type_of(r, 3)->rank - 2;
    if (stacked) selection_push_all(r->arena, &made, r->y->dim[0]);
    for (int k = 0; k < rows; k++) selection_copy_axis(r->arena, &made, &from, k);
    if (stacked)
        selection_push_all(r->arena, &made, r->y->dim[rows + 1]);
    else
        selection_copy_axis(r->arena, &made, &from, rows);
    selection_push_all(r->arena, &made, r->y->dim[r->y->rank - 1]);
    r->out->of = selection_make(r->arena, &made);
    r->out->takes = takes;
    r->out->fewer_terms = stacked && !selection_axis_is_whole(takes[3], rows);
    r->out->share = share_of(takes[3], type_of(r, 3));
}

/* Of images one by one: the leading axis. */
static void of_images(Rule *r) {
    const Selection *s = r->x[0];
    if (!is_part(s) || selection_has_rows(s)) {
        if (is_empty(s)) r->out->of = s;
        return;
    }
    Selection made = {0};
    selection_copy_axis(r->arena, &made, s, 0);
    for (int k = 1; k < r->y->rank; k++) selection_push_all(r->arena, &made, r->y->dim[k]);
    lies_in(r, selection_make(r->arena, &made));
}

static void (*const RULES[OP_COUNT])(Rule *) = {
    [OP_neg] = linear,
    [OP_stop_grad] = linear,
    [OP_abs] = zero_of_zero,
    [OP_sign] = zero_of_zero,
    [OP_sqrt] = zero_of_zero,
    [OP_tanh] = zero_of_zero,
    [OP_erf] = zero_of_zero,
    [OP_sin] = zero_of_zero,
    [OP_gelu] = zero_of_zero,
    [OP_floor] = zero_of_zero,
    [OP_cast] = cast,
    [OP_mul] = product,
    [OP_div] = quotient,
    [OP_add] = sum_of_both,
    [OP_sub] = sum_of_both,
    [OP_select] = choice,
    [OP_reshape] = reshaped,
    [OP_transpose] = transposed,
    [OP_broadcast] = broadcasted,
    [OP_slice] = sliced,
    [OP_pad] = padded,
    [OP_concat] = concatenated,
    [OP_scatter_add] = scattered,
    [OP_sum] = summed,
    [OP_matmul] = multiplied,
    [OP_attention_grad] = attended,
    [OP_attention_query_grad] = attended,
    [OP_attention_key_grad] = attended,
    [OP_unfold] = of_images,
    [OP_fold] = of_images,
    [OP_conv2d] = of_images,
    [OP_conv2d_image] = of_images,
};

Support support_of(const DemandRules *rules, const Node *node, const Selection *const *operands) {
    Support support = {.share = 1};
    Rule r = {.rules = rules,
              .arena = rules->arena,
              .node = node,
              .y = &node->type,
              .x = operands,
              .out = &support};
    bool real = dtype_is_float((DType)node->type.dtype);
    if (real && RULES[node->op] && op_is_pure((OpKind)node->op)) RULES[node->op](&r);
    if (is_empty(support.of)) support.share = 0;
    return support;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* Of fewer rows of queries than keys dq is apart: it gets its zeros here. */
static ValueId emit_attention_grad(Simplify *s, const Node *node, const Support *support,
                                   const ValueId *operands) {
    int rows = node->type.rank - 3, n = node->n_operands;
    if (!support->fewer_terms) return simplify_make(s, OP_attention_grad, operands, n, node->attrs);
    ValueId dq = simplify_make(s, OP_attention_query_grad, operands, n, node->attrs);
    ValueId of_keys = simplify_make(s, OP_attention_key_grad, operands, n, node->attrs);
    Type part = *func_type(s->func, dq);
    Selection of = {0};
    for (int k = 0; k < part.rank; k++)
        if (k == rows)
            selection_copy_axis(s->scratch, &of, support->takes[3], k);
        else
            selection_push_all(s->scratch, &of, part.dim[k]);
    part.dim[rows] = node->type.dim[rows + 1];
    dq = support_fill(s, dq, selection_make(s->scratch, &of), &part, NULL);
    for (int k = part.rank++; k > 0; k--) part.dim[k] = part.dim[k - 1];
    part.dim[0] = 1;
    ValueId parts[] = {reshape_to(s, dq, part.rank, part.dim), of_keys};
    return simplify_make(s, OP_concat, parts, 2, &(ConcatAttrs){.axis = 0});
}

ValueId support_emit(Simplify *s, const Node *nodes, const Node *node, const Support *support,
                     ValueId *operands, const IndexValues *indices) {
    Type type = selection_type(support->of, &node->type);
    switch ((OpKind)node->op) {
    case OP_scatter_add: return reshape_to(s, operands[2], type.rank, type.dim);
    case OP_pad:
        if (selection_has_rows(support->takes[0])) return operands[0];
        return demand_emit(s, nodes, node, support->of, support->takes, operands, indices);
    case OP_attention_grad: return emit_attention_grad(s, node, support, operands);
    case OP_attention_query_grad:
    case OP_attention_key_grad:
    case OP_sum:
    case OP_matmul: return simplify_make(s, (OpKind)node->op, operands, node->n_operands, node->attrs);
    default: return demand_emit(s, nodes, node, support->of, support->takes, operands, indices);
    }
}
