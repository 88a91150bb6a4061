/* Sums that sink: what is linear along the axes of a sum is computed of sums. The mean over tokens of x + fc2(h) is
 * mean(x) + fc2(mean(h)): a product of as many rows as there are images, instead of tokens; its gradients, which are
 * made later, too.
 *
 * A sum sinks through sums and differences, products and quotients with what is the same along its axes, views,
 * concatenations, and through matrix products whose rows it adds up; through values that nothing else reads, and as far
 * as that saves operations. Only a sum that reaches a matrix product is moved: what is elementwise is computed in the
 * sum's own kernel anyway.
 *
 * On the way a value is looked at in another shape, its *view*, for a reshape keeps the order of elements: of a product
 * [images · tokens, width] it is [images, tokens, width], of which one axis is summed. */
#include "passes/graph/sink_sums.h"
#include "ir/remarks.h"
#include "passes/graph/algebra.h"
#include "passes/graph/simplify.h"

/* Operations saved, as a share of those of the products that the sum sinks through. */
#define LEAST_SAVED (1.0 / 16)

/* A value in a shape of as many elements, and the axes of that which are summed. */
typedef struct {
    ValueId value;
    Type shape;
    bool summed[IR_MAX_RANK];
} View;

typedef struct {
    Func *func;
    const Node *nodes;
    ValueId n;
    Arena *arena;
    uint32_t *uses;
    bool *sinks,
        *passes;     /* sums that are moved; values that they pass, each with one reader and so in one view */
    double products; /* of those on the way that was looked at last: operations */
    ValueId product; /* the last of them */
    Rewrite rewrite;
    Simplify simplify;
} Sink;

/* ---- views ------------------------------------------------------------------------------------------------------- */

static const Type *type_of(const Sink *s, ValueId id) {
    return &s->nodes[id].type;
}

static View view_of(const Sink *s, ValueId id) {
    return (View){.value = id, .shape = *type_of(s, id)};
}

static bool is_own(const Sink *s, const View *v) {
    return type_equal(&v->shape, type_of(s, v->value));
}

static Type shape_once_summed(const View *v) {
    Type type = v->shape;
    for (int k = 0; k < type.rank; k++)
        if (v->summed[k]) type.dim[k] = 1;
    return type;
}

/* How many elements make one. */
static double terms(const View *v) {
    Type once = shape_once_summed(v);
    return (double)type_elements(&v->shape) / (double)type_elements(&once);
}

/* The view of an operand that is broadcast to the value: the last axes of the view, or 1s. *repeats: how often a sum
 * has each of its elements. False: the operand's axes are not the view's. */
static bool broadcast_view(const Sink *s, const View *v, ValueId operand, View *out, double *repeats) {
    const Type *x = type_of(s, operand), *y = type_of(s, v->value);
    int rank = x->rank;
    *out = (View){.value = operand, .shape = *x};
    if (type_equal(x, y)) {
        *out = *v;
        out->value = operand;
        *repeats = 1;
        return true;
    }
    while (rank > 0 && x->dim[x->rank - rank] == 1) rank--; /* what is not repeated at all */
    if (v->shape.rank < x->rank) return false;
    bool own = is_own(s, v);
    *repeats = terms(v);
    for (int k = 1; k <= rank; k++) {
        int of_x = x->rank - k, of_v = v->shape.rank - k;
        bool repeated = x->dim[of_x] == 1;
        if (!repeated && x->dim[of_x] != v->shape.dim[of_v]) return false;
        if (!own && repeated) return false; /* that axis of the value may be several of the view */
        if (repeated || !v->summed[of_v]) continue;
        out->summed[of_x] = true;
        *repeats /= (double)v->shape.dim[of_v];
    }
    return true;
}

static bool is_summed(const View *v) {
    for (int k = 0; k < v->shape.rank; k++)
        if (v->summed[k]) return true;
    return false;
}

/* The first factor of a product in the view whose rows are summed; false: the sum is over something else. */
static bool rows_view(const Sink *s, const View *v, View *out) {
    const Node *node = &s->nodes[v->value];
    const MatmulAttrs *attrs = matmul_attrs(node);
    const Type *a = type_of(s, node->operands[0]);
    int leading = node->type.rank - 2, last = v->shape.rank - 1;
    if (attrs->ta || attrs->panel || attrs->symmetric || last < leading + 1) return false;
    for (int k = 0; k < leading; k++)
        if (v->shape.dim[k] != node->type.dim[k] || v->summed[k]) return false;
    int64_t rows = 1;
    for (int k = leading; k < last; k++) rows *= v->shape.dim[k];
    if (rows != node->type.dim[leading] || v->summed[last]) return false;
    *out = *v;
    out->value = node->operands[0];
    out->shape.dtype = a->dtype;
    out->shape.dim[last] = a->dim[a->rank - 1];
    return true;
}

