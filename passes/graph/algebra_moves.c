/* The local rules of `simplify` for moves: moves of moves become one, moves that move nothing go, and a move of a value
 * whose elements are all equal only gives it a shape. */
#include "passes/graph/algebra.h"

/* A move that leaves everything where it is. */
static ValueId move_nothing(Simplify *s, const Node *node) {
    if (!type_equal(func_type(s->func, node->operands[0]), &node->type)) return IR_NONE;
    return by(s, "it moves nothing", node->operands[0]);
}

/* A value all of whose elements are equal has only a shape. */
static ValueId move_filled(Simplify *s, const Node *node) {
    double value;
    ValueId x = node->operands[0];
    if (!is_filled(s, x, &value)) return IR_NONE;
    return by(s, "all its elements are one constant", filled(s, value, &node->type));
}

static ValueId simplify_reshape(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_reshape)) return IR_NONE;
    return by(s, "two reshapes are one", reshape_to(s, X(s, x, 0), node->type.rank, node->type.dim));
}

static ValueId simplify_broadcast(Simplify *s, const Node *node) {
    ValueId x = node->operands[0], base = broadcast_base(s, x);
    if (base != x) return by(s, "two broadcasts are one", broadcast_to(s, base, &node->type));
    bool repeats =
        type_elements(func_type(s->func, x)) != type_elements(&node->type) || is_op(s, x, OP_constant);
    if (repeats) return IR_NONE;
    return by(s, "it only adds axes of 1", reshape_to(s, x, node->type.rank, node->type.dim));
}

static ValueId simplify_transpose(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    int64_t perm[IR_MAX_RANK], last = -1;
    bool composed = is_op(s, x, OP_transpose), in_order = true;
    for (int k = 0; k < node->type.rank; k++) {
        perm[k] = transpose_attrs(node)->perm.v[k];
        if (composed) perm[k] = transpose_attrs(at(s, x))->perm.v[perm[k]];
        if (node->type.dim[k] == 1) continue; /* may go anywhere */
        in_order = in_order && perm[k] > last;
        last = perm[k];
    }
    ValueId base = composed ? X(s, x, 0) : x;
    if (in_order)
        return by(s, "the order of elements stays", reshape_to(s, base, node->type.rank, node->type.dim));
    if (!composed) return IR_NONE;
    TransposeAttrs both = {.perm = ints(node->type.rank, perm)};
    return by(s, "two transposes are one", simplify_make(s, OP_transpose, &base, 1, &both));
}

typedef struct {
    int64_t start[IR_MAX_RANK], limit[IR_MAX_RANK], step[IR_MAX_RANK];
} Range;

static Range range_of(const Node *slice) {
    Range r;
    memcpy(r.start, slice_attrs(slice)->start.v, sizeof r.start);
    memcpy(r.limit, slice_attrs(slice)->limit.v, sizeof r.limit);
    memcpy(r.step, slice_attrs(slice)->step.v, sizeof r.step);
    return r;
}

static ValueId make_slice(Simplify *s, ValueId x, const Range *r) {
    int n = func_type(s->func, x)->rank;
    SliceAttrs attrs = {.start = ints(n, r->start), .limit = ints(n, r->limit), .step = ints(n, r->step)};
    return simplify_make(s, OP_slice, &x, 1, &attrs);
}

static ValueId slice_of_slice(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_slice)) return IR_NONE;
    Range outer = range_of(node), inner = range_of(at(s, x)), r;
    for (int k = 0; k < node->type.rank; k++) {
        r.start[k] = inner.start[k] + outer.start[k] * inner.step[k];
        r.step[k] = inner.step[k] * outer.step[k];
        r.limit[k] = r.start[k] + (node->type.dim[k] - 1) * r.step[k] + 1;
    }
    return by(s, "two slices are one", make_slice(s, X(s, x, 0), &r));
}

static ValueId slice_of_broadcast(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_broadcast)) return IR_NONE;
    Type base = *func_type(s->func, X(s, x, 0));
    Range outer = range_of(node), r;
    int shift = node->type.rank - base.rank;
    for (int k = 0; k < base.rank; k++) {
        bool repeated = base.dim[k] == 1;
        r.start[k] = repeated ? 0 : outer.start[k + shift];
        r.limit[k] = repeated ? 1 : outer.limit[k + shift];
        r.step[k] = repeated ? 1 : outer.step[k + shift];
    }
    return by(s, "sliced before it is broadcast", in_type_of(s, node, make_slice(s, X(s, x, 0), &r)));
}

/* Of a part that a pad only moved. */
static ValueId slice_of_pad(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_pad)) return IR_NONE;
    const Type *base = func_type(s->func, X(s, x, 0));
    Range r = range_of(node);
    for (int k = 0; k < node->type.rank; k++) {
        int64_t low = pad_attrs(at(s, x))->low.v[k];
        r.start[k] -= low;
        r.limit[k] = r.start[k] + (node->type.dim[k] - 1) * r.step[k] + 1;
        if (r.limit[k] <= 0 || r.start[k] >= base->dim[k])
            return by(s, "it takes only padding", filled(s, pad_attrs(at(s, x))->value, &node->type));
        if (r.start[k] < 0 || r.limit[k] > base->dim[k]) return IR_NONE;
    }
    return by(s, "it takes no padding", make_slice(s, X(s, x, 0), &r));
}

