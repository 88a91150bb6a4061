/* The local rules of `simplify` for arithmetic, reductions and products: a table of (operator, rule). A rule looks at a
 * node and its operands' nodes and returns a value that can stand in for it. Rules keep values as floating point
 * computes them; docs/ir.md lists the liberties. */
#include "passes/graph/algebra.h"

#include <math.h>
#include <string.h>

static bool is_power_of_two(double x) {
    int exponent;
    return isfinite(x) && fabs(frexp(x, &exponent)) == 0.5 && exponent > -64 && exponent < 64;
}

static bool is_real(const Node *node) {
    return dtype_is_float((DType)node->type.dtype);
}

/* ---- elementwise operators in general ---------------------------------------------------------------------------- */

static bool representable(double value, DType dtype) {
    if (!isfinite(value)) return false;
    if (dtype == DT_F32 || dtype == DT_BF16) return isfinite((float)value);
    if (dtype == DT_I32) return fabs(value) < 0x1p31;
    return dtype != DT_I64 || fabs(value) < 0x1p53;
}

/* Folds scalars. The interpreter is what operators mean, so it computes them. Larger results are never made: a value
 * of many elements that is known at compile time is a broadcast scalar. */
static ValueId fold_constants(Simplify *s, const Node *node) {
    if (node->type.rank != 0) return IR_NONE;
    for (int o = 0; o < node->n_operands; o++)
        if (!is_op(s, node->operands[o], OP_constant)) return IR_NONE;
    Module *module = module_new(s->scratch, s->func->module->diags, "fold");
    Func *func = module_add_func(module, "fold");
    ValueId x[ELEMENTWISE_MAX];
    for (int o = 0; o < node->n_operands; o++) x[o] = func_copy(func, at(s, node->operands[o]), NULL);
    func_add_output(func, "y", func_copy(func, node, x));
    Tensor result;
    char error[256];
    if (!func_interpret(func, NULL, NULL, &result, NULL, s->scratch, error, sizeof error)) return IR_NONE;
    DType dtype = (DType)node->type.dtype;
    if (!representable(result.data[0], dtype)) return IR_NONE;
    return by(s, "a constant: its operands are", constant(s, result.data[0], dtype));
}

/* Operands broadcast by themselves; what is the same along an axis is computed once and the result broadcast. */
static ValueId drop_broadcasts(Simplify *s, const Node *node) {
    ValueId x[ELEMENTWISE_MAX];
    const Type *types[ELEMENTWISE_MAX];
    bool any = false;
    for (int o = 0; o < node->n_operands; o++) {
        x[o] = broadcast_base(s, node->operands[o]);
        types[o] = func_type(s->func, x[o]);
        any = any || x[o] != node->operands[o];
    }
    Type type;
    char error[512];
    if (!any || !op_infer(node->op, types, node->n_operands, node->attrs, &type, error, sizeof error))
        return IR_NONE;
    ValueId small = simplify_make(s, node->op, x, node->n_operands, node->attrs);
    return by(s, "computed once, then broadcast", in_type_of(s, node, small));
}

/* A constant first operand goes second, where the other rules look for it. */
static ValueId constant_second(Simplify *s, const Node *node) {
    const ValueId *x = node->operands;
    if (!is_op(s, x[0], OP_constant) || is_op(s, x[1], OP_constant)) return IR_NONE;
    return by(s, "the constant goes second", binary(s, node->op, x[1], x[0]));
}

/* ---- arithmetic -------------------------------------------------------------------------------------------------- */