/* The operand of a move in the view; false: it moves what the view puts together. */
static bool moved_view(const Sink *s, const View *v, int o, View *out) {
    const Node *node = &s->nodes[v->value];
    *out = *v;
    out->value = node->operands[o];
    if (node->op == OP_reshape) return true;
    if (!is_own(s, v)) return false;
    out->shape = *type_of(s, out->value);
    for (int k = 0; node->op == OP_transpose && k < node->type.rank; k++)
        out->summed[transpose_attrs(node)->perm.v[k]] = v->summed[k];
    for (int k = 0; node->op == OP_slice && k < node->type.rank; k++)
        if (v->summed[k] && out->shape.dim[k] != v->shape.dim[k]) return false;
    return true;
}

/* ---- by cost ----------------------------------------------------------------------------------------------------- */

static double best_gain(Sink *s, const View *v);

/* Operations saved if the sum is taken of the operands of an elementwise operator; false: it is not linear. */
static bool elementwise_gain(Sink *s, const View *v, double *gain) {
    const Node *node = &s->nodes[v->value];
    bool sums = node->op == OP_add || node->op == OP_sub;
    View of[2];
    double repeats[2];
    for (int o = 0; o < node->n_operands; o++)
        if (!broadcast_view(s, v, node->operands[o], &of[o], &repeats[o])) return false;
    if (!sums && node->op != OP_neg) { /* a product, or quotient: of what is summed and what is the same */
        if (node->op == OP_mul && !is_summed(&of[0]) && is_summed(&of[1]))
            return (*gain = best_gain(s, &of[1]), true);
        if (is_summed(&of[1]) || !is_summed(&of[0])) return false;
        *gain = best_gain(s, &of[0]);
        return true;
    }
    *gain = 0;
    for (int o = 0; o < node->n_operands; o++)
        if (is_summed(&of[o])) *gain += best_gain(s, &of[o]);
    return true;
}

static bool moved_gain(Sink *s, const View *v, double *gain) {
    const Node *node = &s->nodes[v->value];
    *gain = 0;
    for (int o = 0; o < node->n_operands; o++) {
        View of;
        if (!moved_view(s, v, o, &of)) return false;
        *gain += best_gain(s, &of);
    }
    return true;
}

static bool product_gain(Sink *s, const View *v, double *gain) {
    View rows;
    if (!rows_view(s, v, &rows)) return false;
    s->products += node_flops(s->func, &s->nodes[v->value]);
    s->product = v->value;
    *gain = best_gain(s, &rows);
    return true;
}

static bool sunk_gain(Sink *s, const View *v, double *gain) {
    switch ((OpKind)s->nodes[v->value].op) {
    case OP_add:
    case OP_sub:
    case OP_mul:
    case OP_div:
    case OP_neg: return elementwise_gain(s, v, gain);
    case OP_reshape:
    case OP_transpose:
    case OP_slice:
    case OP_concat: return moved_gain(s, v, gain);
    case OP_matmul: return product_gain(s, v, gain);
    default: return false;
    }
}

/* Whether the sum goes on to what the value is made of. */
static bool goes_on(Sink *s, const View *v, double *gain) {
    const Node *node = &s->nodes[v->value];
    double below, here = -(double)type_elements(&v->shape);
    *gain = here;
    if (!dtype_is_float((DType)node->type.dtype) || s->uses[v->value] != 1 || !op_is_pure((OpKind)node->op))
        return false;
    if (!sunk_gain(s, v, &below)) return false;
    below += node_flops(s->func, node) * (1 - 1 / terms(v));
    if (below <= here) return false;
    *gain = below;
    return true;
}

/* Operations that a sum of the view saves against none: less than 0 where the value is summed itself. */
static double best_gain(Sink *s, const View *v) {
    double gain, products = s->products;
    ValueId product = s->product;
    s->passes[v->value] = goes_on(s, v, &gain);
    if (!s->passes[v->value]) {
        s->products = products;
        s->product = product;
    }
    return gain;
}

static View summed_view(const Sink *s, const Node *sum) {
    View v = view_of(s, sum->operands[0]);
    const Ints *axes = &reduce_attrs(sum)->axes;
    for (int i = 0; i < axes->n; i++) v.summed[axis_from_front(axes->v[i], v.shape.rank)] = true;
    return v;
}

static bool decide(Sink *s) {
    bool any = false;
    for (ValueId id = 0; id < s->n; id++) {
        const Node *node = &s->nodes[id];
        if (node->op != OP_sum || !s->uses[id]) continue;
        View v = summed_view(s, node);
        s->products = 0;
        double gain = best_gain(s, &v) + (double)type_elements(&v.shape);
        if (s->products == 0 || gain < s->products * LEAST_SAVED) continue;
        s->sinks[id] = any = true;
        remark(s->func, RULE_sink_sums, node->number, s->nodes[s->product].number, gain, s->products, NULL);
    }
    return any;
}

/* ---- the new function -------------------------------------------------------------------------------------------- */

/* The sum of a view, its summed axes of size 1. */
static ValueId sum_of(Sink *s, const View *v);

static ValueId leaf_of(Sink *s, const View *v) {
    ReduceAttrs attrs = {.keep = true};
    for (int k = 0; k < v->shape.rank; k++)
        if (v->summed[k]) attrs.axes.v[attrs.axes.n++] = k;
    ValueId x = reshape_to(&s->simplify, s->rewrite.map[v->value], v->shape.rank, v->shape.dim);
    return attrs.axes.n ? simplify_make(&s->simplify, OP_sum, &x, 1, &attrs) : x;
}