static int axis_of(const Node *concat) {
    return axis_from_front(concat_attrs(concat)->axis, concat->type.rank);
}

/* Of one operand alone. */
static ValueId slice_of_concat(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_concat)) return IR_NONE;
    int axis = axis_of(at(s, x));
    Range r = range_of(node);
    for (int o = 0; o < at(s, x)->n_operands; o++) {
        int64_t size = func_type(s->func, X(s, x, o))->dim[axis];
        if (r.start[axis] < size && r.limit[axis] > size) return IR_NONE;
        if (r.start[axis] < size)
            return by(s, "it lies in one operand of concat", make_slice(s, X(s, x, o), &r));
        r.start[axis] -= size;
        r.limit[axis] -= size;
    }
    return IR_NONE;
}

static ValueId pad_of_pad(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_pad) || pad_attrs(at(s, x))->value != pad_attrs(node)->value) return IR_NONE;
    PadAttrs pad = *pad_attrs(node);
    for (int k = 0; k < node->type.rank; k++) {
        pad.low.v[k] += pad_attrs(at(s, x))->low.v[k];
        pad.high.v[k] += pad_attrs(at(s, x))->high.v[k];
    }
    ValueId base = X(s, x, 0);
    return by(s, "two pads are one", simplify_make(s, OP_pad, &base, 1, &pad));
}

static ValueId pad_of_filled(Simplify *s, const Node *node) {
    double value;
    bool same = is_filled(s, node->operands[0], &value) && value == pad_attrs(node)->value;
    return same ? by(s, "what is padded is padding", filled(s, value, &node->type)) : IR_NONE;
}

/* Whether b continues a: both slices of one value, alike but along the axis, where b starts at a's limit. */
static bool continues(const Simplify *s, ValueId a, ValueId b, int axis) {
    if (!is_op(s, a, OP_slice) || !is_op(s, b, OP_slice) || X(s, a, 0) != X(s, b, 0)) return false;
    Range x = range_of(at(s, a)), y = range_of(at(s, b));
    for (int k = 0; k < at(s, a)->type.rank; k++) {
        if (x.step[k] != y.step[k]) return false;
        if (k == axis ? x.step[k] != 1 || x.limit[k] != y.start[k]
                      : x.start[k] != y.start[k] || x.limit[k] != y.limit[k])
            return false;
    }
    return true;
}

/* Nested concats become one, and neighbouring slices of one value one slice. */
static ValueId simplify_concat(Simplify *s, const Node *node) {
    int axis = axis_of(node);
    if (node->n_operands == 1) return by(s, "concat of one value", node->operands[0]);
    ValueId *parts = NULL;
    size_t n = 0, capacity = 0;
    bool changed = false;
    for (int o = 0; o < node->n_operands; o++) {
        ValueId x = node->operands[o];
        bool nested = is_op(s, x, OP_concat) && axis_of(at(s, x)) == axis;
        for (int i = 0; i < (nested ? at(s, x)->n_operands : 1); i++) {
            ValueId part = nested ? X(s, x, i) : x;
            if (n > 0 && continues(s, parts[n - 1], part, axis)) {
                Range r = range_of(at(s, parts[n - 1]));
                r.limit[axis] = range_of(at(s, part)).limit[axis];
                parts[n - 1] = make_slice(s, X(s, part, 0), &r);
                changed = true;
            } else
                ARENA_PUSH(s->scratch, parts, n, capacity, part);
        }
        changed = changed || nested;
    }
    if (!changed || n > UINT16_MAX) return IR_NONE;
    return by(s, "neighbours are taken together", simplify_make(s, OP_concat, parts, (int)n, node->attrs));
}

static ValueId concat_of_filled(Simplify *s, const Node *node) {
    double first, value;
    if (!is_filled(s, node->operands[0], &first)) return IR_NONE;
    for (int o = 1; o < node->n_operands; o++)
        if (!is_filled(s, node->operands[o], &value) || value != first) return IR_NONE;
    return by(s, "all its elements are one constant", filled(s, first, &node->type));
}

const AlgebraRule MOVE_RULES[] = {
    {OP_reshape, move_nothing},
    {OP_reshape, move_filled},
    {OP_reshape, simplify_reshape},
    {OP_transpose, move_filled},
    {OP_transpose, simplify_transpose},
    {OP_broadcast, move_nothing},
    {OP_broadcast, simplify_broadcast},
    {OP_slice, move_nothing},
    {OP_slice, slice_of_slice},
    {OP_slice, slice_of_broadcast},
    {OP_slice, slice_of_pad},
    {OP_slice, slice_of_concat},
    {OP_pad, move_nothing},
    {OP_pad, pad_of_filled},
    {OP_pad, pad_of_pad},
    {OP_concat, concat_of_filled},
    {OP_concat, simplify_concat},
    {OP_gather, move_filled},
};
const size_t MOVE_RULE_COUNT = sizeof MOVE_RULES / sizeof *MOVE_RULES;
