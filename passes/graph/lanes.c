/* Lanes: see lanes.h. */
#include "passes/graph/lanes.h"

#include <string.h>

/* ---- wholes ------------------------------------------------------------------------------------------------------ */

bool lanes_along(const Node *nodes, int n, const ValueId *values, int axis, Lanes *lanes) {
    const Type *first = &nodes[values[0]].type;
    if (axis < 0 || axis >= first->rank) return false;
    int end = axis + 1;
    for (int i = 1; i < n; i++) {
        const Type *type = &nodes[values[i]].type;
        if (type->rank != first->rank || type->dtype != first->dtype) return false;
        for (int k = 0; k < first->rank; k++) {
            if (type->dim[k] == first->dim[k]) continue;
            if (k < axis) return false;
            if (k >= end) end = k + 1;
        }
    }
    *lanes = (Lanes){n, values, axis, end};
    return true;
}

int64_t lanes_size(const Node *nodes, const Lanes *lanes, int lane) {
    int64_t size = 1;
    for (int k = lanes->axis; k < lanes->end; k++) size *= nodes[lanes->values[lane]].type.dim[k];
    return size;
}

/* An axis of a lane, in the whole. */
static int axis_in_whole(const Lanes *lanes, int k) {
    return k < lanes->axis ? k : k < lanes->end ? lanes->axis : k - (lanes->end - lanes->axis - 1);
}

/* The type of the whole. */
static Type lanes_type(const Node *nodes, const Lanes *lanes) {
    const Type *first = &nodes[lanes->values[0]].type;
    Type type = {.dtype = first->dtype, .rank = (uint8_t)axis_in_whole(lanes, first->rank)};
    for (int k = 0; k < first->rank; k++) type.dim[axis_in_whole(lanes, k)] = first->dim[k];
    type.dim[lanes->axis] = 0;
    for (int i = 0; i < lanes->n; i++) type.dim[lanes->axis] += lanes_size(nodes, lanes, i);
    return type;
}

/* ---- what an operator needs of its operands ---------------------------------------------------------------------- */

typedef struct {
    const Node *nodes;
    const Lanes *y;
    const Node *first; /* lane 0's node */
    int prefer;
    OperandNeed *x;
} Rule;

static const Node *node_of(const Rule *r, int lane) {
    return &r->nodes[r->y->values[lane]];
}

static const Type *operand_type(const Rule *r, int lane, int o) {
    return &r->nodes[node_of(r, lane)->operands[o]].type;
}

static bool is_shared(const Rule *r, int o) {
    for (int i = 1; i < r->y->n; i++)
        if (node_of(r, i)->operands[o] != r->first->operands[o]) return false;
    return true;
}

static bool equal_attrs(const Rule *r) {
    const OpInfo *info = op_info(r->first->op);
    for (int i = 1; i < r->y->n; i++)
        for (int a = 0; a < info->n_attrs; a++)
            if (!attr_equal(info->attrs[a].kind, &r->first->attrs[a], &node_of(r, i)->attrs[a])) return false;
    return true;
}

/* The whole of operand o along an axis, of which `length` axes are flattened. */
static bool need_whole(const Rule *r, int o, int axis, int length) {
    const Type *first = operand_type(r, 0, o);
    if (axis < 0 || axis + length > first->rank) return false;
    int end = axis + 1;
    for (int i = 1; i < r->y->n; i++) {
        const Type *type = operand_type(r, i, o);
        if (type->rank != first->rank || type->dtype != first->dtype) return false;
        for (int k = 0; k < first->rank; k++) {
            if (type->dim[k] == first->dim[k]) continue;
            if (k < axis) return false;
            if (k >= end) end = k + 1;
        }
    }
    r->x[o] = (OperandNeed){OPERAND_WHOLE, axis};
    return end == axis + length;
}

static int length_of(const Rule *r) {
    return r->y->end - r->y->axis;
}

/* An operand that broadcasts to the result: how it lies along the lanes' axes decides. */
static bool need_broadcast(const Rule *r, int o) {
    const Lanes *y = r->y;
    int rank = operand_type(r, 0, o)->rank, shift = r->first->type.rank - rank;
    bool repeated = true, full = true;
    for (int i = 0; i < y->n; i++) {
        const Type *x = operand_type(r, i, o);
        if (x->rank != rank) return false;
        for (int k = y->axis; k < y->end; k++) {
            int64_t size = k < shift ? 1 : x->dim[k - shift];
            repeated = repeated && size == 1;
            full = full && k >= shift && size == node_of(r, i)->type.dim[k];
        }
    }
    if (repeated && is_shared(r, o)) {
        r->x[o].kind = OPERAND_SHARED;
        return true;
    }
    if (full) return need_whole(r, o, y->axis - shift, length_of(r));
    int64_t spread = 0, whole = 0;
    for (int i = 0; i < y->n; i++) {
        Type type = spread_type(r->nodes, y, i, o), first = spread_type(r->nodes, y, 0, o);
        for (int k = 0; k < type.rank; k++) {
            int at = k + r->first->type.rank - type.rank;
            if ((at < y->axis || at >= y->end) && type.dim[k] != first.dim[k]) return false;
        }
        spread += type_elements(&type);
        whole += type_elements(&node_of(r, i)->type);
    }
    /* Broadcasting the operand must not cost what computing the result costs. */
    r->x[o] =
        (OperandNeed){OPERAND_SPREAD, y->axis - (r->first->type.rank - spread_type(r->nodes, y, 0, o).rank)};
    return spread * 2 <= whole;
}