/* Of an operator with operands that may be broadcast. */
static ValueId elementwise_of(Sink *s, const View *v) {
    const Node *node = &s->nodes[v->value];
    bool sums = node->op == OP_add || node->op == OP_sub;
    ValueId x[2];
    for (int o = 0; o < node->n_operands; o++) {
        View of;
        double repeats;
        broadcast_view(s, v, node->operands[o], &of, &repeats);
        x[o] = sum_of(s, &of);
        if (!sums || repeats == 1) continue;
        x[o] = binary(&s->simplify, OP_mul, x[o], constant(&s->simplify, repeats, (DType)node->type.dtype));
    }
    return simplify_make(&s->simplify, (OpKind)node->op, x, node->n_operands, node->attrs);
}

static ValueId product_of(Sink *s, const View *v) {
    const Node *node = &s->nodes[v->value];
    View rows;
    rows_view(s, v, &rows);
    Type once = shape_once_summed(v), type = node->type, a = *type_of(s, node->operands[0]);
    int leading = type.rank - 2;
    a.dim[leading] = type_elements(&once);
    for (int k = 0; k < leading; k++) a.dim[leading] /= once.dim[k];
    a.dim[leading] /= once.dim[once.rank - 1];
    ValueId x[] = {reshape_to(&s->simplify, sum_of(s, &rows), a.rank, a.dim),
                   s->rewrite.map[node->operands[1]]};
    ValueId y = simplify_make(&s->simplify, OP_matmul, x, 2, node->attrs);
    return reshape_to(&s->simplify, y, once.rank, once.dim);
}

static ValueId moved_of(Sink *s, const View *v) {
    const Node *node = &s->nodes[v->value];
    ValueId *x = ARENA_ARRAY(s->arena, ValueId, node->n_operands);
    for (int o = 0; o < node->n_operands; o++) {
        View of;
        moved_view(s, v, o, &of);
        x[o] = sum_of(s, &of);
    }
    if (node->op == OP_reshape) return x[0];
    if (node->op == OP_concat && v->summed[axis_from_front(concat_attrs(node)->axis, node->type.rank)]) {
        for (int o = 1; o < node->n_operands; o++) x[0] = binary(&s->simplify, OP_add, x[0], x[o]);
        return x[0];
    }
    if (node->op != OP_slice)
        return simplify_make(&s->simplify, (OpKind)node->op, x, node->n_operands, node->attrs);
    SliceAttrs slice = *slice_attrs(node);
    for (int k = 0; k < node->type.rank; k++)
        if (v->summed[k]) slice.start.v[k] = 0, slice.limit.v[k] = slice.step.v[k] = 1;
    return simplify_make(&s->simplify, OP_slice, x, 1, &slice);
}

static ValueId sum_of(Sink *s, const View *v) {
    const Node *node = &s->nodes[v->value];
    if (!is_summed(v) || !s->passes[v->value]) return leaf_of(s, v);
    func_made_for(s->func, node);
    switch ((OpKind)node->op) {
    case OP_matmul: return product_of(s, v);
    case OP_reshape:
    case OP_transpose:
    case OP_slice:
    case OP_concat: return moved_of(s, v);
    default: return elementwise_of(s, v);
    }
}

static ValueId keep(Sink *s, ValueId id) {
    Node node = s->nodes[id];
    ValueId *operands = ARENA_ARRAY(s->arena, ValueId, node.n_operands + 1);
    func_made_for(s->func, &node);
    if (op_is_source((OpKind)node.op)) return rewrite_copy(&s->rewrite, id);
    for (int o = 0; o < node.n_operands; o++) operands[o] = s->rewrite.map[node.operands[o]];
    node.operands = operands;
    return simplify_keep(&s->simplify, &node);
}

static void rebuild(Sink *s) {
    s->rewrite = rewrite_begin(s->func);
    s->simplify = (Simplify){.rules = algebra_apply, .func = s->func, .scratch = s->arena};
    for (ValueId id = 0; id < s->n; id++) {
        const Node *node = &s->nodes[id];
        if (!s->uses[id]) continue;
        if (!s->sinks[id]) {
            s->rewrite.map[id] = keep(s, id);
            continue;
        }
        View v = summed_view(s, node);
        ValueId sum = sum_of(s, &v);
        func_made_for(s->func, node);
        s->rewrite.map[id] = reshape_to(&s->simplify, sum, node->type.rank, node->type.dim);
    }
    rewrite_end(&s->rewrite);
}

static void sink(Func *func) {
    Sink s = {.func = func, .nodes = func->nodes, .n = (ValueId)func->count, .arena = arena_new()};
    s.uses = count_uses(func, s.arena);
    s.sinks = ARENA_ARRAY(s.arena, bool, s.n + 1);
    s.passes = ARENA_ARRAY(s.arena, bool, s.n + 1);
    if (decide(&s)) rebuild(&s);
    arena_free(s.arena);
}

bool pass_sink_sums(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) sink(module->funcs[f]);
    return true;
}
