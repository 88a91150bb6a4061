/* The ROW operators in terms of ELEMENTWISE and REDUCE ones: expand_NAME. */
#include "ir/ir.h"

/* A reduction over the last axis, kept as size 1. */
static ValueId along_row(Func *func, OpKind op, ValueId x) {
    int64_t axis = func_type(func, x)->rank - 1;
    return ir_reduce(func, op, x, 1, &axis, true);
}

static ValueId mean_of_row(Func *func, ValueId x) {
    const Type *type = func_type(func, x);
    double n = (double)type->dim[type->rank - 1];
    ValueId scale = ir_constant(func, 1 / n, (DType)type->dtype);
    return ir_binary(func, OP_mul, along_row(func, OP_sum, x), scale);
}

static ValueId expand_softmax(Func *func, const Node *node, const ValueId *operands) {
    (void)node;
    ValueId x = operands[0];
    ValueId t = ir_unary(func, OP_exp, ir_binary(func, OP_sub, x, along_row(func, OP_amax, x)));
    return ir_binary(func, OP_div, t, along_row(func, OP_sum, t));
}

static ValueId expand_log_softmax(Func *func, const Node *node, const ValueId *operands) {
    (void)node;
    ValueId x = operands[0];
    ValueId t = ir_binary(func, OP_sub, x, along_row(func, OP_amax, x));
    ValueId sum = along_row(func, OP_sum, ir_unary(func, OP_exp, t));
    return ir_binary(func, OP_sub, t, ir_unary(func, OP_log, sum));
}

static ValueId expand_layernorm(Func *func, const Node *node, const ValueId *x) {
    double eps = layernorm_attrs(node)->eps;
    ValueId centred = ir_binary(func, OP_sub, x[0], mean_of_row(func, x[0]));
    ValueId variance = mean_of_row(func, ir_binary(func, OP_mul, centred, centred));
    ValueId shifted =
        ir_binary(func, OP_add, variance, ir_constant(func, eps, (DType)func_type(func, x[0])->dtype));
    ValueId normal = ir_binary(func, OP_mul, centred, ir_unary(func, OP_rsqrt, shifted));
    return ir_binary(func, OP_add, ir_binary(func, OP_mul, normal, x[1]), x[2]);
}

/* Of each ROW operator, which does not link without. */
#define RULE_SOURCE(name) NULL
#define RULE_ELEMENTWISE(name) NULL
#define RULE_REDUCE(name) NULL
#define RULE_ROW(name) expand_##name
#define RULE_MATMUL(name) NULL
#define RULE_MOVE(name) NULL
#define RULE_OTHER(name) NULL
static ValueId (*const RULES[OP_COUNT])(Func *, const Node *, const ValueId *) = {
#define OP(name, lo, hi, attributes, loop, ...) RULE_##loop(name),
#include "ir/ops.def"
};

ValueId op_expand(Func *func, const Node *node, const ValueId *operands) {
    return RULES[node->op] ? RULES[node->op](func, node, operands) : IR_NONE;
}
