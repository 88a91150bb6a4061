/* The local rules of `simplify` for rows: softmax of what it was made of already, and largest elements and sums that
 * differ from others by a factor or a shift alone, so that one row at several temperatures is gone through once. */
#include "passes/graph/algebra.h"

/* Whether all elements of x, which is broadcast to `type`, are equal along an axis of it. */
static bool is_same_along(const Simplify *s, ValueId x, const Type *type, int axis) {
    const Type *base = func_type(s->func, broadcast_base(s, x));
    int from_back = type->rank - axis;
    return from_back > base->rank || base->dim[base->rank - from_back] == 1;
}

static bool is_same_over(const Simplify *s, ValueId x, const Type *type, const Ints *axes) {
    for (int i = 0; i < axes->n; i++)
        if (!is_same_along(s, x, type, axis_from_front(axes->v[i], type->rank))) return false;
    return true;
}

static bool has_type_of(const Simplify *s, ValueId x, ValueId y) {
    return type_equal(func_type(s->func, x), func_type(s->func, y));
}

/* ---- softmax ----------------------------------------------------------------------------------------------------- */

/* softmax(log_softmax(x)) = softmax(x), log_softmax(log_softmax(x)) = log_softmax(x): its shift goes again. */
static ValueId softmax_of_log(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_log_softmax)) return IR_NONE;
    return by(s, "softmax of log_softmax", unary(s, (OpKind)node->op, X(s, x, 0)));
}

/* softmax(x + s) = softmax(x), where s is the same along the row. */
static ValueId softmax_of_shifted(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    const Type *type = &node->type;
    if ((!is_op(s, x, OP_add) && !is_op(s, x, OP_sub)) || type->rank == 0) return IR_NONE;
    for (int o = 0; o < (is_op(s, x, OP_add) ? 2 : 1); o++)
        if (has_type_of(s, X(s, x, o), x) && is_same_along(s, X(s, x, 1 - o), type, type->rank - 1))
            return by(s, "softmax of a shifted row", unary(s, (OpKind)node->op, X(s, x, o)));
    return IR_NONE;
}

static ValueId log_of_softmax(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_softmax)) return IR_NONE;
    return by(s, "log of softmax", unary(s, OP_log_softmax, X(s, x, 0)));
}

static ValueId exp_of_log_softmax(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_log_softmax)) return IR_NONE;
    return by(s, "exp of log_softmax", unary(s, OP_softmax, X(s, x, 0)));
}

/* ---- reductions of scaled and shifted rows ----------------------------------------------------------------------- */

static ValueId reduce_as(Simplify *s, const Node *node, ValueId x) {
    return simplify_make(s, (OpKind)node->op, &x, 1, node->attrs);
}

/* y, which is the same along the reduced axes, as the result of the reduction has it. */
static ValueId beside_reduced(Simplify *s, const Node *node, ValueId y) {
    Type type = *func_type(s->func, node->operands[0]);
    const Type *base = func_type(s->func, y = broadcast_base(s, y));
    if (type_elements(base) == 1) return reshape_to(s, y, 0, NULL);
    int64_t size[IR_MAX_RANK], n = 0;
    bool reduced[IR_MAX_RANK] = {false};
    for (int i = 0; i < reduce_attrs(node)->axes.n; i++)
        reduced[axis_from_front(reduce_attrs(node)->axes.v[i], type.rank)] = true;
    for (int k = 0; k < type.rank; k++) {
        int in_base = k - (type.rank - base->rank);
        if (!reduced[k] || reduce_attrs(node)->keep) size[n++] = in_base < 0 ? 1 : base->dim[in_base];
    }
    return reshape_to(s, y, (int)n, size);
}

/* max(x·c) = c·max(x) and max(x / c) = max(x) / c for c > 0; max(x + s) = max(x) + s where s is the same along the
 * axes. To the bit, since rounding keeps the order. */
static ValueId largest_of_scaled(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    const Ints *axes = &reduce_attrs(node)->axes;
    double factor;
    if (!dtype_is_float((DType)node->type.dtype)) return IR_NONE;
    OpKind op = (OpKind)at(s, x)->op;
    bool scaled = (op == OP_mul || op == OP_div) && is_filled(s, X(s, x, 1), &factor) && factor > 0;
    int last = op == OP_add ? 2 : op == OP_sub || scaled ? 1 : 0;
    for (int o = 0; o < last; o++) {
        ValueId row = X(s, x, o), other = X(s, x, 1 - o);
        if (!has_type_of(s, row, x) || !is_same_over(s, other, func_type(s->func, x), axes)) continue;
        ValueId most = reduce_as(s, node, row);
        ValueId made = binary(s, op, most, beside_reduced(s, node, other));
        return by(s, "the largest of a scaled or shifted row", in_type_of(s, node, made));
    }
    return IR_NONE;
}