/* Two zero-padded values that lie side by side along one axis are one value. */
static ValueId join_pads(Simplify *s, const Node *node) {
    const Node *a = at(s, node->operands[0]), *b = at(s, node->operands[1]);
    if (a->op != OP_pad || b->op != OP_pad || !type_equal(&a->type, &b->type)) return IR_NONE;
    if (pad_attrs(a)->value != 0 || pad_attrs(b)->value != 0) return IR_NONE;
    int axis = -1;
    for (int k = 0; k < node->type.rank; k++) {
        if (pad_attrs(a)->low.v[k] == pad_attrs(b)->low.v[k] &&
            pad_attrs(a)->high.v[k] == pad_attrs(b)->high.v[k])
            continue;
        if (axis >= 0) return IR_NONE;
        axis = k;
    }
    if (axis < 0) return IR_NONE;
    if (pad_attrs(a)->low.v[axis] > pad_attrs(b)->low.v[axis]) {
        const Node *first = b;
        b = a;
        a = first;
    }
    int64_t size = node->type.dim[axis];
    if (size - pad_attrs(a)->high.v[axis] != pad_attrs(b)->low.v[axis]) return IR_NONE;
    PadAttrs pad = *pad_attrs(a);
    pad.high.v[axis] = pad_attrs(b)->high.v[axis];
    ValueId parts[] = {a->operands[0], b->operands[0]};
    ValueId whole = simplify_make(s, OP_concat, parts, 2, &(ConcatAttrs){.axis = axis});
    return by(s, "padded values side by side are one", simplify_make(s, OP_pad, &whole, 1, &pad));
}

static ValueId simplify_add(Simplify *s, const Node *node) {
    ValueId a = node->operands[0], b = node->operands[1];
    if (is_number(s, b, 0)) return by(s, "x + 0 = x", in_type_of(s, node, a));
    if (is_number(s, a, 0)) return by(s, "0 + x = x", in_type_of(s, node, b));
    if (is_op(s, b, OP_neg)) return by(s, "x + -y = x - y", binary(s, OP_sub, a, X(s, b, 0)));
    if (is_op(s, a, OP_neg)) return by(s, "-x + y = y - x", binary(s, OP_sub, b, X(s, a, 0)));
    if (a == b && is_real(node))
        return by(s, "x + x = 2 * x", binary(s, OP_mul, a, constant(s, 2, (DType)node->type.dtype)));
    return join_pads(s, node);
}

static ValueId simplify_sub(Simplify *s, const Node *node) {
    ValueId a = node->operands[0], b = node->operands[1];
    if (is_number(s, b, 0)) return by(s, "x - 0 = x", in_type_of(s, node, a));
    if (is_number(s, a, 0)) return by(s, "0 - x = -x", in_type_of(s, node, unary(s, OP_neg, b)));
    if (!is_op(s, b, OP_neg)) return IR_NONE;
    return by(s, "x - -y = x + y", binary(s, OP_add, a, X(s, b, 0)));
}

/* Whether no element can be NaN or infinite. */
static bool is_finite(const Simplify *s, ValueId id) {
    const Node *node = at(s, id);
    if (!is_real(node) || op_is_literal(node->op)) return true;
    return node->op == OP_cast && !is_real(at(s, node->operands[0]));
}

static ValueId simplify_mul(Simplify *s, const Node *node) {
    ValueId a = node->operands[0], b = node->operands[1];
    double factor, inner;
    if (is_op(s, a, OP_neg) && is_op(s, b, OP_neg))
        return by(s, "-x * -y = x * y", binary(s, OP_mul, X(s, a, 0), X(s, b, 0)));
    if (!is_filled(s, b, &factor)) return IR_NONE;
    if (factor == 1) return by(s, "x * 1 = x", in_type_of(s, node, a));
    if (factor == -1) return by(s, "x * -1 = -x", in_type_of(s, node, unary(s, OP_neg, a)));
    if (factor == 0 && is_finite(s, a)) return by(s, "x * 0 = 0", filled(s, 0, &node->type));
    if (is_op(s, a, OP_neg)) {
        ValueId negated = constant(s, -factor, (DType)node->type.dtype);
        return by(s, "-x * c = x * -c", in_type_of(s, node, binary(s, OP_mul, X(s, a, 0), negated)));
    }
    /* (x·c)·d = x·(c·d) exactly when one is a power of two. */
    if (!is_real(node) || !is_op(s, a, OP_mul) || !is_filled(s, X(s, a, 1), &inner)) return IR_NONE;
    if (!is_power_of_two(inner) && !is_power_of_two(factor)) return IR_NONE;
    ValueId product = constant(s, inner * factor, (DType)node->type.dtype);
    return by(s, "x * c * d = x * (c * d)", in_type_of(s, node, binary(s, OP_mul, X(s, a, 0), product)));
}