Type spread_type(const Node *nodes, const Lanes *y, int lane, int o) {
    const Node *node = &nodes[y->values[lane]];
    const Type *x = &nodes[node->operands[o]].type;
    Type type = {.dtype = x->dtype};
    int least = node->type.rank - y->axis; /* that reaches the lanes' axes */
    type.rank = (uint8_t)(x->rank > least ? x->rank : least);
    for (int k = 0; k < type.rank; k++) {
        int at = k + node->type.rank - type.rank, own = k + x->rank - type.rank;
        type.dim[k] = at >= y->axis && at < y->end ? node->type.dim[at] : own >= 0 ? x->dim[own] : 1;
    }
    return type;
}

static bool needs_elementwise(const Rule *r) {
    if (!equal_attrs(r)) return false;
    for (int o = 0; o < r->first->n_operands; o++)
        if (!need_broadcast(r, o)) return false;
    return true;
}

static bool needs_broadcast(const Rule *r) {
    return need_broadcast(r, 0);
}

/* Whole rows of the last axis; further operands (weights) are shared. */
static bool needs_rows(const Rule *r) {
    if (r->y->end >= r->first->type.rank || !equal_attrs(r)) return false;
    for (int o = 1; o < r->first->n_operands; o++) {
        if (!is_shared(r, o)) return false;
        r->x[o].kind = OPERAND_SHARED;
    }
    return need_whole(r, 0, r->y->axis, length_of(r));
}

/* Over other axes than those of the lanes. */
static bool needs_reduce(const Rule *r) {
    if (!equal_attrs(r)) return false;
    bool reduced[IR_MAX_RANK] = {false};
    const Ints *axes = &reduce_attrs(r->first)->axes;
    for (int i = 0; i < axes->n; i++) reduced[axes->v[i]] = true;
    int rank = operand_type(r, 0, 0)->rank, at[IR_MAX_RANK], n = 0;
    for (int k = 0; k < rank; k++)
        if (!reduced[k] || reduce_attrs(r->first)->keep) at[n++] = k;
    for (int k = r->y->axis; k < r->y->end; k++)
        if (reduced[at[k]] || at[k] != at[r->y->axis] + k - r->y->axis) return false;
    return need_whole(r, 0, at[r->y->axis], length_of(r));
}

/* Rows, columns or leading axes. */
static bool needs_matmul(const Rule *r) {
    int rank = r->first->type.rank, axis = r->y->axis;
    bool ta = matmul_attrs(r->first)->ta, tb = matmul_attrs(r->first)->tb;
    if (!equal_attrs(r)) return false;
    if (r->y->end <= rank - 2)
        return need_whole(r, 0, axis, length_of(r)) && need_whole(r, 1, axis, length_of(r));
    if (length_of(r) != 1) return false;
    int along = axis == rank - 1; /* the operand that has the lanes' axis */
    if (!is_shared(r, !along)) return false;
    r->x[!along].kind = OPERAND_SHARED;
    return need_whole(r, along, along ? (tb ? rank - 2 : rank - 1) : (ta ? rank - 1 : rank - 2), 1);
}

static int64_t product(const Type *type, int from, int to) {
    int64_t n = 1;
    for (int k = from; k < to; k++) n *= type->dim[k];
    return n;
}

/* Lanes stay whole in any shape that keeps what lies outside of their axis. */
static bool needs_reshape(const Rule *r) {
    const Type *x = operand_type(r, 0, 0), *y = &r->first->type;
    int64_t outer = product(y, 0, r->y->axis);
    int best = -1;
    for (int axis = 0; axis < x->rank; axis++) {
        if (product(x, 0, axis) != outer) continue;
        bool same = x->dim[axis] == y->dim[r->y->axis];
        if (best < 0 || axis == r->prefer ||
            (same && best != r->prefer && x->dim[best] != y->dim[r->y->axis]))
            best = axis;
    }
    if (best < 0) return false;
    int rank = x->rank, end = best + 1;
    for (int i = 1; i < r->y->n; i++) {
        const Type *type = operand_type(r, i, 0);
        if (type->rank != rank) return false;
        for (int k = best; k < rank; k++)
            if (type->dim[k] != x->dim[k] && k >= end) end = k + 1;
    }
    return need_whole(r, 0, best, end - best);
}

