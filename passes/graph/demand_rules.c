/* The rules of demand: see demand_rules.h. A rule is by the kind of an operator's index map, not by its name. */
#include "passes/graph/demand_rules.h"
#include "ir/loop.h"
#include "passes/graph/algebra.h"
#include "passes/graph/demand_loop.h"

typedef struct {
    const DemandRules *rules;
    Arena *arena;
    const Node *node;
    const Type *y;
    const Type *x[4];            /* of the first operands */
    Selection want;              /* tagged; a rule that cannot compute it alone widens it */
    const Selection *whole_want; /* as it was asked for */
    bool widened;
    bool lost; /* an operand lacks the factors along which rows of its own lie */
    const Selection **needs;
} Rule;

/* ---- what rules are written with --------------------------------------------------------------------------------- */

static const Type *operand_type(const Rule *r, int o) {
    return func_type(r->rules->func, r->node->operands[o]);
}

/* All of an axis is computed, for each element of the others alike: no rows lie along it. */
static void widen_axis(Rule *r, int axis) {
    bool tagged = false;
    for (int f = r->want.first[axis]; f < r->want.first[axis + 1]; f++)
        tagged = tagged || r->want.factors[f].tag;
    if (selection_axis_is_whole(&r->want, axis) && !tagged) return;
    Selection made = {0};
    for (int k = 0; k < r->y->rank; k++)
        if (k == axis)
            selection_push_all(r->arena, &made, r->y->dim[k]);
        else
            selection_copy_axis(r->arena, &made, &r->want, k);
    r->want = made;
    r->widened = true;
}

static void widen_axes(Rule *r, int from, int to) {
    for (int k = from; k < to; k++) widen_axis(r, k);
}

static void same_axis(Rule *r, Selection *x, int axis_of_y) {
    selection_copy_axis(r->arena, x, &r->want, axis_of_y);
}

static void all_of_axis(Rule *r, Selection *x, int64_t size) {
    selection_push_all(r->arena, x, size);
}

/* Those of the result first..first + n. */
static void same_axes(Rule *r, Selection *x, int first, int n) {
    for (int k = first; k < first + n; k++) same_axis(r, x, k);
}