static ValueId simplify_div(Simplify *s, const Node *node) {
    ValueId a = node->operands[0], b = node->operands[1];
    double divisor;
    if (is_number(s, b, 1)) return by(s, "x / 1 = x", in_type_of(s, node, a));
    if (!is_real(node)) return IR_NONE;
    if (is_filled(s, b, &divisor) && is_power_of_two(divisor)) {
        ValueId factor = constant(s, 1 / divisor, (DType)node->type.dtype);
        return by(s, "x / 2^n = x * 2^-n", in_type_of(s, node, binary(s, OP_mul, a, factor)));
    }
    if (is_number(s, a, 1) && is_op(s, b, OP_sqrt))
        return by(s, "1 / sqrt x = rsqrt x", in_type_of(s, node, unary(s, OP_rsqrt, X(s, b, 0))));
    return IR_NONE;
}

static ValueId power(Simplify *s, ValueId x, double exponent) {
    if (exponent == 1) return x;
    if (exponent == 2) return binary(s, OP_mul, x, x);
    if (exponent == 3) return binary(s, OP_mul, binary(s, OP_mul, x, x), x);
    if (exponent == 0.5) return unary(s, OP_sqrt, x);
    if (exponent == -0.5) return unary(s, OP_rsqrt, x);
    if (exponent == -1) return binary(s, OP_div, constant(s, 1, (DType)func_type(s->func, x)->dtype), x);
    return IR_NONE;
}

static ValueId simplify_pow(Simplify *s, const Node *node) {
    double exponent;
    if (!is_filled(s, node->operands[1], &exponent)) return IR_NONE;
    if (exponent == 0) return by(s, "x ^ 0 = 1", filled(s, 1, &node->type));
    ValueId made = power(s, node->operands[0], exponent);
    return made == IR_NONE ? IR_NONE : by(s, "a power without pow", in_type_of(s, node, made));
}

static ValueId simplify_neg(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    double factor;
    if (is_op(s, x, OP_neg)) return by(s, "-(-x) = x", X(s, x, 0));
    if (is_op(s, x, OP_sub)) return by(s, "-(x - y) = y - x", binary(s, OP_sub, X(s, x, 1), X(s, x, 0)));
    if (!is_op(s, x, OP_mul) || !is_filled(s, X(s, x, 1), &factor)) return IR_NONE;
    ValueId negated = constant(s, -factor, (DType)node->type.dtype);
    return by(s, "-(x * c) = x * -c", in_type_of(s, node, binary(s, OP_mul, X(s, x, 0), negated)));
}

static ValueId simplify_abs(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (is_op(s, x, OP_abs)) return by(s, "||x|| = |x|", x);
    return is_op(s, x, OP_neg) ? by(s, "|-x| = |x|", unary(s, OP_abs, X(s, x, 0))) : IR_NONE;
}

/* max(x, x), min(x, x), x and x, x or x */
static ValueId same_twice(Simplify *s, const Node *node) {
    if (node->operands[0] != node->operands[1]) return IR_NONE;
    return by(s, "of a value and itself", node->operands[0]);
}

static ValueId simplify_logic(Simplify *s, const Node *node) {
    double value;
    if (!is_filled(s, node->operands[1], &value)) return IR_NONE;
    bool decides = (value != 0) == (node->op == OP_or); /* x or true, x and false */
    return by(s, "one operand is true or false", in_type_of(s, node, node->operands[decides]));
}

static ValueId simplify_not(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (is_op(s, x, OP_not)) return by(s, "not not x = x", X(s, x, 0));
    if (is_op(s, x, OP_eq)) return by(s, "not x = y", binary(s, OP_ne, X(s, x, 0), X(s, x, 1)));
    if (!is_op(s, x, OP_ne)) return IR_NONE;
    return by(s, "not x != y", binary(s, OP_eq, X(s, x, 0), X(s, x, 1)));
}