static bool needs_transpose(const Rule *r) {
    const int64_t *perm = transpose_attrs(r->first)->perm.v;
    if (!equal_attrs(r)) return false;
    for (int k = r->y->axis + 1; k < r->y->end; k++)
        if (perm[k] != perm[k - 1] + 1) return false;
    return need_whole(r, 0, (int)perm[r->y->axis], length_of(r));
}

/* Of slices and pads: they have numbers for each axis. */
static bool is_by_axis(const AttrSpec *spec, OpKind op) {
    return spec->kind == ATTR_INTS && (op == OP_slice || op == OP_pad);
}

/* Slices and pads of other axes. */
static bool needs_other_axes(const Rule *r) {
    for (int i = 0; i < r->y->n; i++) {
        if (!nodes_alike(r->first, node_of(r, i), r->y->axis, r->y->end)) return false;
        for (int k = r->y->axis; k < r->y->end; k++)
            if (operand_type(r, i, 0)->dim[k] != node_of(r, i)->type.dim[k]) return false;
    }
    return need_whole(r, 0, r->y->axis, length_of(r));
}

static int concat_axis(const Node *node) {
    return axis_from_front(concat_attrs(node)->axis, node->type.rank);
}

static bool needs_concat(const Rule *r) {
    int axis = concat_axis(r->first);
    if (axis >= r->y->axis && axis < r->y->end) return false;
    for (int i = 1; i < r->y->n; i++)
        if (node_of(r, i)->n_operands != r->first->n_operands || concat_axis(node_of(r, i)) != axis)
            return false;
    for (int o = 0; o < r->first->n_operands; o++)
        if (!need_whole(r, o, r->y->axis, length_of(r))) return false;
    return true;
}

/* Rows of a shared table at the lanes' indices, or of the lanes' own tables along the axes that run together. */
static bool needs_gather(const Rule *r) {
    int batch = (int)indexed_attrs(r->first)->batch;
    if (!equal_attrs(r)) return false;
    if (r->y->end <= batch)
        return need_whole(r, 0, r->y->axis, length_of(r)) && need_whole(r, 1, r->y->axis, length_of(r));
    if (batch > 0 || r->y->end > operand_type(r, 0, 1)->rank || !is_shared(r, 0)) return false;
    r->x[0].kind = OPERAND_SHARED;
    return need_whole(r, 1, r->y->axis, length_of(r));
}

static bool needs_first_axis(const Rule *r) {
    return r->y->axis == 0 && r->y->end == 1 && equal_attrs(r) && need_whole(r, 0, 0, 1);
}

/* Images of which filters are shared. */
static bool needs_images(const Rule *r) {
    if (!is_shared(r, 1) || !needs_first_axis(r)) return false;
    r->x[1].kind = OPERAND_SHARED;
    return true;
}

static bool (*const NEEDS[OP_COUNT])(const Rule *r) = {
    [OP_sum] = needs_reduce,       [OP_amax] = needs_reduce,         [OP_softmax] = needs_rows,
    [OP_log_softmax] = needs_rows, [OP_layernorm] = needs_rows,      [OP_matmul] = needs_matmul,
    [OP_reshape] = needs_reshape,  [OP_transpose] = needs_transpose, [OP_broadcast] = needs_broadcast,
    [OP_slice] = needs_other_axes, [OP_pad] = needs_other_axes,      [OP_concat] = needs_concat,
    [OP_gather] = needs_gather,    [OP_unfold] = needs_first_axis,   [OP_max_pool] = needs_first_axis,
    [OP_conv2d] = needs_images,
};

bool lanes_needs(const Node *nodes, const Lanes *y, int prefer, OperandNeed *needs) {
    Rule r = {nodes, y, &nodes[y->values[0]], prefer, needs};
    for (int i = 1; i < y->n; i++)
        if (node_of(&r, i)->op != r.first->op || node_of(&r, i)->n_operands != r.first->n_operands)
            return false;
    if (r.first->op == OP_random) return false; /* a lane has a key of its own */
    if (op_info(r.first->op)->loop == LOOP_ELEMENTWISE) return needs_elementwise(&r);
    return NEEDS[r.first->op] && NEEDS[r.first->op](&r);
}

