/* What nodes cost: the rules that the cost column of ops.def names. */
#include "ir/ir.h"

static double count_elements(const Func *func, const Node *node) {
    (void)func;
    return (double)type_elements(&node->type);
}

static double count_operands(const Func *func, const Node *node) { /* of one type */
    return (double)type_elements(func_type(func, node->operands[0])) * node->n_operands;
}

/* Products of two elements of a matrix product. */
static double count_terms(const Func *func, const Node *node) {
    const Type *a = func_type(func, node->operands[0]);
    return (double)type_elements(&node->type) *
           (double)a->dim[matmul_attrs(node)->ta ? a->rank - 2 : a->rank - 1];
}

/* Of an attention: a product of q[B…, N, D] with something of D or N rows; scores that are made again do not count. */
static double count_scores(const Func *func, const Node *node) {
    const Type *q = func_type(func, node->operands[0]);
    return (double)type_elements(q) * (double)q->dim[q->rank - 2];
}

double node_flops(const Func *func, const Node *node) {
    static double (*const COUNTS[])(const Func *, const Node *) = {[COST_ELEMENTS] = count_elements,
                                                                   [COST_OPERANDS] = count_operands,
                                                                   [COST_TERMS] = count_terms,
                                                                   [COST_SCORES] = count_scores};
    const OpInfo *info = op_info((OpKind)node->op);
    return info->cost * COUNTS[info->cost_unit](func, node);
}