static ValueId simplify_select(Simplify *s, const Node *node) {
    ValueId condition = node->operands[0], a = node->operands[1], b = node->operands[2];
    double value;
    if (a == b) return by(s, "both choices are one", in_type_of(s, node, a));
    if (is_filled(s, condition, &value))
        return by(s, "the condition is known", in_type_of(s, node, value != 0 ? a : b));
    if (!is_op(s, condition, OP_not)) return IR_NONE;
    ValueId turned[] = {X(s, condition, 0), b, a};
    return by(s, "not c ? x : y = c ? y : x", simplify_make(s, OP_select, turned, 3, NULL));
}

/* Whether every value of a type is one of the other too. */
static bool holds_all(DType wide, DType narrow) {
    static const uint8_t HOLDS[DT_COUNT] = {
        /* bit d: all of dtype d */
        [DT_BOOL] = 1 << DT_BOOL,
        [DT_I32] = 1 << DT_BOOL | 1 << DT_I32,
        [DT_I64] = 1 << DT_BOOL | 1 << DT_I32 | 1 << DT_I64,
        [DT_BF16] = 1 << DT_BOOL | 1 << DT_BF16,
        [DT_F32] = 1 << DT_BOOL | 1 << DT_BF16 | 1 << DT_F32,
        [DT_F64] = 1 << DT_BOOL | 1 << DT_I32 | 1 << DT_BF16 | 1 << DT_F32 | 1 << DT_F64,
    };
    return HOLDS[wide] >> narrow & 1;
}

static ValueId simplify_cast(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    DType from = (DType)func_type(s->func, x)->dtype;
    if (from == node->type.dtype) return by(s, "it has that type", x);
    if (!is_op(s, x, OP_cast)) return IR_NONE;
    ValueId base = X(s, x, 0);
    if (!holds_all(from, (DType)func_type(s->func, base)->dtype)) return IR_NONE;
    return by(s, "the cast before loses nothing", simplify_make(s, OP_cast, &base, 1, node->attrs));
}

static ValueId simplify_stop_grad(Simplify *s, const Node *node) {
    OpKind below = at(s, node->operands[0])->op;
    if (below != OP_stop_grad && !op_is_literal(below)) return IR_NONE;
    return by(s, "no gradient flows there anyway", node->operands[0]);
}

/* ---- reductions and products ------------------------------------------------------------------------------------- */

/* Over nothing, or over axes of size 1. */
static ValueId reduce_nothing(Simplify *s, const Node *node) {
    const Type *x = func_type(s->func, node->operands[0]);
    for (int i = 0; i < reduce_attrs(node)->axes.n; i++)
        if (x->dim[reduce_attrs(node)->axes.v[i]] > 1) return IR_NONE;
    return by(s, "over axes of size 1", reshape_to(s, node->operands[0], node->type.rank, node->type.dim));
}

/* Of a broadcast value: over the axes that it has; a repeated axis only multiplies a sum. */
static ValueId reduce_broadcast(Simplify *s, const Node *node) {
    ValueId x = node->operands[0];
    if (!is_op(s, x, OP_broadcast)) return IR_NONE;
    Type full = *func_type(s->func, x), kept = full;
    Type base = *func_type(s->func, X(s, x, 0));
    int shift = full.rank - base.rank;
    int64_t shape[IR_MAX_RANK], axes[IR_MAX_RANK], n = 0;
    double factor = 1;
    for (int k = 0; k < full.rank; k++) shape[k] = k < shift ? 1 : base.dim[k - shift];
    for (int i = 0; i < reduce_attrs(node)->axes.n; i++) {
        int64_t k = reduce_attrs(node)->axes.v[i];
        kept.dim[k] = 1;
        if (shape[k] > 1)
            axes[n++] = k;
        else
            factor *= (double)full.dim[k];
    }
    ValueId y = reshape_to(s, X(s, x, 0), full.rank, shape);
    y = simplify_make(s, node->op, &y, 1, &(ReduceAttrs){.axes = ints((int)n, axes), .keep = true});
    if (node->op == OP_sum && !representable(factor, (DType)node->type.dtype)) return IR_NONE;
    if (node->op == OP_sum) y = binary(s, OP_mul, y, constant(s, factor, (DType)node->type.dtype));
    y = broadcast_to(s, y, &kept);
    y = reshape_to(s, y, node->type.rank, node->type.dim);
    return by(s, "of a repeated axis: multiplied instead", y);
}