static void need(Rule *r, int o, Selection *x) {
    bool rows = selection_has_rows(x);
    r->needs[o] = selection_make(r->arena, x);
    r->lost = r->lost || (rows && !selection_has_rows(r->needs[o]));
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

/* The one factor of which an index alone names rows, where the index lies along whole axes; -1: there is none. */
static int rows_to_spread(const Selection *want) {
    int found = -1;
    for (int f = 0; f < want->n; f++) {
        if (!factor_has_rows(&want->factors[f])) continue;
        if (found >= 0 || want->factors[f].n > 1) return -1;
        found = f;
    }
    return found;
}

static int axis_of_factor(const Selection *s, int factor) {
    int axis = 0;
    while (s->first[axis + 1] <= factor) axis++;
    return axis;
}

/* Whether an operand of an elementwise operator is repeated along all axes along which the rows of an index lie, and
 * has the axis of the rows: then all of its rows are wanted, and those that the index names are spread along the
 * others. `want`: of the result y. */
static bool is_spread(const Selection *want, const Type *y, const Type *x) {
    int f = want ? rows_to_spread(want) : -1, shift = y->rank - x->rank;
    if (f < 0) return false;
    int axis = axis_of_factor(want, f) - shift;
    const SelectedRows *rows = want->factors[f].segments[0].rows;
    if (axis < 0 || x->dim[axis] == 1 || !selection_only_factor(want, axis + shift)) return false;
    for (int j = 0; j < rows->n_along; j++) {
        int along = axis_of_factor(want, rows->along[j]);
        if (!selection_only_factor(want, along)) return false;
        if (along >= shift && x->dim[along - shift] > 1) return false;
    }
    return rows->n_along > 0;
}

/* Operands are broadcast to the result. */
static void need_broadcast(Rule *r) {
    for (int o = 0; o < r->node->n_operands; o++) {
        const Type *x = operand_type(r, o);
        int shift = r->y->rank - x->rank;
        Selection of = {0};
        bool lost = r->lost;
        for (int k = 0; k < x->rank; k++)
            if (x->dim[k] == r->y->dim[k + shift])
                same_axis(r, &of, k + shift);
            else
                all_of_axis(r, &of, x->dim[k]);
        need(r, o, &of);
        if (is_spread(r->whole_want, r->y, x)) r->lost = lost;
    }
}

static void need_reduced(Rule *r) {
    bool reduced[IR_MAX_RANK] = {false};
    const Ints *axes = &reduce_attrs(r->node)->axes;
    for (int i = 0; i < axes->n; i++) reduced[axis_from_front(axes->v[i], r->x[0]->rank)] = true;
    Selection of = {0};
    for (int k = 0, y = 0; k < r->x[0]->rank; k++)
        if (reduced[k]) {
            all_of_axis(r, &of, r->x[0]->dim[k]);
            y += reduce_attrs(r->node)->keep;
        } else
            same_axis(r, &of, y++);
    need(r, 0, &of);
}

/* Whole rows of the last axis; what follows are weights. */
static void need_rows(Rule *r) {
    Selection of = {0};
    widen_axis(r, r->y->rank - 1);
    same_axes(r, &of, 0, r->y->rank);
    need(r, 0, &of);
}

/* Rows of the first factor, columns of the second; leading axes of both. */
static void need_product(Rule *r) {
    bool transposed[2] = {matmul_attrs(r->node)->ta, matmul_attrs(r->node)->tb};
    int rank = r->y->rank, factors = matmul_attrs(r->node)->panel ? 1 : 2;
    if (factors == 1) widen_axis(r, rank - 1); /* the second is packed, all of it */
    for (int o = 0; o < factors; o++) {
        Selection of = {0};
        same_axes(r, &of, 0, rank - 2);
        for (int k = rank - 2; k < rank; k++) {
            bool shared = (k == rank - 1) == (o == 0) ? !transposed[o] : transposed[o]; /* summed over */
            if (shared)
                all_of_axis(r, &of, r->x[o]->dim[k]);
            else
                same_axis(r, &of, rank - 2 + o);
        }
        need(r, o, &of);
    }
}

/* Queries one by one; keys and values stay. */
static void need_attention(Rule *r) {
    int rank = r->y->rank;
    widen_axis(r, rank - 1);
    for (int o = 0; o < r->node->n_operands; o++) { /* q, k, v, bias */
        Selection of = {0};
        for (int k = 0; k < rank; k++) {
            bool queries = k == rank - 2 && (o == 0 || o == 3);
            if ((k < rank - 2 || queries) && r->x[o]->dim[k] == r->y->dim[k])
                same_axis(r, &of, k);
            else
                all_of_axis(r, &of, r->x[o]->dim[k]);
        }
        need(r, o, &of);
    }
}

static void need_reshaped(Rule *r) {
    bool exact;
    const Selection *want = selection_make(r->arena, &r->want), *x;
    x = selection_reshape(r->arena, want, r->y, r->x[0], &exact);
    if (!exact) {
        const Selection *image = selection_reshape(r->arena, x, r->x[0], r->y, &exact);
        if (!exact) x = image = NULL;
        want = image;
        r->widened = true;
    }
    r->want = selection_tagged(want, r->y);
    r->needs[0] = x;
}

static void need_transposed(Rule *r) {
    int from[IR_MAX_RANK];
    for (int k = 0; k < r->y->rank; k++) from[transpose_attrs(r->node)->perm.v[k]] = k;
    Selection of = {0};
    for (int k = 0; k < r->y->rank; k++) same_axis(r, &of, from[k]);
    need(r, 0, &of);
}

/* Every `step`th from `start` on: intervals of the result are intervals of the operand. */
static void sliced_axis(Rule *r, Selection *of, int k) {
    const SliceAttrs *slice = slice_attrs(r->node);
    int64_t start = slice->start.v[k], step = slice->step.v[k], n = r->y->dim[k], size = r->x[0]->dim[k];
    if (n == size) {
        same_axis(r, of, k);
        return;
    }
    const Factor *only = selection_only_factor(&r->want, k);
    if (n > 1 && (!only || only->tag)) widen_axis(r, k);
    only = selection_only_factor(&r->want, k);
    Segment all = {0, n, NULL};
    int count = only && only->n ? only->n : 1;
    const Segment *from = only && only->n ? only->segments : &all;
    Segment *segments = ARENA_ARRAY(r->arena, Segment, count);
    if (step > 1 && (count > 1 || from->rows)) {
        widen_axis(r, k);
        count = 1;
        from = &all;
    }
    for (int i = 0; i < count; i++) {
        segments[i] = from[i];
        if (from[i].rows) {
            SelectedRows *rows = arena_alloc(r->arena, sizeof *rows);
            *rows = *from[i].rows;
            rows->offset += start;
            segments[i].rows = rows;
        } else
            segments[i] =
                (Segment){start + from[i].start * step, start + (from[i].limit - 1) * step + 1, NULL};
    }
    selection_push(r->arena, of, (Factor){.size = size, .n = count, .segments = segments});
    selection_end_axis(of);
}

static void need_sliced(Rule *r) {
    Selection of = {0};
    for (int k = 0; k < r->y->rank; k++) sliced_axis(r, &of, k);
    need(r, 0, &of);
}

/* What segments select of [start, limit), counted from there; 0: nothing. */
static int segments_within(Arena *arena, const Factor *factor, int64_t start, int64_t limit, Factor *within) {
    Segment all = {0, factor->size, NULL};
    int n = factor->n ? factor->n : 1, kept = 0;
    const Segment *from = factor->n ? factor->segments : &all;
    Segment *segments = ARENA_ARRAY(arena, Segment, n);
    for (int i = 0; i < n; i++) {
        int64_t a = from[i].start > start ? from[i].start : start,
                b = from[i].limit < limit ? from[i].limit : limit;
        if (a < b) segments[kept++] = (Segment){a - start, b - start, NULL};
    }
    *within = (Factor){.size = limit - start, .n = kept, .segments = segments};
    return kept;
}

/* The axis as one factor of intervals, widened if it is not. */
static Factor intervals_of_axis(Rule *r, int axis) {
    const Factor *only = selection_only_factor(&r->want, axis);
    if (!only || only->tag || factor_has_rows(only)) widen_axis(r, axis);
    only = selection_only_factor(&r->want, axis);
    return only ? *only : (Factor){.size = r->y->dim[axis]};
}

static void need_padded(Rule *r) {
    const PadAttrs *pad = pad_attrs(r->node);
    Selection of = {0};
    bool nothing = false;
    for (int k = 0; k < r->y->rank; k++) {
        Factor within;
        if (r->y->dim[k] == r->x[0]->dim[k]) {
            same_axis(r, &of, k);
            continue;
        }
        Factor axis = intervals_of_axis(r, k);
        nothing =
            !segments_within(r->arena, &axis, pad->low.v[k], pad->low.v[k] + r->x[0]->dim[k], &within) ||
            nothing;
        selection_push(r->arena, &of, within);
        selection_end_axis(&of);
    }
    if (nothing)
        r->needs[0] = &SELECTION_NOTHING;
    else
        need(r, 0, &of);
}

static void need_concatenated(Rule *r) {
    int axis = axis_from_front(concat_attrs(r->node)->axis, r->y->rank);
    Factor along = intervals_of_axis(r, axis);
    int64_t start = 0;
    for (int o = 0; o < r->node->n_operands; o++) {
        int64_t size = operand_type(r, o)->dim[axis];
        Factor within;
        Selection of = {0};
        bool read = segments_within(r->arena, &along, start, start + size, &within) > 0;
        start += size;
        same_axes(r, &of, 0, axis);
        selection_push(r->arena, &of, within);
        selection_end_axis(&of);
        same_axes(r, &of, axis + 1, r->y->rank - axis - 1);
        if (read)
            need(r, o, &of);
        else
            r->needs[o] = &SELECTION_NOTHING;
    }
}

/* The rows that the index names, as far as they are selected; all, where that is not fewer. */
static Factor gathered_rows(Rule *r, Selection *of, int batch, const Selection *part) {
    const Type *index = operand_type(r, 1);
    int64_t n = r->x[0]->dim[batch], count = 1;
    Factor all = {.size = n};
    SelectedRows rows = {.index = r->node->operands[1], .part = part};
    for (int k = batch; k < index->rank; k++) count *= selection_axis_count(&r->want, k);
    rows.count = count;
    bool fits = count < n && !selection_has_rows(part) && r->rules->in_range(r->rules->user, rows.index, n);
    for (int k = 0; k < batch; k++) fits = fits && of->first[k + 1] - of->first[k] <= 1;
    for (int f = 0; f < of->first[batch]; f++) fits = fits && !factor_has_rows(&of->factors[f]);
    if (!fits || of->first[batch] > ROWS_ALONG) return all;
    for (int f = 0; f < of->first[batch]; f++) {
        if (!of->factors[f].tag) of->factors[f].tag = (uint8_t)(SELECTION_FACTORS + f + 1);
        rows.along[rows.n_along++] = (uint8_t)(of->factors[f].tag - 1);
    }
    Segment *segment = ARENA_ARRAY(r->arena, Segment, 1);
    SelectedRows *kept = arena_alloc(r->arena, sizeof *kept);
    *kept = rows;
    *segment = (Segment){0, count, kept};
    return (Factor){.size = n, .n = 1, .segments = segment};
}

/* x[B…, N, R…] at i[B…, K…] */
static void need_gathered(Rule *r) {
    int batch = (int)indexed_attrs(r->node)->batch, index = operand_type(r, 1)->rank;
    Selection i = {0}, x = {0};
    same_axes(r, &i, 0, index);
    need(r, 1, &i);
    same_axes(r, &x, 0, batch);
    selection_push(r->arena, &x, gathered_rows(r, &x, batch, r->needs[1]));
    selection_end_axis(&x);
    same_axes(r, &x, index, r->y->rank - index);
    need(r, 0, &x);
}

/* x[B…, N, R…] with u[B…, K…, R…] put at i[B…, K…] */
static void need_scattered(Rule *r) {
    int batch = (int)indexed_attrs(r->node)->batch, index = operand_type(r, 1)->rank, rank = r->y->rank;
    widen_axis(r, batch);
    Selection x = {0}, i = {0}, u = {0};
    same_axes(r, &x, 0, rank);
    same_axes(r, &i, 0, batch);
    same_axes(r, &u, 0, batch);
    for (int k = batch; k < index; k++) {
        all_of_axis(r, &i, operand_type(r, 1)->dim[k]);
        all_of_axis(r, &u, operand_type(r, 1)->dim[k]);
    }
    same_axes(r, &u, batch + 1, rank - batch - 1);
    need(r, 0, &x);
    need(r, 1, &i);
    need(r, 2, &u);
}

/* All along one axis, which the result may lack. */
static void need_along(Rule *r, int64_t of_axis, bool gone) {
    int axis = axis_from_front(of_axis, r->x[0]->rank);
    Selection of = {0};
    if (!gone) widen_axis(r, axis);
    same_axes(r, &of, 0, axis);
    all_of_axis(r, &of, r->x[0]->dim[axis]);
    same_axes(r, &of, axis + !gone, r->x[0]->rank - axis - 1);
    need(r, 0, &of);
}

static void need_summed_up(Rule *r) {
    need_along(r, scan_attrs(r->node)->axis, false);
}

static void need_sorted(Rule *r) {
    need_along(r, order_attrs(r->node)->axis, false);
}

static void need_searched(Rule *r) {
    need_along(r, along_attrs(r->node)->axis, true);
}

/* Matrices along the last two axes. */
static void need_matrices(Rule *r) {
    int leading = r->y->rank - 2;
    widen_axes(r, leading, r->y->rank);
    for (int o = 0; o < r->node->n_operands; o++) {
        Selection of = {0};
        same_axes(r, &of, 0, leading);
        for (int k = leading; k < leading + 2; k++) all_of_axis(r, &of, operand_type(r, o)->dim[k]);
        need(r, o, &of);
    }
}

/* Right sides are independent columns of the second operand. */
static void need_solved(Rule *r) {
    int leading = r->y->rank - 2;
    widen_axis(r, leading);
    Selection a = {0}, b = {0};
    same_axes(r, &a, 0, leading);
    for (int k = leading; k < leading + 2; k++) all_of_axis(r, &a, r->x[0]->dim[k]);
    same_axes(r, &b, 0, r->y->rank);
    need(r, 0, &a);
    need(r, 1, &b);
}

/* Images of the first operand, one by one. */
static void need_images(Rule *r) {
    widen_axes(r, 1, r->y->rank);
    Selection of = {0};
    same_axis(r, &of, 0);
    for (int k = 1; k < r->x[0]->rank; k++) all_of_axis(r, &of, r->x[0]->dim[k]);
    need(r, 0, &of);
}

/* Whole parts of a loop's words. */
static void need_loop(Rule *r) {
    const Selection *want = selection_make(r->arena, &r->want), *parts = want;
    if (want && demand_loop_fits(r->node))
        parts = demand_loop_needs(r->arena, r->rules->func, r->node, want, r->needs);
    else
        parts = NULL;
    r->want = selection_tagged(parts, r->y);
    r->widened = !selection_equal(parts, want);
}

static void need_part(Rule *r) {
    int64_t start = part_attrs(r->node)->start;
    Segment *words = ARENA_ARRAY(r->arena, Segment, 1);
    *words = (Segment){start, start + loop_words(r->y), NULL};
    Selection of = {0};
    widen_axes(r, 0, r->y->rank);
    selection_push(r->arena, &of, (Factor){.size = r->x[0]->dim[0], .n = 1, .segments = words});
    selection_end_axis(&of);
    need(r, 0, &of);
}

static void (*const RULES[OP_COUNT])(Rule *) = {
    [OP_loop] = need_loop,
    [OP_part] = need_part,
    [OP_sum] = need_reduced,
    [OP_amax] = need_reduced,
    [OP_softmax] = need_rows,
    [OP_log_softmax] = need_rows,
    [OP_layernorm] = need_rows,
    [OP_matmul] = need_product,
    [OP_attention] = need_attention,
    [OP_reshape] = need_reshaped,
    [OP_transpose] = need_transposed,
    [OP_broadcast] = need_broadcast,
    [OP_slice] = need_sliced,
    [OP_pad] = need_padded,
    [OP_concat] = need_concatenated,
    [OP_gather] = need_gathered,
    [OP_scatter_add] = need_scattered,
    [OP_scatter] = need_scattered,
    [OP_cumsum] = need_summed_up,
    [OP_argsort] = need_sorted,
    [OP_argmax] = need_searched,
    [OP_unfold] = need_images,
    [OP_fold] = need_images,
    [OP_conv2d] = need_images,
    [OP_conv2d_image] = need_images,
    [OP_cholesky] = need_matrices,
    [OP_eigh] = need_matrices,
    [OP_svd] = need_matrices,
    [OP_solve] = need_solved,
    [OP_triangular_solve] = need_solved,
};

static void (*rule_of(OpKind op))(Rule *) {
    return op_info(op)->loop == LOOP_ELEMENTWISE ? need_broadcast : RULES[op];
}

bool demand_has_rule(OpKind op) {
    return rule_of(op) && op_is_pure(op);
}

bool demand_selects(OpKind op) {
    return demand_has_rule(op) &&
           (RULES[op] == need_sliced || RULES[op] == need_gathered || RULES[op] == need_part);
}

bool demand_is_view(OpKind op) {
    return op_is_view(op) && RULES[op];
}

const Selection *demand_needs(const DemandRules *rules, const Node *node, const Selection *want,
                              const Selection **needs) {
    for (int o = 0; o < node->n_operands; o++) needs[o] = NULL;
    if (!demand_has_rule((OpKind)node->op)) return NULL;
    Rule r = {.rules = rules, .arena = rules->arena, .node = node, .y = &node->type, .needs = needs};
    r.want = selection_tagged(want, r.y);
    r.whole_want = want;
    for (int o = 0; o < node->n_operands && o < 4; o++) r.x[o] = operand_type(&r, o);
    rule_of((OpKind)node->op)(&r);
    if (r.lost) return demand_needs(rules, node, selection_without_rows(r.arena, want, r.y), needs);
    return r.widened ? selection_make(r.arena, &r.want) : want;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* How many of [start, limit) an axis selects. */
static int64_t selected_within(const Selection *want, int axis, int64_t start, int64_t limit) {
    const Factor *only = want ? selection_only_factor(want, axis) : NULL;
    int64_t count = 0;
    if (!only || !only->n) return limit - start;
    for (int i = 0; i < only->n; i++) {
        int64_t a = only->segments[i].start, b = only->segments[i].limit;
        a = a > start ? a : start;
        b = b < limit ? b : limit;
        count += a < b ? b - a : 0;
    }
    return count;
}

static ValueId emit_pad(Simplify *s, const Node *node, const Selection *want, ValueId x) {
    Type type = selection_type(want, &node->type);
    const PadAttrs *pad = pad_attrs(node);
    PadAttrs attrs = {.value = pad->value, .low = {.n = type.rank}, .high = {.n = type.rank}};
    if (x == IR_NONE) return filled(s, pad->value, &type);
    for (int k = 0; k < type.rank; k++) {
        attrs.low.v[k] = selected_within(want, k, 0, pad->low.v[k]);
        attrs.high.v[k] = selected_within(want, k, node->type.dim[k] - pad->high.v[k], node->type.dim[k]);
    }
    return simplify_make(s, OP_pad, &x, 1, &attrs);
}

/* Intervals are sliced out of the operand already; steps are still to be made. */
static ValueId emit_slice(Simplify *s, const Node *node, ValueId x) {
    const Type *type = func_type(s->func, x);
    SliceAttrs attrs = {.start = {.n = type->rank}, .limit = ints(type->rank, type->dim)};
    attrs.step = slice_attrs(node)->step;
    bool moves = false;
    for (int k = 0; k < type->rank; k++) {
        if (node->type.dim[k] == 1) attrs.step.v[k] = 1;
        moves = moves || attrs.step.v[k] > 1;
    }
    return !moves ? x : simplify_make(s, OP_slice, &x, 1, &attrs);
}

static ValueId emit_concat(Simplify *s, const Node *node, const ValueId *operands) {
    ValueId *parts = ARENA_ARRAY(s->scratch, ValueId, node->n_operands);
    int n = 0;
    for (int o = 0; o < node->n_operands; o++)
        if (operands[o] != IR_NONE) parts[n++] = operands[o];
    return simplify_make(s, OP_concat, parts, n, node->attrs);
}

/* Whether the rows of a gather are those that are taken out of its operand. */
static bool takes_rows(const Node *gather, const Selection *need) {
    const Factor *only = need ? selection_only_factor(need, (int)indexed_attrs(gather)->batch) : NULL;
    return only && factor_has_rows(only);
}

/* The rows that an index names of an operand that is the same along the index's first axes: one for each of these. */
static ValueId spread(Simplify *s, const Selection *want, const Type *y, ValueId x,
                      const IndexValues *indices) {
    const Factor *factor = &want->factors[rows_to_spread(want)];
    const SelectedRows *rows = factor->segments[0].rows;
    Type type = *func_type(s->func, x), shape = {.dtype = type.dtype, .rank = y->rank}, without = {0};
    int shift = y->rank - type.rank, axis = axis_of_factor(want, (int)(factor - want->factors));
    int64_t perm[IR_MAX_RANK], from[IR_MAX_RANK], n = 0, rest = rows->n_along + 1;
    perm[n++] = axis - shift;
    for (int k = 0; k < type.rank; k++)
        if (k != axis - shift) perm[n++] = k;
    x = simplify_make(s, OP_transpose, &x, 1, &(TransposeAttrs){.perm = ints((int)n, perm)});
    ValueId index = selection_index(s, want, rows, indices);
    x = simplify_make(s, OP_gather, (ValueId[]){x, index}, 2, &(IndexedAttrs){.batch = 0});
    for (int k = 0; k < y->rank; k++) { /* where each axis of the result comes from */
        shape.dim[k] = k < shift ? 1 : type.dim[k - shift];
        from[k] = -1;
        for (int j = 0; j < rows->n_along; j++)
            if (axis_of_factor(want, rows->along[j]) == k) from[k] = j;
        if (k == axis) from[k] = rows->n_along;
        if (from[k] >= 0) shape.dim[k] = selection_axis_count(want, k);
    }
    for (int j = 0; j <= rows->n_along; j++) without.dim[without.rank++] = func_type(s->func, index)->dim[j];
    n = 0;
    for (int k = 0; k < y->rank; k++) {
        if (from[k] < 0 && shape.dim[k] == 1) continue;
        if (from[k] < 0) {
            without.dim[without.rank++] = shape.dim[k];
            from[k] = rest++;
        }
        perm[n++] = from[k];
    }
    x = reshape_to(s, x, without.rank, without.dim);
    x = simplify_make(s, OP_transpose, &x, 1, &(TransposeAttrs){.perm = ints((int)n, perm)});
    return reshape_to(s, x, shape.rank, shape.dim);
}

static void spread_operands(Simplify *s, const Node *nodes, const Node *node, const Selection *want,
                            ValueId *operands, const IndexValues *indices) {
    if (rule_of((OpKind)node->op) != need_broadcast || !selection_has_rows(want)) return;
    for (int o = 0; o < node->n_operands; o++)
        if (is_spread(want, &node->type, &nodes[node->operands[o]].type))
            operands[o] = spread(s, want, &node->type, operands[o], indices);
}

ValueId demand_emit(Simplify *s, const Node *nodes, const Node *node, const Selection *want,
                    const Selection *const *needs, ValueId *operands, const IndexValues *indices) {
    Type type = selection_type(want, &node->type);
    if (want) spread_operands(s, nodes, node, want, operands, indices);
    MatmulAttrs part; /* of a symmetric product, which is not symmetric itself */
    switch ((OpKind)node->op) {
    case OP_matmul:
        part = *matmul_attrs(node);
        part.symmetric = part.symmetric && !want;
        return simplify_make(s, OP_matmul, operands, 2, &part);
    case OP_reshape: return reshape_to(s, operands[0], type.rank, type.dim);
    case OP_broadcast: return broadcast_to(s, operands[0], &type);
    case OP_slice: return emit_slice(s, node, operands[0]);
    case OP_pad: return emit_pad(s, node, want, operands[0]);
    case OP_concat: return emit_concat(s, node, operands);
    case OP_gather:
        if (takes_rows(node, needs[0])) return reshape_to(s, operands[0], type.rank, type.dim);
        break;
    default: break;
    }
    return simplify_make(s, (OpKind)node->op, operands, node->n_operands, node->attrs);
}
