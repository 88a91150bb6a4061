/* What nodes cost: the rules that the cost column of ops.def names. */
#include "ir/loop.h"

static double count_elements(const Func *func, const Node *node) {
    (void)func;
    return (double)type_elements(&node->type);
}

static double count_operands(const Func *func, const Node *node) { /* of one type */
    return (double)type_elements(func_type(func, node->operands[0])) * node->n_operands;
}

/* Products of two elements of a matrix product: of a symmetric one, up to the diagonal. */
static double count_terms(const Func *func, const Node *node) {
    const Type *a = func_type(func, node->operands[0]);
    double n = (double)node->type.dim[node->type.rank - 1];
    double computed = matmul_attrs(node)->symmetric ? (n + 1) / (2 * n) : 1;
    return computed * (double)type_elements(&node->type) *
           (double)a->dim[matmul_attrs(node)->ta ? a->rank - 2 : a->rank - 1];
}

/* Products of two elements of a convolution: of each element of its result with a filter. */
static double count_taps(const Func *func, const Node *node) {
    const Type *a = func_type(func, node->operands[0]), *b = func_type(func, node->operands[1]);
    bool of_image = node->op == OP_conv2d_image, of_weight = node->op == OP_conv2d_weight;
    const Type *out = of_weight ? b : of_image ? a : &node->type, *weight = of_weight ? &node->type : b;
    return (double)type_elements(out) * (double)(type_elements(weight) / weight->dim[0]);
}

/* Of an attention: a product of q[B…, M, D] with something of D rows or columns and N of the other; scores that are
 * made again do not count, and what several gradients need counts with that of the keys. Of a factorisation, which has
 * one operand, that matrix's own rows. */
static double count_scores(const Func *func, const Node *node) {
    const Type *q = func_type(func, node->operands[0]),
               *k = func_type(func, node->operands[node->n_operands > 1 ? 1 : 0]);
    return (double)type_elements(q) * (double)k->dim[k->rank - 2];
}

/* Of the body of a loop as often as it runs; where that is not known, once. */
static double loop_flops(const Func *func, const Node *loop, bool products_only) {
    return (double)loop_attrs(loop)->count * func_flops(loop_body(func, loop), products_only);
}

double func_flops(const Func *func, bool products_only) {
    double flops = 0;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op == OP_loop)
            flops += loop_flops(func, node, products_only);
        else if (!products_only || op_is_product(node->op))
            flops += node_flops(func, node);
    }
    return flops;
}

double node_flops(const Func *func, const Node *node) {
    static double (*const COUNTS[])(const Func *, const Node *) = {[COST_ELEMENTS] = count_elements,
                                                                   [COST_OPERANDS] = count_operands,
                                                                   [COST_TERMS] = count_terms,
                                                                   [COST_TAPS] = count_taps,
                                                                   [COST_SCORES] = count_scores};
    const OpInfo *info = op_info((OpKind)node->op);
    if (node->op == OP_loop) return loop_flops(func, node, false);
    return info->cost * COUNTS[info->cost_unit](func, node);
}