/* A transpose that swaps the last two axes. */
static bool is_matrix_transpose(const Node *node) {
    if (node->op != OP_transpose || node->type.rank < 2) return false;
    int n = node->type.rank;
    for (int k = 0; k < n - 2; k++)
        if (transpose_attrs(node)->perm.v[k] != k) return false;
    return transpose_attrs(node)->perm.v[n - 1] == n - 2;
}

static ValueId simplify_matmul(Simplify *s, const Node *node) {
    ValueId x[2];
    MatmulAttrs transposed = *matmul_attrs(node);
    bool found[2];
    if (transposed.panel) return IR_NONE;
    for (int o = 0; o < 2; o++) {
        found[o] = is_matrix_transpose(at(s, node->operands[o]));
        x[o] = found[o] ? X(s, node->operands[o], 0) : node->operands[o];
    }
    transposed.ta = transposed.ta != found[0];
    transposed.tb = transposed.tb != found[1];
    if (!found[0] && !found[1]) return IR_NONE;
    return by(s, "the product reads it transposed", simplify_make(s, OP_matmul, x, 2, &transposed));
}

/* (a b)ᵀ = bᵀ aᵀ */
static ValueId transpose_of_matmul(Simplify *s, const Node *node) {
    ValueId y = node->operands[0];
    if (!is_matrix_transpose(node) || !is_op(s, y, OP_matmul) || !simplify_single_use(s, y)) return IR_NONE;
    const MatmulAttrs *attrs = matmul_attrs(at(s, y));
    if (attrs->panel) return IR_NONE;
    MatmulAttrs transposed = {.ta = !attrs->tb, .tb = !attrs->ta, .precision = attrs->precision};
    ValueId swapped[] = {X(s, y, 1), X(s, y, 0)};
    return by(s, "(a b)^T = b^T a^T", simplify_make(s, OP_matmul, swapped, 2, &transposed));
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const AlgebraRule RULES[] = {
    {OP_add, constant_second},    {OP_add, simplify_add},       {OP_sub, simplify_sub},
    {OP_mul, constant_second},    {OP_mul, simplify_mul},       {OP_div, simplify_div},
    {OP_pow, simplify_pow},       {OP_neg, simplify_neg},       {OP_abs, simplify_abs},
    {OP_max, same_twice},         {OP_min, same_twice},         {OP_and, same_twice},
    {OP_and, constant_second},    {OP_and, simplify_logic},     {OP_or, same_twice},
    {OP_or, constant_second},     {OP_or, simplify_logic},      {OP_not, simplify_not},
    {OP_select, simplify_select}, {OP_cast, simplify_cast},     {OP_stop_grad, simplify_stop_grad},
    {OP_sum, reduce_nothing},     {OP_sum, reduce_broadcast},   {OP_amax, reduce_nothing},
    {OP_amax, reduce_broadcast},  {OP_matmul, simplify_matmul}, {OP_transpose, transpose_of_matmul},
};

static ValueId apply_rules(Simplify *s, const Node *node, const AlgebraRule *rules, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ValueId made = rules[i].op == node->op ? rules[i].apply(s, node) : IR_NONE;
        if (made != IR_NONE) return made;
    }
    return IR_NONE;
}

ValueId algebra_apply(Simplify *s, const Node *node) {
    ValueId made = IR_NONE;
    if (op_info(node->op)->loop == LOOP_ELEMENTWISE && op_is_pure(node->op)) {
        made = fold_constants(s, node);
        if (made == IR_NONE) made = drop_broadcasts(s, node);
    }
    if (made == IR_NONE) made = apply_rules(s, node, RULES, sizeof RULES / sizeof *RULES);
    if (made == IR_NONE) made = apply_rules(s, node, ROW_RULES, ROW_RULE_COUNT);
    if (made == IR_NONE) made = apply_rules(s, node, MASK_RULES, MASK_RULE_COUNT);
    if (made == IR_NONE) made = apply_rules(s, node, PRODUCT_RULES, PRODUCT_RULE_COUNT);
    return made != IR_NONE ? made : apply_rules(s, node, MOVE_RULES, MOVE_RULE_COUNT);
}