/* x·c - m·c = (x - m)·c, where m is the largest of x: so the largest itself becomes 0, and nothing is above it, however
 * large x is. A fused multiply-add of the first form leaves what rounding m·c took away, and exp of that overflows. */
static ValueId below_largest_of_scaled(Simplify *s, const Node *node) {
    ValueId x = node->operands[0], largest = broadcast_base(s, node->operands[1]);
    OpKind op = (OpKind)at(s, x)->op;
    double factor, other;
    if (!dtype_is_float((DType)node->type.dtype) || (op != OP_mul && op != OP_div) || !is_op(s, largest, op))
        return IR_NONE;
    if (!is_filled(s, X(s, x, 1), &factor) || !is_filled(s, X(s, largest, 1), &other) || factor != other)
        return IR_NONE;
    ValueId row = X(s, x, 0), of_row = broadcast_base(s, X(s, largest, 0));
    if (!is_op(s, of_row, OP_amax) || X(s, of_row, 0) != row || !has_type_of(s, row, x)) return IR_NONE;
    ValueId below = binary(s, OP_sub, row, X(s, largest, 0));
    return by(s, "below the largest of a scaled row", in_type_of(s, node, binary(s, op, below, X(s, x, 1))));
}

/* Σ x·c = c·Σ x, and Σ (x / m)² = (Σ x²) / m / m as the norm of what was normalised: where c and m are the same along
 * the axes, and the sum of x or x² is there anyway. */
static ValueId sum_of_scaled(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    const Type *type = func_type(s->func, x);
    if (!is_op(s, x, OP_mul) || !dtype_is_float((DType)node->type.dtype)) return IR_NONE;
    bool square = X(s, x, 0) == X(s, x, 1);
    ValueId row = X(s, x, 0), scale = X(s, x, 1);
    OpKind op = OP_mul;
    if (square) {
        op = (OpKind)at(s, row)->op;
        if (op != OP_mul && op != OP_div) return IR_NONE;
        scale = X(s, row, 1);
        row = X(s, row, 0);
    }
    if (!type_equal(func_type(s->func, row), type) ||
        !is_same_over(s, scale, type, &reduce_attrs(node)->axes))
        return IR_NONE;
    ValueId of_row = square ? simplify_find(s, OP_mul, (ValueId[]){row, row}, 2, NULL) : row;
    ValueId sum = simplify_find(s, OP_sum, &of_row, 1, node->attrs);
    if (sum == IR_NONE) return IR_NONE;
    scale = beside_reduced(s, node, scale);
    for (int i = 0; i <= square; i++) sum = binary(s, op, sum, scale);
    return by(s, "another sum, scaled", in_type_of(s, node, sum));
}

/* ---- twice is once ----------------------------------------------------------------------------------------------- */

/* ⌊⌊x⌋⌋ = ⌊x⌋, sign(sign x) = sign x */
static ValueId once(Simplify *s, const Node *node) {
    if (at(s, node->operands[0])->op != node->op) return IR_NONE;
    return by(s, "twice is once", node->operands[0]);
}

/* max(max(x, c), d) = max(x, max(c, d)), for constants; min likewise. */
static ValueId bound_twice(Simplify *s, const Node *node) {
    ValueId x = node->operands[0], bound = node->operands[1];
    double inner, outer;
    if (at(s, x)->op != node->op || !is_filled(s, bound, &outer) || !is_filled(s, X(s, x, 1), &inner))
        return IR_NONE;
    if (!has_type_of(s, X(s, x, 0), x)) return IR_NONE;
    double both = node->op == OP_max ? (inner > outer ? inner : outer) : (inner < outer ? inner : outer);
    ValueId one = constant(s, both, (DType)node->type.dtype);
    return by(s, "two bounds are one", in_type_of(s, node, binary(s, (OpKind)node->op, X(s, x, 0), one)));
}

const AlgebraRule ROW_RULES[] = {
    {OP_softmax, softmax_of_log},
    {OP_softmax, softmax_of_shifted},
    {OP_log_softmax, softmax_of_log},
    {OP_log_softmax, softmax_of_shifted},
    {OP_log, log_of_softmax},
    {OP_exp, exp_of_log_softmax},
    {OP_amax, largest_of_scaled},
    {OP_sub, below_largest_of_scaled},
    {OP_sum, sum_of_scaled},
    {OP_floor, once},
    {OP_sign, once},
    {OP_max, bound_twice},
    {OP_min, bound_twice},
};
const size_t ROW_RULE_COUNT = sizeof ROW_RULES / sizeof *ROW_RULES;