bool nodes_alike(const Node *a, const Node *b, int axis, int end) {
    if (a->op != b->op || a->n_operands != b->n_operands || a->type.rank != b->type.rank) return false;
    if (a->op == OP_reshape || a->op == OP_broadcast) return true; /* their shapes are looked at as types */
    const OpInfo *info = op_info(a->op);
    for (int i = 0; i < info->n_attrs; i++) {
        const Attr *x = &a->attrs[i], *y = &b->attrs[i];
        bool by_axis = is_by_axis(&info->attrs[i], a->op);
        if (!by_axis && !attr_equal(info->attrs[i].kind, x, y)) return false;
        for (int k = 0; by_axis && k < x->ints.n; k++)
            if ((k < axis || k >= end) && x->ints.v[k] != y->ints.v[k]) return false;
    }
    return true;
}

/* ---- the whole operator ------------------------------------------------------------------------------------------ */

/* Axes of a shared operand along which lanes lie are of size 1, and one in the whole. */
static ValueId with_one_axis(Func *func, const Lanes *y, int result_rank, ValueId x) {
    Type type = *func_type(func, x), one = {.dtype = type.dtype};
    int shift = result_rank - type.rank;
    for (int k = 0; k < type.rank; k++)
        if (k + shift < y->axis || k + shift >= y->end - 1) one.dim[one.rank++] = type.dim[k];
    return ir_reshape(func, x, one.rank, one.dim);
}

static Ints axes_in_whole(const Lanes *x, Ints axes) {
    for (int i = 0; i < axes.n; i++) axes.v[i] = axis_in_whole(x, (int)axes.v[i]);
    return axes;
}

/* Numbers of each axis, `own` for that of the lanes. */
static Ints by_axis_in_whole(const Lanes *y, const Ints *of, int64_t own) {
    Ints ints = {.n = axis_in_whole(y, of->n)};
    for (int k = 0; k < of->n; k++) ints.v[axis_in_whole(y, k)] = of->v[k];
    ints.v[y->axis] = own;
    return ints;
}

static Ints transposed_in_whole(const Lanes *y, const Lanes *x, const Ints *perm) {
    Ints ints = {.n = axis_in_whole(y, perm->n)};
    for (int k = 0; k < perm->n; k++) ints.v[axis_in_whole(y, k)] = axis_in_whole(x, (int)perm->v[k]);
    return ints;
}

ValueId lanes_emit(Func *func, const Node *nodes, const Lanes *y, const OperandNeed *needs,
                   ValueId *operands) {
    const Node *first = &nodes[y->values[0]];
    Type whole = lanes_type(nodes, y);
    int n = first->n_operands, flattened = y->end - y->axis - 1;
    bool broadcasts = op_info(first->op)->loop == LOOP_ELEMENTWISE || first->op == OP_broadcast;
    for (int o = 0; o < n && broadcasts && flattened; o++)
        if (needs[o].kind == OPERAND_SHARED)
            operands[o] = with_one_axis(func, y, first->type.rank, operands[o]);
    Lanes x = {.axis = needs[0].axis, .end = needs[0].axis + flattened + 1};
    AnyAttrs own;
    switch ((OpKind)first->op) {
    case OP_reshape: return ir_reshape(func, operands[0], whole.rank, whole.dim);
    case OP_broadcast: return ir_broadcast(func, operands[0], whole.rank, whole.dim);
    case OP_slice:
        own.slice = (SliceAttrs){.start = by_axis_in_whole(y, &slice_attrs(first)->start, 0),
                                 .limit = by_axis_in_whole(y, &slice_attrs(first)->limit, whole.dim[y->axis]),
                                 .step = by_axis_in_whole(y, &slice_attrs(first)->step, 1)};
        break;
    case OP_pad:
        own.pad = (PadAttrs){.low = by_axis_in_whole(y, &pad_attrs(first)->low, 0),
                             .high = by_axis_in_whole(y, &pad_attrs(first)->high, 0),
                             .value = pad_attrs(first)->value};
        break;
    case OP_concat: own.concat = (ConcatAttrs){.axis = axis_in_whole(y, concat_axis(first))}; break;
    case OP_gather: {
        int64_t batch = indexed_attrs(first)->batch;
        own.indexed = (IndexedAttrs){.batch = batch ? batch - flattened : 0};
        break;
    }
    case OP_transpose:
        own.transpose = (TransposeAttrs){.perm = transposed_in_whole(y, &x, &transpose_attrs(first)->perm)};
        break;
    case OP_sum:
    case OP_amax:
        own.reduce = (ReduceAttrs){.axes = axes_in_whole(&x, reduce_attrs(first)->axes),
                                   .keep = reduce_attrs(first)->keep};
        break;
    default: return func_emit(func, (OpKind)first->op, operands, n, first->attrs);
    }
    return func_emit(func, (OpKind)first->op, operands, n, &own);
}
